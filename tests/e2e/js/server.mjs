// One Salon on a port and a folder of its own, to be started, stopped and killed at will.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export class Server {
  /// `settings` are variables of its environment.
  constructor(binary, folder, settings = {}) {
    this.binary = binary;
    this.folder = folder;
    this.settings = settings;
    this.log = [];
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /// Returns once the server answers. The port stays the same over restarts, so that clients find it again.
  async start() {
    this.port ??= await freePort();
    const environment = {
      ...process.env,
      SALON_LISTEN: `127.0.0.1:${this.port}`,
      SALON_DATA_DIR: this.folder,
      // A thousand messages as fast as they go are the point here.
      SALON_RATE_LIMITS__ENABLED: "false",
      ...this.settings,
    };
    this.process = spawn(this.binary, [], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve) => this.process.on("exit", (code, signal) => resolve({ code, signal })));
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.on("data", (data) => {
        this.log.push(data.toString());
        this.log = this.log.slice(-40);
      });
    }
    for (let tries = 0; tries < 200; tries += 1) {
      if (this.process.exitCode !== null) throw new Error("the server ended at its start");
      const answer = await fetch(`${this.url}/_matrix/client/versions`).catch(() => null);
      if (answer?.ok) return;
      await sleep(50);
    }
    throw new Error("the server did not answer within 10 s");
  }

  /// SIGTERM; the server promises to end within 5 s, with exit code 0.
  async stop() {
    this.process.kill("SIGTERM");
    const late = sleep(5500).then(() => "late");
    const end = await Promise.race([this.ended, late]);
    if (end === "late" || end.code !== 0) throw new Error(`the server did not stop well: ${JSON.stringify(end)}`);
  }

  /// kill -9.
  async kill() {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill("SIGKILL");
    await this.ended;
  }

  lastWords() {
    return this.log.join("");
  }
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
