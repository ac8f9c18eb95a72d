// A Synapse on SQLite: another implementation of the specification, to talk with by TLS.

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../js/server.mjs";
import { until } from "../js/wait.mjs";

const MUCH = { per_second: 1e6, burst_count: 1e7 };
const LIMITS = ["message", "registration", "joins_per_room", "media_create", "room_creation", "profile", "key_requests"];

export class Synapse {
  constructor(python, folder, files) {
    this.python = python;
    this.folder = folder;
    this.files = files;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async start() {
    if (!this.port) await this.configure();
    const log = ["--config-path", join(this.folder, "homeserver.yaml")];
    this.process = spawn(this.python, ["-m", "synapse.app.homeserver", ...log], { cwd: this.folder, stdio: "ignore" });
    this.ended = new Promise((resolve) => this.process.on("exit", resolve));
    const answers = () => fetch(`${this.url}/_matrix/client/versions`).then((answer) => answer.ok, () => false);
    await until("Synapse answers", answers, 90);
  }

  async stop() {
    this.process?.kill("SIGTERM");
    await this.ended;
  }

  async configure() {
    mkdirSync(this.folder, { recursive: true });
    this.port = await freePort();
    const secure = await freePort();
    this.name = `localhost:${secure}`;
    const address = { bind_addresses: ["127.0.0.1"], type: "http" };
    // JSON is YAML.
    const config = {
      server_name: this.name,
      public_baseurl: `${this.url}/`,
      report_stats: false,
      pid_file: join(this.folder, "pid"),
      listeners: [
        { ...address, port: this.port, tls: false, resources: [{ names: ["client"] }] },
        { ...address, port: secure, tls: true, resources: [{ names: ["federation"] }] },
      ],
      tls_certificate_path: this.files.cert,
      tls_private_key_path: this.files.key,
      federation_custom_ca_list: [this.files.ca],
      ip_range_blacklist: [],
      federation_ip_range_blacklist: [],
      database: { name: "sqlite3", args: { database: join(this.folder, "homeserver.db") } },
      log_config: join(this.folder, "log.yaml"),
      media_store_path: join(this.folder, "media"),
      signing_key_path: join(this.folder, "signing.key"),
      macaroon_secret_key: "throw-away",
      form_secret: "throw-away",
      trusted_key_servers: [],
      suppress_key_server_warning: true,
      enable_registration: true,
      enable_registration_without_verification: true,
      allow_public_rooms_over_federation: true,
      room_list_publication_rules: [{ action: "allow" }],
      presence: { enabled: true },
      ...Object.fromEntries(LIMITS.map((name) => [`rc_${name}`, MUCH])),
      rc_login: { address: MUCH, account: MUCH, failed_attempts: MUCH },
      rc_joins: { local: MUCH, remote: MUCH },
      rc_invites: { per_room: MUCH, per_user: MUCH, per_issuer: MUCH },
      // A peer that was away is to be asked again while the test waits.
      federation: {
        destination_min_retry_interval: "1s",
        destination_max_retry_interval: "2s",
        destination_retry_multiplier: 1,
      },
    };
    const handlers = { file: { class: "logging.FileHandler", filename: join(this.folder, "synapse.log") } };
    const log = { version: 1, disable_existing_loggers: false, root: { level: "INFO", handlers: ["file"] }, handlers };
    writeFileSync(join(this.folder, "homeserver.yaml"), JSON.stringify(config));
    writeFileSync(config.log_config, JSON.stringify(log));
    const made = spawnSync(this.python, [
      "-m", "synapse.app.homeserver", "--config-path", join(this.folder, "homeserver.yaml"), "--generate-keys",
    ]);
    if (made.status !== 0) throw new Error(`Synapse made no keys: ${made.stderr}`);
  }

  lastWords() {
    return readFileSync(join(this.folder, "synapse.log"), "utf8").split("\n").slice(-60).join("\n");
  }
}
