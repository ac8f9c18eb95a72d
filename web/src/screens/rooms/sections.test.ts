import { describe, expect, it } from "vitest";
import type { Person, Room } from "../../matrix/types";
import { inOrderOf, rowsOf, type Filter, type Listed, type Row } from "./sections";

const nobody = new Set<string>();

function room(id: string, more: Partial<Room> = {}): Room {
  return { id, friend: null, favourite: false, lowPriority: false, notify: "default", unread: { messages: 0, mentions: 0, marked: false }, ...more } as Room;
}

function list(joined: Room[], more: Partial<Listed> = {}): Listed {
  return { joined, invites: [], knocked: [], removed: [], requests: 0, ...more };
}

function keys(listed: Listed, filter: Filter = "all", closed = nobody, current: string | null = null): string[] {
  return rowsOf(listed, { filter, closed, current }).map((row) => row.key);
}

const friend = { friend: { id: "@bob:x" } as Person };
const unread = { unread: { messages: 3, mentions: 0, marked: false } };

describe("rowsOf", () => {
  it("has no headers where there is only one section", () => {
    expect(keys(list([room("a"), room("b")]))).toEqual(["a", "b"]);
    expect(keys(list([]))).toEqual([]);
  });

  it("puts requests and invites first, then favourites, and at the end what can wait", () => {
    const listed = list([room("low", { lowPriority: true }), room("plain"), room("star", { favourite: true })], {
      invites: [room("inv")],
      knocked: [room("asked")],
      requests: 2,
    });
    expect(keys(listed)).toEqual([
      "requests", "section:invites", "inv", "section:favourites", "star", "section:rooms", "plain", "section:low", "low", "section:knocked", "asked",
    ]);
  });

  it("takes a room that is both for a favourite, once", () => {
    expect(keys(list([room("both", { favourite: true, lowPriority: true })]))).toEqual(["section:favourites", "both"]);
  });

  it("filters, but keeps what is open", () => {
    const listed = list([room("read"), room("new", unread), room("bob", friend), room("muted", { ...unread, notify: "none" })]);
    expect(keys(listed, "unread")).toEqual(["new"]);
    expect(keys(listed, "unread", nobody, "read")).toEqual(["read", "new"]);
    expect(keys(listed, "people")).toEqual(["bob"]);
    expect(keys(listed, "rooms")).toEqual(["read", "new", "muted"]);
  });

  it("counts a mention in a muted room, and what was marked by hand", () => {
    const listed = list([
      room("mention", { notify: "none", unread: { messages: 1, mentions: 1, marked: false } }),
      room("marked", { unread: { messages: 0, mentions: 0, marked: true } }),
    ]);
    expect(keys(listed, "unread")).toEqual(["mention", "marked"]);
  });

  it("shows of a closed section its header, whether something is new in it, and what is open", () => {
    const listed = list([room("plain"), room("low", { lowPriority: true, ...unread }), room("here", { lowPriority: true })]);
    const rows = rowsOf(listed, { filter: "all", closed: new Set(["low"]), current: "here" });
    expect(rows.map((row) => row.key)).toEqual(["section:rooms", "plain", "section:low", "here"]);
    expect(rows[2]).toMatchObject({ open: false, count: 2, unread: true });
  });
});

describe("inOrderOf", () => {
  const rows = (...ids: string[]): Row[] => ids.map((id) => ({ kind: "room", key: id, section: "rooms", room: room(id) }));
  const order = (next: string[], before: string[]) => inOrderOf(rows(...next), rows(...before)).map((row) => row.key);

  it("keeps the order that was there", () => {
    expect(order(["c", "a", "b"], ["a", "b", "c"])).toEqual(["a", "b", "c"]);
  });
  it("lets in what is new where it belongs, and lets go what is gone", () => {
    expect(order(["new", "c", "a"], ["a", "b", "c"])).toEqual(["new", "a", "c"]);
    expect(order(["c", "new", "a"], ["a", "b", "c"])).toEqual(["a", "new", "c"]);
    expect(order([], ["a"])).toEqual([]);
  });
  it("lets a row go to another section at once", () => {
    const star = { kind: "room", key: "b", section: "favourites", room: room("b") } as const;
    expect(inOrderOf([star, ...rows("c", "a")], rows("a", "b", "c")).map((row) => row.key)).toEqual(["b", "a", "c"]);
  });
  it("shows what a row says now, not what it said", () => {
    const [before] = rows("a");
    const [now] = rows("a");
    expect(inOrderOf([now as Row], [before as Row])[0]).toBe(now);
  });
});
