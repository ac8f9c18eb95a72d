// Somebody with an account on one of the servers, who asks its client API, and keeps what /sync brings.

import { until } from "../js/wait.mjs";

let transactions = 0;

/// The path of a room.
export const within = (room) => `v3/rooms/${encodeURIComponent(room)}`;

export class Refusal extends Error {
  constructor(status, body, path) {
    super(`${path}: ${status} ${JSON.stringify(body)}`);
    this.status = status;
    this.errcode = body.errcode;
  }
}

export class Person {
  static async register(server, name, password = "a long password") {
    const person = new Person();
    person.server = server;
    person.rooms = new Map();
    person.invites = new Map();
    person.toDevice = [];
    person.presence = new Map();
    person.changed = new Set();
    const account = { username: name, password, auth: { type: "m.login.dummy" } };
    const session = await person.ask("POST", "v3/register", account);
    person.token = session.access_token;
    person.id = session.user_id;
    person.device = session.device_id;
    return person;
  }

  async ask(method, path, body) {
    const headers = this.token ? { authorization: `Bearer ${this.token}` } : {};
    const answer = await fetch(`${this.server.url}/_matrix/client/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    });
    const json = await answer.json();
    if (!answer.ok) throw new Refusal(answer.status, json, `${method} ${path}`);
    return json;
  }

  get = (path) => this.ask("GET", path);
  post = (path, body = {}) => this.ask("POST", path, body);
  put = (path, body = {}) => this.ask("PUT", path, body);

  async create(options = {}) {
    return (await this.post("v3/createRoom", options)).room_id;
  }

  join = (room, server) => this.post(`v3/join/${encodeURIComponent(room)}${server ? `?via=${server.name}` : ""}`);
  leave = (room) => this.post(`${within(room)}/leave`);
  invite = (room, who) => this.post(`${within(room)}/invite`, { user_id: who.id });
  kick = (room, who, reason) => this.post(`${within(room)}/kick`, { user_id: who.id, reason });
  ban = (room, who, reason) => this.post(`${within(room)}/ban`, { user_id: who.id, reason });
  unban = (room, who) => this.post(`${within(room)}/unban`, { user_id: who.id });
  setState = (room, type, content) => this.put(`${within(room)}/state/${type}/`, content);
  state = (room, type) => this.get(`${within(room)}/state/${type}/`);

  async send(room, body) {
    const content = { msgtype: "m.text", body };
    transactions += 1;
    return (await this.put(`${within(room)}/send/m.room.message/t${transactions}`, content)).event_id;
  }

  /// The whole state of a room as this server sees it: event IDs by type and state key.
  async stateMap(room) {
    const events = await this.get(`${within(room)}/state`);
    return Object.fromEntries(events.map((event) => [`${event.type}|${event.state_key}`, event.event_id]).sort());
  }

  /// One step of /sync; everything that it brings is kept.
  async sync() {
    const since = this.since ? `&since=${encodeURIComponent(this.since)}` : "";
    const answer = await this.get(`v3/sync?timeout=${this.since ? 1000 : 0}${since}`);
    this.since = answer.next_batch;
    for (const [section, membership] of [["join", "join"], ["leave", "leave"]]) {
      for (const [id, room] of Object.entries(answer.rooms?.[section] ?? {})) this.keep(id, membership, room);
    }
    for (const [id, room] of Object.entries(answer.rooms?.invite ?? {})) this.invites.set(id, room.invite_state.events);
    for (const event of answer.to_device?.events ?? []) this.toDevice.push(event);
    for (const event of answer.presence?.events ?? []) this.presence.set(event.sender, event.content);
    for (const user of answer.device_lists?.changed ?? []) this.changed.add(user);
  }

  keep(id, membership, { state, timeline, ephemeral }) {
    const room = this.rooms.get(id) ?? { events: [], typing: [], receipts: [] };
    room.membership = membership;
    room.events.push(...(state?.events ?? []), ...(timeline?.events ?? []));
    for (const event of ephemeral?.events ?? []) {
      if (event.type === "m.typing") room.typing = event.content.user_ids;
      if (event.type === "m.receipt") room.receipts.push(event.content);
    }
    this.rooms.set(id, room);
    this.invites.delete(id);
  }

  /// Syncs until `condition` holds of this person, and gives what it gave.
  wait(what, condition, seconds = 30) {
    return until(`${this.id}: ${what}`, async () => {
      const now = await condition(this);
      if (now) return now;
      await this.sync();
      return condition(this);
    }, seconds);
  }

  sees = (room, body) =>
    this.wait(`"${body}" in ${room}`, () => this.rooms.get(room)?.events.find((event) => event.content?.body === body));
  seesMember = (room, who, membership) =>
    this.wait(`${who.id} ${membership}`, () => {
      const events = this.rooms.get(room)?.events ?? [];
      const last = events.findLast((event) => event.type === "m.room.member" && event.state_key === who.id);
      return last?.content.membership === membership;
    });
  isInvited = (room) => this.wait(`invited to ${room}`, () => this.invites.get(room));
}
