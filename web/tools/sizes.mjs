// Holds what the browser has to load to the budgets of the design, gzip at its best, in bytes.
import { readdir, readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);
const size = async (name) => gzipSync(await readFile(new URL(name, dist)), { level: 9 }).length;
const sizes = (names) => Promise.all(names.map(size));
const sum = async (names) => (await sizes(names)).reduce((all, one) => all + one, 0);
const most = async (names) => Math.max(0, ...(await sizes(names)));

const all = (await readdir(new URL("assets/", dist))).map((name) => `assets/${name}`);
const assets = all.filter((name) => /\.(js|css)$/.test(name));
const page = await readFile(new URL("index.html", dist), "utf8");
const first = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map((match) => match[1]);
const named = (pattern) => assets.filter((name) => pattern.test(name));

const sdk = named(/assets\/sdk-/);
const crypto = named(/assets\/rust-crypto-/);
const programs = all.filter((name) => name.endsWith(".wasm"));
// Of words, those of one language are loaded: the longer ones count.
const words = named(/assets\/words-/);
const lateWords = named(/assets\/late-words-/);
/** Files with what they import at once, and the styles that have their names. */
async function withImports(names, seen = new Set()) {
  for (const name of names.filter((name) => !seen.has(name))) {
    seen.add(name);
    const stem = name.replace(/-[^-.]{8}\.js$/, "-");
    for (const style of assets) if (style.endsWith(".css") && style.startsWith(stem)) seen.add(style);
    const code = await readFile(new URL(name, dist), "utf8");
    await withImports([...code.matchAll(/(?:from|import)"\.\/([^"]+\.js)"/g)].map((match) => `assets/${match[1]}`), seen);
  }
  return seen;
}

const rooms = [...(await withImports(named(/assets\/(inside|matrix)-.*js$/)))].filter((name) => !sdk.includes(name));
const room = [...(await withImports([...rooms, ...named(/assets\/Room-.*js$/)].filter((name) => name.endsWith(".js"))))].filter((name) => !sdk.includes(name));
// Data that loads when somebody looks for an emoji, of one language.
const isData = (name) => /assets\/_virtual_emoji-/.test(name);
const screens = assets.filter((name) => !/assets\/login-/.test(name) && !sdk.includes(name) && !crypto.includes(name) && !words.includes(name) && !lateWords.includes(name) && !isData(name));
const rows = [
  ["the login page, first load", await sum(["index.html", "icon.svg", ...first]), 25_000],
  ["the app as far as the list of rooms, without the SDK", (await sum(rooms)) + (await most(words)), 98_500],
  ["the same with an open room", (await sum(room)) + (await most(words)), 152_000],
  ["all screens", (await sum(screens)) + (await most(words)) + (await most(lateWords)), 250_000],
  ["the SDK", await sum(sdk), 217_000],
  ["the crypto, after the first screen: its script", await sum(crypto), 47_000],
  ["the crypto, after the first screen: its program", await sum(programs), 2_600_000],
];

let failed = 0;
for (const [what, bytes, limit] of rows) {
  const over = bytes > limit;
  failed += over ? 1 : 0;
  console.log(`${over ? "TOO LARGE" : "ok"}  ${what}: ${(bytes / 1000).toFixed(1)} kB of ${(limit / 1000).toFixed(0)} kB`);
}
process.exit(failed ? 1 : 0);
