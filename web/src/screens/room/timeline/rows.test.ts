import { beforeAll, describe, expect, it } from "vitest";
import { loadWords } from "../../../i18n/i18n.svelte";
import { app } from "../../../i18n/parts";
import type { Change, MessageItem, NoticeItem, Person } from "../../../matrix/types";
import { foldedSentence, noticeSentence } from "./fold";
import { rowKeyOf, Rows, type Row } from "./rows";

const NOON = new Date(2026, 2, 14, 12).getTime();
const MINUTE = 60_000;

function person(name: string): Person {
  return { id: `@${name.toLowerCase()}:example.org`, name, avatar: null, presence: null };
}

let last = 0;

function message(sender: string, at: number, more: Partial<MessageItem> = {}): MessageItem {
  const key = `m${++last}`;
  return {
    kind: "message",
    key,
    id: `$${key}`,
    sender: person(sender),
    at,
    mine: false,
    body: { type: "text", text: "hello", html: null },
    edited: false,
    redacted: null,
    status: "sent",
    error: null,
    progress: null,
    replyTo: null,
    reactions: [],
    mentionsMe: false,
    canEdit: false,
    canRedact: false,
    ...more,
  };
}

function notice(sender: string, change: Change, at = NOON): NoticeItem {
  const key = `n${++last}`;
  return { kind: "notice", key, id: `$${key}`, sender: person(sender), at, change };
}

/** Rows in short: `H` the head of a group, `T` its tail. */
function short(rows: readonly Row[]): string {
  return rows
    .map((row) => {
      if (row.kind === "message") return `${row.item.sender.name}${row.head ? "H" : ""}${row.tail ? "T" : ""}`;
      return row.kind === "notices" ? `notices:${row.items.length}` : row.kind;
    })
    .join(" ");
}

const isolates = (sentence: string) => sentence.replace(/[\u2068\u2069]/g, "");

beforeAll(() => loadWords(app));

describe("rows", () => {
  it("group what one person says in one go", () => {
    const items = [message("Alice", NOON), message("Alice", NOON + MINUTE), message("Bob", NOON + 2 * MINUTE), message("Alice", NOON + 3 * MINUTE), message("Alice", NOON + 20 * MINUTE)];
    expect(short(new Rows().make(items, null))).toBe("day AliceH AliceT BobHT AliceHT AliceHT");
  });
  it("mark days, and never twice although clocks differ", () => {
    const items = [message("Alice", NOON), message("Bob", NOON + 24 * 60 * MINUTE), message("Alice", NOON + MINUTE), message("Bob", NOON + 24 * 60 * MINUTE + MINUTE)];
    expect(short(new Rows().make(items, null))).toBe("day AliceHT day BobHT AliceHT BobHT");
  });
  it("mark what is new, which also ends a group", () => {
    const items = [message("Alice", NOON), message("Alice", NOON + 1), message("Alice", NOON + 2)];
    expect(short(new Rows().make(items, items[0]?.id ?? null))).toBe("day AliceHT new AliceH AliceT");
    expect(short(new Rows().make(items, items[2]?.id ?? null))).toBe("day AliceH Alice AliceT");
  });
  it("fold notices that follow each other, but not an upgrade", () => {
    const items = [notice("Alice", { type: "joined" }), notice("Bob", { type: "joined" }), message("Bob", NOON), notice("Bob", { type: "left" }), notice("Alice", { type: "upgraded", successor: "!x" })];
    expect(short(new Rows().make(items, null))).toBe("day notices:2 BobHT notices:1 notices:1");
  });
  it("stay the same objects where nothing changed", () => {
    const rows = new Rows();
    const items = [notice("Alice", { type: "joined" }), message("Alice", NOON), message("Bob", NOON + 1)];
    const before = rows.make(items, null);
    const after = rows.make([message("Carol", NOON - 1), ...items, message("Bob", NOON + 2)], null);
    expect(after.filter((row) => before.includes(row)).map((row) => row.key)).toEqual([before[0]?.key, items[0]?.key, items[1]?.key]);
  });
  it("are found by the event they show", () => {
    const items = [notice("Alice", { type: "joined" }), notice("Bob", { type: "joined" }), message("Bob", NOON)];
    const rows = new Rows().make(items, null);
    expect(rowKeyOf(rows, items[1]?.id ?? "")).toBe(items[0]?.key);
    expect(rowKeyOf(rows, items[2]?.id ?? "")).toBe(items[2]?.key);
    expect(rowKeyOf(rows, "$unknown")).toBeNull();
  });
});

describe("sentences", () => {
  it("tell what happened, and why", () => {
    expect(isolates(noticeSentence(notice("Alice", { type: "kicked", target: person("Mallory"), reason: "spam" })))).toBe("Alice removed Mallory: spam");
    expect(isolates(noticeSentence(notice("Alice", { type: "topic", value: "" })))).toBe("Alice removed the topic");
    expect(isolates(noticeSentence(notice("Alice", { type: "joinRule", rule: "knock" })))).toBe("Alice lets people ask to join");
  });
  it("fold many people into a few names", () => {
    const joins = ["Alice", "Bob", "Carol", "Dan", "Eve"].map((name) => notice(name, { type: "joined" }));
    expect(isolates(foldedSentence(joins))).toBe("Alice, Bob, and 3 others joined");
    expect(isolates(foldedSentence(joins.slice(0, 3)))).toBe("Alice, Bob, and Carol joined");
  });
  it("tell once of who came and went", () => {
    const items = [notice("Alice", { type: "joined" }), notice("Alice", { type: "left" }), notice("Bob", { type: "left" })];
    expect(isolates(foldedSentence(items))).toBe("Bob left and Alice joined and left");
  });
  it("take a new room's first settings as part of its creation", () => {
    const items = [
      notice("Alice", { type: "created" }),
      notice("Alice", { type: "joined" }),
      notice("Alice", { type: "permissions" }),
      notice("Alice", { type: "roomName", value: "Tea" }),
      notice("Alice", { type: "invited", target: person("Bob"), reason: "" }),
    ];
    expect(isolates(foldedSentence(items))).toBe("Alice created this room and Bob was invited");
    const later = [...items, notice("Alice", { type: "topic", value: "Green" })];
    expect(isolates(foldedSentence(later))).toBe("Alice created this room, Bob was invited, and Alice set the topic: Green");
  });
});
