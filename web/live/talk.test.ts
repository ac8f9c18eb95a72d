import { afterAll, describe, expect, it } from "vitest";
import type { MessageItem, Room } from "../src/matrix/types";
import { closeAll, somebody, until } from "./people";

afterAll(closeAll);

const plain = (text: string) => ({ text, html: null, mentions: [], mentionsRoom: false, replyTo: null });
const messages = (room: Room) => room.timeline.items.filter((item): item is MessageItem => item.kind === "message");
const texts = (room: Room) => messages(room).map((item) => ("text" in item.body ? item.body.text : item.body.type));

describe("two people in a room", () => {
  it("talk, answer, react, edit and take back, each as the other watches", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const room = await ann.matrix.rooms.create({ name: "Garden", topic: "Roses", avatar: null, isPublic: false, alias: "", invite: [bob.id], encrypted: false });
    expect([room.name, room.topic, room.membership, room.can.rename]).toEqual(["Garden", "Roses", "join", true]);
    expect(ann.matrix.rooms.joined).toContain(room);

    const invite = await until(() => bob.matrix.rooms.invites[0]);
    expect([invite.name, invite.invite?.by.id]).toEqual(["Garden", ann.id]);
    await invite.accept();
    const there = await until(() => bob.matrix.rooms.joined[0]);
    expect(bob.matrix.rooms.invites).toEqual([]);

    await room.timeline.send(plain("hello"));
    expect(messages(room).at(-1)).toMatchObject({ status: "sending", mine: true, id: null });
    const key = messages(room).at(-1)?.key;
    await until(() => texts(there).includes("hello"));
    const mine = await until(() => messages(room).find((item) => item.status === "sent"));
    expect(mine.key).toBe(key);
    await until(() => there.last?.body.type === "text");

    const heard = messages(there).at(-1) as MessageItem;
    await there.timeline.send({ ...plain("hi yourself"), replyTo: heard });
    const answer = await until(() => messages(room).find((item) => item.replyTo));
    expect(answer.replyTo).toMatchObject({ id: heard.id, body: { type: "text", text: "hello" } });
    expect(answer.mentionsMe).toBe(true);

    await there.timeline.react(heard, "🌹");
    expect(messages(there)[0]?.reactions).toMatchObject([{ key: "🌹", mine: true }]);
    await until(() => messages(room)[0]?.reactions[0]?.people[0]?.id === bob.id);
    await there.timeline.react(messages(there)[0] as MessageItem, "🌹");
    await until(() => messages(room)[0]?.reactions.length === 0);

    await room.timeline.edit(messages(room)[0] as MessageItem, plain("hello there"));
    await until(() => texts(there)[0] === "hello there");
    expect(messages(there)[0]).toMatchObject({ edited: true, canEdit: false });

    await room.timeline.redact(messages(room)[0] as MessageItem, "too loud");
    const gone = await until(() => messages(there)[0]?.redacted);
    expect([gone.by.id, gone.reason]).toEqual([ann.id, "too loud"]);
  });
});
