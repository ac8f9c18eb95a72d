/** From the SDK's events to what a timeline shows. An item stays the same object as long as it says the same. */
import type { MatrixEvent } from "matrix-js-sdk/lib/models/event";
import { asksToVerify, isEdit, isMessage, mentions, replyOf } from "./body";
import { readChange } from "./changes";
import type { Core } from "./core";
import { bodyOf } from "./crypto/sealed";
import { raw } from "./last";
import type { Entry } from "./outbox.svelte";
import { record, text } from "./raw";
import { Replies } from "./replies";
import type { RoomBase } from "./roombase.svelte";
import type { MessageItem, Person, Reaction, TimelineItem } from "./types";

const NO_REACTIONS: readonly Reaction[] = [];
const REACTION = "m.reaction";
const ANNOTATION = "m.annotation";

interface Cached {
  readonly item: TimelineItem | null;
  readonly type: string;
  readonly replacing: string | undefined;
  readonly redacted: boolean;
  readonly epoch: number;
}

export class Items {
  readonly replies: Replies;
  #cache = new WeakMap<MatrixEvent, Cached>();
  #entries = new WeakMap<Entry, MessageItem>();
  readonly #dirty = new Set<string>();
  #epoch = 0;

  constructor(
    private readonly core: Core,
    private readonly room: RoomBase,
    changed: () => void,
  ) {
    this.replies = new Replies(core, room, (ids) => {
      for (const id of ids) this.#dirty.add(id);
      changed();
    });
  }

  /** An event has to be looked at anew, and with it what answers it. */
  touch(id: string): void {
    this.#dirty.add(id);
    for (const reply of this.replies.to(id)) this.#dirty.add(reply);
  }

  /** All have to be looked at anew, as when one may no longer edit. */
  renew(): void {
    this.#epoch++;
    this.#entries = new WeakMap();
  }

  /** What was touched is built now. */
  done(): void {
    this.#dirty.clear();
  }

  /** What an event is shown as; `null` if it is not shown. */
  of(event: MatrixEvent): TimelineItem | null {
    const cached = this.#cache.get(event);
    const type = event.getType();
    const replacing = event.replacingEventId();
    const redacted = event.isRedacted();
    const isFresh = cached && cached.epoch === this.#epoch && cached.redacted === redacted && cached.replacing === replacing && cached.type === type;
    if (isFresh && !this.#dirty.has(event.getId() ?? "")) return cached.item;
    const item = this.#build(event);
    this.#cache.set(event, { item, type, replacing, redacted, epoch: this.#epoch });
    return item;
  }

  /** A message on its way. */
  ofEntry(entry: Entry): MessageItem {
    const known = this.#entries.get(entry);
    const target = replyOf(entry.content);
    if (known && (!target || !this.#dirty.has(entry.key))) return known;
    const item: MessageItem = {
      kind: "message",
      key: entry.key,
      id: entry.id,
      sender: this.room.person(this.core.me),
      at: entry.at,
      mine: true,
      body: entry.body,
      edited: false,
      redacted: null,
      status: entry.status,
      error: entry.error,
      progress: entry.status === "sending" ? entry.progress : null,
      replyTo: target ? this.replies.get(target, entry.key) : null,
      reactions: NO_REACTIONS,
      mentionsMe: false,
      canEdit: false,
      canRedact: false,
    };
    this.#entries.set(entry, item);
    return item;
  }

  #build(event: MatrixEvent): TimelineItem | null {
    const sender = event.getSender() ?? "";
    if (this.core.people.isIgnored(sender)) return null;
    const base = {
      key: text(event.getUnsigned()["transaction_id"]) || (event.getId() ?? ""),
      id: event.getId() ?? null,
      sender: this.room.person(sender),
      at: event.getTs(),
    };
    if (event.isState()) {
      const change = event.isRedacted() && event.getType() !== "m.room.member" ? null : readChange(raw(event), (id) => this.room.person(id));
      return change && { ...base, kind: "notice", change };
    }
    if (asksToVerify(event.getType(), event.getContent())) return { ...base, kind: "notice", change: { type: "verification" } };
    if (!isMessage(event.getType()) || isEdit(event.getWireContent())) return null;
    return { ...base, ...this.#message(event, sender) };
  }

  #message(event: MatrixEvent, sender: string): Omit<MessageItem, "key" | "id" | "sender" | "at"> {
    const { me } = this.core;
    const can = this.room.can;
    const mine = sender === me;
    const redacted = event.isRedacted();
    const content = event.getContent();
    const target = redacted ? null : replyOf(event.isEncrypted() ? event.getWireContent() : event.getOriginalContent());
    const body = bodyOf(this.core, event);
    return {
      kind: "message",
      mine,
      body,
      edited: !redacted && event.replacingEventId() !== undefined,
      redacted: redacted ? this.#redaction(event) : null,
      status: "sent",
      error: null,
      progress: null,
      replyTo: target ? this.replies.get(target, event.getId() ?? "") : null,
      reactions: redacted ? NO_REACTIONS : this.#reactions(event.getId() ?? ""),
      mentionsMe: !redacted && !mine && (mentions(content, me) ?? this.#highlights(event)),
      canEdit: mine && !redacted && can.send && body.type !== "encrypted" && body.type !== "unknown",
      canRedact: !redacted && (mine || can.redactOthers) && this.room.membership === "join",
    };
  }

  /** Messages from before `m.mentions` name people by their name alone. */
  #highlights(event: MatrixEvent): boolean {
    return this.core.client.getPushActionsForEvent(event)?.tweaks?.highlight === true;
  }

  #redaction(event: MatrixEvent): NonNullable<MessageItem["redacted"]> {
    const because = record(event.getUnsigned()["redacted_because"]);
    // While our own redaction is on its way, the SDK knows of no reason.
    const by = text(because["sender"]) || this.core.me;
    return { by: this.room.person(by), reason: text(record(because["content"])["reason"]) };
  }

  #reactions(id: string): readonly Reaction[] {
    const sorted = this.room.sdk.relations.getChildEventsForEvent(id, ANNOTATION, REACTION)?.getSortedAnnotationsByKey();
    if (!sorted) return NO_REACTIONS;
    const all = [...sorted].flatMap(([key, events]) => this.#reaction(key, [...events]));
    // In the order in which they came, so that a click doesn't move what stands beside.
    return all.sort((a, b) => a.since - b.since).map(({ key, people, mine }) => ({ key, people, mine }));
  }

  #reaction(key: string, events: readonly MatrixEvent[]): (Reaction & { since: number })[] {
    const valid = events.filter((event) => !event.isRedacted()).sort((a, b) => a.getTs() - b.getTs());
    const senders = [...new Set(valid.map((event) => event.getSender() ?? ""))].filter((sender) => !this.core.people.isIgnored(sender));
    if (senders.length === 0) return [];
    const people: Person[] = senders.map((sender) => this.room.person(sender));
    return [{ key, people, mine: senders.includes(this.core.me), since: valid[0]?.getTs() ?? 0 }];
  }
}

/** My own reactions of one kind to a message. */
export function myReactions(room: RoomBase, me: string, id: string, key: string): MatrixEvent[] {
  const sorted = room.sdk.relations.getChildEventsForEvent(id, ANNOTATION, REACTION)?.getSortedAnnotationsByKey() ?? [];
  const events = sorted.find(([name]) => name === key)?.[1] ?? new Set<MatrixEvent>();
  return [...events].filter((event) => event.getSender() === me && !event.isRedacted());
}
