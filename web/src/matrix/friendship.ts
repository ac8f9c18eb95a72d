/** What friends ask of each other, as requests to the server. Who is a friend stands in `friends.svelte.ts`. */
import { path, type Core } from "./core";
import { Failure, failure, orMissing } from "./errors";
import { membershipOf } from "./info";
import * as map from "./mapping";
import type { Content } from "./raw";
import type { RoomState } from "./room.svelte";
import type { Membership, RoomId, UserId } from "./types";

export const DIRECT = "m.direct";

export class Friendship {
  constructor(private readonly core: Core) {}

  /** A room that has to be here. */
  room(id: RoomId): RoomState {
    const room = this.core.rooms.find(id);
    if (!room) throw new Failure("notFound", "The room is not here");
    return room;
  }

  /** All requests by somebody. */
  invitesOf(user: UserId): RoomState[] {
    return [...this.core.rooms.all()].filter((room) => room.facts.invite?.by === user && room.facts.invite.direct);
  }

  /** Joins; what else they have sent is declined. */
  async accept(user: UserId, id: RoomId): Promise<RoomState> {
    const others = this.invitesOf(user).filter((room) => room.id !== id);
    await this.room(id).accept();
    await this.remember(user, id);
    for (const room of others) await room.decline().catch(() => undefined);
    return this.core.rooms.whenJoined(id);
  }

  /** Makes a room, encrypted where we can, and invites. An invite with a note can't be part of making the room, so it follows. */
  async ask(user: UserId, note: string): Promise<RoomState> {
    const initial_state = await this.core.encryption.initialState();
    const body = { preset: "private_chat", is_direct: true, initial_state, ...(!note && { invite: [user] }) };
    const { room_id } = await this.core.request<{ room_id: string }>("POST", "/_matrix/client/v3/createRoom", { body });
    try {
      if (note) await this.putInvite(room_id, user, note);
      await this.remember(user, room_id);
    } catch (cause) {
      await this.core.request("POST", path`/_matrix/client/v3/rooms/${room_id}/leave`, { body: {} }).catch(() => undefined);
      throw failure(cause);
    }
    const room = await this.core.rooms.whenJoined(room_id);
    // A sync may come while the room is being made: nothing is to be written in it before it is known to be encrypted.
    await this.core.until(() => room.facts.encrypted || initial_state.length === 0 || null);
    await this.core.until(() => ["sent", "friend"].includes(this.core.friends.relation(user)) || null);
    return room;
  }

  /** Invites to a room that exists; says whether one may. */
  async inviteTo(room: RoomId, user: UserId, note: string): Promise<boolean> {
    if (!this.room(room).can.invite) return false;
    await this.putInvite(room, user, note);
    await this.remember(user, room);
    return true;
  }

  /** `/invite` can't say that it is about a conversation; the member event can. */
  private async putInvite(room: RoomId, user: UserId, note: string): Promise<void> {
    const content: Content = { membership: "invite", is_direct: true, ...(note && { reason: note }) };
    await this.core.encryption.giveKeys(room, user);
    await this.core.request("PUT", path`/_matrix/client/v3/rooms/${room}/state/m.room.member/${user}`, { body: content });
  }

  private async remember(user: UserId, room: RoomId): Promise<void> {
    await this.core.account.update(DIRECT, (content) => map.withDirect(content, user, room));
    await this.core.until(() => map.parseDirect(this.core.account.known(DIRECT), this.core.me).get(user)?.includes(room) || null);
  }

  /** Leaves rooms, forgets them and drops them from `m.direct`. */
  async leaveBehind(user: UserId, rooms: readonly RoomId[]): Promise<void> {
    for (const room of rooms) await this.room(room).forget();
    await this.core.account.update(DIRECT, (content) => map.withoutDirect(content, user, rooms));
  }

  /** Lets one of two conversations go; who looks at it is told where it goes on. */
  async prune(user: UserId, id: RoomId, kept: RoomId): Promise<void> {
    const room = this.room(id);
    room.goesOn(kept);
    // An invite that nobody will answer is withdrawn; who has joined meanwhile leaves by themselves.
    const isIn = room.facts.membership === "join";
    if (isIn && room.sdk.getMember(user)?.membership === "invite" && (await this.askMembership(id, user)) === "invite") await room.members.kick(user, "");
    await this.leaveBehind(user, [id]);
  }

  /** Lets a request go that was taken back; if we are friends by now, who looks at it is told where that goes on. */
  async forgetWithdrawn(room: RoomState, friends: ReadonlyMap<UserId, RoomId>): Promise<void> {
    const kept = friends.get(room.facts.farewell?.by ?? "");
    if (kept) room.goesOn(kept);
    await room.forget();
  }

  /** What the server says of somebody's membership at this moment. */
  async askMembership(room: RoomId, user: UserId): Promise<Membership> {
    const content = await orMissing(this.core.request<Content>("GET", path`/_matrix/client/v3/rooms/${room}/state/m.room.member/${user}`), {});
    return membershipOf({ type: "m.room.member", content });
  }
}
