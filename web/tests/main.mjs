// The web client's stories, told by real browsers on the built binary: node main.mjs BINARY [STORY…]. Counts as scripts/test wants.
import { readdir } from "node:fs/promises";
import { launch } from "./browser.mjs";
import { Salon } from "./salon.mjs";

const STORY_MS = 180_000;
const [binary, ...wanted] = process.argv.slice(2);
if (!binary) {
  console.error("usage: node main.mjs BINARY [STORY…]");
  process.exit(2);
}

const folder = new URL("stories/", import.meta.url);
const files = (await readdir(folder)).filter((name) => name.endsWith(".mjs")).sort();
let [passed, failed] = [0, 0];
const browser = await launch();

/** Tells one story, within its time; leaves no page open. */
async function tell(story, salon) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${STORY_MS / 1000} s`)), STORY_MS);
  });
  try {
    await Promise.race([story({ browser, salon }), late]);
    return null;
  } catch (error) {
    console.log(`      ${String(error.stack ?? error).split("\n").slice(0, 12).join("\n      ")}`);
    for (const [index, page] of browser.contexts().flatMap((context) => context.pages()).entries()) {
      const path = `/tmp/salon-web-failed-${index}.png`;
      await page.screenshot({ path }).then(() => console.log(`      ${page.url()} looked like ${path}`), () => {});
    }
    return error;
  } finally {
    clearTimeout(timer);
    await Promise.all(browser.contexts().map((context) => context.close()));
  }
}

for (const file of files) {
  const { stories, environment } = await import(new URL(file, folder));
  const chosen = Object.entries(stories).filter(([name]) => wanted.length === 0 || wanted.some((word) => `${file} ${name}`.includes(word)));
  if (chosen.length === 0) continue;
  let salon = await Salon.start(binary, environment);
  for (const [name, story] of chosen) {
    const started = Date.now();
    let failure = await tell(story, salon);
    let word = "ok   ";
    if (failure) {
      // A browser on a busy machine loses a race now and then: once more, on a server of its own, and it is said.
      console.log(`again ${name}`);
      await salon.stop();
      salon = await Salon.start(binary, environment);
      failure = await tell(story, salon);
      word = failure ? "FAIL " : "ok at the second try:";
    }
    if (failure) failed += 1;
    else passed += 1;
    console.log(`${word} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  }
  await salon.stop();
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
