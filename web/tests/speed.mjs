// How soon the app is there on a slow phone, and what its tab weighs: node speed.mjs BINARY [ROOMS…] [--cpu=4]
// [--waterfall]. Figures, no verdict: they are true of the machine they were taken on. spec-notes/web-client.md has some.
import { launch, open } from "./browser.mjs";
import { PASSWORD, Person, Salon } from "./salon.mjs";

/** Chromium's "Fast 3G" (later "Slow 4G"), as DevTools and Lighthouse apply it: 1.6 Mbit/s down, 750 kbit/s up, 150 ms, with their factors. */
const FAST_3G = { offline: false, latency: 150 * 3.75, downloadThroughput: (1_600_000 / 8) * 0.9, uploadThroughput: (750_000 / 8) * 0.9 };
const TRIES = 3;
const MESSAGES = 20;
const TOPIC = "What we talk about here, and when we meet next";
const LINES = ["The tomatoes are in!", "Lovely. Which kind did you choose?", "Black Krim, and a row of cherry tomatoes.", "I have basil to share, about twenty small pots.", "Ça marche, à demain !", "👍"];

const [binary, ...options] = process.argv.slice(2);
/** How many times slower than this machine's the phone's processor is; on a machine that has other work to do, 1 comes near. */
const SLOWER_CPU = Number(options.find((option) => option.startsWith("--cpu="))?.slice("--cpu=".length) ?? 4);
const chosen = options.map(Number).filter(Boolean);
const salon = await Salon.start(binary);
const browser = await launch();

/** Somebody in so many rooms, a fifth of them conversations with a friend, in which people talk. */
async function sociable(name, rooms) {
  const me = await Person.register(salon.url, name);
  const room = async (number) => {
    const [host, guest] = [people[number % people.length], people[(number + 3) % people.length]];
    const direct = number % 5 === 0;
    const made = direct ? { preset: "private_chat", is_direct: true } : { preset: "public_chat", name: `Room number ${number}`, topic: TOPIC };
    const id = await host.createRoom({ ...made, invite: direct ? [me.id] : [me.id, guest.id] });
    await me.act(id, "join");
    if (!direct) await guest.act(id, "join");
    for (let turn = 0; turn < MESSAGES; turn += 1) await [host, direct ? me : guest, me][turn % 3].say(id, LINES[(number + turn) % LINES.length]);
  };
  for (let from = 0; from < rooms; from += 10) await Promise.all(Array.from({ length: Math.min(10, rooms - from) }, (_, index) => room(from + index)));
}

/** A new browser, as slow as is wanted. */
async function visit(path, throttled) {
  const visitor = await open(browser, salon, { size: "phone", path: "about:blank" });
  const cdp = await visitor.context.newCDPSession(visitor.page);
  await cdp.send("Network.enable");
  await cdp.send("Performance.enable");
  if (throttled) {
    await cdp.send("Network.emulateNetworkConditions", FAST_3G);
    await cdp.send("Emulation.setCPUThrottlingRate", { rate: SLOWER_CPU });
  }
  const started = Date.now();
  if (options.includes("--waterfall")) tellRequests(cdp, started);
  await visitor.page.goto(path, { waitUntil: "commit" });
  return { ...visitor, cdp, started };
}

function tellRequests(cdp, started) {
  const paths = new Map();
  const at = () => String(Date.now() - started).padStart(6);
  cdp.on("Network.requestWillBeSent", ({ requestId, request }) => {
    paths.set(requestId, request.url.slice(salon.url.length, salon.url.length + 60));
    console.log(`${at()} asks ${paths.get(requestId)}`);
  });
  cdp.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => console.log(`${at()} has  ${paths.get(requestId)} ${encodedDataLength} B`));
}

const username = (page) => page.locator("input[name=username]");
const firstRow = (page) => page.locator('a[href^="/room/"]').first();

/** Until the login page can be typed into; from pressing the button until the first room is there; and the same on the next visit. */
async function times(name, throttled) {
  const first = await visit("/login", throttled);
  await username(first.page).fill(name);
  const login = Date.now() - first.started;
  await first.page.locator("input[name=password]").fill(PASSWORD);
  const pressed = Date.now();
  await first.page.locator("button[type=submit]").click();
  await firstRow(first.page).waitFor({ timeout: 60_000 });
  const rooms = Date.now() - pressed;
  const again = Date.now();
  // What it knows is written down soon after the first sync.
  await first.page.waitForTimeout(1_000);
  await first.page.reload({ waitUntil: "commit" });
  const reloaded = Date.now();
  await firstRow(first.page).waitFor({ timeout: 60_000 });
  const back = Date.now() - reloaded;
  await first.context.close();
  return { login, rooms, back };
}

/** From the first sync's answer to the first row, and what the tab weighs then. */
async function weight(name) {
  const { page, cdp, context } = await visit("/login", false);
  await username(page).fill(name);
  await page.locator("input[name=password]").fill(PASSWORD);
  let answered = 0;
  page.on("requestfinished", (request) => {
    if (request.url().includes("/sync?") && answered === 0) answered = Date.now();
  });
  await page.locator("button[type=submit]").click();
  await firstRow(page).waitFor({ timeout: 60_000 });
  const row = Date.now() - answered;
  await page.waitForTimeout(3_000);
  await cdp.send("HeapProfiler.collectGarbage");
  const { metrics } = await cdp.send("Performance.getMetrics");
  const heap = metrics.find((metric) => metric.name === "JSHeapUsedSize").value;
  await context.close();
  return { row, heap };
}

const best = (results, key) => Math.min(...results.map((result) => result[key]));
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

const people = [];
for (const name of ["bob", "eve", "max", "zoe", "pia", "otto", "nora", "ines"]) people.push(await Person.register(salon.url, name));
for (const rooms of chosen.length > 0 ? chosen : [30, 500]) {
  const name = `rooms${rooms}`;
  await sociable(name, rooms);
  const results = [];
  for (let attempt = 0; attempt < TRIES; attempt += 1) results.push(await times(name, true));
  const { row, heap } = await weight(name);
  console.log(
    `${rooms} rooms, "Fast 3G", CPU ${SLOWER_CPU}x slower: login page ${seconds(best(results, "login"))}, rooms ${seconds(best(results, "rooms"))} after login, ` +
      `${seconds(best(results, "back"))} after a reload; unthrottled: first row ${seconds(row)} after the first sync's answer, heap ${(heap / 1e6).toFixed(1)} MB`,
  );
}
await browser.close();
await salon.stop();
