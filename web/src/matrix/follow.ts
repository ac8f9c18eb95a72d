/** Which of the SDK's events mean what for us. */
import { MatrixEventEvent, type MatrixEvent } from "matrix-js-sdk/lib/models/event";
import { RoomEvent, type Room as SdkRoom } from "matrix-js-sdk/lib/models/room";
import { RoomMemberEvent, type RoomMember } from "matrix-js-sdk/lib/models/room-member";
import { RoomStateEvent, type RoomState as SdkState } from "matrix-js-sdk/lib/models/room-state";
import { Part } from "./batch";
import type { Core } from "./core";
import { raw } from "./last";
import { record, text } from "./raw";

export function follow(core: Core): void {
  const { client, batch } = core;
  const mark = (room: SdkRoom | undefined, parts: number) => room && batch.room(room.roomId, parts);

  client.on(RoomEvent.Timeline, (event, room, _toStart, removed, data) => {
    if (!room || removed) return;
    touchTarget(core, room, event);
    const key = text(event.getUnsigned()["transaction_id"]);
    if (key && data.liveEvent) core.outbox.delivered(room.roomId, key);
    mark(room, Part.timeline | Part.receipts);
  });
  client.on(RoomEvent.TimelineReset, (room, _set, all) => {
    if (!room) return;
    core.rooms.find(room.roomId)?.timeline.reset(all);
    mark(room, Part.all);
  });
  client.on(RoomEvent.LocalEchoUpdated, (event, room) => {
    touchTarget(core, room, event);
    mark(room, Part.timeline);
  });
  const onRedaction = (event: MatrixEvent, room: SdkRoom) => {
    touchRedacted(core, room, event);
    mark(room, Part.timeline);
  };
  client.on(RoomEvent.Redaction, onRedaction);
  client.on(RoomEvent.RedactionCancelled, onRedaction);
  client.on(MatrixEventEvent.Replaced, (event) => {
    core.rooms.find(event.getRoomId() ?? "")?.timeline.touch(event.getId() ?? "");
    batch.room(event.getRoomId() ?? "", Part.timeline);
  });
  client.on(MatrixEventEvent.Decrypted, (event) => {
    core.rooms.find(event.getRoomId() ?? "")?.timeline.touch(event.getId() ?? "");
    batch.room(event.getRoomId() ?? "", Part.timeline);
  });
  client.on(RoomEvent.Receipt, (_event, room) => mark(room, Part.receipts));
  client.on(RoomEvent.Name, (room) => mark(room, Part.facts));
  client.on(RoomEvent.Tags, (_event, room) => mark(room, Part.facts));
  client.on(RoomEvent.MyMembership, (room) => mark(room, Part.all));
  client.on(RoomEvent.AccountData, (_event, room) => mark(room, Part.unread));
  client.on(RoomStateEvent.Events, (event, state) => {
    if (!isLive(core, state)) return;
    const isMember = event.getType() === "m.room.member";
    if (isMember) core.people.sawMember(raw(event));
    batch.room(state.roomId, isMember && event.getStateKey() !== core.me ? Part.members : Part.facts | Part.members | Part.timeline);
  });
  const ofMember = (parts: number) => (_event: unknown, member: RoomMember) => batch.room(member.roomId, parts);
  client.on(RoomMemberEvent.Typing, ofMember(Part.typing));
  client.on(RoomMemberEvent.Name, ofMember(Part.members));
}

/** Events also stand in the states of older parts of a timeline. */
function isLive(core: Core, state: SdkState): boolean {
  return core.client.getRoom(state.roomId)?.currentState === state;
}

/** Reactions by the message they are on: once redacted they don't say. */
const REACTION_TARGETS = new WeakMap<SdkRoom, Map<string, string>>();

function touchTarget(core: Core, room: SdkRoom, event: MatrixEvent): void {
  const timeline = core.rooms.find(room.roomId)?.timeline;
  if (event.isRedaction()) return touchRedacted(core, room, event);
  const relation = record(event.getWireContent()["m.relates_to"]);
  const target = text(relation["event_id"]);
  if (!target || !relation["rel_type"]) return;
  timeline?.touch(target);
  if (relation["rel_type"] !== "m.annotation") return;
  const targets = REACTION_TARGETS.get(room) ?? new Map<string, string>();
  REACTION_TARGETS.set(room, targets.set(event.getId() ?? "", target));
}

function touchRedacted(core: Core, room: SdkRoom, event: MatrixEvent): void {
  const redacted = event.getAssociatedId() ?? "";
  const timeline = core.rooms.find(room.roomId)?.timeline;
  timeline?.touch(redacted);
  const target = REACTION_TARGETS.get(room)?.get(redacted);
  if (target) timeline?.touch(target);
}
