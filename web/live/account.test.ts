import { afterEach, describe, expect, it } from "vitest";
import type { MessageItem, Room } from "../src/matrix/types";
import { closeAll, PASSWORD, somebody, until, type Somebody } from "./people";

afterEach(closeAll);

const PIXEL = Uint8Array.from(atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="), (char) => char.charCodeAt(0));
const picture = () => new File([PIXEL], "pixel.png", { type: "image/png" });
const messages = (room: Room) => room.timeline.items.filter((item): item is MessageItem => item.kind === "message");
const NEW = { name: "Garden", topic: "", avatar: null, isPublic: false, alias: "", invite: [], encrypted: false };

async function logIn(who: Somebody): Promise<{ device_id: string; access_token: string }> {
  return who.ask("POST", "/_matrix/client/v3/login", { type: "m.login.password", identifier: { type: "m.id.user", user: who.id }, password: PASSWORD });
}

describe("oneself", () => {
  it("takes a name and a picture, which others see", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const room = await ann.matrix.rooms.create({ ...NEW, invite: [bob.id] });
    await (await until(() => bob.matrix.rooms.invites[0])).accept();
    const there = await until(() => bob.matrix.rooms.get(room.id));
    await ann.matrix.me.setName("Ann of the Garden");
    expect(ann.matrix.me.name).toBe("Ann of the Garden");
    await ann.matrix.me.setAvatar(picture());
    expect(ann.matrix.me.avatar).toMatch(/^mxc:/);
    await until(() => there.members.get(ann.id)?.name === "Ann of the Garden" && there.members.get(ann.id)?.avatar === ann.matrix.me.avatar);
    expect(await bob.matrix.people.fetch(ann.id)).toMatchObject({ name: "Ann of the Garden" });
    await ann.matrix.me.setAvatar(null);
    await until(() => there.members.get(ann.id)?.avatar === null);
    await expect(bob.matrix.people.fetch("@nobody-at-all:localhost")).rejects.toMatchObject({ kind: "notFound" });
  });

  it("is found by others, by name and by ID, but not by oneself", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const name = `Zoë ${Date.now()}`;
    await ann.matrix.me.setName(name);
    await until(async () => (await bob.matrix.people.search(name)).some((person) => person.id === ann.id));
    expect((await bob.matrix.people.search(ann.id))[0]?.id).toBe(ann.id);
    expect(await ann.matrix.people.search(ann.id)).toEqual([]);
    expect(await bob.matrix.people.search("@nobody-at-all:localhost")).toEqual([]);
  });

  it("changes the password, with the right one only", async () => {
    const ann = await somebody("ann");
    await expect(ann.matrix.me.setPassword("wrong", "another password", false)).rejects.toMatchObject({ kind: "forbidden" });
    await ann.matrix.me.setPassword(PASSWORD, "another password", false);
    await expect(logIn(ann)).rejects.toThrow("M_FORBIDDEN");
  });

  it("sees its sessions, names them and ends others", async () => {
    const ann = await somebody("ann");
    const other = await logIn(ann);
    const devices = await ann.matrix.devices.list();
    expect(devices.map((device) => device.current)).toEqual([true, false]);
    await ann.matrix.devices.rename(other.device_id, "Old phone");
    expect((await ann.matrix.devices.list())[1]).toMatchObject({ id: other.device_id, name: "Old phone" });
    await expect(ann.matrix.devices.signOut([other.device_id], "wrong")).rejects.toMatchObject({ kind: "forbidden" });
    await ann.matrix.devices.signOut([other.device_id], PASSWORD);
    expect(await ann.matrix.devices.list()).toHaveLength(1);
  });

  it("signs out, here and once only", async () => {
    const ann = await somebody("ann");
    const room = await ann.matrix.rooms.create(NEW);
    room.draft = "half a word";
    await ann.matrix.signOut();
    expect(ann.matrix.connection.state).toBe("signedOut");
    expect(Object.keys(localStorage).filter((key) => key.includes(ann.id))).toEqual([]);
    await expect(ann.ask("GET", "/_matrix/client/v3/account/whoami")).rejects.toThrow("M_UNKNOWN_TOKEN");
    await ann.matrix.signOut();
  });

  it("is told when the session was ended elsewhere", async () => {
    const ann = await somebody("ann");
    const { access_token } = await logIn(ann);
    expect(access_token).not.toBe(ann.session.accessToken);
    await ann.ask("POST", "/_matrix/client/v3/logout/all", {});
    await until(() => ann.matrix.connection.state === "signedOut", 40_000);
    expect(ann.matrix.connection.soft).toBe(false);
    await expect(ann.matrix.me.setName("x")).rejects.toMatchObject({ kind: "unknownToken" });
  });

  it("ignores somebody, whose words vanish", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const room = await ann.matrix.rooms.create({ ...NEW, invite: [bob.id] });
    const there = await until(() => bob.matrix.rooms.invites[0]);
    await there.accept();
    await there.timeline.send({ text: "hm", html: null, mentions: [], mentionsRoom: false, replyTo: null });
    await until(() => messages(room).length === 1);
    await ann.matrix.people.setIgnored(bob.id, true);
    expect(ann.matrix.people.ignored).toEqual([bob.id]);
    expect(messages(room)).toEqual([]);
    await ann.matrix.people.setIgnored(bob.id, false);
    expect(messages(room).length).toBe(1);
  });
});

describe("files", () => {
  it("are sent with progress, seen, and fetched with the token", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const room = await ann.matrix.rooms.create({ ...NEW, invite: [bob.id] });
    await (await until(() => bob.matrix.rooms.invites[0])).accept();
    const there = await until(() => bob.matrix.rooms.get(room.id));
    await room.timeline.sendFile(picture(), { caption: "a pixel" });
    expect(messages(room)[0]).toMatchObject({ status: "sending", body: { type: "image", file: { mxc: null, name: "pixel.png" } } });
    const item = await until(() => messages(there)[0]);
    expect(item.body).toMatchObject({ type: "image", caption: "a pixel", file: { name: "pixel.png", size: PIXEL.length, mime: "image/png" } });
    const file = "file" in item.body ? item.body.file : null;
    const blob = await bob.matrix.media.download(file?.mxc ?? "");
    expect(blob.size).toBe(PIXEL.length);
    const held = bob.matrix.media.hold(file?.mxc ?? "");
    await until(() => held.url);
    expect(bob.matrix.media.hold(file?.mxc ?? "").url).toBe(held.url);
    held.release();
    const missing = bob.matrix.media.hold("mxc://localhost/nothing");
    await until(() => missing.failed);
  });

  it("are not sent once one has thought better of it", async () => {
    const ann = await somebody("ann");
    const room = await ann.matrix.rooms.create(NEW);
    const abort = new AbortController();
    await room.timeline.sendFile(picture(), { signal: abort.signal });
    abort.abort();
    expect(messages(room)).toEqual([]);
  });
});

describe("notifications", () => {
  it("ring for what others write, not for oneself, and not where it is silenced", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const room = await ann.matrix.rooms.create({ ...NEW, invite: [bob.id] });
    await (await until(() => bob.matrix.rooms.invites[0])).accept();
    const there = await until(() => bob.matrix.rooms.get(room.id));
    const rung: string[] = [];
    const stop = ann.matrix.notifications.onEvent((_room, item) => rung.push("text" in item.body ? item.body.text : ""));
    const say = (who: Room, text: string, mentions: string[] = []) => who.timeline.send({ text, html: null, mentions, mentionsRoom: false, replyTo: null });
    await say(room, "mine");
    await say(there, "one");
    await until(() => rung.length === 1);
    await room.setNotify("mentions");
    await say(there, "two");
    await say(there, "three", [ann.id]);
    await until(() => rung.length === 2);
    stop();
    await say(there, "four", [ann.id]);
    await until(() => messages(room).length === 5);
    expect(rung).toEqual(["one", "three"]);
    await until(() => room.unread.mentions === 2);
  });
});
