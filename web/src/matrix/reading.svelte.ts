/** What I have read of a room, and that I am typing in it. */
import { ReceiptType } from "matrix-js-sdk/lib/@types/read_receipts";
import { NotificationCountType } from "matrix-js-sdk/lib/models/room";
import type { MatrixEvent } from "matrix-js-sdk/lib/models/event";
import { path, type Core } from "./core";
import { text } from "./raw";
import type { RoomBase } from "./roombase.svelte";
import type { EventId, TimelineItem } from "./types";

export const MARKED = "m.marked_unread";
/** Receipts go out at most so often, ms. */
const RECEIPT_PAUSE = 500;
/** How long others show that I type, ms; told again before it is over. */
const TYPING_TIME = 20_000;
const TYPING_AGAIN = 12_000;

export class Reading {
  /** The newest that I had read when I came. */
  #came: EventId | null = null;
  #seen: EventId | null = null;
  #receiptTimer: ReturnType<typeof setTimeout> | undefined;
  #typing = false;
  #typingTimer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly core: Core,
    private readonly room: RoomBase,
  ) {}

  /** A screen begins to show the room. */
  enter(): void {
    this.#came = this.#readUpTo();
    // What was marked by hand is read as soon as one looks.
    if (this.room.unread.marked) void this.mark(false).catch(() => undefined);
    globalThis.document?.addEventListener("visibilitychange", this.#onVisible);
  }

  leave(): void {
    globalThis.document?.removeEventListener("visibilitychange", this.#onVisible);
    this.setTyping(false);
  }

  /** Who comes back to the window finds the mark above what came meanwhile. */
  readonly #onVisible = (): void => {
    if (document.visibilityState !== "visible") return;
    this.#came = this.#readUpTo();
    this.room.timeline.update();
  };

  /** The item above which nothing is new; `null` if nothing is, or if that place is not loaded. */
  marker(events: readonly MatrixEvent[], itemOf: (event: MatrixEvent) => TimelineItem | null): EventId | null {
    const at = this.#came === null ? -1 : events.findLastIndex((event) => event.getId() === this.#came);
    if (at < 0) return null;
    const isNew = (event: MatrixEvent) => {
      const item = itemOf(event);
      return item?.kind === "message" && !item.mine;
    };
    if (!events.slice(at + 1).some(isNew)) return null;
    for (let index = at; index >= 0; index--) {
      const id = itemOf(events[index] as MatrixEvent)?.id;
      if (id) return id;
    }
    return null;
  }

  seen(id: EventId): void {
    const event = this.#newestAt(id);
    if (!event || !this.#isNewer(event, this.#seen) || !this.#isNewer(event, this.#readUpTo())) return;
    this.#seen = event.getId() ?? null;
    this.#receiptTimer ??= setTimeout(() => void this.#send(), RECEIPT_PAUSE);
  }

  /** All is read, whatever was shown. */
  async readAll(): Promise<void> {
    const event = this.room.sdk.getLiveTimeline().getEvents().at(-1);
    const id = event?.getId();
    if (event && id && !id.startsWith("~")) await this.#tell(event);
  }

  /** Marks the room by hand, or takes the mark away. */
  async mark(unread: boolean): Promise<void> {
    await this.core.request("PUT", path`/_matrix/client/v3/user/${this.core.me}/rooms/${this.room.id}/account_data/${MARKED}`, { body: { unread } });
  }

  setTyping(typing: boolean): void {
    if (typing === this.#typing) return;
    this.#typing = typing;
    clearInterval(this.#typingTimer);
    if (typing) this.#typingTimer = setInterval(() => void this.#tellTyping(true), TYPING_AGAIN);
    void this.#tellTyping(typing);
  }

  stop(): void {
    clearTimeout(this.#receiptTimer);
    clearInterval(this.#typingTimer);
    globalThis.document?.removeEventListener("visibilitychange", this.#onVisible);
  }

  async #tellTyping(typing: boolean): Promise<void> {
    const address = path`/_matrix/client/v3/rooms/${this.room.id}/typing/${this.core.me}`;
    // It is a courtesy: if it fails, nobody misses it.
    await this.core.request("PUT", address, { body: typing ? { typing, timeout: TYPING_TIME } : { typing } }).catch(() => undefined);
  }

  /** Behind the last item that is shown come events that are not: they are read with it. */
  #newestAt(id: EventId): MatrixEvent | null {
    const set = this.room.sdk.getUnfilteredTimelineSet();
    const timeline = set.getTimelineForEvent(id);
    const events = timeline?.getEvents() ?? [];
    let at = events.findLastIndex((event) => event.getId() === id);
    if (at < 0) return null;
    while (at + 1 < events.length && !this.room.timeline.itemOf(events[at + 1] as MatrixEvent)) at++;
    return events[at] ?? null;
  }

  #isNewer(event: MatrixEvent, than: EventId | null): boolean {
    if (than === null) return true;
    const order = this.room.sdk.getUnfilteredTimelineSet().compareEventOrdering(event.getId() ?? "", than);
    return order === null ? true : order > 0;
  }

  async #send(): Promise<void> {
    this.#receiptTimer = undefined;
    const event = this.#seen === null ? null : this.room.sdk.findEventById(this.#seen);
    if (!event) return;
    // It is told again with the next that is seen.
    await this.#tell(event).catch(() => (this.#seen = null));
  }

  async #tell(event: MatrixEvent): Promise<void> {
    const { sdk } = this.room;
    const id = event.getId() ?? "";
    const isPrivate = this.core.privateReceipts;
    if (sdk.getLiveTimeline().getEvents().at(-1) === event) {
      sdk.setUnreadNotificationCount(NotificationCountType.Total, 0);
      sdk.setUnreadNotificationCount(NotificationCountType.Highlight, 0);
    }
    sdk.addLocalEchoReceipt(this.core.me, event, isPrivate ? ReceiptType.ReadPrivate : ReceiptType.Read);
    const receipt = isPrivate ? { "m.read.private": id } : { "m.read": id };
    await this.core.request("POST", path`/_matrix/client/v3/rooms/${this.room.id}/read_markers`, { body: { "m.fully_read": id, ...receipt } });
  }

  /** The later of the full mark and the receipt. */
  #readUpTo(): EventId | null {
    const { sdk } = this.room;
    const marked = text(sdk.getAccountData("m.fully_read")?.getContent()["event_id"]) || null;
    const receipt = sdk.getEventReadUpTo(this.core.me);
    if (!marked || !receipt) return marked ?? receipt;
    return (sdk.getUnfilteredTimelineSet().compareEventOrdering(marked, receipt) ?? -1) > 0 ? marked : receipt;
  }
}
