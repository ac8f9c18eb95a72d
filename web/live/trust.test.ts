import { createClient, type MatrixClient } from "matrix-js-sdk";
import { CryptoEvent } from "matrix-js-sdk/lib/crypto-api/CryptoEvent";
import { type VerificationRequest } from "matrix-js-sdk/lib/crypto-api/verification";
import { afterAll, describe, expect, inject, it } from "vitest";
import type { Verification } from "../src/matrix/crypto/types";
import { logger } from "../src/matrix/logging";
import type { Matrix, MessageItem, Room } from "../src/matrix/types";
import { closeAll, device, PASSWORD, somebody, until, type Somebody } from "./people";

const others: MatrixClient[] = [];
afterAll(() => {
  closeAll();
  for (const client of others) client.stopClient();
});

const plain = (text: string) => ({ text, html: null, mentions: [], mentionsRoom: false, replyTo: null });
const messages = (room: Room) => room.timeline.items.filter((item): item is MessageItem => item.kind === "message");
const texts = (room: Room) => messages(room).map((item) => ("text" in item.body ? item.body.text : item.body.type));
const trust = (matrix: Matrix) => until(() => matrix.encryption.trust);

/** A room of two, encrypted, as its two sides see it. */
async function sealed(ann: Somebody, anns: Matrix, bob: Somebody, bobs: Matrix): Promise<[Room, Room]> {
  const state = [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }];
  const { room_id: id } = await ann.ask<{ room_id: string }>("POST", "/_matrix/client/v3/createRoom", { preset: "private_chat", invite: [bob.id], initial_state: state });
  await (await until(() => bobs.rooms.invites.find((room) => room.id === id))).accept();
  const rooms: [Room, Room] = [await until(() => anns.rooms.get(id)), await until(() => bobs.rooms.get(id))];
  await until(() => rooms[0].memberCount === 2);
  return rooms;
}

/** A session in a client that can scan codes. */
async function scanner(person: Somebody): Promise<{ client: MatrixClient; asked: () => Promise<VerificationRequest> }> {
  const baseUrl = inject("baseUrl");
  const body = { type: "m.login.password", identifier: { type: "m.id.user", user: person.id }, password: PASSWORD };
  const answer = await fetch(`${baseUrl}/_matrix/client/v3/login`, { method: "POST", body: JSON.stringify(body) });
  const session = (await answer.json()) as { user_id: string; device_id: string; access_token: string };
  const client = createClient({ baseUrl, userId: session.user_id, deviceId: session.device_id, accessToken: session.access_token, logger, verificationMethods: ["m.qr_code.scan.v1", "m.reciprocate.v1"] });
  others.push(client);
  await client.initRustCrypto({ useIndexedDB: false });
  const requests: VerificationRequest[] = [];
  client.on(CryptoEvent.VerificationRequestReceived, (request) => void requests.push(request));
  await client.startClient();
  await until(() => client.isInitialSyncComplete());
  return { client, asked: () => until(() => requests.shift()) };
}

describe("who is who", () => {
  it("is settled by a code that another session scans", async () => {
    const ann = await somebody("ann");
    const anns = await device(ann);
    const { client, asked } = await scanner(ann);
    const ours = await trust(anns);
    await until(async () => (await ours.sessions()).get(client.getDeviceId() ?? "") === false);
    await ours.verifyOwn(client.getDeviceId() ?? "");
    const request = await asked();
    await request.accept();
    const verification: Verification = await until(() => ours.verification);
    const code = await until(() => (verification.stage === "choose" ? verification.code : null));
    const verifier = await request.scanQRCode(new Uint8ClampedArray(code));
    const over = verifier.verify();
    await until(() => verification.stage === "scanned");
    await verification.confirm(true);
    await over;
    await until(() => verification.stage === "done");
    await until(async () => (await ours.sessions()).get(client.getDeviceId() ?? ""));
    verification.close();
    expect(ours.verification).toBeNull();
  });

  it("is not settled by emoji that differ, nor by a request that is taken back", async () => {
    const ann = await somebody("ann");
    const [first, second] = [await device(ann), await device(ann)];
    const [one, two] = [await trust(first), await trust(second)];
    await two.verifyOwn();
    const [asks, asked] = [await until(() => two.verification), await until(() => one.verification)];
    expect([asks.incoming, asked.incoming, asked.stage, asked.person]).toEqual([false, true, "asked", null]);
    await asked.accept();
    await until(() => asks.stage === "compare" && asked.stage === "compare");
    expect(asks.emoji).toHaveLength(7);
    expect(asked.emoji).toEqual(asks.emoji);
    await asked.confirm(false);
    await until(() => asks.stage === "cancelled" && asked.stage === "cancelled");
    expect([asks.reason, asked.reason]).toEqual(["mismatch", "mismatch"]);
    asks.close();
    asked.close();

    await two.verifyOwn();
    const later = await until(() => one.verification);
    two.verification?.close();
    await until(() => later.stage === "cancelled");
    expect(later.reason).toBe("other");
    expect(second.encryption.recovery).toBe("lost");
  });
});

describe("what was said before", () => {
  it("is readable for whom one invites, where the room's history is, and for nobody where it is not", async () => {
    const [ann, bob, cleo] = await Promise.all([somebody("ann"), somebody("bob"), somebody("cleo")]);
    const [anns, bobs, cleos] = [await device(ann), await device(bob), await device(cleo)];
    for (const history of ["shared", "joined"] as const) {
      const [hers, his] = await sealed(ann, anns, bob, bobs);
      await hers.setHistory(history);
      await until(() => his.history === history);
      await hers.timeline.send(plain("before you came"));
      await until(() => texts(his).includes("before you came"));
      await hers.members.invite(cleo.id);
      await (await until(() => cleos.rooms.invites.find((room) => room.id === hers.id))).accept();
      const theirs = await until(() => cleos.rooms.get(hers.id));
      if (history === "shared") await until(() => texts(theirs).includes("before you came"));
      await hers.timeline.send(plain("after"));
      await until(() => texts(theirs).includes("after"));
      expect(texts(theirs).includes("before you came")).toBe(history === "shared");
    }
  });
});

describe("a notification", () => {
  it("has the words of an encrypted message", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const [anns, bobs] = [await device(ann), await device(bob)];
    const told: MessageItem["body"][] = [];
    bobs.notifications.onEvent((_room, item) => void told.push(item.body));
    const [hers] = await sealed(ann, anns, bob, bobs);
    await hers.timeline.send(plain("wake up"));
    await until(() => told.length > 0);
    expect(told).toMatchObject([{ type: "text", text: "wake up" }]);
  });
});
