/** Rooms that were left or declined a moment ago and may yet come back: lists leave them out. */
import { SvelteSet } from "svelte/reactivity";
import { t } from "../../i18n/i18n.svelte";
import type { Matrix, Person, Room, RoomId } from "../../matrix/types";
import { undoable } from "../../ui/toasts.svelte";

const hidden = new SvelteSet<RoomId>();

export function isHidden(room: Room): boolean {
  return hidden.has(room.id);
}

/** Does something that makes a room go, in five seconds unless it is taken back. */
function goes(room: Room, text: string, commit: () => Promise<void>): void {
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
  goes(room, t("rooms.left", { name: room.name }), () => room.leave());
}

export function declineInvite(room: Room): void {
  goes(room, t("rooms.declined", { name: room.name }), () => room.decline());
}

/** Stops asking to be let in. */
export function withdrawKnock(room: Room): void {
  goes(room, t("rooms.withdrawn", { name: room.name }), () => room.decline());
}

/** Leaves the conversation with a friend, which ends the friendship. */
export function removeFriend(matrix: Matrix, room: Room, friend: Person): void {
  goes(room, t("rooms.removed", { name: friend.name }), () => matrix.friends.remove(friend.id));
}
