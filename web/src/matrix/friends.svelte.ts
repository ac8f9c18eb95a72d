/** Friends: the mapping of `mapping.ts`, kept up to date, and what one does with it. */
import { ClientEvent } from "matrix-js-sdk/lib/client";
import { Part } from "./batch";
import { candidate } from "./candidates";
import type { Core } from "./core";
import { Failure } from "./errors";
import { DIRECT, Friendship } from "./friendship";
import { byOneTab } from "./http";
import * as map from "./mapping";
import { text } from "./raw";
import type { RoomState } from "./room.svelte";
import type { Friend, Friends, Person, Request, Room, RoomId, UserId } from "./types";

/** How long until something that could not be put in order is tried again, ms. */
const TIDY_AGAIN = 30_000;
/** Changes of a room after which it may mean something else for friends. */
const COUNTS = Part.facts | Part.members | Part.timeline;
const NOTHING: map.FriendsView = { friends: new Map(), received: new Map(), sent: new Map(), partners: new Map(), unknown: [] };
/** What a friend may do in a conversation that I made: all that I may, once they are in it. */
const EQUAL = 100;

export class FriendsState implements Friends {
  #list = $state.raw<readonly Friend[]>([]);
  #received = $state.raw<readonly Request[]>([]);
  #sent = $state.raw<readonly Request[]>([]);
  #blocked = $state.raw<readonly Person[]>([]);
  #view = $state.raw<map.FriendsView>(NOTHING);
  #direct: ReadonlyMap<UserId, readonly RoomId[]> = new Map();
  #rooms: readonly map.Candidate[] = [];
  #named: ReadonlySet<RoomId> = new Set();
  #stale = true;
  #hidden: ReadonlySet<RoomId> = new Set();
  readonly #asked = new Set<string>();
  readonly #notBefore = new Map<string, number>();

  readonly #ship: Friendship;

  constructor(private readonly core: Core) {
    this.#ship = new Friendship(core);
    core.client.on(ClientEvent.AccountData, (event) => {
      if (event.getType() === DIRECT) this.changed();
    });
  }

  get list(): readonly Friend[] {
    return this.#list;
  }
  get received(): readonly Request[] {
    return this.#received;
  }
  get sent(): readonly Request[] {
    return this.#sent;
  }
  get blocked(): readonly Person[] {
    return this.#blocked;
  }

  relation(id: UserId): ReturnType<Friends["relation"]> {
    if (id === this.core.me) return "me";
    if (this.core.people.ignored.includes(id)) return "blocked";
    if (this.#view.friends.has(id)) return "friend";
    if (this.#view.received.has(id)) return "received";
    return this.#view.sent.has(id) ? "sent" : "none";
  }

  async add(id: UserId, note = ""): Promise<Room> {
    if (id === this.core.me) throw new Failure("other", "One is one's own friend already");
    if (this.core.people.isIgnored(id)) await this.core.people.setIgnored(id, false);
    const { friends, received, sent } = this.#view;
    const asks = received.get(id);
    if (asks) return this.#ship.accept(id, asks);
    const known = friends.get(id) ?? sent.get(id);
    if (known) return this.core.rooms.whenJoined(known);
    const old = map.reusable(id, this.#direct, this.#rooms);
    if (old && (await this.#ship.inviteTo(old, id, note))) return this.core.rooms.whenJoined(old);
    return this.#ship.ask(id, note);
  }

  accept(request: Request): Promise<Room> {
    return this.#ship.accept(request.person.id, request.room.id);
  }

  async decline(request: Request): Promise<void> {
    for (const room of this.#ship.invitesOf(request.person.id)) await room.decline();
  }

  async cancel(request: Request): Promise<void> {
    const user = request.person.id;
    const room = this.#ship.room(request.room.id);
    const theirs = await this.#ship.askMembership(room.id, user);
    // They were quicker: we are friends now, and nobody is thrown out for it.
    if (theirs === "join") throw new Failure("other", "They have accepted already");
    if (theirs === "invite" || theirs === "knock") await room.members.kick(user, "");
    await this.#ship.leaveBehind(user, [room.id]);
  }

  async sendAgain(request: Request): Promise<void> {
    const user = request.person.id;
    const room = this.#ship.room(request.room.id);
    if ((await this.#ship.askMembership(room.id, user)) === "join") return;
    if (!(await this.#ship.inviteTo(room.id, user, request.note))) throw new Failure("forbidden", "One may not invite here", "M_FORBIDDEN");
  }

  async remove(id: UserId): Promise<void> {
    const rooms = (this.#direct.get(id) ?? []).filter((room) => (this.core.rooms.find(room)?.memberCount ?? 0) <= 2);
    for (const room of rooms) {
      const state = this.core.rooms.find(room);
      if (state?.facts.membership === "join") await state.leave();
    }
    await this.core.account.update(DIRECT, (content) => map.withoutDirect(content, id));
    await this.core.until(() => !this.#view.friends.has(id) || null);
  }

  async block(id: UserId): Promise<void> {
    const invites = this.#ship.invitesOf(id);
    const asked = this.#sent.find((request) => request.person.id === id);
    await this.core.people.setIgnored(id, true);
    for (const room of invites) await room.decline();
    if (asked) await this.cancel(asked).catch(() => undefined);
  }

  async unblock(id: UserId): Promise<void> {
    await this.core.people.setIgnored(id, false);
  }

  /** The one other whom a room is a conversation with. */
  partner(room: RoomId): UserId | null {
    return this.#view.partners.get(room) ?? null;
  }

  /** Whether an invite is a friend request. */
  isRequest(room: RoomId): boolean {
    const invite = this.core.rooms.find(room)?.facts.invite;
    return invite?.direct === true;
  }

  /** Whether lists of rooms leave a room out: requests nobody has answered or written to, and conversations with blocked people. */
  isHidden(room: RoomId): boolean {
    return this.#hidden.has(room);
  }

  /** Something that the mapping is made of has changed. */
  changed(): void {
    this.core.batch.once(this.#markStale);
  }

  /** Maps anew where something changed that counts. */
  refresh(rooms: ReadonlyMap<RoomId, number>): void {
    if (!this.#stale && ![...rooms].some(([id, parts]) => parts & COUNTS && this.#counts(id))) return;
    this.#stale = false;
    const { me, people } = this.core;
    this.#direct = map.parseDirect(this.core.account.known(DIRECT), me);
    this.#rooms = this.#candidates();
    const before = this.#view.partners;
    this.#view = map.mapFriends({ me, direct: this.#direct, rooms: this.#rooms, ignored: (user) => people.isIgnored(user) });
    this.#hidden = this.#hide();
    for (const id of changedKeys(before, this.#view.partners)) this.core.rooms.find(id)?.readShown();
    this.#publish();
    this.#loadUnknown();
  }

  /** What follows from the mapping without anybody's doing: mutual requests, and rooms made twice. Done by one tab. */
  async tidy(): Promise<void> {
    const chores = this.#chores().filter(({ key }) => (this.#notBefore.get(key) ?? 0) < Date.now());
    if (chores.length === 0) return;
    // Whether it works or not: what a sync brings next is no reason to try again at once.
    for (const { key } of chores) this.#notBefore.set(key, Date.now() + TIDY_AGAIN);
    await byOneTab(`salon.friends.${this.core.me}`, async () => {
      for (const { todo } of chores) await todo().catch(() => undefined);
    });
  }

  #chores(): { key: string; todo: () => Promise<unknown> }[] {
    const { me } = this.core;
    const twice = [...map.superfluous(me, this.#direct, this.#rooms), ...map.deserted(this.#view, this.#direct, this.#rooms)];
    return [
      ...map.mutual(me, this.#view, this.#rooms).map(({ user, room }) => ({ key: `accept ${room}`, todo: () => this.#ship.accept(user, room) })),
      ...twice.map(({ user, room, kept }) => ({ key: `prune ${room}`, todo: () => this.#ship.prune(user, room, kept) })),
      ...this.#withdrawn().map((room) => ({ key: `forget ${room.id}`, todo: () => this.#ship.forgetWithdrawn(room, this.#view.friends) })),
      ...this.#toRaise().map(({ user, room }) => ({ key: `raise ${room}`, todo: () => this.#ship.room(room).members.setPower(user, EQUAL) })),
    ];
  }

  readonly #markStale = (): void => {
    this.#stale = true;
  };

  /** Whether a room may be a conversation, or was one. */
  #counts(id: RoomId): boolean {
    return this.#named.has(id) || this.#view.partners.has(id) || this.isRequest(id);
  }

  #candidates(): map.Candidate[] {
    this.#named = new Set([...this.#direct.values()].flat());
    return [...this.core.rooms.all()].filter((room) => this.#counts(room.id)).map((room) => candidate(room, this.core));
  }

  /** Requests that were taken back before I had answered them, as when both asked at once and they were quicker to tidy up. */
  #withdrawn(): RoomState[] {
    return [...this.core.rooms.all()].filter((room) => room.wasAsked);
  }

  /** Friends who joined a conversation of mine and have no power of their own in it yet. */
  #toRaise(): { user: UserId; room: RoomId }[] {
    const { me } = this.core;
    return [...this.#view.friends].flatMap(([user, id]) => {
      const room = this.core.rooms.find(id);
      if (!room?.powers.creators.has(me) || room.memberCount !== 2 || !room.can.levels) return [];
      return !room.powers.isSet(user) && room.powers.of(user) < EQUAL ? [{ user, room: id }] : [];
    });
  }

  #hide(): Set<RoomId> {
    const hidden = new Set<RoomId>();
    for (const [room, user] of this.#view.partners) {
      const known = this.#rooms.find((one) => one.id === room);
      const isOpen = known && known.member(user) !== "join" && known.silent;
      if (isOpen || this.core.people.isIgnored(user)) hidden.add(room);
    }
    return hidden;
  }

  #publish(): void {
    const { core } = this;
    const room = (id: RoomId) => core.rooms.find(id) as RoomState;
    const friends = [...this.#view.friends].map(([user, id]) => ({ person: room(id).person(user), room: room(id) }));
    this.#list = keep(friends.sort((a, b) => b.room.activity - a.room.activity), this.#list);
    const received = [...this.#view.received].map(([user, id]) => {
      const { at, reason } = room(id).invite ?? { at: 0, reason: "" };
      return { person: room(id).person(user), room: room(id), at, note: reason };
    });
    this.#received = keep(received.filter(({ room }) => room.membership === "invite").sort(newestFirst), this.#received);
    const sent = [...this.#view.sent].map(([user, id]) => {
      const event = room(id).state("m.room.member", user);
      return { person: room(id).person(user), room: room(id), at: event?.origin_server_ts ?? 0, note: text(event?.content["reason"]) };
    });
    this.#sent = keep(sent.filter(({ room }) => room.membership === "join").sort(newestFirst), this.#sent);
    const blocked = core.people.ignored.map((id) => core.people.get(id));
    if (blocked.length !== this.#blocked.length || blocked.some((person, at) => person !== this.#blocked[at])) this.#blocked = blocked;
  }

  /** Lazy loading leaves members out; in conversations they are what counts. */
  #loadUnknown(): void {
    for (const { user, room } of this.#view.unknown) {
      const key = `${room} ${user}`;
      if (this.#asked.has(key)) continue;
      this.#asked.add(key);
      void this.core.rooms.find(room)?.members.load().catch(() => this.#asked.delete(key));
    }
  }
}

function newestFirst(a: Request, b: Request): number {
  return b.at - a.at;
}

/** The list as it was if it says the same; entries as they were where they do. */
function keep<T extends Friend | Request>(next: readonly T[], before: readonly T[]): readonly T[] {
  const says = (a: T, b: T) => a.person === b.person && a.room === b.room && (a as Request).at === (b as Request).at && (a as Request).note === (b as Request).note;
  const kept = next.map((entry) => before.find((old) => says(old, entry)) ?? entry);
  return kept.length === before.length && kept.every((entry, at) => entry === before[at]) ? before : kept;
}

function changedKeys(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): Set<string> {
  const keys = new Set<string>();
  for (const [key, value] of after) if (before.get(key) !== value) keys.add(key);
  for (const key of before.keys()) if (!after.has(key)) keys.add(key);
  return keys;
}
