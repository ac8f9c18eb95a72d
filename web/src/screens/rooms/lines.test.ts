import { beforeAll, describe, expect, it } from "vitest";
import { loadWords, setLanguage } from "../../i18n/i18n.svelte";
import { app } from "../../i18n/parts";
import type { LastLine, Person, Room } from "../../matrix/types";
import { lineOf, short, typingLine } from "./lines";

const person = (name: string) => ({ id: `@${name}:x`, name }) as Person;
const file = { mxc: null, name: "plan.pdf", size: null, mime: "", local: null };
const group = { friend: null, typing: [] } as unknown as Room;
const direct = { friend: person("Bob"), typing: [] } as unknown as Room;
const said = (body: LastLine["body"], mine = false): LastLine => ({ sender: person(mine ? "Me" : "Bob"), mine, body, at: 0 });

beforeAll(async () => {
  await setLanguage("en");
  await loadWords(app);
});

describe("lineOf", () => {
  const text = { type: "text", text: "hi\n\n  there", html: null } as const;
  it("says who speaks where that is not clear", () => {
    expect(lineOf(group, said(text))).toEqual({ who: "Bob", icon: null, text: "hi there", faint: false });
    expect(lineOf(direct, said(text)).who).toBe("");
    expect(lineOf(direct, said(text, true)).who).toBe("You");
    expect(lineOf(group, said({ ...text, type: "emote" }))).toMatchObject({ who: "", text: "Bob hi there" });
  });
  it("names what has no words, by its caption or name if it has one", () => {
    const picture = { type: "image", file, width: 1, height: 1, thumbnail: null, caption: "" } as const;
    expect(lineOf(direct, said(picture))).toMatchObject({ icon: "image", text: "Photo" });
    expect(lineOf(direct, said({ ...picture, caption: "the sea" }))).toMatchObject({ icon: "image", text: "the sea" });
    expect(lineOf(direct, said({ type: "file", file, caption: "" }))).toMatchObject({ icon: "file", text: "plan.pdf" });
    expect(lineOf(direct, said({ type: "redacted" }))).toMatchObject({ text: "Message deleted", faint: true });
  });
});

describe("short", () => {
  it("keeps to one line, and ends", () => {
    expect(short(" a\n\tb ")).toBe("a b");
    expect(short("x".repeat(100_000), 10)).toBe(`${"x".repeat(10)}…`);
  });
  it("does not cut an emoji in two", () => {
    expect(short("😀".repeat(20), 5)).toBe("😀😀…");
  });
});

describe("typingLine", () => {
  const typing = (...names: string[]) => ({ ...group, typing: names.map(person) }) as Room;
  it("names up to two", () => {
    expect(typingLine(typing())).toBe("");
    expect(typingLine(typing("Bob"))).toBe("Bob is typing…");
    expect(typingLine(typing("Bob", "Carol"))).toBe("Bob and Carol are typing…");
    expect(typingLine(typing("Bob", "Carol", "Dave"))).toBe("Several people are typing…");
  });
  it("does not repeat the name of a friend", () => {
    expect(typingLine({ ...direct, typing: [person("Bob")] } as unknown as Room)).toBe("typing…");
  });
});
