import { flushSync } from "svelte";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import "../../../dev/jsdom";
import { FakeMatrix, FakeMember, FakeRoom } from "../../../dev/fake.svelte";
import { loadWords } from "../../../i18n/i18n.svelte";
import { app } from "../../../i18n/parts";
import type { MessageItem, OutgoingText, Timeline, TimelineItem } from "../../../matrix/types";
import { dismiss, shownToasts } from "../../../ui/toasts.svelte";
import { Conversation } from "../conversation.svelte";
import { Writer } from "./writer.svelte";

URL.createObjectURL = () => "blob:x";
URL.revokeObjectURL = () => undefined;

/** What reaches the timeline, in order. */
type Sent = { readonly text: string; readonly html: string | null; readonly mentions?: readonly string[] } | { readonly file: string; readonly caption: string } | { readonly edit: string } | { readonly gone: string };

class Room extends FakeRoom {
  readonly sent: Sent[] = [];
  readonly typed: boolean[] = [];
  items: readonly TimelineItem[] = [];

  override get timeline(): Timeline {
    const { sent, typed, items } = this;
    return {
      items,
      send: async ({ text, html, mentions }: OutgoingText) => void sent.push({ text, html, ...(mentions.length > 0 ? { mentions } : {}) }),
      sendFile: async (file: File, { caption = "" } = {}) => void sent.push({ file: file.name, caption }),
      edit: async (_item: MessageItem, { text }: OutgoingText) => void sent.push({ edit: text }),
      redact: async (item: MessageItem) => void sent.push({ gone: item.key }),
      setTyping: (on: boolean) => void typed.push(on),
    } as unknown as Timeline;
  }
}

function mine(text: string): MessageItem {
  return { kind: "message", key: "k", id: "$k", mine: true, canEdit: true, body: { type: "text", text, html: null } } as unknown as MessageItem;
}

let room: Room;
let conversation: Conversation;
let writer: Writer;

function write(text: string): void {
  writer.text = text;
  writer.typed();
  writer.send();
}

/** Lets what waits for the parser come to its end. */
async function settled(count: number): Promise<readonly Sent[]> {
  await expect.poll(() => room.sent.length, { timeout: 5000 }).toBe(count);
  return room.sent;
}

beforeAll(() => loadWords(app));

beforeEach(() => {
  for (const { id } of shownToasts()) dismiss(id);
  const matrix = new FakeMatrix();
  room = new Room("!room", "Garden");
  room.members.all = [new FakeMember(matrix.me, true), new FakeMember(matrix.person("bob", "Bob"), false)];
  conversation = new Conversation(matrix, room);
  writer = new Writer(conversation);
});

describe("what one writes", () => {
  it("goes in the order in which it was sent, although some waits for the parser", async () => {
    write("**first**");
    write("second");
    expect(writer.text).toBe("");
    expect(await settled(2)).toEqual([
      { text: "**first**", html: "<strong>first</strong>" },
      { text: "second", html: null },
    ]);
  });

  it("names whom it names", async () => {
    write("hi @bob");
    expect(await settled(1)).toEqual([{ text: "hi @bob", html: expect.stringContaining("%40bob%3Asalon.test") as string, mentions: ["@bob:salon.test"] }]);
  });

  it("is nothing where there are only blanks", () => {
    write("  \n ");
    expect(room.sent).toEqual([]);
  });

  it("stands beside the first of the files that go with it", async () => {
    writer.files.add([new File(["a"], "a.txt"), new File(["b"], "b.txt")]);
    write("look");
    expect(await settled(2)).toEqual([
      { file: "a.txt", caption: "look" },
      { file: "b.txt", caption: "" },
    ]);
    expect(writer.files.list).toEqual([]);
  });

  it("is offered as a file where it is too long for a message, and stays meanwhile", () => {
    write("é".repeat(40_000));
    expect(room.sent).toEqual([]);
    expect(writer.text).toHaveLength(40_000);
    shownToasts().at(-1)?.action?.run();
    expect(writer.text).toBe("");
    expect(writer.files.list.map(({ file }) => file.type)).toEqual(["text/plain"]);
  });

  it("is kept as a draft, until it is sent", async () => {
    writer.text = "half a";
    writer.typed();
    writer.keepDraft();
    expect(room.draft).toBe("half a");
    expect(new Writer(conversation).text).toBe("half a");
    writer.send();
    expect(room.draft).toBe("");
  });

  it("tells that one types, and that one has stopped", () => {
    write("x");
    expect(room.typed).toEqual([true, false]);
    writer.text = "/me secretly";
    writer.typed();
    expect(room.typed.at(-1)).toBe(false);
  });
});

describe("an edit", () => {
  function edit(text: string): void {
    conversation.edit(mine("before"));
    writer.beginEdit(mine("before"));
    writer.text = text;
    writer.send();
    writer.endEdit();
    flushSync();
  }

  it("replaces the message, and gives back what was being written", async () => {
    writer.text = "half a";
    edit("after");
    expect(await settled(1)).toEqual([{ edit: "after" }]);
    expect(writer.text).toBe("half a");
    expect(conversation.editing).toBeNull();
  });

  it("that changes nothing sends nothing", () => {
    edit("before ");
    expect(room.sent).toEqual([]);
  });

  it("that leaves no word deletes the message, unless it is undone", () => {
    edit(" ");
    expect(conversation.deleted.has("k")).toBe(true);
    shownToasts().at(-1)?.action?.run();
    expect(conversation.deleted.has("k")).toBe(false);
    expect(room.sent).toEqual([]);
  });
});
