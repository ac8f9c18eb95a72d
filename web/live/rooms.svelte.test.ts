import { flushSync } from "svelte";
import { afterEach, describe, expect, it } from "vitest";
import type { MessageItem, NoticeItem, Room } from "../src/matrix/types";
import { closeAll, pause, somebody, until, type Somebody } from "./people";

afterEach(closeAll);

const plain = (text: string) => ({ text, html: null, mentions: [], mentionsRoom: false, replyTo: null });
const messages = (room: Room) => room.timeline.items.filter((item): item is MessageItem => item.kind === "message");
const texts = (room: Room) => messages(room).map((item) => ("text" in item.body ? item.body.text : item.body.type));
const changes = (room: Room) => room.timeline.items.filter((item): item is NoticeItem => item.kind === "notice").map((item) => item.change);
const NEW = { name: "Garden", topic: "", avatar: null, isPublic: false, alias: "", invite: [], encrypted: false };

/** A room that both are in. */
async function together(ann: Somebody, bob: Somebody): Promise<[Room, Room]> {
  const room = await ann.matrix.rooms.create({ ...NEW, invite: [bob.id] });
  const there = await until(() => bob.matrix.rooms.invites[0]);
  await there.accept();
  await until(() => there.membership === "join" && room.memberCount === 2);
  return [room, there];
}

/** The room in another tab. */
async function inAgain(who: Somebody, room: Room): Promise<Room> {
  const matrix = await who.again();
  return until(() => matrix.rooms.get(room.id));
}

/** Follows a room as a screen does. */
function watch(room: Room): { stop: () => void; runs: number } {
  const seen = { stop: () => {}, runs: 0 };
  seen.stop = $effect.root(() => {
    $effect(() => {
      void room.timeline.items;
      seen.runs++;
    });
  });
  flushSync();
  return seen;
}

const sendMany = async (who: Somebody, room: Room, from: number, to: number) => {
  for (let at = from; at < to; at++) {
    await who.ask("PUT", `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}/send/m.room.message/${at}`, { msgtype: "m.text", body: `${at}` });
  }
};

describe("a timeline", () => {
  it("shows more of the past as one asks, to its beginning", async () => {
    const ann = await somebody("ann");
    const room = await ann.matrix.rooms.create(NEW);
    await sendMany(ann, room, 0, 70);
    await until(() => texts(room).at(-1) === "69");
    const fresh = await inAgain(ann, room);
    expect([texts(fresh).length < 30, fresh.timeline.hasOlder, fresh.timeline.atEnd]).toEqual([true, true, true]);
    const before = fresh.timeline.items;
    while (fresh.timeline.hasOlder) await fresh.timeline.loadOlder();
    expect(texts(fresh)).toEqual(Array.from({ length: 70 }, (_, at) => `${at}`));
    expect(changes(fresh)[0]).toEqual({ type: "created" });
    // What was there is the same as it was.
    expect(fresh.timeline.items.slice(-before.length)).toEqual(before);
    expect(fresh.timeline.items.at(-1)).toBe(before.at(-1));
  });

  it("jumps into the past and comes back, page by page or at once", async () => {
    const ann = await somebody("ann");
    const room = await ann.matrix.rooms.create(NEW);
    await sendMany(ann, room, 0, 90);
    await until(() => texts(room).at(-1) === "89");
    while (room.timeline.hasOlder) await room.timeline.loadOlder();
    const target = messages(room)[10]!;
    await room.timeline.react(target, "👍");
    await until(() => messages(room)[10]?.reactions.length === 1);
    const fresh = await inAgain(ann, room);
    await fresh.timeline.jump(target.id!);
    expect(fresh.timeline.atEnd).toBe(false);
    expect(texts(fresh)).toContain("10");
    expect(texts(fresh)).not.toContain("89");
    await until(() => messages(fresh).find((item) => item.id === target.id)?.reactions[0]?.mine);
    while (!fresh.timeline.atEnd) await fresh.timeline.loadNewer();
    expect(texts(fresh).slice(-3)).toEqual(["87", "88", "89"]);
    await fresh.timeline.jump(target.id!);
    await fresh.timeline.jumpToEnd();
    expect([fresh.timeline.atEnd, texts(fresh).at(-1)]).toEqual([true, "89"]);
    await expect(fresh.timeline.jump("$nothing")).rejects.toMatchObject({ kind: expect.stringMatching(/notFound|forbidden/) as string });
  });

  it("tells its watchers only when something they see has changed, and keeps the rest as it is", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const [room, there] = await together(ann, bob);
    await sendMany(bob, there, 0, 5);
    await until(() => texts(room).length === 5);
    const watcher = watch(room);
    const before = room.timeline.items;
    await bob.ask("PUT", `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}/send/m.room.message/last`, { msgtype: "m.text", body: "last" });
    await until(() => texts(room).includes("last"));
    flushSync();
    expect(room.timeline.items.slice(0, -1)).toEqual(before);
    before.forEach((item, at) => expect(room.timeline.items[at]).toBe(item));
    watcher.stop();
  });

  it("holds messages while the server is away, and sends them in order when it is back", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const [room, there] = await together(ann, bob);
    ann.cut(true);
    for (const text of ["one", "two", "three"]) await room.timeline.send(plain(text));
    await until(() => ann.matrix.connection.state === "offline");
    expect(messages(room).map((item) => [item.status, "text" in item.body && item.body.text])).toEqual([["sending", "one"], ["sending", "two"], ["sending", "three"]]);
    expect(room.last?.body).toMatchObject({ text: "three" });
    ann.cut(false);
    ann.matrix.connection.retry();
    await until(() => texts(there).length === 3, 20_000);
    expect(texts(there)).toEqual(["one", "two", "three"]);
    await until(() => messages(room).every((item) => item.status === "sent"));
    expect(ann.matrix.connection.state).toBe("online");
  });

  it("shows what was refused, sends it again when one may, and throws away what one gives up", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const [room, there] = await together(ann, bob);
    await room.setLevels({ send: 50 });
    await until(() => there.can.send === false);
    await there.timeline.send(plain("may I?"));
    await there.timeline.send(plain("or not"));
    const failed = await until(() => (messages(there).every((item) => item.status === "failed") ? messages(there) : null));
    expect(failed[0]?.error?.kind).toBe("forbidden");
    await room.setLevels({ send: 0 });
    await until(() => there.can.send);
    there.timeline.discard(failed[1]!);
    await there.timeline.resend(failed[0]!);
    await until(() => texts(room).includes("may I?"));
    await until(() => messages(there).length === 1 && messages(there)[0]?.status === "sent");
  });

  it("closes the gap after an outage without losing its place", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const [room, there] = await together(ann, bob);
    await sendMany(bob, there, 0, 10);
    await until(() => texts(room).length === 10);
    const watcher = watch(room);
    const first = room.timeline.items[0];
    ann.cut(true);
    await until(() => ann.matrix.connection.state === "offline");
    await sendMany(bob, there, 10, 50);
    ann.cut(false);
    ann.matrix.connection.retry();
    await until(() => texts(room).at(-1) === "49", 20_000);
    await until(() => texts(room).length === 50);
    expect(texts(room)).toEqual(Array.from({ length: 50 }, (_, at) => `${at}`));
    expect(room.timeline.items[0]).toBe(first);
    watcher.stop();
  });

  it("marks what is new and tells who has read it", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const [room, there] = await together(ann, bob);
    await sendMany(bob, there, 0, 3);
    await until(() => texts(room).length === 3 && room.unread.messages > 0);
    const third = messages(room)[2]!;
    const watching = watch(room);
    expect(room.timeline.readMarker).not.toBeNull();
    room.timeline.seen(third.id!);
    await until(() => room.unread.messages === 0);
    const own = await until(() => messages(there)[2]);
    await until(() => there.timeline.readers(own.id!).some((person) => person.id === ann.id));
    expect(there.timeline.readers(messages(there)[0]!.id!)).toEqual([]);
    watching.stop();
    await pause(20);
    await sendMany(bob, there, 3, 5);
    await until(() => texts(room).length === 5);
    const again = watch(room);
    expect(room.timeline.readMarker).toBe(third.id);
    again.stop();
    await room.markUnread();
    expect(room.unread.marked).toBe(true);
    await room.markRead();
    await until(() => !room.unread.marked && room.unread.messages === 0);
    await room.markUnread();
    await until(async () => (await inAgain(ann, room)).unread.marked);
    const looking = watch(room);
    await until(() => !room.unread.marked);
    looking.stop();
  });

  it("shows what is said in threads among the rest, and counts it", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const [room] = await together(ann, bob);
    await room.timeline.send(plain("Shall we?"));
    const root = await until(() => messages(room).find((item) => item.id));
    const thread = { rel_type: "m.thread", event_id: root.id, is_falling_back: true, "m.in_reply_to": { event_id: root.id } };
    await bob.ask("PUT", `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}/send/m.room.message/thread`, { msgtype: "m.text", body: "Yes", "m.relates_to": thread });
    await until(() => texts(room).join() === "Shall we?,Yes");
    expect(messages(room)[1]?.replyTo).toMatchObject({ id: root.id, body: { text: "Shall we?" } });
    await until(() => room.unread.messages === 1);
    await room.markRead();
    await until(async () => (await inAgain(ann, room)).unread.messages === 0);
  });

  it("shows that something is encrypted, and that it can't send into such a room", async () => {
    const ann = await somebody("ann");
    const room = await ann.matrix.rooms.create(NEW);
    const secret = { algorithm: "m.megolm.v1.aes-sha2", ciphertext: "AwgAEn", session_id: "s", sender_key: "k", device_id: "d" };
    await ann.ask("PUT", `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}/send/m.room.encrypted/1`, secret);
    await until(() => messages(room)[0]?.body.type === "encrypted");
    await ann.ask("PUT", `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}/state/m.room.encryption/`, { algorithm: "m.megolm.v1.aes-sha2" });
    await until(() => room.encrypted && changes(room).some((change) => change.type === "encryption"));
    await room.timeline.send(plain("hello?"));
    await until(() => messages(room)[1]?.status === "failed");
  });

  it("shows that somebody types", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const [room, there] = await together(ann, bob);
    there.timeline.setTyping(true);
    await until(() => room.typing[0]?.id === bob.id);
    there.timeline.setTyping(false);
    await until(() => room.typing.length === 0);
  });
});

describe("members", () => {
  it("are kicked with a reason, which they see, and may come back", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const [room, there] = await together(ann, bob);
    await room.members.load();
    const bobThere = await until(() => room.members.joined.find((member) => member.id === bob.id));
    expect(bobThere).toMatchObject({ role: "member", canKick: true, canBan: true, isMe: false });
    expect(room.members.joined[0]).toMatchObject({ id: ann.id, isMe: true, canKick: false });
    await room.members.kick(bob.id, "too loud");
    await until(() => there.membership === "leave");
    expect(there.farewell).toMatchObject({ kind: "kicked", reason: "too loud", by: { id: ann.id } });
    expect(bob.matrix.rooms.joined).toEqual([]);
    expect(bob.matrix.rooms.removed).toEqual([there]);
    await until(() => changes(room).some((change) => change.type === "kicked"));
    await room.members.ban(bob.id, "");
    await until(() => room.members.banned.length === 1 && there.farewell?.kind === "banned");
    await room.members.unban(bob.id);
    await until(() => room.members.banned.length === 0);
    await room.members.invite(bob.id);
    await until(() => bob.matrix.rooms.invites.length === 1);
    await bob.matrix.rooms.invites[0]!.decline();
    expect(bob.matrix.rooms.invites).toEqual([]);
    await until(() => changes(room).some((change) => change.type === "declined"));
  });

  it("are given power, and use it", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const [room, there] = await together(ann, bob);
    expect(there.can.rename).toBe(false);
    await room.members.setPower(bob.id, 50);
    await until(() => there.can.rename);
    expect(there.members.get(bob.id)).toMatchObject({ role: "moderator", power: 50 });
    await there.setName("Orchard");
    expect(there.name).toBe("Orchard");
    await until(() => room.name === "Orchard");
    await room.setLevels({ settings: 100 });
    await expect(there.setJoinRule("public")).rejects.toMatchObject({ kind: "forbidden" });
    expect(there.joinRule).toBe("invite");
  });
});

describe("rooms", () => {
  it("are made public, found, summed up and joined", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const alias = `garden${Date.now()}`;
    const room = await ann.matrix.rooms.create({ ...NEW, name: `Garden ${alias}`, topic: "Roses", isPublic: true, alias });
    expect(await ann.matrix.directory.isFree(alias)).toBe(false);
    expect(await ann.matrix.directory.isFree(`${alias}x`)).toBe(true);
    expect([room.isPublic, await room.isListed()]).toEqual([true, true]);
    const found = await until(async () => (await bob.matrix.directory.search(alias)).rooms[0]);
    expect(found).toMatchObject({ id: room.id, topic: "Roses", memberCount: 1, joinRule: "public", membership: null });
    expect(await bob.matrix.directory.summary(alias)).toMatchObject({ id: room.id });
    const there = await bob.matrix.rooms.join(alias);
    expect([there.id, there.alias]).toEqual([room.id, room.alias]);
    await there.leave();
    await until(() => bob.matrix.rooms.joined.length === 0);
    await until(() => there.farewell?.kind === "left");
  });

  it("are knocked at, where that is the rule", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const room = await ann.matrix.rooms.create(NEW);
    await room.setJoinRule("knock");
    await until(() => room.joinRule === "knock");
    await bob.matrix.rooms.knock(room.id, "It's Bob");
    expect(bob.matrix.rooms.knocked.map((one) => one.id)).toEqual([room.id]);
    await until(() => room.members.knocking.length === 1);
    await room.members.invite(bob.id);
    const invite = await until(() => bob.matrix.rooms.invites[0]);
    await invite.accept();
    await until(() => bob.matrix.rooms.joined.length === 1);
  });

  it("are sorted, favourites told apart, drafts kept, settings shown at once", async () => {
    const ann = await somebody("ann");
    const first = await ann.matrix.rooms.create({ ...NEW, name: "First" });
    const second = await ann.matrix.rooms.create({ ...NEW, name: "Second" });
    await until(() => ann.matrix.rooms.joined[0] === second);
    await first.timeline.send(plain("up"));
    expect(ann.matrix.rooms.joined[0]).toBe(first);
    const favourite = first.setFavourite(true);
    expect(first.favourite).toBe(true);
    await favourite;
    await first.setLowPriority(true);
    await until(() => first.lowPriority && !first.favourite);
    second.draft = "half a sentence";
    const other = await inAgain(ann, second);
    expect(other.draft).toBe("half a sentence");
    const topic = second.setTopic("Plans");
    expect(second.topic).toBe("Plans");
    await topic;
    await second.setHistory("joined");
    await until(() => other.topic === "Plans" && other.history === "joined");
  });

  it("are muted by push rules", async () => {
    const ann = await somebody("ann");
    const room = await ann.matrix.rooms.create(NEW);
    for (const level of ["none", "mentions", "all", "default"] as const) {
      await room.setNotify(level);
      await until(() => room.notify === level);
    }
    await ann.matrix.notifications.setLevel("mentions");
    expect(ann.matrix.notifications.level).toBe("mentions");
  });
});
