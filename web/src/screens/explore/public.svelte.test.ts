import { flushSync } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Directory, PublicRoom } from "../../matrix/types";
import { wayInto } from "./joining.svelte";
import { PublicRooms } from "./public.svelte";

type Page = Awaited<ReturnType<Directory["search"]>>;

const room = (id: string, more: Partial<PublicRoom> = {}) => ({ id, joinRule: "public", membership: null, ...more }) as PublicRoom;
const page = (ids: string[], next: string | null = null): Page => ({ rooms: ids.map((id) => room(id)), next, total: null });

let end: () => void;

function open(search: Directory["search"]): PublicRooms {
  let rooms!: PublicRooms;
  end = $effect.root(() => {
    rooms = new PublicRooms({ search } as Directory);
  });
  flushSync();
  return rooms;
}

function type(rooms: PublicRooms, term: string): void {
  rooms.term = term;
  flushSync();
}

const settle = () => vi.runAllTimersAsync();

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  end();
  vi.useRealTimers();
});

describe("PublicRooms", () => {
  it("asks once for the pages, and leaves out what came twice", async () => {
    const search = vi.fn(async (_term: string, from?: string) => (from ? page(["b", "c"]) : page(["a", "b"], "2")));
    const rooms = open(search);
    await settle();
    expect(rooms.hasMore).toBe(true);
    await Promise.all([rooms.more(), rooms.more()]);
    expect(rooms.rooms.map((one) => one.id)).toEqual(["a", "b", "c"]);
    expect(rooms.hasMore).toBe(false);
    await rooms.more();
    expect(search).toHaveBeenCalledTimes(2);
  });

  it("waits until somebody has typed", async () => {
    const search = vi.fn(async () => page([]));
    const rooms = open(search);
    await settle();
    type(rooms, "t");
    type(rooms, "te");
    type(rooms, "tea ");
    await settle();
    expect(search.mock.calls.map(([term]: string[]) => term)).toEqual(["", "tea"]);
  });

  it("is not misled by an answer that comes late", async () => {
    const answers: Record<string, (page: Page) => void> = {};
    const rooms = open((term) => new Promise((done) => (answers[term] = done)));
    await settle();
    type(rooms, "tea");
    await settle();
    answers["tea"]?.(page(["tea"]));
    answers[""]?.(page(["all"]));
    await settle();
    expect(rooms.rooms.map((one) => one.id)).toEqual(["tea"]);
    expect(rooms.loading).toBe(false);
  });

  it("says that it failed, and tries again", async () => {
    let fails = true;
    const rooms = open(async () => {
      if (fails) throw new Error("offline");
      return page(["a"]);
    });
    await settle();
    expect(rooms.error).not.toBeNull();
    fails = false;
    rooms.again();
    await settle();
    expect(rooms.error).toBeNull();
    expect(rooms.rooms).toHaveLength(1);
  });
});

describe("wayInto", () => {
  it("follows the membership, then the rule", () => {
    expect(wayInto(room("a"))).toBe("join");
    expect(wayInto(room("a", { joinRule: "knock" }))).toBe("ask");
    expect(wayInto(room("a", { joinRule: "invite" }))).toBe("closed");
    expect(wayInto(room("a", { membership: "join" }))).toBe("open");
    expect(wayInto(room("a", { membership: "knock", joinRule: "knock" }))).toBe("asked");
    expect(wayInto(room("a", { membership: "ban" }))).toBe("closed");
    expect(wayInto(room("a", { membership: "leave" }))).toBe("join");
  });
});
