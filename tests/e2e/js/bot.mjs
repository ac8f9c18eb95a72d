// Bob: a matrix-nio program in a process of its own. One JSON object a line goes in for each thing to do and
// comes back when it is done; what his sync brings comes out in between.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";

const PROGRAM = fileURLToPath(new URL("../nio/bot.py", import.meta.url));

export class Bot {
  constructor(python) {
    this.waiting = new Map();
    this.asked = 0;
    /// What sync brought, in its order: { room, event_id, sender, type, body }.
    this.live = [];
    this.invites = new Map();
    this.left = new Set();
    this.typing = [];
    this.process = spawn(python, ["-u", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
    this.process.on("error", (error) => this.#broken(error));
    this.process.on("exit", () => this.#broken(new Error("the bot has ended")));
    createInterface({ input: this.process.stdout }).on("line", (line) => this.#heard(JSON.parse(line)));
  }

  /// Has the bot do something; rejects with the server's errcode where it gave one.
  ask(what, args = {}) {
    this.asked += 1;
    const id = this.asked;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.process.stdin.write(`${JSON.stringify({ id, what, args })}\n`);
    });
  }

  end() {
    this.process.removeAllListeners("exit");
    this.process.kill("SIGKILL");
  }

  #heard(message) {
    if (message.live) this.live.push(message.live);
    if (message.invite) this.invites.set(message.invite.room, message.invite);
    if (message.left) this.left.add(message.left.room);
    if (message.typing) this.typing.push(message.typing);
    const waiting = this.waiting.get(message.id);
    if (!waiting) return;
    this.waiting.delete(message.id);
    if ("error" in message) {
      waiting.reject(Object.assign(new Error(message.error), { errcode: message.errcode }));
    } else {
      waiting.resolve(message.done);
    }
  }

  #broken(error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}
