/** A room as lists and heads show it. What it can be told to do stands in `room.svelte.ts`. */
import { NotificationCountType, type Room as SdkRoom } from "matrix-js-sdk/lib/models/room";
import { Part } from "./batch";
import type { Core } from "./core";
import { readFacts, type RoomFacts } from "./info";
import { lastLine } from "./last";
import { MembersState } from "./members.svelte";
import { MARKED } from "./reading.svelte";
import { RoomPerson } from "./roomperson.svelte";
import { Powers, noPermissions } from "./powers";
import { levelOf } from "./pushrules";
import { same, type RawEvent, type StateReader } from "./raw";
import { TimelineState } from "./timeline.svelte";
import type { HistoryVisibility, JoinRule, LastLine, Levels, Membership, NotifyLevel, Permissions, Person, Room, UserId, Unread } from "./types";

/** All that may be shown before the server has confirmed it. */
export interface Shown extends RoomFacts {
  readonly name: string;
  readonly friend: Person | null;
  readonly picture: string | null;
  readonly memberCount: number;
  readonly favourite: boolean;
  readonly lowPriority: boolean;
}

const FAVOURITE = "m.favourite";
const LOW_PRIORITY = "m.lowpriority";
const NOBODY: readonly Person[] = [];

export class RoomBase {
  readonly id: string;
  readonly members: MembersState;
  readonly timeline: TimelineState;
  protected readonly core: Core;
  readonly #people = new Map<UserId, RoomPerson>();
  #shown: Shown = $state.raw(undefined as never);
  #patch: Partial<Shown> = {};
  #real: Shown = undefined as never;
  #unread = $state.raw<Unread>({ messages: 0, mentions: 0, marked: false });
  #last = $state.raw<LastLine | null>(null);
  #activity = $state(0);
  #typing = $state.raw<readonly Person[]>(NOBODY);
  #notify = $state<NotifyLevel>("default");
  #draft = $state("");
  #powers = $state.raw<Powers>(undefined as never);
  #permissions: { readonly of: Powers; readonly can: Permissions } | null = null;
  /** When we first heard of it: some servers leave the time of an invite out. */
  readonly #heardOf = Date.now();
  #lastKey: unknown = null;

  constructor(core: Core, readonly sdk: SdkRoom) {
    this.core = core;
    this.id = sdk.roomId;
    this.#powers = new Powers(this.state);
    this.#draft = core.drafts.get(this.id);
    this.members = new MembersState(core, this);
    this.timeline = new TimelineState(core, this);
    this.readShown();
  }

  /** The current state. */
  readonly state: StateReader = (type, key = "") => this.sdk.currentState.getStateEvents(type, key)?.event as RawEvent | undefined;

  /** Somebody by the name they have in this room. */
  person(id: UserId): RoomPerson {
    let person = this.#people.get(id);
    if (!person) {
      person = new RoomPerson(this.core, this.sdk, id);
      this.#people.set(id, person);
    }
    return person;
  }

  get name(): string {
    return this.#shown.name;
  }
  get avatar(): string | null {
    return this.#shown.picture ?? this.#shown.friend?.avatar ?? null;
  }
  get topic(): string {
    return this.#shown.topic;
  }
  get alias(): string | null {
    return this.#shown.alias;
  }
  get friend(): Person | null {
    return this.#shown.friend;
  }
  get isPublic(): boolean {
    return this.#shown.joinRule === "public";
  }
  get encrypted(): boolean {
    return this.#shown.encrypted;
  }
  get memberCount(): number {
    return this.#shown.memberCount;
  }
  get membership(): Membership {
    return this.#shown.membership;
  }
  get joinRule(): JoinRule {
    return this.#shown.joinRule;
  }
  get history(): HistoryVisibility {
    return this.#shown.history;
  }
  get successor(): string | null {
    return this.#shown.successor;
  }
  get predecessor(): string | null {
    return this.#shown.predecessor;
  }
  get favourite(): boolean {
    return this.#shown.favourite;
  }
  get lowPriority(): boolean {
    return this.#shown.lowPriority;
  }
  get invite(): Room["invite"] {
    const invite = this.#shown.invite;
    return invite && { by: this.person(invite.by), at: invite.at || this.#heardOf, reason: invite.reason };
  }
  get farewell(): Room["farewell"] {
    const farewell = this.#shown.farewell;
    return farewell && { kind: farewell.kind, by: this.person(farewell.by), reason: farewell.reason };
  }
  get unread(): Unread {
    return this.#unread;
  }
  get notify(): NotifyLevel {
    return this.#notify;
  }
  get last(): LastLine | null {
    return this.#last;
  }
  get activity(): number {
    return this.#activity;
  }
  get typing(): readonly Person[] {
    return this.#typing;
  }
  get draft(): string {
    return this.#draft;
  }
  set draft(draft: string) {
    this.#draft = draft;
    this.core.drafts.set(this.id, draft);
  }
  get levels(): Levels {
    return this.#powers.levels;
  }
  get can(): Permissions {
    if (this.membership !== "join") return noPermissions();
    // Kept, so that who compares finds the same object.
    if (this.#permissions?.of !== this.#powers) this.#permissions = { of: this.#powers, can: this.#powers.permissions(this.core.me) };
    return this.#permissions.can;
  }

  get powers(): Powers {
    return this.#powers;
  }

  /** What is known, without what was only asked for. */
  get facts(): Shown {
    return this.#real;
  }

  /** Whether it is a space: those are no rooms to talk in. */
  get isSpace(): boolean {
    return this.#real.kind === "space";
  }

  /** Takes over what changed, as `Part` names it. */
  refresh(parts: number): void {
    if (parts & Part.facts) {
      const powers = new Powers(this.state);
      if (!same(powers.permissions(this.core.me), this.#powers.permissions(this.core.me))) this.timeline.renew();
      this.#powers = powers;
    }
    if (parts & (Part.facts | Part.members)) this.readShown();
    if (parts & Part.members) this.#readPeople();
    if (parts & Part.unread) this.#readUnread();
    if (parts & Part.typing) this.#readTyping();
    if (parts & Part.notify) this.#notify = levelOf(this.core.client.pushRules, this.id);
    if (parts & Part.timeline) this.#readLast();
    if (parts & (Part.timeline | Part.receipts)) this.timeline.update();
    if (parts & (Part.members | Part.facts)) this.members.update();
  }

  /** Another tab has written a draft. */
  readDraft(): void {
    this.#draft = this.core.drafts.get(this.id);
  }

  /** Shows something before the server has confirmed it. It goes back with `revert`, or when a sync brings the truth. */
  protected patch(patch: Partial<Shown>): void {
    this.#patch = { ...this.#patch, ...patch };
    this.#show();
  }

  protected revert(patch: Partial<Shown>): void {
    // What was asked for since then stays.
    const rest = Object.entries(this.#patch).filter(([key, value]) => !(key in patch) || patch[key as keyof Shown] !== value);
    this.#patch = Object.fromEntries(rest);
    this.#show();
  }

  protected patchUnread(unread: Unread): void {
    if (!same(unread, this.#unread)) this.#unread = unread;
  }

  #show(): void {
    const next = { ...this.#real, ...this.#patch };
    if (!this.#shown || !sameShown(next, this.#shown)) this.#shown = next;
    this.core.rooms?.changed();
  }

  /** Takes over name, picture and the like. */
  readShown(): void {
    const facts = readFacts(this.state, this.core.me);
    const partner = this.core.friends?.partner(this.id) ?? (facts.invite?.direct ? facts.invite.by : null);
    const friend = partner === null ? null : this.person(partner);
    const tags = this.sdk.tags;
    this.#real = {
      ...facts,
      friend,
      name: facts.title || facts.alias || friend?.name || this.sdk.name || this.person(this.core.me).name,
      picture: facts.avatar,
      memberCount: this.sdk.getJoinedMemberCount(),
      favourite: FAVOURITE in tags,
      lowPriority: LOW_PRIORITY in tags,
    };
    this.#show();
  }

  #readPeople(): void {
    for (const person of this.#people.values()) person.read();
  }

  #readUnread(): void {
    const marked = this.sdk.getAccountData(MARKED)?.getContent()["unread"] === true;
    const next = {
      messages: this.sdk.getRoomUnreadNotificationCount(NotificationCountType.Total),
      mentions: this.sdk.getRoomUnreadNotificationCount(NotificationCountType.Highlight),
      marked,
    };
    if (!same(next, this.#unread)) this.#unread = next;
  }

  #readTyping(): void {
    const ids = this.sdk
      .getMembers()
      .filter((member) => member.typing && member.userId !== this.core.me && !this.core.people.isIgnored(member.userId))
      .map((member) => member.userId);
    if (ids.join() === this.#typing.map((person) => person.id).join()) return;
    this.#typing = ids.length > 0 ? ids.map((id) => this.person(id)) : NOBODY;
  }

  #readLast(): void {
    const found = lastLine(this.core, this);
    if (same(found.key, this.#lastKey) && this.#activity === found.activity) return;
    this.#lastKey = found.key;
    this.#last = found.line;
    this.#activity = found.activity;
  }
}

function sameShown(left: Shown, right: Shown): boolean {
  const { friend: leftFriend, ...leftRest } = left;
  const { friend: rightFriend, ...rightRest } = right;
  return leftFriend === rightFriend && same(leftRest, rightRest);
}

export { FAVOURITE, LOW_PRIORITY };
