/** What a room's state says of it, read without the SDK. */
import { mxc, record, text, type RawEvent, type StateReader } from "./raw";
import type { HistoryVisibility, JoinRule, Membership } from "./types";

/** Facts of a room; people are IDs here. */
export interface RoomFacts {
  /** `m.room.name`, or empty. */
  readonly title: string;
  readonly avatar: string | null;
  readonly topic: string;
  readonly alias: string | null;
  readonly joinRule: JoinRule;
  readonly history: HistoryVisibility;
  readonly encrypted: boolean;
  readonly membership: Membership;
  readonly invite: { readonly by: string; readonly at: number; readonly reason: string; readonly direct: boolean } | null;
  /** `was`: what I was before it; who was only invited has not been put out. `direct`: what I was invited to was a conversation. */
  readonly farewell: { readonly kind: "left" | "kicked" | "banned"; readonly by: string; readonly reason: string; readonly was: Membership; readonly direct: boolean } | null;
  readonly successor: string | null;
  readonly predecessor: string | null;
  readonly kind: "room" | "space";
}

const JOIN_RULES: ReadonlyMap<unknown, JoinRule> = new Map([
  ["public", "public"],
  ["invite", "invite"],
  ["private", "invite"],
  ["knock", "knock"],
  ["restricted", "restricted"],
  ["knock_restricted", "restricted"],
]);

const VISIBILITIES: ReadonlySet<unknown> = new Set(["invited", "joined", "shared", "world_readable"]);

export function joinRule(value: unknown): JoinRule {
  return value === undefined ? "invite" : (JOIN_RULES.get(value) ?? "other");
}

export function historyVisibility(value: unknown): HistoryVisibility {
  return VISIBILITIES.has(value) ? (value as HistoryVisibility) : "shared";
}

export function membershipOf(event: RawEvent | undefined): Membership {
  const value = event?.content["membership"];
  return value === "join" || value === "invite" || value === "knock" || value === "ban" ? value : "leave";
}

export function readFacts(state: StateReader, me: string): RoomFacts {
  const content = (type: string) => state(type)?.content ?? {};
  const mine = state("m.room.member", me);
  const membership = membershipOf(mine);
  return {
    title: text(content("m.room.name")["name"]).trim(),
    avatar: mxc(content("m.room.avatar")["url"]),
    topic: text(content("m.room.topic")["topic"]).trim(),
    alias: text(content("m.room.canonical_alias")["alias"]) || null,
    joinRule: joinRule(content("m.room.join_rules")["join_rule"]),
    history: historyVisibility(content("m.room.history_visibility")["history_visibility"]),
    encrypted: !!state("m.room.encryption"),
    membership,
    invite: membership === "invite" ? inviteOf(mine) : null,
    farewell: membership === "leave" || membership === "ban" ? farewellOf(mine, me) : null,
    successor: text(content("m.room.tombstone")["replacement_room"]) || null,
    predecessor: text(record(content("m.room.create")["predecessor"])["room_id"]) || null,
    kind: content("m.room.create")["type"] === "m.space" ? "space" : "room",
  };
}

function inviteOf(event: RawEvent | undefined): RoomFacts["invite"] {
  if (!event) return null;
  return { by: event.sender ?? "", at: event.origin_server_ts ?? 0, reason: text(event.content["reason"]), direct: event.content["is_direct"] === true };
}

function farewellOf(event: RawEvent | undefined, me: string): RoomFacts["farewell"] {
  if (!event) return null;
  const by = event.sender ?? me;
  const kind = event.content["membership"] === "ban" ? "banned" : by === me ? "left" : "kicked";
  // Servers that don't tell what was before told us of a room that we were in.
  const was = event.unsigned?.["prev_content"] ? previousMembership(event) : "join";
  const direct = record(event.unsigned?.["prev_content"])["is_direct"] === true;
  return { kind, by, reason: text(event.content["reason"]), was, direct };
}

/** The membership before an event, as the server notes it. */
export function previousMembership(event: RawEvent): Membership {
  return membershipOf({ type: event.type, content: record(event.unsigned?.["prev_content"]) });
}
