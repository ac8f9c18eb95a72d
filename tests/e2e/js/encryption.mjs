// Two people with matrix-js-sdk's real crypto in an encrypted room; one of them on a new device, by the recovery key.

import { deepStrictEqual as same, strictEqual as equal } from "node:assert";
import { Bot } from "./bot.mjs";
import { Person } from "./person.mjs";
import { until } from "./wait.mjs";

const PASSWORD = "correct horse battery staple";
const ENCRYPTION = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };

/// What a client asks its user for: the recovery key, once there is one.
function callbacks() {
  const given = {};
  const getSecretStorageKey = async ({ keys }) => {
    const [id] = Object.keys(keys).filter((id) => !given.id || id === given.id);
    return given.key && id ? [id, given.key] : null;
  };
  const cacheSecretStorageKey = (id, _, key) => Object.assign(given, { id, key });
  return { given, cryptoCallbacks: { getSecretStorageKey, cacheSecretStorageKey } };
}

/// Whether a person reads these words in a room, where they came encrypted.
function reads(person, room, words) {
  const events = person.room(room)?.getLiveTimeline().getEvents() ?? [];
  return events.some((event) => event.getWireType() === "m.room.encrypted" && event.getContent().body === words);
}

async function begin(person) {
  await person.client.initRustCrypto({ useIndexedDB: false });
  await person.start(20);
  return person.client.getCrypto();
}

export async function encryption({ step, server, python }) {
  const [ofFreya, ofNewFreya] = [callbacks(), callbacks()];
  let freya;
  let emil;
  let freyaCrypto;
  let emilCrypto;
  let fresh;
  let room;

  const devicesOfFreya = async () => (await emilCrypto.getUserDeviceInfo([freya.userId])).get(freya.userId) ?? new Map();

  await step("Freya and Emil have keys, and Freya a recovery key and a backup", async () => {
    freya = await Person.register(server.url, "freya", PASSWORD, { cryptoCallbacks: ofFreya.cryptoCallbacks });
    emil = await Person.register(server.url, "emil", PASSWORD);
    [freyaCrypto, emilCrypto] = [await begin(freya), await begin(emil)];
    // The first upload of cross-signing keys needs no password.
    await freyaCrypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: (upload) => upload(null) });
    const recovery = await freyaCrypto.createRecoveryKeyFromPassphrase();
    ofNewFreya.given.key = recovery.privateKey;
    const createSecretStorageKey = async () => recovery;
    await freyaCrypto.bootstrapSecretStorage({ createSecretStorageKey, setupNewKeyBackup: true });
    await until("the backup is in use", () => freyaCrypto.getActiveSessionBackupVersion());
  });

  await step("they talk in an encrypted room", async () => {
    const made = await freya.client.createRoom({ invite: [emil.userId], initial_state: [ENCRYPTION] });
    room = made.room_id;
    await until("Emil is invited", () => emil.membership(room) === "invite");
    await emil.client.joinRoom(room);
    await until("Freya sees Emil", () => freya.room(room)?.getMember(emil.userId)?.membership === "join");
    await until("Emil is in", () => emil.membership(room) === "join");
    await freya.send(room, "for your eyes only");
    await until("Emil reads it", () => reads(emil, room, "for your eyes only"));
    await emil.send(room, "for yours as well");
    await until("Freya reads the answer", () => reads(freya, room, "for yours as well"));
  });

  await step("a program with matrix-nio and vodozemac joins, and is understood as it understands", async () => {
    const bot = new Bot(python);
    const gustav = await bot.ask("register", { url: server.url, user: "gustav", password: PASSWORD, encrypted: true });
    await bot.ask("start");
    await emil.client.invite(room, gustav);
    await until("the bot is invited", () => bot.invites.has(room));
    await bot.ask("join", { room });
    await until("Emil sees the bot's device", async () => {
      return (await emilCrypto.getUserDeviceInfo([gustav], true)).get(gustav)?.size === 1;
    });
    await emil.send(room, "welcome, machine");
    await until("the bot reads it", () => bot.live.some((event) => event.decrypted && event.body === "welcome, machine"));
    await bot.ask("send", { room, body: "thank you, people" });
    for (const person of [emil, freya]) {
      await until(`${person.userId} reads the bot`, () => reads(person, room, "thank you, people"));
    }
    await freya.client.kick(room, gustav);
    await until("the bot is out", () => bot.left.has(room));
    bot.end();
  });

  await step("a new device reads all of it by the recovery key, and Emil sees that it is hers", async () => {
    const sessions = (await freyaCrypto.exportRoomKeys()).length;
    await until("all her sessions are in the backup", async () => {
      // The SDK remembers what the server said first.
      return (await freya.client.http.authedRequest("GET", "/room_keys/version")).count === sessions;
    });
    fresh = await Person.login(server.url, "freya", PASSWORD, { cryptoCallbacks: ofNewFreya.cryptoCallbacks });
    const crypto = await begin(fresh);
    await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
    const { imported } = await crypto.restoreKeyBackup();
    equal(imported, sessions);
    await until("it reads the first message", () => reads(fresh, room, "for your eyes only"));
    await until("it reads the second", () => reads(fresh, room, "for yours as well"));
    await crypto.bootstrapCrossSigning({});
    const device = fresh.client.getDeviceId();
    await until("Emil sees that Freya signed it", async () => {
      return (await emilCrypto.getDeviceVerificationStatus(freya.userId, device))?.signedByOwner;
    });

    await fresh.send(room, "from another device");
    await until("Emil reads from it", () => reads(emil, room, "from another device"));
    await until("the first device does too", () => reads(freya, room, "from another device"));
    await freya.client.logout(true);
    await until("Emil learns that the first device is gone", async () => {
      return !(await devicesOfFreya()).has(freya.client.getDeviceId());
    });
    await emil.send(room, "to the one that is left");
    await until("it reads that", () => reads(fresh, room, "to the one that is left"));
    same([fresh.gaps, emil.gaps], [0, 0]);
  });

  await step("what is said while she is nowhere logged in, her dehydrated device has for her", async () => {
    const crypto = fresh.client.getCrypto();
    equal(await crypto.isDehydrationSupported(), true);
    await crypto.startDehydration();
    await until("Emil knows of it", async () => (await devicesOfFreya()).size === 2);
    await fresh.client.logout(true);
    await until("it is her only device", async () => (await devicesOfFreya()).size === 1);
    await emil.send(room, "while you slept");
    const again = callbacks();
    again.given.key = ofNewFreya.given.key;
    const awake = await Person.login(server.url, "freya", PASSWORD, { cryptoCallbacks: again.cryptoCallbacks });
    const awakeCrypto = await begin(awake);
    await until("the new device knows who she is", () => awakeCrypto.userHasCrossSigningKeys(awake.userId, true));
    await awakeCrypto.bootstrapCrossSigning({});
    await awakeCrypto.startDehydration();
    await until("she reads it", () => reads(awake, room, "while you slept"));
    awake.stop();
    emil.stop();
  });
}
