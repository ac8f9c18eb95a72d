// Starts a server in a folder of its own, has Alice (matrix-js-sdk) and Bob (matrix-nio) talk on it, and counts.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { conversation } from "./conversation.mjs";
import { Bot } from "./bot.mjs";
import { encryption } from "./encryption.mjs";
import { media } from "./media.mjs";
import { relations } from "./relations.mjs";
import { Server } from "./server.mjs";

const MOST_SECONDS = 480;
const [binary, python] = process.argv.slice(2);
const say = (...words) => process.stdout.write(`${words.map((w) => (typeof w === "string" ? w : inspect(w))).join(" ")}\n`);
let passed = 0;
let failed = 0;

// A step that fails ends the conversation: what comes after it would only fail as well.
async function step(name, body) {
  const start = performance.now();
  try {
    await body();
  } catch (error) {
    failed += 1;
    say(`FAILED ${name}`);
    throw error;
  }
  passed += 1;
  say(`ok     ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
}

const folder = await mkdtemp(join(tmpdir(), "salon-e2e-"));
const server = new Server(binary, folder);
const bot = new Bot(python);

async function finish() {
  bot.end();
  await server.kill();
  await rm(folder, { recursive: true, force: true });
  say(`\n${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

setTimeout(() => {
  failed += 1;
  say(`FAILED to end within ${MOST_SECONDS} s\n${server.lastWords()}`);
  finish();
}, MOST_SECONDS * 1000).unref();

try {
  await step("the server starts", () => server.start());
  await conversation({ step, server, bot });
  await relations({ step, server });
  await media({ step, server, bot });
  await encryption({ step, server, python });
} catch (error) {
  failed = Math.max(failed, 1);
  say(error, `\nThe server's last words:\n${server.lastWords()}`);
}
await finish();
