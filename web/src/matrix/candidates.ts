/** What of a room counts for friends. */
import { isMessage } from "./body";
import type { Core } from "./core";
import { membershipOf } from "./info";
import type { Candidate } from "./mapping";
import type { RoomState } from "./room.svelte";

export function candidate(room: RoomState, core: Core): Candidate {
  const { sdk, facts } = room;
  return {
    id: room.id,
    mine: facts.membership,
    member: (user) => {
      const event = room.state("m.room.member", user);
      if (event) return membershipOf(event);
      return room.members.ready ? "leave" : null;
    },
    people: sdk.getJoinedMemberCount() + sdk.getInvitedMemberCount(),
    invite: facts.invite,
    creator: room.state("m.room.create")?.sender ?? "",
    activity: room.activity,
    silent: isSilent(room, core),
  };
}

/** All of it is known, and nobody has written. */
function isSilent(room: RoomState, core: Core): boolean {
  const events = room.sdk.getLiveTimeline().getEvents();
  const begins = events.some((event) => event.getType() === "m.room.create");
  return begins && core.outbox.of(room.id).length === 0 && !events.some((event) => isMessage(event.getType()));
}

