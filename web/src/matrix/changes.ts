/** From a state event to what it did, for screens to word. */
import { historyVisibility, joinRule, membershipOf, previousMembership } from "./info";
import { localpart, mxc, record, same, text, type RawEvent } from "./raw";
import type { Change, Person } from "./types";

/** State that changes behind the scenes and says nothing to people. */
const SILENT = new Set(["m.room.server_acl", "m.room.third_party_invite", "m.space.parent", "m.space.child", "m.room.guest_access", "m.room.aliases", "m.room.related_groups"]);

/** `null`: nothing that one would tell. */
export function readChange(event: RawEvent, person: (id: string) => Person): Change | null {
  const content = event.content;
  const before = record(event.unsigned?.["prev_content"]);
  switch (event.type) {
    case "m.room.member":
      return membershipChange(event, person);
    case "m.room.create":
      return { type: "created" };
    case "m.room.name":
      return { type: "roomName", value: text(content["name"]) };
    case "m.room.topic":
      return { type: "topic", value: text(content["topic"]) };
    case "m.room.avatar":
      return { type: "roomAvatar" };
    case "m.room.canonical_alias":
      return text(content["alias"]) === text(before["alias"]) && event.unsigned?.["prev_content"] ? null : { type: "alias", value: text(content["alias"]) };
    case "m.room.join_rules":
      return { type: "joinRule", rule: joinRule(content["join_rule"]) };
    case "m.room.history_visibility":
      return { type: "history", visibility: historyVisibility(content["history_visibility"]) };
    case "m.room.power_levels":
      return { type: "permissions" };
    case "m.room.pinned_events":
      return { type: "pinned" };
    case "m.room.encryption":
      return { type: "encryption" };
    case "m.room.tombstone":
      return { type: "upgraded", successor: text(content["replacement_room"]) };
    default:
      return SILENT.has(event.type) ? null : { type: "other", event: event.type };
  }
}

function membershipChange(event: RawEvent, person: (id: string) => Person): Change | null {
  const target = event.state_key ?? "";
  const by = event.sender ?? "";
  const after = membershipOf(event);
  const before = previousMembership(event);
  const about = (type: "invited" | "kicked" | "banned" | "unbanned" | "declined" | "cancelled"): Change => ({
    type,
    target: person(target),
    reason: text(event.content["reason"]),
  });
  switch (after) {
    case "join":
      return before === "join" ? profileChange(event, target) : { type: "joined" };
    case "invite":
      return before === "invite" ? null : about("invited");
    case "ban":
      return before === "ban" ? null : about("banned");
    case "knock":
      return before === "knock" ? null : { type: "knocked" };
    case "leave":
      if (by === target) return before === "invite" ? about("declined") : { type: "left" };
      return before === "ban" ? about("unbanned") : before === "invite" ? about("cancelled") : about("kicked");
  }
}

function profileChange(event: RawEvent, target: string): Change | null {
  const before = record(event.unsigned?.["prev_content"]);
  const name = (content: object) => text(record(content)["displayname"]) || localpart(target);
  if (name(before) !== name(event.content)) return { type: "renamed", from: name(before), to: name(event.content) };
  const picture = mxc(event.content["avatar_url"]);
  if (same(mxc(before["avatar_url"]), picture)) return null;
  return picture ? { type: "avatarChanged" } : { type: "avatarRemoved" };
}
