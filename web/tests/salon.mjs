// A Salon of its own: the built binary on a new folder and a free port.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_MS = 20_000;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Salon {
  /** Starts one; `environment` has further keys of its configuration. */
  static async start(binary, environment = {}) {
    const salon = new Salon();
    Object.assign(salon, { binary, environment, port: await freePort(), folder: await mkdtemp(join(tmpdir(), "salon-web-")) });
    await salon.resume();
    return salon;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it again on its folder and port. */
  async resume() {
    const args = ["--listen", `127.0.0.1:${this.port}`, "--data-dir", this.folder];
    const env = { ...process.env, SALON_RATE_LIMITS__ENABLED: "false", ...this.environment };
    this.process = spawn(this.binary, args, { env, stdio: ["ignore", "ignore", "inherit"] });
    const deadline = Date.now() + START_MS;
    while (!(await fetch(`${this.url}/_matrix/client/versions`).then((answer) => answer.ok, () => false))) {
      if (Date.now() > deadline || this.process.exitCode !== null) throw new Error("Salon did not start");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends it as an admin does; the folder stays. */
  async pause() {
    const gone = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    await gone;
  }

  async stop() {
    await this.pause();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What another program does over the API: a person who is not in the browser. */
export class Person {
  static async register(url, name) {
    const body = { username: name, password: PASSWORD, auth: { type: "m.login.dummy" } };
    const session = await new Person(url).call("POST", "/v3/register", body);
    return Object.assign(new Person(url), { id: session.user_id, token: session.access_token, device: session.device_id, name });
  }

  constructor(url) {
    this.url = url;
    this.transaction = 0;
  }

  async call(method, path, body) {
    const headers = { "Content-Type": "application/json", ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}) };
    const answer = await fetch(`${this.url}/_matrix/client${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    const json = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(json)}`);
    return json;
  }

  async createRoom(options) {
    return (await this.call("POST", "/v3/createRoom", options)).room_id;
  }

  /** Sends a text; returns the event's ID. */
  async say(room, body, more = {}) {
    return this.send(room, "m.room.message", { msgtype: "m.text", body, ...more });
  }

  async send(room, type, content) {
    const path = `/v3/rooms/${encodeURIComponent(room)}/send/${type}/t${Date.now()}.${++this.transaction}`;
    return (await this.call("PUT", path, content)).event_id;
  }

  act(room, action, body = {}) {
    return this.call("POST", `/v3/rooms/${encodeURIComponent(room)}/${action}`, body);
  }
}

export const PASSWORD = "correct horse battery staple";
