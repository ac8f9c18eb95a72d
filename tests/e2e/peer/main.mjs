// Salon and Synapse as two servers of one network: their people share rooms, over TLS, made on both sides.
// usage: main.mjs SALON PYTHON [WORD], where PYTHON has Synapse; WORD chooses stories. Its last line counts.

import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { freePort, Server } from "../js/server.mjs";
import { authority } from "./authority.mjs";
import { looks } from "./browser.mjs";
import { encrypted } from "./encrypted.mjs";
import { stories } from "./stories.mjs";
import { Synapse } from "./synapse.mjs";

// The console is muted: matrix-js-sdk talks much on it.
const say = (words) => process.stdout.write(`${words}\n`);
const [binary, python, wanted = ""] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), "salon-peer-"));
const files = authority(folder);
await mkdir(join(folder, "salon"));
const secure = await freePort();
const salon = new Server(binary, join(folder, "salon"), {
  SALON_SERVER_NAME: `localhost:${secure}`,
  SALON_TLS__LISTEN: `127.0.0.1:${secure}`,
  SALON_TLS__CERT: files.cert,
  SALON_TLS__KEY: files.key,
  SALON_FEDERATION__EXTRA_CA_FILE: files.ca,
  SALON_FEDERATION__ALLOW_PRIVATE_ADDRESSES: "true",
});
salon.name = `localhost:${secure}`;
const synapse = new Synapse(python, join(folder, "synapse"), files);

let passed = 0;
let failed = 0;
try {
  await Promise.all([salon.start(), synapse.start()]);
  for (const [name, story] of Object.entries({ ...stories, ...encrypted, ...looks })) {
    if (!name.includes(wanted)) continue;
    const start = performance.now();
    try {
      await story({ salon, synapse });
      passed += 1;
      say(`ok     ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      say(`FAILED ${name}\n${inspect(error)}`);
    }
  }
} catch (error) {
  failed += 1;
  say(`FAILED to start\n${inspect(error)}`);
}
if (failed > 0) say(`\nSalon's last words:\n${salon.lastWords()}\nSynapse's:\n${synapse.lastWords()}`);
await Promise.all([salon.kill(), synapse.stop()]);
await rm(folder, { recursive: true, force: true });
say(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
