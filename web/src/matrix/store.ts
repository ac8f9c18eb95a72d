/**
 * What a session knew when it was last seen, so that the next start shows it at once and asks only for what is new. One
 * record holds all of it: it is there whole or not at all. Of several tabs one writes; all read.
 */
import { MemoryStore } from "matrix-js-sdk/lib/store/memory";
import type { ISavedSync } from "matrix-js-sdk/lib/store";
import { SyncAccumulator, type ILeftRoom, type ISyncResponse } from "matrix-js-sdk/lib/sync-accumulator";

/** Where the record lies. */
export interface Vault {
  read(): Promise<unknown>;
  write(snapshot: Snapshot): Promise<void>;
  clear(): Promise<void>;
}

export interface Snapshot {
  /** Changed with the shape of what is kept; others are thrown away. */
  readonly version: number;
  readonly sync: ISavedSync;
}

const VERSION = 1;
/** Messages of each room that are kept: a screen of them. */
const MESSAGES = 25;
/** How often it is written while the page is open, ms; and how soon after the first sync. */
const INTERVAL = 5 * 60_000;
const FIRST = 15_000;

export class SnapshotStore extends MemoryStore {
  readonly #accumulator = new SyncAccumulator({ maxTimelineEntries: MESSAGES });
  readonly #me: string;
  readonly #vault: Vault;
  #saved: Promise<ISavedSync | null> | null = null;
  /** Rooms that I was made to leave: the SDK's accumulator forgets them. */
  #removed: Record<string, ILeftRoom> = {};
  #saveAt = Date.now() + FIRST;
  #dirty = false;
  #mayWrite = false;
  #isHeld: () => boolean = () => false;

  constructor(me: string, vault: Vault, localStorage?: Storage) {
    super(localStorage ? { localStorage } : {});
    this.#me = me;
    this.#vault = vault;
  }

  /** From now on this tab writes. */
  lead(): void {
    this.#mayWrite = true;
  }

  /** Nothing is written while this holds: the next start would go on behind what nobody has kept yet. */
  holdWhile(held: () => boolean): void {
    this.#isHeld = held;
  }

  override getSavedSync(): Promise<ISavedSync | null> {
    this.#saved ??= this.#read();
    return this.#saved;
  }

  override async getSavedSyncToken(): Promise<string | null> {
    return (await this.getSavedSync())?.nextBatch ?? null;
  }

  override async setSyncData(data: ISyncResponse): Promise<void> {
    this.#accumulator.accumulate(data);
    this.#keepRemoved(data);
    this.#dirty = true;
  }

  override wantsSave(): boolean {
    return this.#mayWrite && this.#dirty && Date.now() >= this.#saveAt;
  }

  override async save(): Promise<void> {
    if (!this.#mayWrite || !this.#dirty || this.#isHeld()) return;
    this.#dirty = false;
    this.#saveAt = Date.now() + INTERVAL;
    const sync = this.#accumulator.getJSON(true);
    // Without a place to write to, the next start takes a little longer.
    await this.#vault.write({ version: VERSION, sync: { ...sync, roomsData: { ...sync.roomsData, leave: this.#removed } } }).catch(() => undefined);
  }

  override removeRoom(id: string): void {
    super.removeRoom(id);
    delete this.#removed[id];
  }

  override async deleteAllData(): Promise<void> {
    this.#mayWrite = false;
    await super.deleteAllData();
    await this.#vault.clear().catch(() => undefined);
  }

  /** The server no longer knows the point that the snapshot was taken at: the next sync begins anew. */
  async startOver(): Promise<void> {
    // An empty token is none.
    this.setSyncToken("");
    await this.#vault.clear().catch(() => undefined);
  }

  async #read(): Promise<ISavedSync | null> {
    const found = await this.#vault.read().catch(() => null);
    if (!isSnapshot(found)) return null;
    const { sync } = found;
    this.#removed = sync.roomsData.leave ?? {};
    this.#accumulator.accumulate({ next_batch: sync.nextBatch, rooms: { ...sync.roomsData, leave: {} }, account_data: { events: sync.accountData } } as never, true);
    const fresh = this.#accumulator.getJSON();
    return { ...fresh, roomsData: { ...fresh.roomsData, leave: structuredClone(this.#removed) } };
  }

  #keepRemoved({ rooms }: ISyncResponse): void {
    for (const kind of ["join", "invite", "knock"] as const) for (const id of Object.keys(rooms?.[kind] ?? {})) delete this.#removed[id];
    for (const [id, room] of Object.entries(rooms?.leave ?? {})) {
      if (wasPutOut(room, this.#me)) this.#removed[id] = structuredClone(room);
      else delete this.#removed[id];
    }
  }
}

function isSnapshot(found: unknown): found is Snapshot {
  const sync = (found as Snapshot | null)?.sync;
  return (found as Snapshot | null)?.version === VERSION && typeof sync?.nextBatch === "string" && typeof sync.roomsData === "object";
}

function wasPutOut(room: ILeftRoom, me: string): boolean {
  const events = [...(room.state?.events ?? []), ...(room.timeline?.events ?? [])];
  const mine = events.findLast((event) => event.type === "m.room.member" && "state_key" in event && event.state_key === me);
  return mine !== undefined && mine.sender !== me;
}
