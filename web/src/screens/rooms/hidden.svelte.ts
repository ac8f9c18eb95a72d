/** Rooms that were left or declined a moment ago and may yet come back: lists leave them out. */
import { SvelteSet } from "svelte/reactivity";
import { t } from "../../i18n/i18n.svelte";
import type { Matrix, Person, Room, RoomId } from "../../matrix/types";
import { undoable } from "../../ui/toasts.svelte";
import { short } from "./lines";

const hidden = new SvelteSet<RoomId>();

export function isHidden(room: Room): boolean {
  return hidden.has(room.id);
}

/** Does something that makes a room go, in five seconds unless it is taken back. */
export function goes(room: Room, text: string, commit: () => Promise<void>): void {
  undoable(text, {
    hide: () => hidden.add(room.id),
    restore: () => hidden.delete(room.id),
    commit: async () => {
      await commit();
      // By now the room itself says that I am not in it, so that it may be joined again.
      hidden.delete(room.id);
    },
  });
}

export function leaveRoom(room: Room): void {
  goes(room, t("rooms.left", { name: short(room.name, 60) }), () => room.leave());
}

export function declineInvite(room: Room): void {
  goes(room, t("rooms.declined", { name: short(room.name, 60) }), () => room.decline());
}

/** Stops asking to be let in. */
export function withdrawKnock(room: Room): void {
  goes(room, t("rooms.withdrawn", { name: short(room.name, 60) }), () => room.decline());
}

/** Takes a room that one is not in any more off the list. */
export function forgetRoom(room: Room): void {
  goes(room, t("rooms.forgot", { name: short(room.name, 60) }), () => room.forget());
}

/** Leaves the conversation with a friend, which ends the friendship. */
export function removeFriend(matrix: Matrix, room: Room, friend: Person): void {
  goes(room, t("rooms.removed", { name: short(friend.name, 60) }), () => matrix.friends.remove(friend.id));
}
