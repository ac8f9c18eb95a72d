// The conversation of Alice (matrix-js-sdk) and Bob (matrix-nio), and what must be true after each part of it.

import { deepStrictEqual as same, ok, strictEqual as equal } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { Person } from "./person.mjs";
import { refused, until } from "./wait.mjs";

const EACH = 500;
const PASSWORD = "correct horse battery staple";

export async function conversation({ step, server, bot }) {
  let alice;
  let bob;
  let room;
  // What was acknowledged: body → event ID.
  const said = new Map();

  const speakers = {
    alice: (body) => alice.send(room, body),
    bob: (body) => bot.ask("send", { room, body }),
  };
  async function say(who, body) {
    const id = await speakers[who](body);
    ok(id && !said.has(body), `${body} was acknowledged with ${id}`);
    said.set(body, id);
  }
  async function talk(who, topic, count) {
    for (let number = 1; number <= count; number += 1) await say(who, `${who} ${topic} ${number}`);
  }

  /// Each message that was acknowledged is in `events` once, under its ID, and no other message is.
  function nothingMissingNothingTwice(events, where) {
    const messages = events.filter(({ type, body }) => type === "m.room.message" && body);
    const seen = new Map(messages.map(({ body, event_id }) => [body, event_id]));
    equal(messages.length, seen.size, `${where}: some messages came twice`);
    for (const [body, id] of said) equal(seen.get(body), id, `${where}: "${body}"`);
    equal(seen.size, said.size, `${where}: messages that nobody sent`);
  }
  const inRoom = (events) => events.filter((event) => event.room === room);
  async function bothSawAllLive() {
    const seen = (events) => inRoom(events).filter((event) => event.type === "m.room.message").length;
    const all = () => seen(alice.live) >= said.size && seen(bot.live) >= said.size;
    await until("both see everything live", all, 40).catch((error) => {
      throw new Error(`of ${said.size}, Alice saw ${seen(alice.live)} and Bob ${seen(bot.live)}`, { cause: error });
    });
    // What comes twice would come now.
    await sleep(300);
    nothingMissingNothingTwice(inRoom(alice.live), "Alice's sync");
    nothingMissingNothingTwice(inRoom(bot.live), "Bob's sync");
    const order = (events) => inRoom(events).filter((event) => said.has(event.body)).map((event) => event.event_id);
    same(order(alice.live), order(bot.live), "both saw the same order");
  }
  async function everythingCanBeReadBack() {
    const oldestFirst = await bot.ask("page", { room, limit: 100 }).then((events) => events.reverse());
    nothingMissingNothingTwice(oldestFirst, "Bob's paging");
    equal(oldestFirst[0].type, "m.room.create", "paging back ends at the beginning");
    nothingMissingNothingTwice(await alice.page(room, 73), "Alice's paging");
    const fresh = await Person.login(server.url, "alice", PASSWORD);
    await fresh.start(10);
    nothingMissingNothingTwice(await fresh.scrollToTop(room, 90), "scrolling up on a new device");
    fresh.stop();
    await fresh.client.logout(true);
  }

  await step("Alice registers with matrix-js-sdk and syncs", async () => {
    alice = await Person.register(server.url, "alice", PASSWORD);
    await alice.start();
  });
  await step("Bob registers with matrix-nio and syncs", async () => {
    bob = await bot.ask("register", { url: server.url, user: "bob", password: PASSWORD });
    await bot.ask("start");
  });
  await step("a name is given once", async () => {
    await refused("M_USER_IN_USE", Person.register(server.url, "alice", PASSWORD));
  });
  await step("Alice makes a room and invites Bob, who hears of it and joins", async () => {
    const made = await alice.client.createRoom({ preset: "private_chat", name: "Salon", topic: "All sorts" });
    room = made.room_id;
    await refused("M_FORBIDDEN", bot.ask("send", { room, body: "too early" }));
    await alice.client.invite(room, bob);
    const invite = await until("the invite reaches Bob", () => bot.invites.get(room));
    equal(invite.sender, alice.userId);
    await bot.ask("join", { room });
    await until("Alice sees Bob join", () => alice.room(room)?.getMember(bob)?.membership === "join");
    equal(alice.room(room).name, "Salon");
    same((await bot.ask("members", { room })).sort(), [alice.userId, bob].sort());
  });
  await step("each sees the other type and read", async () => {
    await alice.client.sendTyping(room, true, 20_000);
    await until("Bob sees Alice type", () => bot.typing.some(({ users }) => users.includes(alice.userId)));
    await alice.client.sendTyping(room, false, 0);
    await say("alice", "have you read this?");
    await bot.ask("read", { room, event: said.get("have you read this?") });
    const receipt = (content) => content[said.get("have you read this?")]?.["m.read"]?.[bob];
    await until("Alice sees that Bob has read", () => alice.receipts.some(receipt));
  });
  await step(`${2 * EACH} messages go both ways at once and are seen live`, async () => {
    await Promise.all([talk("alice", "says", EACH), talk("bob", "says", EACH)]);
    await bothSawAllLive();
  });
  await step("both page back through all of them, and a new device scrolls up", everythingCanBeReadBack);
  await step("a redacted message loses its words for everybody", async () => {
    await say("alice", "forget this");
    const id = said.get("forget this");
    await alice.client.redactEvent(room, id);
    await until("Bob sees the redaction", () => bot.live.some((event) => event.type === "m.room.redaction"));
    const event = (await bot.ask("page", { room, limit: 50 })).find(({ event_id }) => event_id === id);
    equal(event?.body ?? null, null, "the words are gone");
    // From here on nobody can be shown them; forget them here as well.
    said.delete("forget this");
    for (const events of [alice.live, bot.live]) {
      events.splice(0, events.length, ...events.filter(({ event_id }) => event_id !== id));
    }
  });
  await step("the server is restarted; both go on where they were", async () => {
    await talk("alice", "before the restart", 10);
    await server.stop();
    const meanwhile = Promise.all([talk("alice", "while it is away", 5), talk("bob", "while it is away", 5)]);
    meanwhile.catch(() => {});
    await server.start();
    await meanwhile;
    await Promise.all([talk("alice", "after the restart", 10), talk("bob", "after the restart", 10)]);
    await bothSawAllLive();
  });
  await step("kill -9 in the middle of talk, three times: nothing missing, nothing twice", async () => {
    for (const round of ["first", "second", "third"]) {
      const before = said.size;
      // Fewer than one sync may bring, so that the way back has no gap.
      const going = Promise.all([talk("alice", `${round} kill`, 40), talk("bob", `${round} kill`, 40)]);
      // Awaited below; until then a failure must not end the process.
      going.catch(() => {});
      await until("some of it is acknowledged", () => said.size > before + 20);
      await server.kill();
      await server.start();
      await going;
      await bothSawAllLive();
    }
  });
  await step("all of it can be read back", everythingCanBeReadBack);
  await step("Alice kicks Bob, who hears of it and can't speak any more", async () => {
    await alice.client.kick(room, bob, "enough");
    await until("Bob learns that he was kicked", () => bot.left.has(room));
    await until("Alice sees him gone", () => alice.room(room).getMember(bob)?.membership === "leave");
    await refused("M_FORBIDDEN", bot.ask("send", { room, body: "one more thing" }));
    await refused("M_FORBIDDEN", bot.ask("join", { room }));
  });
  await step("Bob makes a room, Alice joins, and is kicked in turn", async () => {
    const bobs = await bot.ask("create", { name: "Bob's", is_direct: false, invite: [alice.userId] });
    await until("the invite reaches Alice", () => alice.membership(bobs) === "invite");
    await alice.client.joinRoom(bobs);
    await until("Alice is in", () => alice.membership(bobs) === "join");
    await alice.send(bobs, "hello");
    await bot.ask("kick", { room: bobs, user: alice.userId, reason: "my turn" });
    await until("Alice learns that she was kicked", () => alice.membership(bobs) === "leave");
    const own = alice.room(bobs).getMember(alice.userId).events.member;
    equal(own.getSender(), bob);
    equal(own.getContent().reason, "my turn");
    await refused("M_FORBIDDEN", alice.send(bobs, "let me back in"));
  });
  await step("no sync had a gap", () => {
    equal(alice.gaps, 0);
  });
  await step("logged out is logged out", async () => {
    const { client } = alice;
    alice.stop();
    await client.logout();
    await refused("M_UNKNOWN_TOKEN", client.whoami());
  });
}
