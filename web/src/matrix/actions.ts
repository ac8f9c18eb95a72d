/** What one does to messages. */
import type { MatrixEvent } from "matrix-js-sdk/lib/models/event";
import type { Core } from "./core";
import { path } from "./core";
import { Failure, attempt, failure } from "./errors";
import { isLine } from "./last";
import { editContent, messageContent } from "./outgoing";
import { myReactions } from "./items";
import type { RawEvent } from "./raw";
import type { RoomBase } from "./roombase.svelte";
import type { MessageItem, OutgoingText } from "./types";

/** Requests for reactions that are under way at once. */
const LANES = 3;

export class Actions {
  constructor(
    private readonly core: Core,
    private readonly room: RoomBase,
  ) {}

  send(message: OutgoingText): void {
    const target = message.replyTo;
    const reply = target?.id ? { id: target.id, sender: target.sender.id } : null;
    this.core.outbox.send(this.room.id, messageContent(message, reply, this.core.me));
  }

  async edit(item: MessageItem, message: OutgoingText): Promise<void> {
    const event = this.#event(item);
    const content = editContent(event.getId() ?? "", event.getContent(), message);
    await this.#echoed((key) => this.core.client.sendEvent(this.room.id, "m.room.message" as never, content as never, key));
  }

  /** Adds a reaction, or takes mine back. */
  async react(item: MessageItem, key: string): Promise<void> {
    const id = this.#event(item).getId() ?? "";
    const mine = myReactions(this.room, this.core.me, id, key);
    if (mine.length > 0) {
      for (const reaction of mine) await this.#takeBack(reaction, undefined);
      return;
    }
    const content = { "m.relates_to": { rel_type: "m.annotation", event_id: id, key } };
    await this.#echoed((key) => this.core.client.sendEvent(this.room.id, "m.reaction" as never, content as never, key));
  }

  async redact(item: MessageItem, reason?: string): Promise<void> {
    await this.#takeBack(this.#event(item), reason);
  }

  async report(item: MessageItem, reason: string): Promise<void> {
    await this.core.request("POST", path`/_matrix/client/v3/rooms/${this.room.id}/report/${item.id ?? ""}`, { body: { reason } });
  }

  /** In a part of the past, reactions that came later are not in the timeline: they are asked for. */
  async fetchReactions(events: readonly MatrixEvent[]): Promise<void> {
    const waiting = events.filter(isLine).map((event) => event.getId() ?? "");
    const lane = async () => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) await this.#fetchReactionsTo(id);
    };
    // Without them the messages are there all the same.
    await Promise.all(Array.from({ length: LANES }, lane)).catch(() => undefined);
  }

  async #fetchReactionsTo(id: string): Promise<void> {
    const address = path`/_matrix/client/v1/rooms/${this.room.id}/relations/${id}/m.annotation/m.reaction`;
    const { chunk } = await this.core.request<{ chunk: RawEvent[] }>("GET", address, { query: { limit: "100" } });
    const map = this.core.client.getEventMapper();
    for (const event of chunk) this.room.sdk.relations.aggregateChildEvent(map(event as never));
    if (chunk.length === 0) return;
    this.room.timeline.touch(id);
    this.core.batch.once(() => this.room.timeline.update());
  }

  async #takeBack(event: MatrixEvent, reason: string | undefined): Promise<void> {
    await this.#echoed((key) => this.core.client.redactEvent(this.room.id, event.getId() ?? "", key, reason ? { reason } : undefined));
  }

  #event(item: MessageItem): MatrixEvent {
    const event = item.id ? this.room.sdk.findEventById(item.id) : undefined;
    if (!event) throw new Failure("notFound", "The message is not here");
    return event;
  }

  /** Shows at once what is asked for, and takes it back if it can't be done. */
  async #echoed(send: (key: string) => Promise<unknown>): Promise<void> {
    if (this.core.connection.state === "offline") throw new Failure("offline", "The server does not answer");
    const sent = attempt(async () => {
      if (this.room.sdk.hasEncryptionStateEvent()) await this.core.encryption.whenReady();
      const key = this.core.client.makeTxnId();
      try {
        await send(key);
      } catch (cause) {
        // The SDK holds on to what it could not send, and would send nothing after it.
        const echo = this.room.sdk.getPendingEvents().find((event) => event.getTxnId() === key);
        if (echo?.status === "not_sent") this.core.client.cancelPendingEvent(echo);
        throw cause;
      }
    });
    this.core.batch.flush();
    try {
      await sent;
    } catch (cause) {
      this.core.batch.flush();
      throw failure(cause);
    }
  }
}
