// Holds what the browser has to load to the budgets of the design, gzip at its best, in bytes.
import { readdir, readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);
const size = async (name) => gzipSync(await readFile(new URL(name, dist)), { level: 9 }).length;
const assets = (await readdir(new URL("assets/", dist))).filter((name) => /\.(js|css)$/.test(name));
const page = await readFile(new URL("index.html", dist), "utf8");

const first = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map((match) => match[1]);
// The words of the login page come right behind; those of one language.
const words = assets.filter((name) => /^auth-/.test(name)).map((name) => `assets/${name}`);
const isSdk = (name) => /^sdk-/.test(name);

const sum = async (names) => (await Promise.all(names.map(size))).reduce((all, one) => all + one, 0);
const wordsSize = words.length ? Math.max(...(await Promise.all(words.map(size)))) : 0;
const rows = [
  ["the login page, first load", (await sum(["index.html", "icon.svg", ...first])) + wordsSize, 26_000],
  ["the app without the SDK", await sum(assets.filter((name) => !isSdk(name)).map((name) => `assets/${name}`)), 115_000],
  ["the SDK", await sum(assets.filter(isSdk).map((name) => `assets/${name}`)), 260_000],
];

let failed = 0;
for (const [what, bytes, most] of rows) {
  const over = bytes > most;
  failed += over ? 1 : 0;
  console.log(`${over ? "TOO LARGE" : "ok"}  ${what}: ${(bytes / 1000).toFixed(1)} kB of ${(most / 1000).toFixed(0)} kB`);
}
process.exit(failed ? 1 : 0);
