/** All rooms: one list, sorted once for each update. */
import { ClientEvent } from "matrix-js-sdk/lib/client";
import { RoomEvent, type Room as SdkRoom } from "matrix-js-sdk/lib/models/room";
import { Part } from "./batch";
import { path, type Core } from "./core";
import { mayBeTyped } from "./alias";
import { RoomState } from "./room.svelte";
import type { NewRoom, RoomId, Rooms } from "./types";
import { uploadBlob } from "./upload";

export class RoomsState implements Rooms {
  #ready = $state(false);
  #joined = $state.raw<readonly RoomState[]>([]);
  #invites = $state.raw<readonly RoomState[]>([]);
  #knocked = $state.raw<readonly RoomState[]>([]);
  #removed = $state.raw<readonly RoomState[]>([]);
  #attention = $state(0);
  #unread = $state(0);
  /** Told apart from `#all` so that who asks for a room that is not there follows its coming. */
  #version = $state(0);
  readonly #all = new Map<RoomId, RoomState>();
  #left: Promise<void> | null = null;

  constructor(private readonly core: Core) {
    core.client.on(ClientEvent.Room, this.#onRoom);
    core.client.on(ClientEvent.DeleteRoom, this.#onDeleted);
  }

  get ready(): boolean {
    return this.#ready;
  }
  get joined(): readonly RoomState[] {
    return this.#joined;
  }
  get invites(): readonly RoomState[] {
    return this.#invites;
  }
  get knocked(): readonly RoomState[] {
    return this.#knocked;
  }
  get removed(): readonly RoomState[] {
    return this.#removed;
  }
  get attention(): number {
    return this.#attention;
  }
  get unread(): number {
    return this.#unread;
  }

  get(id: RoomId): RoomState | null {
    void this.#version;
    return this.#all.get(id) ?? null;
  }

  /** For our own use, without following it. */
  find(id: RoomId): RoomState | undefined {
    return this.#all.get(id);
  }

  all(): Iterable<RoomState> {
    return this.#all.values();
  }

  async create(options: NewRoom): Promise<RoomState> {
    const avatar = options.avatar && (await uploadBlob(this.core, options.avatar));
    const sealed = options.encrypted ? await this.core.encryption.initialState() : [];
    const { room_id } = await this.core.request<{ room_id: string }>("POST", "/_matrix/client/v3/createRoom", {
      body: {
        ...(options.name && { name: options.name }),
        ...(options.topic && { topic: options.topic }),
        preset: options.isPublic ? "public_chat" : "private_chat",
        visibility: options.isPublic ? "public" : "private",
        ...(options.isPublic && options.alias && { room_alias_name: options.alias }),
        invite: options.invite,
        initial_state: [...(avatar ? [{ type: "m.room.avatar", state_key: "", content: { url: avatar } }] : []), ...sealed],
      },
    });
    const room = await this.whenJoined(room_id);
    // A sync may come while the room is being made: the name is the last of it.
    await this.core.until(() => (options.name ? room.facts.title : room.state("m.room.history_visibility")) || null);
    return room;
  }

  async join(idOrAlias: string, via?: readonly string[]): Promise<RoomState> {
    const { room_id } = await this.core.request<{ room_id: string }>("POST", path`/_matrix/client/v3/join/${mayBeTyped(idOrAlias, this.core.me)}`, {
      body: {},
      ...(via && via.length > 0 && { query: { via } }),
    });
    return this.whenJoined(room_id);
  }

  async knock(idOrAlias: string, reason: string, via?: readonly string[]): Promise<void> {
    const { room_id } = await this.core.request<{ room_id: string }>("POST", path`/_matrix/client/v3/knock/${mayBeTyped(idOrAlias, this.core.me)}`, {
      body: reason ? { reason } : {},
      ...(via && via.length > 0 && { query: { via } }),
    });
    await this.core.until(() => this.#all.get(room_id)?.facts.membership === "knock" || null);
  }

  /** Rooms that I am no longer in are asked for once, when somebody looks for one. */
  loadLeft(): Promise<void> {
    this.#left ??= this.core.client.syncLeftRooms().then(
      () => this.core.batch.flush(),
      () => {
        this.#left = null;
      },
    );
    return this.#left;
  }

  /** The room, once a sync has brought that I am in it. */
  whenJoined(id: RoomId): Promise<RoomState> {
    return this.core.until(() => {
      const room = this.#all.get(id);
      return room?.facts.membership === "join" ? room : null;
    });
  }

  /** Takes over what changed since the last update. */
  refresh(rooms: ReadonlyMap<string, number>): void {
    for (const [id, parts] of rooms) this.#all.get(id)?.refresh(parts);
  }

  /** Something that lists are made of was changed by ourselves. */
  changed(): void {
    this.core.batch.once(this.#nothing);
  }

  /** All that was said has to be looked at anew, as when somebody is ignored. */
  renew(): void {
    for (const room of this.#all.values()) {
      room.timeline.renew();
      this.core.batch.room(room.id, Part.timeline | Part.typing);
    }
  }

  outboxChanged(room: RoomId): void {
    this.core.batch.room(room, Part.timeline);
    this.core.batch.flush();
  }

  /** The first sync is there. */
  isReady(): void {
    this.#ready = true;
  }

  drop(id: RoomId): void {
    const room = this.#all.get(id);
    if (!room) return;
    room.stop();
    this.#all.delete(id);
    this.#version++;
    this.changed();
  }

  stop(): void {
    for (const room of this.#all.values()) room.stop();
  }

  readonly #nothing = (): void => {};

  readonly #onRoom = (sdk: SdkRoom): void => {
    this.#all.get(sdk.roomId)?.stop();
    const room = new RoomState(this.core, sdk);
    this.#all.set(sdk.roomId, room);
    sdk.on(RoomEvent.UnreadNotifications, () => this.core.batch.room(sdk.roomId, Part.unread));
    this.core.batch.once(() => this.#version++);
    this.core.batch.room(sdk.roomId, Part.all);
  };

  readonly #onDeleted = (id: RoomId): void => this.drop(id);

  /** An upgraded room is history once one is in its successor, which has a link to it. */
  #isOver({ successor }: RoomState): boolean {
    return successor !== null && this.#all.get(successor)?.membership === "join";
  }

  /** Puts the lists in order, once all rooms and friends are up to date. */
  sort(): void {
    const joined: RoomState[] = [];
    const invites: RoomState[] = [];
    const knocked: RoomState[] = [];
    const removed: RoomState[] = [];
    let attention = this.core.friends.received.length;
    let unread = 0;
    for (const room of this.#all.values()) {
      if (room.isSpace) continue;
      if (room.membership === "invite" && !this.core.friends.isRequest(room.id)) invites.push(room);
      else if (room.membership === "knock") knocked.push(room);
      else if (room.wasRemoved) removed.push(room);
      if (room.membership !== "join" || this.core.friends.isHidden(room.id) || this.#isOver(room)) continue;
      joined.push(room);
      attention += room.unread.mentions;
      if (room.notify !== "none") unread += room.unread.messages;
    }
    this.#attention = attention;
    this.#unread = unread;
    this.#joined = kept(joined.sort(byActivity), this.#joined);
    this.#invites = kept(invites.sort(byInvite), this.#invites);
    this.#knocked = kept(knocked.sort(byActivity), this.#knocked);
    this.#removed = kept(removed.sort(byActivity), this.#removed);
  }
}

function byActivity(a: RoomState, b: RoomState): number {
  return b.activity - a.activity || (a.id < b.id ? -1 : 1);
}

function byInvite(a: RoomState, b: RoomState): number {
  return (b.invite?.at ?? 0) - (a.invite?.at ?? 0) || (a.id < b.id ? -1 : 1);
}

function kept<T>(next: readonly T[], before: readonly T[]): readonly T[] {
  return next.length === before.length && next.every((entry, at) => entry === before[at]) ? before : next;
}
