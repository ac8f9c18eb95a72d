/** A room's messages, as far as they are loaded. It is built only while somebody looks. */
import { createSubscriber } from "svelte/reactivity";
import type { Direction, EventTimeline } from "matrix-js-sdk/lib/models/event-timeline";
import type { MatrixEvent } from "matrix-js-sdk/lib/models/event";
import { Actions } from "./actions";
import { BACK, FORTH, chainOf, tokenOf } from "./chain";
import type { Core } from "./core";
import { attempt, failure } from "./errors";
import { Items } from "./items";
import { Readers } from "./readers";
import { Reading } from "./reading.svelte";
import { serverOf } from "./raw";
import type { RoomBase } from "./roombase.svelte";
import type { EventId, MessageItem, OutgoingText, Person, Timeline, TimelineItem } from "./types";

/** Events asked for at once. */
const PAGE = 50;
/** Pages in a row that may hold nothing to show, such as reactions alone. */
const EMPTY_PAGES = 5;
/** After an outage, so many pages are fetched to close the gap before what came before it is let go. */
const GAP_PAGES = 3;
const NOBODY: readonly Person[] = [];

export class TimelineState implements Timeline {
  readonly builder: Items;
  readonly reading: Reading;
  #version = $state(0);
  #loading = $state<Timeline["loading"]>(null);
  #watched = false;
  #stale = true;
  #items: readonly TimelineItem[] = [];
  #readers: ReadonlyMap<EventId, readonly Person[]> = new Map();
  #marker: EventId | null = null;
  /** A part of the past that was jumped to; `null`: the newest. */
  #anchor: EventTimeline | null = null;
  /** What is shown as the newest while the events since are fetched. */
  #gap: EventTimeline | null = null;
  #oldLive: EventTimeline | null = null;
  readonly #actions: Actions;
  readonly #subscribe = createSubscriber(() => this.#enter());

  constructor(
    private readonly core: Core,
    private readonly room: RoomBase,
  ) {
    this.builder = new Items(core, room, () => core.batch.once(() => this.update()));
    this.reading = new Reading(core, room);
    this.#actions = new Actions(core, room);
  }

  get items(): readonly TimelineItem[] {
    this.#look();
    return this.#items;
  }

  get loading(): Timeline["loading"] {
    return this.#loading;
  }

  get hasOlder(): boolean {
    this.#look();
    return tokenOf(this.#chain()[0], BACK) !== null;
  }

  get atEnd(): boolean {
    this.#look();
    return this.#isAtEnd();
  }

  get readMarker(): EventId | null {
    this.#look();
    return this.#marker;
  }

  readers(id: EventId): readonly Person[] {
    this.#look();
    return this.#readers.get(id) ?? NOBODY;
  }

  /** Whether a screen shows it. */
  get isWatched(): boolean {
    return this.#watched;
  }

  async loadOlder(): Promise<void> {
    await this.#load("older", () => this.#chain()[0], BACK);
  }

  async loadNewer(): Promise<void> {
    if (!this.#isAtEnd()) await this.#load("newer", () => this.#chain().at(-1), FORTH);
  }

  async jump(id: EventId): Promise<void> {
    this.#loading = "jump";
    try {
      const set = this.room.sdk.getUnfilteredTimelineSet();
      const found = await attempt(() => this.core.client.getEventTimeline(set, id));
      if (found) await this.#surround(found);
      this.#anchor = found;
      if (this.#chain().includes(this.#live)) this.#anchor = null;
      else void this.#actions.fetchReactions(this.#events());
    } catch (cause) {
      throw failure(cause);
    } finally {
      this.#loading = null;
      this.update();
    }
  }

  async jumpToEnd(): Promise<void> {
    this.#anchor = null;
    this.update();
  }

  seen(id: EventId): void {
    this.reading.seen(id);
  }

  async send(message: OutgoingText): Promise<void> {
    this.#actions.send(message);
  }

  async sendFile(file: File, options: { readonly caption?: string; readonly signal?: AbortSignal } = {}): Promise<void> {
    await this.core.outbox.sendFile(this.room.id, file, options.caption ?? "", options.signal);
  }

  edit(item: MessageItem, message: OutgoingText): Promise<void> {
    return this.#actions.edit(item, message);
  }

  react(item: MessageItem, key: string): Promise<void> {
    return this.#actions.react(item, key);
  }

  redact(item: MessageItem, reason?: string): Promise<void> {
    return this.#actions.redact(item, reason);
  }

  async resend(item: MessageItem): Promise<void> {
    this.core.outbox.resend(item.key);
  }

  discard(item: MessageItem): void {
    this.core.outbox.discard(item.key);
  }

  setTyping(typing: boolean): void {
    this.reading.setTyping(typing);
  }

  report(item: MessageItem, reason: string): Promise<void> {
    return this.#actions.report(item, reason);
  }

  link(id: EventId): string {
    const via = new Set([serverOf(this.core.me), ...this.room.powers.creators].map((entry) => (entry.startsWith("@") ? serverOf(entry) : entry)));
    const query = [...via].slice(0, 3).map((server) => `via=${encodeURIComponent(server)}`);
    return `https://matrix.to/#/${encodeURIComponent(this.room.id)}/${encodeURIComponent(id)}?${query.join("&")}`;
  }

  /** Something in it changed: it is built anew when somebody looks. */
  update(): void {
    this.#stale = true;
    this.#version++;
  }

  /** An event and what stands on it have to be looked at anew. */
  touch(id: string): void {
    this.builder.touch(id);
  }

  /** All of it has to be looked at anew. */
  renew(): void {
    this.builder.renew();
    this.update();
  }

  /** The item of an event, shown or not. */
  itemOf(event: MatrixEvent): TimelineItem | null {
    return this.builder.of(event);
  }

  /** The SDK has begun a new live timeline: some events were left out of a sync. */
  reset(all: boolean): void {
    if (all) this.#anchor = null;
    else if (this.#watched && this.#anchor === null && this.#oldLive) void this.#closeGap(this.#oldLive);
    this.update();
  }

  /** Shows what was there while the events between are fetched, so that nothing jumps. */
  async #closeGap(old: EventTimeline): Promise<void> {
    this.#anchor = this.#gap = old;
    try {
      for (let page = 0; page < GAP_PAGES && !this.#chain().includes(this.#live); page++) {
        const first = chainOf(this.#live)[0] ?? this.#live;
        if (tokenOf(first, BACK) === null) break;
        await attempt(() => this.core.client.paginateEventTimeline(first, { backwards: true, limit: PAGE }));
      }
    } catch {
      // The newest is shown; what came before is loaded as one scrolls up.
    }
    if (this.#anchor === old) this.#anchor = null;
    if (this.#gap === old) this.#gap = null;
    this.update();
  }

  /** What stands around the event that was jumped to, so that it comes with its surroundings. */
  async #surround(found: EventTimeline): Promise<void> {
    const pages = [BACK, FORTH].filter((direction) => found !== this.#live && tokenOf(found, direction) !== null);
    const fetched = pages.map((direction) => this.core.client.paginateEventTimeline(found, { backwards: direction === BACK, limit: PAGE / 2 }));
    // Without them it stands alone, and they are loaded as one scrolls.
    await Promise.allSettled(fetched);
  }

  async #load(kind: "older" | "newer", end: () => EventTimeline | undefined, direction: Direction): Promise<void> {
    if (this.#loading) return;
    this.#loading = kind;
    try {
      this.#build();
      const before = this.#items.length;
      for (let page = 0; page < EMPTY_PAGES && this.#items.length === before; page++) {
        const timeline = end();
        if (!timeline || tokenOf(timeline, direction) === null) break;
        const more = await attempt(() => this.core.client.paginateEventTimeline(timeline, { backwards: direction === BACK, limit: PAGE }));
        this.update();
        this.#build();
        // Nothing is newer, although what the sync brought does not lie against it.
        if (!more && direction === FORTH) this.#anchor = null;
        if (!more) break;
      }
      if (this.#chain().includes(this.#live)) this.#anchor = null;
    } catch (cause) {
      throw failure(cause);
    } finally {
      this.#loading = null;
      this.update();
    }
  }

  /** Somebody begins to look. */
  #enter(): () => void {
    this.#watched = true;
    this.reading.enter();
    this.#stale = true;
    return () => {
      this.#watched = false;
      this.reading.leave();
    };
  }

  #look(): void {
    this.#subscribe();
    void this.#version;
    this.#build();
  }

  #build(): void {
    if (!this.#stale) return;
    this.#stale = false;
    this.#oldLive = this.#live;
    const events = this.#events();
    const shown = new Map<string, TimelineItem>();
    const readers = new Readers(this.core, this.room);
    let last: TimelineItem | null = null;
    for (const event of events) {
      const item = this.builder.of(event);
      if (item) shown.set(item.key, (last = item));
      if (last) readers.collect(event, last);
    }
    if (this.#isAtEnd()) {
      for (const entry of this.core.outbox.of(this.room.id)) if (!shown.has(entry.key)) shown.set(entry.key, this.builder.ofEntry(entry));
    }
    this.builder.done();
    const items = [...shown.values()];
    if (!sameItems(items, this.#items)) this.#items = items;
    this.#readers = readers.end(this.#readers);
    this.#marker = this.reading.marker(events, (event) => this.builder.of(event));
  }

  get #live(): EventTimeline {
    return this.room.sdk.getLiveTimeline();
  }

  #chain(): readonly EventTimeline[] {
    return chainOf(this.#anchor ?? this.#live);
  }

  #events(): MatrixEvent[] {
    return this.#chain().flatMap((timeline) => timeline.getEvents());
  }

  #isAtEnd(): boolean {
    return (this.#gap !== null && this.#anchor === this.#gap) || this.#chain().at(-1) === this.#live;
  }
}

function sameItems(left: readonly TimelineItem[], right: readonly TimelineItem[]): boolean {
  return left.length === right.length && left.every((item, at) => item === right[at]);
}
