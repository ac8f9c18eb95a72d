// An encrypted conversation across both servers: matrix-js-sdk with its real crypto on each.

import { Person } from "../js/person.mjs";
import { until } from "../js/wait.mjs";

const PASSWORD = "correct horse battery staple";
const ENCRYPTION = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };

async function arrive(server, name) {
  const person = await Person.register(server.url, name, PASSWORD);
  await person.client.initRustCrypto({ useIndexedDB: false });
  await person.start(20);
  return person;
}

/// Whether a person reads these words in a room, where they came encrypted.
function reads(person, room, words) {
  const events = person.room(room)?.getLiveTimeline().getEvents() ?? [];
  return events.some((event) => event.getWireType() === "m.room.encrypted" && event.getContent().body === words);
}

async function conversation(first, second, name) {
  const [anna, bela] = await Promise.all([arrive(first, `anna${name}`), arrive(second, `bela${name}`)]);
  const { room_id: room } = await anna.client.createRoom({ invite: [bela.userId], initial_state: [ENCRYPTION] });
  await until("Bela is invited", () => bela.membership(room) === "invite");
  await bela.client.joinRoom(room);
  await until("Anna sees Bela", () => anna.room(room)?.getMember(bela.userId)?.membership === "join");
  await until("Bela is in", () => bela.membership(room) === "join");
  await anna.send(room, "for your eyes only");
  await until("Bela reads it", () => reads(bela, room, "for your eyes only"));
  await bela.send(room, "for yours as well");
  await until("Anna reads the answer", () => reads(anna, room, "for yours as well"));

  // A new device of Bela's is told across servers, and gets keys of its own.
  const device = await Person.login(second.url, `bela${name}`, PASSWORD);
  await device.client.initRustCrypto({ useIndexedDB: false });
  await device.start(20);
  await until("Anna knows the new device", async () => {
    const devices = await anna.client.getCrypto().getUserDeviceInfo([bela.userId]);
    return devices.get(bela.userId)?.has(device.client.getDeviceId());
  });
  await anna.send(room, "to all of yours");
  for (const person of [bela, device]) await until("both read it", () => reads(person, room, "to all of yours"));
  for (const person of [anna, bela, device]) person.stop();
}

export const encrypted = {
  "people with keys talk in an encrypted room, also to a new device": async ({ salon, synapse }) => {
    await conversation(salon, synapse, "keys1");
    await conversation(synapse, salon, "keys2");
  },
};
