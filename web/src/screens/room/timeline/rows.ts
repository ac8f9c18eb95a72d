/** From a timeline's items to the rows that are shown: days, groups of one person's messages, folded notices. */
import type { EventId, MessageItem, NoticeItem, TimelineItem } from "../../../matrix/types";

export type Row =
  | { readonly kind: "day"; readonly key: string; readonly at: number }
  | { readonly kind: "new"; readonly key: string }
  | { readonly kind: "notices"; readonly key: string; readonly items: readonly NoticeItem[] }
  | MessageRow;

export interface MessageRow {
  readonly kind: "message";
  readonly key: string;
  readonly item: MessageItem;
  /** First and last of what one person said in one go. */
  readonly head: boolean;
  readonly tail: boolean;
}

/** What is said later than this begins a new group, ms. */
const PAUSE = 5 * 60_000;

/** Notices that never disappear in a fold: they change what one can do here. */
const STANDS_ALONE = new Set(["upgraded", "encryption", "verification"]);

/** Makes the rows; those that say the same as before stay the same objects, so that only what changed is drawn. */
export class Rows {
  #known = new Map<string, Row>();

  make(items: readonly TimelineItem[], marker: EventId | null): readonly Row[] {
    const rows: Row[] = [];
    let day = "";
    for (const [index, item] of items.entries()) {
      const thisDay = dayOf(item.at);
      // Clocks differ: a message from before midnight that comes after one from after it opens no new day.
      if (thisDay > day) {
        rows.push({ kind: "day", key: `day ${thisDay}`, at: item.at });
        day = thisDay;
      }
      if (item.kind === "notice") addNotice(rows, item);
      else rows.push(messageRow(items, index, item, marker));
      if (marker !== null && item.id === marker && index < items.length - 1) rows.push({ kind: "new", key: "new" });
    }
    const known = new Map<string, Row>();
    for (const [at, row] of rows.entries()) {
      const before = this.#known.get(row.key);
      const kept = before && isSame(before, row) ? before : row;
      rows[at] = kept;
      known.set(row.key, kept);
    }
    this.#known = known;
    return rows;
  }
}

function addNotice(rows: Row[], item: NoticeItem): void {
  const last = rows.at(-1);
  const folds = last?.kind === "notices" && !STANDS_ALONE.has(item.change.type) && !last.items.some(({ change }) => STANDS_ALONE.has(change.type));
  if (folds) rows[rows.length - 1] = { ...last, items: [...last.items, item] };
  else rows.push({ kind: "notices", key: item.key, items: [item] });
}

function messageRow(items: readonly TimelineItem[], index: number, item: MessageItem, marker: EventId | null): MessageRow {
  const before = items[index - 1];
  const after = items[index + 1];
  return {
    kind: "message",
    key: item.key,
    item,
    head: !before || before.id === marker || !goTogether(before, item),
    tail: !after || item.id === marker || !goTogether(item, after),
  };
}

function goTogether(first: TimelineItem, second: TimelineItem): boolean {
  if (first.kind !== "message" || second.kind !== "message" || first.sender.id !== second.sender.id) return false;
  const apart = second.at - first.at;
  const isEmote = (item: MessageItem) => item.body.type === "emote";
  return apart < PAUSE && dayOf(first.at) === dayOf(second.at) && isEmote(first) === isEmote(second);
}

function isSame(left: Row, right: Row): boolean {
  if (left.kind === "message" && right.kind === "message") return left.item === right.item && left.head === right.head && left.tail === right.tail;
  if (left.kind === "notices" && right.kind === "notices") return left.items.length === right.items.length && left.items.every((item, at) => item === right.items[at]);
  return left.kind === right.kind;
}

/** Sorts as days do. */
function dayOf(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${String(date.getFullYear()).padStart(6, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The key of the row in which an event is shown. */
export function rowKeyOf(rows: readonly Row[], id: EventId): string | null {
  for (const row of rows) {
    if (row.kind === "message" && row.item.id === id) return row.key;
    if (row.kind === "notices" && row.items.some((item) => item.id === id)) return row.key;
  }
  return null;
}
