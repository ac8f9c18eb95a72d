import { afterEach, describe, expect, it } from "vitest";
import { closeAll, pause, somebody, until, type Somebody } from "./people";

afterEach(closeAll);

/** What the server keeps of it; an empty one may be kept as none. */
const direct = (who: Somebody) =>
  who.ask<Record<string, string[]>>("GET", `/_matrix/client/v3/user/${encodeURIComponent(who.id)}/account_data/m.direct`).catch(() => ({}) as Record<string, string[]>);
const friendsOf = (who: Somebody) => who.matrix.friends.list.map((friend) => friend.person.id);
const areFriends = (a: Somebody, b: Somebody) => friendsOf(a).includes(b.id) && friendsOf(b).includes(a.id);

async function two(): Promise<[Somebody, Somebody]> {
  const [one, other] = await Promise.all([somebody("p"), somebody("q")]);
  return one.id < other.id ? [one, other] : [other, one];
}

async function befriend(a: Somebody, b: Somebody): Promise<void> {
  await a.matrix.friends.add(b.id);
  await b.matrix.friends.accept(await until(() => b.matrix.friends.received[0]));
  await until(() => areFriends(a, b));
}

describe("a friend request", () => {
  it("is sent with a note, seen on the other side, and accepted", async () => {
    const [ann, bob] = await two();
    const room = await ann.matrix.friends.add(bob.id, "It's Ann from the choir");
    expect(ann.matrix.friends.relation(bob.id)).toBe("sent");
    expect(ann.matrix.friends.sent[0]).toMatchObject({ note: "It's Ann from the choir" });
    expect(room.friend?.id).toBe(bob.id);
    // Nobody has said anything in it: it is a request, no conversation.
    expect(ann.matrix.rooms.joined).toEqual([]);

    const request = await until(() => bob.matrix.friends.received[0]);
    expect([request.person.id, request.note]).toEqual([ann.id, "It's Ann from the choir"]);
    expect(bob.matrix.rooms.invites).toEqual([]);
    expect(bob.matrix.rooms.attention).toBe(1);
    const there = await bob.matrix.friends.accept(request);
    await until(() => areFriends(ann, bob));
    expect(bob.matrix.rooms.attention).toBe(0);
    expect([there.friend?.id, there.id]).toEqual([ann.id, room.id]);
    expect(await direct(ann)).toEqual({ [bob.id]: [room.id] });
    expect(await direct(bob)).toEqual({ [ann.id]: [room.id] });
    // Who asked gives the other all that they may themselves.
    await until(() => there.can.levels && there.levels);
  });

  it("can be declined, and sent again to the same room", async () => {
    const [ann, bob] = await two();
    const room = await ann.matrix.friends.add(bob.id);
    await bob.matrix.friends.decline(await until(() => bob.matrix.friends.received[0]));
    expect(bob.matrix.friends.received).toEqual([]);
    await until(() => ann.matrix.friends.relation(bob.id) === "none");
    expect((await ann.matrix.friends.add(bob.id, "Please")).id).toBe(room.id);
    const again = await until(() => bob.matrix.friends.received[0]);
    expect([again.room.id, again.note]).toEqual([room.id, "Please"]);
    await bob.matrix.friends.accept(again);
    await until(() => areFriends(ann, bob));
  });

  it("that was declined is forgotten once the other asks back", async () => {
    const [ann, bob] = await two();
    const mine = await ann.matrix.friends.add(bob.id);
    await bob.matrix.friends.decline(await until(() => bob.matrix.friends.received[0]));
    await until(() => ann.matrix.friends.sent.length === 0);
    const theirs = await bob.matrix.friends.add(ann.id);
    await ann.matrix.friends.accept(await until(() => ann.matrix.friends.received[0]));
    await until(() => areFriends(ann, bob));
    await until(() => ann.matrix.rooms.get(mine.id) === null);
    await until(async () => (await direct(ann))[bob.id]?.join() === theirs.id);
  });

  it("can be cancelled before it is answered", async () => {
    const [ann, bob] = await two();
    await ann.matrix.friends.add(bob.id);
    await until(() => bob.matrix.friends.received[0]);
    await ann.matrix.friends.cancel(ann.matrix.friends.sent[0]!);
    await until(() => bob.matrix.friends.received.length === 0);
    await until(() => ann.matrix.friends.relation(bob.id) === "none");
    expect(await direct(ann)).toEqual({});
    // Bob was never in: there is nothing that he was put out of.
    expect(bob.matrix.rooms.removed).toEqual([]);
  });

  it("that they have just accepted is not cancelled: nobody is thrown out", async () => {
    const [ann, bob] = await two();
    const room = await ann.matrix.friends.add(bob.id);
    const request = ann.matrix.friends.sent[0]!;
    await until(() => bob.matrix.friends.received[0]);
    await bob.ask("POST", `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}/join`, {});
    await expect(ann.matrix.friends.cancel(request)).rejects.toMatchObject({ name: "MatrixError" });
    await until(() => friendsOf(ann).includes(bob.id));
  });

  it("fails with a word when it was withdrawn while one accepted", async () => {
    const [ann, bob] = await two();
    await ann.matrix.friends.add(bob.id);
    const request = await until(() => bob.matrix.friends.received[0]);
    const withdrawn = ann.matrix.friends.cancel(ann.matrix.friends.sent[0]!);
    await until(async () => (await ann.ask<{ membership: string }>("GET", `/_matrix/client/v3/rooms/${encodeURIComponent(request.room.id)}/state/m.room.member/${encodeURIComponent(bob.id)}`).catch(() => ({ membership: "leave" }))).membership === "leave");
    // By then it may have been forgotten.
    await expect(bob.matrix.friends.accept(request)).rejects.toMatchObject({ kind: expect.stringMatching(/^(forbidden|notFound)$/) });
    await withdrawn;
    await until(() => bob.matrix.friends.received.length === 0 && bob.matrix.friends.relation(ann.id) === "none");
  });

  it("is accepted where one would ask who has asked already", async () => {
    const [ann, bob] = await two();
    const room = await ann.matrix.friends.add(bob.id);
    await until(() => bob.matrix.friends.received[0]);
    expect((await bob.matrix.friends.add(ann.id)).id).toBe(room.id);
    await until(() => areFriends(ann, bob));
  });
});

describe("both ask at once", () => {
  it("and one conversation stays, that of the smaller ID", async () => {
    const [small, large] = await two();
    const [kept, gone] = await Promise.all([small.matrix.friends.add(large.id), large.matrix.friends.add(small.id)]);
    if (kept.id !== gone.id) await until(() => small.matrix.rooms.get(gone.id) === null && large.matrix.rooms.get(gone.id) === null);
    await until(() => areFriends(small, large));
    expect(small.matrix.friends.list[0]?.room.id).toBe(kept.id);
    expect(large.matrix.friends.list[0]?.room.id).toBe(kept.id);
    await until(async () => (await direct(small))[large.id]?.join() === kept.id && (await direct(large))[small.id]?.join() === kept.id);
    if (kept.id !== gone.id) expect(gone.successor).toBe(kept.id);
    for (const who of [small, large]) expect(who.matrix.friends.received.length + who.matrix.friends.sent.length).toBe(0);
  });
});

describe("friends no more", () => {
  it("one who leaves is a friend no more, and may be asked again", async () => {
    const [ann, bob] = await two();
    await befriend(ann, bob);
    await bob.matrix.friends.remove(ann.id);
    expect(bob.matrix.friends.relation(ann.id)).toBe("none");
    await until(() => ann.matrix.friends.relation(bob.id) === "none");
    await ann.matrix.friends.add(bob.id);
    await bob.matrix.friends.accept(await until(() => bob.matrix.friends.received[0]));
    await until(() => areFriends(ann, bob));
  });

  it("who is blocked can ask as often as they like", async () => {
    const [ann, bob] = await two();
    await ann.matrix.friends.add(bob.id);
    await until(() => bob.matrix.friends.received[0]);
    await bob.matrix.friends.block(ann.id);
    expect([bob.matrix.friends.relation(ann.id), bob.matrix.friends.received.length]).toEqual(["blocked", 0]);
    expect(bob.matrix.friends.blocked.map((person) => person.id)).toEqual([ann.id]);
    await until(() => ann.matrix.friends.relation(bob.id) === "none");
    await ann.matrix.friends.add(bob.id);
    await pause(700);
    expect([bob.matrix.friends.received, bob.matrix.rooms.invites]).toEqual([[], []]);
    await bob.matrix.friends.unblock(ann.id);
    expect(bob.matrix.friends.relation(ann.id)).not.toBe("blocked");
  });

  it("a blocked friend's conversation is out of sight, and back when they are unblocked", async () => {
    const [ann, bob] = await two();
    await befriend(ann, bob);
    expect(bob.matrix.rooms.joined.length).toBe(1);
    await bob.matrix.friends.block(ann.id);
    expect([friendsOf(bob), bob.matrix.rooms.joined]).toEqual([[], []]);
    await bob.matrix.friends.unblock(ann.id);
    await until(() => friendsOf(bob).includes(ann.id) && bob.matrix.rooms.joined.length === 1);
  });
});

describe("what other clients leave behind", () => {
  it("a broken m.direct is read as far as it goes, and kept", async () => {
    const [ann, bob] = await two();
    const broken = { [bob.id]: "!not-a-list", weird: [1, 2], "@other:elsewhere": ["!r:elsewhere", null] };
    await ann.ask("PUT", `/_matrix/client/v3/user/${encodeURIComponent(ann.id)}/account_data/m.direct`, broken);
    const room = await ann.matrix.friends.add(bob.id);
    expect(await direct(ann)).toEqual({ ...broken, [bob.id]: [room.id] });
  });

  it("a friend made in another client or tab appears, and one removed there goes", async () => {
    const [ann, bob] = await two();
    const other = await ann.again();
    await befriend(ann, bob);
    await until(() => other.friends.list.some((friend) => friend.person.id === bob.id));
    await other.friends.remove(bob.id);
    await until(() => ann.matrix.friends.list.length === 0);
  });

  it("an invite of another client that is direct is a request; one that is not is an invite", async () => {
    const [ann, bob] = await two();
    await ann.ask("POST", "/_matrix/client/v3/createRoom", { is_direct: true, preset: "trusted_private_chat", invite: [bob.id] });
    await ann.ask("POST", "/_matrix/client/v3/createRoom", { name: "Club", preset: "private_chat", invite: [bob.id] });
    await until(() => bob.matrix.friends.received.length === 1 && bob.matrix.rooms.invites.length === 1);
    expect(bob.matrix.rooms.invites[0]?.name).toBe("Club");
  });
});
