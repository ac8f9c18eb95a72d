// Alice: somebody with a matrix-js-sdk client, and a record of all that its sync brings.

import { setTimeout as sleep } from "node:timers/promises";
import { until } from "./wait.mjs";

// Node 20 lacks it; the SDK takes it for granted.
Promise.withResolvers ??= function withResolvers() {
  let resolve, reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
};

// It talks much, on the console and to the logger of each client.
const quiet = () => {};
const levels = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };
const logger = { ...levels, getChild: () => logger };
Object.assign(console, levels, { log: quiet });

const sdk = await import("matrix-js-sdk");

export class Person {
  /// Registers as a client does that knows nothing of the server: it asks which stages there are.
  static async register(url, username, password, more = {}) {
    const client = sdk.createClient({ baseUrl: url, logger });
    const stages = await client.registerRequest({ username, password }).catch((error) => {
      if (error.httpStatus !== 401) throw error;
      return error.data;
    });
    if (!stages?.flows?.some((flow) => flow.stages.includes("m.login.dummy"))) {
      throw new Error(`no registration for everybody: ${JSON.stringify(stages)}`);
    }
    const auth = { type: "m.login.dummy", session: stages.session };
    const made = await client.registerRequest({ username, password, auth, initial_device_display_name: "js" });
    return new Person(url, made, more);
  }

  static async login(url, user, password, more = {}) {
    const client = sdk.createClient({ baseUrl: url, logger });
    const identifier = { type: "m.id.user", user };
    return new Person(url, await client.loginRequest({ type: "m.login.password", identifier, password }), more);
  }

  /// `more`: further options of the client.
  constructor(url, { user_id: userId, access_token: accessToken, device_id: deviceId }, more = {}) {
    this.userId = userId;
    /// What sync brought, in its order: { room, event_id, sender, type, body }.
    this.live = [];
    this.gaps = 0;
    this.receipts = [];
    const scheduler = new sdk.MatrixScheduler();
    this.client = sdk.createClient({ baseUrl: url, userId, accessToken, deviceId, scheduler, logger, ...more });
    this.client.on(sdk.ClientEvent.Event, (event) => this.#heard(event));
    this.client.on(sdk.RoomEvent.TimelineReset, () => (this.gaps += 1));
    this.client.on(sdk.RoomEvent.Receipt, (event) => this.receipts.push(event.getContent()));
  }

  /// Starts to sync; returns once the first sync is through.
  async start(limit = 100, options = {}) {
    const states = [];
    this.client.on(sdk.ClientEvent.Sync, (state) => states.push(state));
    // Otherwise the limit would hold for the first sync only, and a burst after it would leave a gap.
    const filter = new sdk.Filter(this.userId);
    filter.setTimelineLimit(limit);
    await this.client.startClient({ initialSyncLimit: limit, filter, ...options });
    await until("the first sync is through", () => states.includes("PREPARED"));
    this.gaps = 0;
  }

  stop() {
    this.client.stopClient();
  }

  room(id) {
    return this.client.getRoom(id);
  }

  membership(room) {
    return this.room(room)?.getMyMembership();
  }

  /// Sends, and sends again what failed for want of a server, as a user does with the SDK's failed messages.
  async send(room, body) {
    const transaction = this.client.makeTxnId();
    let sending = this.client.sendMessage(room, { msgtype: "m.text", body }, transaction);
    for (;;) {
      try {
        return (await sending).event_id;
      } catch (error) {
        const event = this.room(room)?.findEventById(`~${room}:${transaction}`);
        if (error.errcode || event?.status !== sdk.EventStatus.NOT_SENT) throw error;
        await sleep(200);
        sending = this.client.resendEvent(event, this.room(room));
      }
    }
  }

  /// All events of the room by /messages, newest first.
  async page(room, limit) {
    const found = [];
    let from = null;
    for (;;) {
      const { chunk, end } = await this.client.createMessagesRequest(room, from, limit, "b");
      found.push(...chunk.map(({ event_id, type, content }) => ({ event_id, type, body: content.body })));
      if (!end || chunk.length === 0) return found;
      from = end;
    }
  }

  /// Scrolls up to the room's beginning, as the SDK does for a user, and returns what it then shows, oldest first.
  async scrollToTop(id, limit) {
    const room = this.room(id);
    const oldest = () => room.getLiveTimeline().getEvents()[0];
    while (oldest()?.getType() !== "m.room.create") {
      const before = oldest()?.getId();
      await this.client.scrollback(room, limit);
      if (oldest()?.getId() === before) throw new Error("scrolling up came to a halt before the beginning");
    }
    const events = room.getLiveTimeline().getEvents();
    return events.map((event) => ({ event_id: event.getId(), type: event.getType(), body: event.getContent().body }));
  }

  #heard(event) {
    if (!event.getRoomId() || event.isState() || !event.getId()) return;
    this.live.push({
      room: event.getRoomId(),
      event_id: event.getId(),
      sender: event.getSender(),
      type: event.getType(),
      body: event.getContent().body,
    });
  }
}
