import { describe, expect, it } from "vitest";
import { SnapshotStore, type Snapshot, type Vault } from "./store";

const ME = "@me:here";
const BOB = "@bob:here";

class MemoryVault implements Vault {
  kept: unknown = null;
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

function member(user: string, membership: string, sender = user) {
  return { type: "m.room.member", state_key: user, sender, event_id: `$${user}${membership}`, origin_server_ts: 1, content: { membership } };
}

function message(id: string) {
  return { type: "m.room.message", sender: BOB, event_id: id, origin_server_ts: 2, content: { msgtype: "m.text", body: id }, unsigned: { age: 5 } };
}

const timeline = (events: object[]) => ({ events, prev_batch: "p", limited: false });
const joined = (events: object[]) => ({ timeline: timeline(events), state: { events: [member(ME, "join")] }, ephemeral: { events: [] }, account_data: { events: [] }, summary: {}, unread_notifications: {} });
const answer = (token: string, rooms: object) => ({ next_batch: token, rooms, account_data: { events: [{ type: "m.direct", content: { [BOB]: ["!a"] } }] } }) as never;

/** A store that has been told some syncs and has written. */
async function told(vault: Vault, ...answers: never[]): Promise<SnapshotStore> {
  const store = new SnapshotStore(ME, vault);
  await store.getSavedSync();
  store.lead();
  for (const one of answers) await store.setSyncData(one);
  await store.save();
  return store;
}

describe("a snapshot", () => {
  it("brings back where one was", async () => {
    const vault = new MemoryVault();
    await told(vault, answer("s1", { join: { "!a": joined([message("$1")]) } }), answer("s2", { join: { "!a": joined([message("$2")]) } }));
    const saved = await new SnapshotStore(ME, vault).getSavedSync();
    expect(saved?.nextBatch).toBe("s2");
    expect(saved?.roomsData.join["!a"]?.timeline.events.map((event) => event.event_id)).toEqual(["$1", "$2"]);
    expect(saved?.accountData).toMatchObject([{ type: "m.direct" }]);
    expect(await new SnapshotStore(ME, vault).getSavedSyncToken()).toBe("s2");
  });

  it("goes on from where it was read", async () => {
    const vault = new MemoryVault();
    await told(vault, answer("s1", { join: { "!a": joined([message("$1")]) } }));
    await told(vault, answer("s2", { join: { "!a": joined([message("$2")]) } }));
    const saved = await new SnapshotStore(ME, vault).getSavedSync();
    expect(saved?.roomsData.join["!a"]?.timeline.events.map((event) => event.event_id)).toEqual(["$1", "$2"]);
  });

  it("keeps rooms that one was put out of until one is back or forgets them, and none that one left", async () => {
    const vault = new MemoryVault();
    const left = (sender: string) => ({ timeline: timeline([member(ME, "leave", sender)]), state: { events: [] } });
    const store = await told(vault, answer("s1", { join: { "!a": joined([]), "!b": joined([]), "!c": joined([]) } }), answer("s2", { leave: { "!a": left(BOB), "!b": left(ME), "!c": left(BOB) } }));
    const removed = async () => Object.keys((await new SnapshotStore(ME, vault).getSavedSync())?.roomsData.leave ?? {});
    expect(await removed()).toEqual(["!a", "!c"]);
    await store.setSyncData(answer("s3", { join: { "!a": joined([]) } }));
    store.removeRoom("!c");
    await store.save();
    expect(await removed()).toEqual([]);
  });

  it("of another shape, or broken, is none", async () => {
    const vault = new MemoryVault();
    for (const kept of [{ version: 99, sync: { nextBatch: "s", roomsData: {} } }, { version: 1 }, "text", undefined]) {
      vault.kept = kept;
      expect(await new SnapshotStore(ME, vault).getSavedSync()).toBeNull();
    }
    const broken: Vault = { ...vault, read: () => Promise.reject(new Error("no")), write: () => Promise.reject(new Error("no")), clear: () => Promise.reject(new Error("no")) };
    const store = await told(broken, answer("s1", { join: {} }));
    await store.deleteAllData();
  });

  it("is written by the tab that leads, and only when there is something new", async () => {
    const vault = new MemoryVault();
    const store = new SnapshotStore(ME, vault);
    await store.setSyncData(answer("s1", { join: {} }));
    expect(store.wantsSave()).toBe(false);
    await store.save();
    expect(vault.kept).toBeNull();
    store.lead();
    await store.save();
    expect(vault.kept).not.toBeNull();
    await store.deleteAllData();
    expect(vault.kept).toBeNull();
    await store.setSyncData(answer("s2", { join: {} }));
    await store.save();
    expect(vault.kept).toBeNull();
  });
});
