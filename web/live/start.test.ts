import { afterEach, expect, inject, it } from "vitest";
import { openMatrix } from "../src/matrix";
import type { Snapshot, Vault } from "../src/matrix/store";
import { closeAll, pause, somebody, until } from "./people";

afterEach(closeAll);

const NEW = { name: "Garden", topic: "", avatar: null, isPublic: false, alias: "", invite: [], encrypted: false };

class MemoryVault implements Vault {
  kept: Snapshot | null = null;
  async read() {
    return structuredClone(this.kept);
  }
  async write(snapshot: Snapshot) {
    this.kept = structuredClone(snapshot);
  }
  async clear() {
    this.kept = null;
  }
}

it("a session that was left is there again before the server has answered", async () => {
  const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
  const vault = new MemoryVault();
  const open = () => openMatrix(ann.session, { baseUrl: inject("baseUrl"), vault });
  const first = await open();
  await until(() => first.rooms.ready);
  const room = await first.rooms.create({ ...NEW, invite: [bob.id] });
  const other = await first.rooms.create({ ...NEW, name: "Orchard" });
  await room.timeline.send({ text: "hello", html: null, mentions: [], mentionsRoom: false, replyTo: null });
  await until(() => room.last?.body.type === "text");
  await (await until(() => bob.matrix.rooms.invites[0])).accept();
  await room.members.setPower(bob.id, 100);
  await until(() => room.members.get(bob.id)?.power === 100);
  first.stop();
  await until(() => vault.kept);

  ann.cut(true);
  const second = await open();
  await until(() => second.rooms.ready);
  expect(second.rooms.joined.map((one) => one.name).sort()).toEqual(["Garden", "Orchard"]);
  expect(second.rooms.get(room.id)?.last?.body).toMatchObject({ text: "hello" });
  // Meanwhile they are put out of one room: it is told when they are back.
  const there = bob.matrix.rooms.get(room.id)!;
  await there.timeline.send({ text: "bye", html: null, mentions: [], mentionsRoom: false, replyTo: null });
  ann.cut(false);
  second.connection.retry();
  await until(() => second.rooms.get(room.id)?.last?.body.type === "text" && (second.rooms.get(room.id)?.last?.body as { text: string }).text === "bye");
  await second.rooms.get(other.id)!.leave();
  await until(() => second.rooms.joined.length === 1);
  second.stop();
});

it("who was put out of a room while away learns of it, and after a reload still", async () => {
  const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
  const vault = new MemoryVault();
  const open = () => openMatrix(bob.session, { baseUrl: inject("baseUrl"), vault });
  const first = await open();
  await until(() => first.rooms.ready);
  const room = await ann.matrix.rooms.create({ ...NEW, invite: [bob.id] });
  await (await until(() => first.rooms.invites[0])).accept();
  first.stop();
  await until(() => vault.kept);
  await room.members.kick(bob.id, "Enough");
  for (let start = 0; start < 2; start++) {
    const again = await open();
    const gone = await until(() => again.rooms.removed[0]);
    expect(gone.farewell).toMatchObject({ kind: "kicked", reason: "Enough", by: { id: ann.id } });
    expect(again.rooms.joined).toEqual([]);
    // What comes from the snapshot is there before the first sync: that is let happen, too.
    await pause(300);
    again.stop();
    await until(() => vault.kept && Object.keys(vault.kept.sync.roomsData.leave).length === 1);
  }
});

it("a snapshot that the server knows nothing of is let go", async () => {
  const ann = await somebody("ann");
  const vault = new MemoryVault();
  const open = () => openMatrix(ann.session, { baseUrl: inject("baseUrl"), vault });
  const first = await open();
  await until(() => first.rooms.ready);
  await first.rooms.create(NEW);
  first.stop();
  const kept = await until(() => vault.kept);
  vault.kept = { ...kept, sync: { ...kept.sync, nextBatch: "no-token-at-all" } };
  const second = await open();
  await until(() => second.rooms.ready);
  const room = await second.rooms.create({ ...NEW, name: "Orchard" });
  await until(() => second.rooms.joined.includes(room));
  second.stop();
});

it("a session that was ended while nobody looked says so, and leaves no request that fails unheard", async () => {
  const ann = await somebody("ann");
  const vault = new MemoryVault();
  const open = () => openMatrix(ann.session, { baseUrl: inject("baseUrl"), vault });
  const first = await open();
  await until(() => first.rooms.ready);
  first.stop();
  await until(() => vault.kept);
  await ann.matrix.signOut();
  const second = await open();
  await until(() => second.connection.state === "signedOut");
  second.stop();
  // An uncaught rejection fails the test.
  await pause(300);
});
