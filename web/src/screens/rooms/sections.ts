/** What the list of rooms consists of, from top to bottom: invites, favourites, the rest, and at the end what can wait or is over. */
import type { Room } from "../../matrix/types";

export type Filter = "all" | "unread" | "people" | "rooms";
export const FILTERS: readonly Filter[] = ["all", "unread", "people", "rooms"];

export type Section = "requests" | "invites" | "favourites" | "rooms" | "low" | "knocked" | "removed";
/** Those that have a header. */
export type Titled = Exclude<Section, "requests">;

interface InList {
  /** Tells rows apart, and the same row at another time. */
  readonly key: string;
  readonly section: Section;
}
interface HeaderRow extends InList {
  readonly kind: "header";
  readonly section: Titled;
  readonly open: boolean;
  readonly count: number;
  /** Something is new in it while it is closed. */
  readonly unread: boolean;
}
interface RequestsRow extends InList {
  readonly kind: "requests";
  readonly count: number;
}
export interface RoomRow extends InList {
  readonly kind: "invite" | "knock" | "room" | "removed";
  readonly room: Room;
}
export type Row = HeaderRow | RequestsRow | RoomRow;

export interface Listed {
  readonly joined: readonly Room[];
  readonly invites: readonly Room[];
  readonly knocked: readonly Room[];
  /** Rooms that one was made to leave. */
  readonly removed: readonly Room[];
  /** Friend requests, which have a page of their own. */
  readonly requests: number;
}

export interface View {
  readonly filter: Filter;
  readonly closed: ReadonlySet<string>;
  /** What is open stays in the list even where the filter would leave it out. */
  readonly current: string | null;
}

export function isUnread(room: Room): boolean {
  const { messages, mentions, marked } = room.unread;
  return mentions > 0 || marked || (messages > 0 && room.notify !== "none");
}

function passes(room: Room, { filter, current }: View): boolean {
  if (filter === "all" || room.id === current) return true;
  if (filter === "unread") return isUnread(room);
  return (room.friend !== null) === (filter === "people");
}

/** The rows of the list. Sections have a header only where there is more than one. */
export function rowsOf(listed: Listed, view: View): Row[] {
  const invites = view.filter === "people" ? [] : listed.invites;
  const joined = listed.joined.filter((room) => passes(room, view));
  const favourites = joined.filter((room) => room.favourite);
  const low = joined.filter((room) => room.lowPriority && !room.favourite);
  const rest = joined.filter((room) => !room.favourite && !room.lowPriority);
  const others = view.filter === "all" || view.filter === "rooms";
  const knocked = others ? listed.knocked : [];
  const removed = others ? listed.removed : [];
  const titled = invites.length + favourites.length + low.length + knocked.length + removed.length > 0;

  const rows: Row[] = [];
  const add = (section: Titled, rooms: readonly Room[], kind: RoomRow["kind"]) => {
    if (rooms.length === 0) return;
    const open = !titled || !view.closed.has(section);
    if (titled) rows.push({ kind: "header", key: `section:${section}`, section, open, count: rooms.length, unread: !open && rooms.some(isUnread) });
    // What is open is seen even in a section that is not.
    for (const room of rooms) if (open || room.id === view.current) rows.push({ kind, key: room.id, section, room });
  };
  if (listed.requests > 0 && view.filter !== "rooms") rows.push({ kind: "requests", key: "requests", section: "requests", count: listed.requests });
  add("invites", invites, "invite");
  add("favourites", favourites, "room");
  add("rooms", rest, "room");
  add("low", low, "room");
  add("knocked", knocked, "knock");
  add("removed", removed, "removed");
  return rows;
}

/**
 * The same rows, in the order in which they stood in their sections before, for as long as somebody points at them: what is new
 * comes where it belongs, what is gone goes, and nothing else moves.
 */
export function inOrderOf(next: readonly Row[], before: readonly Row[]): Row[] {
  const places = new Map(before.map((row, place) => [row.key, { place, section: row.section }]));
  const stays = (row: Row) => places.get(row.key)?.section === row.section;
  const place = (row: Row) => places.get(row.key)?.place ?? 0;
  const staying = new Map<Section, Row[]>();
  for (const row of next.filter(stays).sort((a, b) => place(b) - place(a))) {
    const rows = staying.get(row.section) ?? [];
    rows.push(row);
    staying.set(row.section, rows);
  }
  return next.map((row) => (stays(row) ? (staying.get(row.section)?.pop() ?? row) : row));
}
