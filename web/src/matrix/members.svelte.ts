/** The members of a room, loaded when somebody looks. */
import type { RoomMember } from "matrix-js-sdk/lib/models/room-member";
import { path, type Core } from "./core";
import { failure } from "./errors";
import { mxc, text } from "./raw";
import type { RoomBase } from "./roombase.svelte";
import type { Member, Members, Membership, Presence, UserId } from "./types";

class MemberItem implements Member {
  constructor(
    private readonly core: Core,
    readonly id: UserId,
    readonly name: string,
    readonly avatar: string | null,
    readonly membership: Membership,
    readonly power: number,
    readonly role: Member["role"],
    readonly isMe: boolean,
    readonly canKick: boolean,
    readonly canBan: boolean,
    readonly maxPower: number | null,
    readonly reason: string,
  ) {}

  get presence(): Presence | null {
    return this.core.people.get(this.id).presence;
  }

  says(other: MemberItem): boolean {
    return (
      this.name === other.name &&
      this.avatar === other.avatar &&
      this.membership === other.membership &&
      this.power === other.power &&
      this.role === other.role &&
      this.canKick === other.canKick &&
      this.canBan === other.canBan &&
      this.maxPower === other.maxPower &&
      this.reason === other.reason
    );
  }
}

interface Lists {
  readonly join: readonly Member[];
  readonly invite: readonly Member[];
  readonly knock: readonly Member[];
  readonly ban: readonly Member[];
}

export class MembersState implements Members {
  #version = $state(0);
  #ready = $state(false);
  #loading: Promise<void> | null = null;
  #lists: Lists | null = null;
  readonly #items = new Map<UserId, MemberItem>();

  constructor(
    private readonly core: Core,
    private readonly room: RoomBase,
  ) {}

  get ready(): boolean {
    return this.#ready;
  }

  load(): Promise<void> {
    this.#loading ??= this.room.sdk.loadMembersIfNeeded().then(
      () => {
        this.#ready = true;
        this.update();
      },
      (cause: unknown) => {
        this.#loading = null;
        throw failure(cause);
      },
    );
    return this.#loading;
  }

  get joined(): readonly Member[] {
    return this.#all().join;
  }
  get invited(): readonly Member[] {
    return this.#all().invite;
  }
  get knocking(): readonly Member[] {
    return this.#all().knock;
  }
  get banned(): readonly Member[] {
    return this.#all().ban;
  }

  get(id: UserId): Member | null {
    void this.#version;
    const member = this.room.sdk.getMember(id);
    return member ? this.#item(member) : null;
  }

  async invite(id: UserId): Promise<void> {
    await this.core.encryption.giveKeys(this.room.id, id);
    await this.#ask("invite", { user_id: id });
  }

  kick(id: UserId, reason: string): Promise<void> {
    return this.#ask("kick", { user_id: id, ...(reason && { reason }) });
  }

  ban(id: UserId, reason: string): Promise<void> {
    return this.#ask("ban", { user_id: id, ...(reason && { reason }) });
  }

  unban(id: UserId): Promise<void> {
    return this.#ask("unban", { user_id: id });
  }

  async setPower(id: UserId, power: number): Promise<void> {
    await this.core.request("PUT", path`/_matrix/client/v3/rooms/${this.room.id}/state/m.room.power_levels/`, { body: this.room.powers.withPower(id, power) });
  }

  /** Something changed: the lists are made anew when somebody reads them. */
  update(): void {
    this.#lists = null;
    this.#version++;
  }

  async #ask(action: string, body: object): Promise<void> {
    await this.core.request("POST", path`/_matrix/client/v3/rooms/${this.room.id}/${action}`, { body });
  }

  #all(): Lists {
    void this.#version;
    this.#lists ??= this.#sort();
    return this.#lists;
  }

  #sort(): Lists {
    const lists = { join: [] as MemberItem[], invite: [] as MemberItem[], knock: [] as MemberItem[], ban: [] as MemberItem[] };
    for (const member of this.room.sdk.getMembers()) {
      const item = this.#item(member);
      if (item.membership !== "leave") lists[item.membership].push(item);
    }
    const collator = new Intl.Collator(undefined, { sensitivity: "base", numeric: true });
    const order = (a: MemberItem, b: MemberItem) => (a.power === b.power ? collator.compare(a.name, b.name) : b.power - a.power);
    for (const list of Object.values(lists)) list.sort(order);
    return lists;
  }

  /** The same object as long as it says the same. */
  #item(member: RoomMember): MemberItem {
    const { core, room } = this;
    const { powers, can } = room;
    const id = member.userId;
    const power = powers.of(id);
    const isMe = id === core.me;
    const isBelow = !isMe && power < powers.of(core.me);
    const membership = (member.membership ?? "leave") as Membership;
    const item = new MemberItem(
      core,
      id,
      member.name === id ? room.person(id).name : member.name,
      mxc(member.getMxcAvatarUrl()),
      membership,
      power,
      powers.role(id),
      isMe,
      can.kick && isBelow && membership !== "leave" && membership !== "ban",
      can.ban && isBelow && membership !== "ban",
      membership === "join" || membership === "invite" ? powers.most(core.me, id) : null,
      text(member.events.member?.getContent()["reason"]),
    );
    const before = this.#items.get(id);
    if (before?.says(item)) return before;
    this.#items.set(id, item);
    return item;
  }
}
