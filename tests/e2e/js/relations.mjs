// What a device of matrix-js-sdk that comes later learns of edits, reactions and threads.

import { deepStrictEqual as same, strictEqual as equal } from "node:assert";
import { Person } from "./person.mjs";
import { refused, until } from "./wait.mjs";

const PASSWORD = "correct horse battery staple";
const REPLIES = 45;

export async function relations({ step, server }) {
  let carol;
  let room;
  let root;
  let edited;
  const replies = [];

  const send = async (type, content) => (await carol.client.sendEvent(room, type, content)).event_id;
  const reply = (to, body) =>
    send("m.room.message", { msgtype: "m.text", body, "m.relates_to": { rel_type: "m.thread", event_id: to } });
  const edit = (of, body) =>
    send("m.room.message", {
      msgtype: "m.text",
      body: `* ${body}`,
      "m.new_content": { msgtype: "m.text", body },
      "m.relates_to": { rel_type: "m.replace", event_id: of },
    });

  await step("Carol edits, reacts, and writes a long thread", async () => {
    carol = await Person.register(server.url, "carol", PASSWORD);
    await carol.start(10);
    room = (await carol.client.createRoom({ preset: "private_chat" })).room_id;
    edited = await carol.send(room, "frist");
    await edit(edited, "first");
    root = await carol.send(room, "root");
    for (let number = 1; number <= REPLIES; number += 1) replies.push(await reply(root, `reply ${number}`));
    await edit(replies[1], "reply 2, edited");
    await edit(replies[REPLIES - 1], "the last reply");
    const key = { rel_type: "m.annotation", event_id: root, key: "👍" };
    await send("m.reaction", { "m.relates_to": key });
    await refused("M_DUPLICATE_ANNOTATION", send("m.reaction", { "m.relates_to": key }));
    await refused("M_UNKNOWN", reply(replies[0], "a thread in a thread"));
    const other = await carol.send(room, "another root");
    await reply(other, "newer");
  });

  await step("a new device lists the threads, reads one whole, and sees the edits", async () => {
    const fresh = await Person.login(server.url, "carol", PASSWORD);
    await fresh.start(3, { threadSupport: true });
    const seen = fresh.room(room);
    await seen.createThreadsTimelineSets();
    await seen.fetchRoomThreads();
    const threads = seen.getThreads().sort((a, b) => (a.replyToEvent.getTs() < b.replyToEvent.getTs() ? 1 : -1));
    same(threads.map((thread) => thread.rootEvent.getContent().body), ["another root", "root"]);
    const thread = seen.getThread(root);
    equal(thread.length, REPLIES);
    equal(thread.hasCurrentUserParticipated, true);
    equal(thread.replyToEvent.getContent().body, "the last reply");

    const { liveTimeline } = thread;
    await until("the thread knows where to page from", () => thread.initialEventsFetched);
    while (await fresh.client.paginateEventTimeline(liveTimeline, { backwards: true, limit: 10 }));
    // The edits are of the thread too; a client applies them rather than show them.
    const shown = liveTimeline.getEvents().filter((event) => !event.isRelation("m.replace"));
    const bodies = shown.map((event) => event.getContent().body);
    const wanted = replies.map((_, index) => `reply ${index + 1}`);
    wanted[1] = "reply 2, edited";
    wanted[REPLIES - 1] = "the last reply";
    same(bodies, ["root", ...wanted]);

    const told = await fresh.client.relations(room, root, "m.annotation", "m.reaction");
    same(told.events.map((event) => event.getRelation().key), ["👍"]);
    // A page with nothing but the thread would leave the main timeline where it is.
    await fresh.scrollToTop(room, 100);
    equal(seen.findEventById(edited).getContent().body, "first");
    fresh.stop();
    await fresh.client.logout(true);
  });
  carol.stop();
}
