/**
 * Friends on plain Matrix: what `m.direct`, invites and memberships mean, as `spec-notes/friends.md` tells it. Pure: it
 * knows neither the SDK nor the network.
 */
import { isUserId, record, strings, type Content } from "./raw";
import type { Membership } from "./types";

/** Which rooms are conversations with whom, by `m.direct`. */
export type Direct = ReadonlyMap<string, readonly string[]>;

/** What counts of a room that may be a conversation. */
export interface Candidate {
  readonly id: string;
  readonly mine: Membership;
  /** Somebody's membership; `null` if it is not known yet. */
  member(user: string): Membership | null;
  /** How many are joined or invited, myself included. */
  readonly people: number;
  readonly invite: { readonly by: string; readonly at: number; readonly direct: boolean } | null;
  readonly creator: string;
  /** ms since the epoch. */
  readonly activity: number;
  /** It is known that nobody has written anything. */
  readonly silent: boolean;
}

export interface FriendsView {
  /** Friend → the conversation. */
  readonly friends: ReadonlyMap<string, string>;
  /** Who asks me → the newest of their invites. */
  readonly received: ReadonlyMap<string, string>;
  /** Whom I asked → the room that they are invited to. */
  readonly sent: ReadonlyMap<string, string>;
  /** Room → the one other whom it is a conversation with, whatever became of it. */
  readonly partners: ReadonlyMap<string, string>;
  /** Rooms that `m.direct` names whose other member is not known yet. */
  readonly unknown: readonly { readonly user: string; readonly room: string }[];
}

export interface FriendsInput {
  readonly me: string;
  readonly direct: Direct;
  readonly rooms: readonly Candidate[];
  readonly ignored: (user: string) => boolean;
}

/** Reads `m.direct`, whatever others have made of it: only lists of rooms under whole user IDs count. */
export function parseDirect(content: Content, me: string): Map<string, string[]> {
  const direct = new Map<string, string[]>();
  for (const [user, rooms] of Object.entries(record(content))) {
    const valid = [...new Set(strings(rooms).filter((room) => room.startsWith("!")))];
    if (isUserId(user) && user !== me && valid.length > 0) direct.set(user, valid);
  }
  return direct;
}

/** `m.direct` with a room added first, as the newest. What is foreign or broken elsewhere in it stays as it is. */
export function withDirect(content: Content, user: string, room: string): Content {
  const rooms = strings(record(content)[user]);
  return rooms.includes(room) && Array.isArray(content[user]) ? content : { ...record(content), [user]: [room, ...rooms.filter((id) => id !== room)] };
}

/** `m.direct` without some rooms, or, if none are named, without any for this user. */
export function withoutDirect(content: Content, user: string, gone?: readonly string[]): Content {
  if (!Object.hasOwn(record(content), user)) return content;
  const { [user]: rooms, ...rest } = content;
  const left = gone ? strings(rooms).filter((id) => !gone.includes(id)) : [];
  if (gone && left.length === strings(rooms).length) return content;
  return left.length > 0 ? { ...rest, [user]: left } : rest;
}

/** Who is a friend, who asks, who was asked. */
export function mapFriends({ me, direct, rooms, ignored }: FriendsInput): FriendsView {
  const byId = new Map(rooms.map((room) => [room.id, room]));
  const friends = new Map<string, string>();
  const sent = new Map<string, string>();
  const unknown: { user: string; room: string }[] = [];
  for (const [user, ids] of direct) {
    const mine = ids.map((id) => byId.get(id)).filter((room) => room?.mine === "join") as Candidate[];
    for (const room of mine) if (room.member(user) === null) unknown.push({ user, room: room.id });
    if (ignored(user)) continue;
    const together = best(mine.filter((room) => room.member(user) === "join"));
    const asked = best(mine.filter((room) => room.member(user) === "invite"));
    if (together) friends.set(user, together.id);
    else if (asked) sent.set(user, asked.id);
  }
  return { friends, sent, received: receivedFrom(rooms, me, ignored), partners: partnersOf(direct, rooms), unknown };
}

function receivedFrom(rooms: readonly Candidate[], me: string, ignored: (user: string) => boolean): Map<string, string> {
  const newest = new Map<string, Candidate>();
  for (const room of rooms) {
    const { invite } = room;
    if (room.mine !== "invite" || !invite?.direct || invite.by === me || !isUserId(invite.by) || ignored(invite.by)) continue;
    const other = newest.get(invite.by);
    if (!other || (other.invite?.at ?? 0) < invite.at) newest.set(invite.by, room);
  }
  return new Map([...newest].map(([user, room]) => [user, room.id]));
}

function partnersOf(direct: Direct, rooms: readonly Candidate[]): Map<string, string> {
  const claims = new Map<string, string[]>();
  for (const [user, ids] of direct) for (const id of ids) claims.set(id, [...(claims.get(id) ?? []), user]);
  const partners = new Map<string, string>();
  for (const room of rooms) {
    const [user, second] = claims.get(room.id) ?? [];
    if (room.mine === "invite" && room.invite?.direct) partners.set(room.id, room.invite.by);
    // A room of more people is a group, even if another client calls it direct.
    else if (user !== undefined && second === undefined && room.people <= 2) partners.set(room.id, user);
  }
  return partners;
}

/** Of several conversations with one person: one of two people, then the newest; the ID decides where all else is equal. */
function best(rooms: readonly Candidate[]): Candidate | undefined {
  const pair = (room: Candidate) => (room.people <= 2 ? 0 : 1);
  return [...rooms].sort((a, b) => pair(a) - pair(b) || b.activity - a.activity || (a.id < b.id ? -1 : 1))[0];
}

/**
 * Whom I asked and who asks me: their request is accepted without a question. So it is if they have accepted mine by now, as
 * long as nobody has said anything there: they asked before they knew.
 */
export function mutual(me: string, view: FriendsView, rooms: readonly Candidate[]): { readonly user: string; readonly room: string }[] {
  const asked = new Set(rooms.filter((room) => room.creator === me && room.silent).map((room) => room.id));
  const isMutual = (user: string) => view.sent.has(user) || asked.has(view.friends.get(user) ?? "");
  return [...view.received].filter(([user]) => isMutual(user)).map(([user, room]) => ({ user, room }));
}

/**
 * Rooms that were made twice, as both asked at once: of two conversations, the one that was made by who has the larger
 * ID, once the other is joined by both and as long as this one holds no message. Both sides come to the same answer.
 */
export function superfluous(me: string, direct: Direct, rooms: readonly Candidate[]): { readonly user: string; readonly room: string; readonly kept: string }[] {
  const byId = new Map(rooms.map((room) => [room.id, room]));
  const gone: { user: string; room: string; kept: string }[] = [];
  for (const [user, ids] of direct) {
    const mine = ids.map((id) => byId.get(id)).filter((room) => room?.mine === "join" && room.people <= 2) as Candidate[];
    const [small, large] = me < user ? [me, user] : [user, me];
    const kept = mine.find((room) => room.creator === small && room.member(user) === "join");
    if (!kept) continue;
    for (const room of mine) {
      const theirs = room.member(user);
      if (room.creator === large && room.silent && (theirs === "join" || theirs === "invite")) gone.push({ user, room: room.id, kept: kept.id });
    }
  }
  return gone;
}

/**
 * Rooms without a word that lead nowhere, now that we have another: somebody declined or left and only I am in them, or I
 * was put out of them while they were tidied up on the other side.
 */
export function deserted(view: FriendsView, direct: Direct, rooms: readonly Candidate[]): { readonly user: string; readonly room: string; readonly kept: string }[] {
  const byId = new Map(rooms.map((room) => [room.id, room]));
  return [...view.friends].flatMap(([user, kept]) =>
    (direct.get(user) ?? [])
      .map((id) => byId.get(id))
      .filter((room): room is Candidate => room !== undefined && room.id !== kept && room.silent && isDead(room, user))
      .map((room) => ({ user, room: room.id, kept })),
  );
}

function isDead(room: Candidate, user: string): boolean {
  return room.mine === "leave" || (room.mine === "join" && room.people <= 1 && room.member(user) === "leave");
}

/** A room to ask somebody again in: one that I am in and they are not, not banned and not in it with others. */
export function reusable(user: string, direct: Direct, rooms: readonly Candidate[]): string | null {
  const ids = direct.get(user) ?? [];
  const free = rooms.filter((room) => ids.includes(room.id) && room.mine === "join" && room.people <= 1 && ["leave", "knock"].includes(room.member(user) ?? ""));
  return best(free)?.id ?? null;
}
