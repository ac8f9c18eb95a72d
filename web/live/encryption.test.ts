import { afterAll, describe, expect, it } from "vitest";
import type { MessageItem, Room } from "../src/matrix/types";
import { closeAll, device, PASSWORD, somebody, until } from "./people";

afterAll(closeAll);

const plain = (text: string) => ({ text, html: null, mentions: [], mentionsRoom: false, replyTo: null });
const messages = (room: Room) => room.timeline.items.filter((item): item is MessageItem => item.kind === "message");
const texts = (room: Room) => messages(room).map((item) => ("text" in item.body ? item.body.text : item.body.type));

describe("two people in an encrypted room", () => {
  it("talk, and read it all again on a new device", async () => {
    const [ann, bob] = await Promise.all([somebody("ann"), somebody("bob")]);
    const [anns, bobs] = [await device(ann), await device(bob)];
    expect(anns.encryption.recovery).toBe("missing");
    const key = await anns.encryption.setUp();
    expect(key.replaceAll(" ", "")).toMatch(/^Es[1-9A-HJ-NP-Za-km-z]{46,48}$/);
    await until(() => anns.encryption.recovery === "ready");

    const state = [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }];
    const { room_id: id } = await ann.ask<{ room_id: string }>("POST", "/_matrix/client/v3/createRoom", { preset: "private_chat", invite: [bob.id], initial_state: state });
    await (await until(() => bobs.rooms.invites[0])).accept();
    const [hers, his] = [await until(() => anns.rooms.get(id)), await until(() => bobs.rooms.get(id))];
    await until(() => hers.memberCount === 2);
    await hers.timeline.send(plain("under the rose"));
    await until(() => texts(his).includes("under the rose"));
    const { chunk } = await bob.ask<{ chunk: { type: string }[] }>("GET", `/_matrix/client/v3/rooms/${encodeURIComponent(id)}/messages?dir=b&limit=1`);
    expect(chunk[0]?.type).toBe("m.room.encrypted");
    expect(his.last?.body).toMatchObject({ text: "under the rose" });

    const heard = messages(his).at(-1) as MessageItem;
    await his.timeline.send({ ...plain("and by it"), replyTo: heard });
    await until(() => messages(hers).some((item) => item.replyTo?.body && "text" in item.replyTo.body && item.replyTo.body.text === "under the rose"));
    await his.timeline.react(heard, "🌹");
    await until(() => messages(hers)[0]?.reactions[0]?.key === "🌹");
    await until(() => messages(hers)[0]?.status === "sent" && messages(hers)[0]?.canEdit);
    await hers.timeline.edit(messages(hers)[0] as MessageItem, plain("under the roses"));
    await until(() => texts(his)[0] === "under the roses");

    const kept = () => ann.ask<{ count: number }>("GET", "/_matrix/client/v3/room_keys/version");
    await until(async () => (await kept()).count >= 2);

    const next = await device(ann);
    expect(next.encryption.recovery).toBe("locked");
    const there = await until(() => next.rooms.get(id));
    await until(() => messages(there).some((item) => item.body.type === "encrypted" && item.body.why === "locked"));
    await expect(next.encryption.restore("EsTc")).rejects.toMatchObject({ kind: "forbidden" });
    await next.encryption.restore(key);
    expect(next.encryption.recovery).toBe("ready");
    await until(() => texts(there).includes("under the roses") && texts(there).includes("and by it"));
  });

  it("begins anew where the recovery key is lost, with the password", async () => {
    const cleo = await somebody("cleo");
    const first = await device(cleo);
    await first.encryption.setUp();
    const next = await device(cleo);
    await expect(next.encryption.reset("not it")).rejects.toMatchObject({ kind: "forbidden" });
    const key = await next.encryption.reset(PASSWORD);
    expect(next.encryption.recovery).toBe("ready");
    const third = await device(cleo);
    await third.encryption.restore(key);
    expect(third.encryption.recovery).toBe("ready");
  });
});
