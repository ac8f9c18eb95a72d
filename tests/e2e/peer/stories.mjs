// What people on two servers do together. Each story makes its own people and rooms.

import { setTimeout as sleep } from "node:timers/promises";
import { refused, until } from "../js/wait.mjs";
import { Person, within } from "./person.mjs";

/// A picture of one pixel.
const DOT =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

let people = 0;

/// Anna lives on the first server, Bela on the second.
async function two(first, second) {
  people += 1;
  return Promise.all([Person.register(first, `anna${people}`), Person.register(second, `bela${people}`)]);
}

/// Tells a story twice, with the servers' roles exchanged.
const bothWays = (story) => async ({ salon, synapse }) => {
  await story(salon, synapse);
  await story(synapse, salon);
};

/// A public room of Anna's in which Bela is.
async function shared(anna, bela, options = {}) {
  const room = await anna.create({ preset: "public_chat", ...options });
  await bela.join(room, anna.server);
  await bela.wait("in the room", () => bela.rooms.has(room));
  await anna.sync();
  await anna.seesMember(room, bela, "join");
  return room;
}

async function agree(room, one, other) {
  await until(`the same state of ${room} on both servers`, async () => {
    const [mine, theirs] = await Promise.all([one.stateMap(room), other.stateMap(room)]);
    return JSON.stringify(mine) === JSON.stringify(theirs);
  });
}

async function talk(anna, bela, room) {
  await anna.send(room, "from Anna");
  await bela.sees(room, "from Anna");
  await bela.send(room, "from Bela");
  await anna.sees(room, "from Bela");
}

const inVersion = (version) =>
  bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    const room = await shared(anna, bela, { room_version: version });
    await talk(anna, bela, room);
    await agree(room, anna, bela);
  });

async function allMessages(person, room) {
  const found = [];
  let from = "";
  for (let page = 0; page < 40; page += 1) {
    const answer = await person.get(`${within(room)}/messages?dir=b&limit=50${from}`);
    found.push(...answer.chunk.filter((event) => event.type === "m.room.message").map((event) => event.content.body));
    if (!answer.end) break;
    from = `&from=${encodeURIComponent(answer.end)}`;
  }
  return found.reverse();
}

export const stories = {
  "a room of version 10 is joined, and both talk": inVersion("10"),
  "a room of version 11 is joined, and both talk": inVersion("11"),
  "a room of version 12 is joined, and both talk": inVersion("12"),
  "older versions as well": async (servers) => {
    for (const version of ["6", "7", "8", "9"]) await inVersion(version)(servers);
  },

  "somebody is invited, comes, goes and is invited again": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    const room = await anna.create({ preset: "private_chat", name: "Two of us", is_direct: true, invite: [bela.id] });
    const stripped = await bela.isInvited(room);
    const invite = stripped.find((event) => event.type === "m.room.member" && event.state_key === bela.id);
    if (!invite.content.is_direct) throw new Error("the invite says nothing of a direct conversation");
    const named = stripped.some((event) => event.type === "m.room.name" && event.content.name === "Two of us");
    if (!named) throw new Error("the invite doesn't say which room it is");
    await bela.join(room);
    await anna.sync();
    await anna.seesMember(room, bela, "join");
    await talk(anna, bela, room);
    await bela.leave(room);
    await anna.seesMember(room, bela, "leave");
    await anna.invite(room, bela);
    await bela.isInvited(room);
    await bela.join(room);
    await anna.seesMember(room, bela, "join");
    await talk(anna, bela, room);
    await agree(room, anna, bela);
  }),

  "an invite is declined, and taken back": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    const room = await anna.create({ preset: "private_chat", invite: [bela.id] });
    await bela.isInvited(room);
    await anna.sync();
    await bela.leave(room);
    await anna.seesMember(room, bela, "leave");
    await anna.invite(room, bela);
    await bela.isInvited(room);
    await anna.kick(room, bela, "on second thoughts");
    await bela.wait("no invite any more", () => !bela.invites.has(room));
  }),

  "somebody is kicked, and banned, and let in again": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    const room = await shared(anna, bela);
    await anna.kick(room, bela, "too loud");
    await bela.wait("out", () => bela.rooms.get(room).membership === "leave");
    await bela.join(room, first);
    await anna.seesMember(room, bela, "join");
    await bela.wait("in again", () => bela.rooms.get(room).membership === "join");
    await anna.ban(room, bela, "for good");
    await bela.wait("out", () => bela.rooms.get(room).membership === "leave");
    await refused("M_FORBIDDEN", bela.join(room, first));
    await anna.unban(room, bela);
    await bela.join(room, first);
    await anna.seesMember(room, bela, "join");
    await talk(anna, bela, room);
    await agree(room, anna, bela);
  }),

  "a room is found by its address and in the other's directory": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    const word = `pears-${anna.id.slice(1, 6)}${first.port}`;
    const room = await anna.create({ preset: "public_chat", visibility: "public", room_alias_name: word, name: word });
    const found = await bela.get(`v3/directory/room/${encodeURIComponent(`#${word}:${first.name}`)}`);
    if (found.room_id !== room) throw new Error(`the address leads to ${JSON.stringify(found)}`);
    await until("it is in the directory", async () => {
      const list = await bela.post(`v3/publicRooms?server=${first.name}`, { filter: { generic_search_term: word } });
      return list.chunk[0]?.room_id === room;
    });
    await bela.join(`#${word}:${first.name}`);
    await anna.sync();
    await anna.seesMember(room, bela, "join");
  }),

  "profiles are asked for, and changes of them seen": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    await anna.put(`v3/profile/${encodeURIComponent(anna.id)}/displayname`, { displayname: "Anna the First" });
    const profile = await bela.get(`v3/profile/${encodeURIComponent(anna.id)}`);
    if (profile.displayname !== "Anna the First") throw new Error(JSON.stringify(profile));
    await refused("M_NOT_FOUND", bela.get(`v3/profile/${encodeURIComponent(`@nobody:${first.name}`)}`));
    const room = await shared(anna, bela);
    await anna.put(`v3/profile/${encodeURIComponent(anna.id)}/displayname`, { displayname: "Anna the Second" });
    await bela.wait("the new name", () =>
      bela.rooms.get(room).events.some((event) =>
        event.state_key === anna.id && event.content.displayname === "Anna the Second"));
  }),

  "one pages back to what was said before one came": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    const room = await anna.create({ preset: "public_chat" });
    const said = Array.from({ length: 120 }, (_, number) => `message ${number}`);
    for (const body of said) await anna.send(room, body);
    await bela.join(room, first);
    const found = await allMessages(bela, room);
    if (JSON.stringify(found) !== JSON.stringify(said)) throw new Error(`found ${found.length}: ${found}`);
  }),

  "typing and receipts are seen": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    const room = await shared(anna, bela);
    const path = within(room);
    await anna.put(`${path}/typing/${encodeURIComponent(anna.id)}`, { typing: true, timeout: 20000 });
    await bela.wait("Anna types", () => bela.rooms.get(room).typing.includes(anna.id));
    await anna.put(`${path}/typing/${encodeURIComponent(anna.id)}`, { typing: false });
    await bela.wait("Anna stopped", () => bela.rooms.get(room).typing.length === 0);
    const event = await anna.send(room, "read me");
    await bela.sees(room, "read me");
    await bela.post(`${path}/receipt/m.read/${encodeURIComponent(event)}`);
    await anna.wait("Bela's receipt", () =>
      anna.rooms.get(room).receipts.some((receipt) => receipt[event]?.["m.read"]?.[bela.id]));
  }),

  "a message is taken back": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    const room = await shared(anna, bela);
    const event = await anna.send(room, "oh no");
    await bela.sees(room, "oh no");
    const path = within(room);
    await anna.put(`${path}/redact/${encodeURIComponent(event)}/r${people}`, { reason: "wrong room" });
    await bela.wait("the redaction", () => bela.rooms.get(room).events.some((e) => e.type === "m.room.redaction"));
    const left = await bela.get(`${path}/event/${encodeURIComponent(event)}`);
    if (left.content.body) throw new Error(`still there: ${JSON.stringify(left)}`);
  }),

  "a restricted room is joined by who is in the other": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    const club = await shared(anna, bela);
    const allow = [{ type: "m.room_membership", room_id: club }];
    const room = await anna.create({
      initial_state: [{ type: "m.room.join_rules", state_key: "", content: { join_rule: "restricted", allow } }],
    });
    await bela.join(room, first);
    await anna.sync();
    await anna.seesMember(room, bela, "join");
    const [, cleo] = await two(first, second);
    await refused("M_FORBIDDEN", cleo.join(room, first));
    await agree(room, anna, bela);
  }),

  "messages to devices and new devices are told": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    await shared(anna, bela);
    const messages = { [bela.id]: { [bela.device]: { text: "hello device" } } };
    await anna.put(`v3/sendToDevice/org.example.note/n${people}`, { messages });
    await bela.wait("the message", () =>
      bela.toDevice.some((event) => event.content.text === "hello device" && event.sender === anna.id));
    const deviceKeys = {
      algorithms: ["m.olm.v1.curve25519-aes-sha2"],
      user_id: anna.id,
      device_id: anna.device,
      keys: { [`curve25519:${anna.device}`]: "A".repeat(43), [`ed25519:${anna.device}`]: "B".repeat(43) },
      signatures: {},
    };
    const oneTimeKeys = { "curve25519:AAAA": "C".repeat(43) };
    await anna.post("v3/keys/upload", { device_keys: deviceKeys, one_time_keys: oneTimeKeys });
    await bela.wait("Anna's devices changed", () => bela.changed.has(anna.id));
    const answer = await bela.post("v3/keys/query", { device_keys: { [anna.id]: [] } });
    if (!answer.device_keys[anna.id]?.[anna.device]) throw new Error(JSON.stringify(answer));
    const claim = { one_time_keys: { [anna.id]: { [anna.device]: "curve25519" } } };
    const claimed = await bela.post("v3/keys/claim", claim);
    const key = claimed.one_time_keys[anna.id]?.[anna.device]?.["curve25519:AAAA"];
    if (key !== "C".repeat(43)) throw new Error(JSON.stringify(claimed));
  }),

  "somebody knocks, and is let in": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    const room = await anna.create({
      name: "Behind a door",
      initial_state: [{ type: "m.room.join_rules", state_key: "", content: { join_rule: "knock" } }],
    });
    await anna.sync();
    await bela.post(`v3/knock/${encodeURIComponent(room)}?via=${first.name}`, { reason: "it's me" });
    await anna.seesMember(room, bela, "knock");
    await anna.invite(room, bela);
    await bela.isInvited(room);
    await bela.join(room);
    await anna.seesMember(room, bela, "join");
  }),

  "who is online is told": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    await shared(anna, bela);
    const status = { presence: "online", status_msg: "at the lake" };
    await anna.put(`v3/presence/${encodeURIComponent(anna.id)}/status`, status);
    await bela.wait("Anna's presence", () => bela.presence.get(anna.id)?.status_msg === "at the lake");
  }),

  "pictures come from the other server": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    const bytes = Buffer.from(DOT, "base64");
    const upload = await fetch(`${first.url}/_matrix/media/v3/upload?filename=dot.png`, {
      method: "POST",
      headers: { authorization: `Bearer ${anna.token}`, "content-type": "image/png" },
      body: bytes,
    });
    const { content_uri: uri } = await upload.json();
    const headers = { authorization: `Bearer ${bela.token}` };
    const from = (kind, rest = "") =>
      fetch(`${second.url}/_matrix/client/v1/media/${kind}/${uri.slice("mxc://".length)}${rest}`, { headers });
    const whole = await from("download");
    const came = Buffer.from(await whole.arrayBuffer());
    if (!whole.ok || !came.equals(bytes)) throw new Error(`download: ${whole.status}`);
    if (whole.headers.get("content-type") !== "image/png") throw new Error(`a ${whole.headers.get("content-type")}`);
    const small = await from("thumbnail", "?width=32&height=32&method=scale");
    if (!small.ok) throw new Error(`thumbnail: ${small.status} ${await small.text()}`);
  }),

  "a room is upgraded, and both move": bothWays(async (first, second) => {
    const [anna, bela] = await two(first, second);
    const room = await shared(anna, bela, { room_version: "10" });
    const { replacement_room: next } = await anna.post(`${within(room)}/upgrade`, { new_version: "12" });
    await bela.wait("the tombstone", () =>
      bela.rooms.get(room).events.some((event) => event.type === "m.room.tombstone"));
    await bela.join(next, first);
    await anna.sync();
    await anna.seesMember(next, bela, "join");
    await talk(anna, bela, next);
  }),

  "a fork made while the servers are apart heals": async ({ salon, synapse }) => {
    const [anna, bela] = await two(salon, synapse);
    const room = await shared(anna, bela);
    const powers = await anna.state(room, "m.room.power_levels");
    await anna.setState(room, "m.room.power_levels", { ...powers, users: { ...powers.users, [bela.id]: 50 } });
    await bela.wait("the power", () =>
      bela.rooms.get(room).events.some((event) => event.content.users?.[bela.id] === 50));
    await synapse.stop();
    await anna.setState(room, "m.room.name", { name: "Anna's name" });
    await anna.setState(room, "m.room.topic", { topic: "Anna's topic" });
    for (let number = 0; number < 30; number += 1) await anna.send(room, `alone ${number}`);
    await salon.stop();
    await synapse.start();
    await bela.setState(room, "m.room.name", { name: "Bela's name" });
    for (let number = 0; number < 30; number += 1) await bela.send(room, `apart ${number}`);
    await salon.start();
    await sleep(500);
    await anna.send(room, "together again");
    await bela.sees(room, "together again");
    await bela.send(room, "indeed");
    await anna.sees(room, "indeed");
    await agree(room, anna, bela);
    for (const person of [anna, bela]) {
      await until(`${person.id} finds all`, async () => {
        const found = new Set(await allMessages(person, room));
        const numbers = Array.from({ length: 30 }, (_, number) => number);
        return numbers.every((number) => found.has(`alone ${number}`) && found.has(`apart ${number}`));
      });
    }
  },
};
