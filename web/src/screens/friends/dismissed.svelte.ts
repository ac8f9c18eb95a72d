/** What one has just declined, cancelled or removed and may still take back: out of sight for as long, on every screen. */
import { SvelteSet } from "svelte/reactivity";
import type { Friend, Friends, Request } from "../../matrix/types";

/** The rooms of such friends and requests. */
const dismissed = new SvelteSet<string>();

/** The steps of `undoable` that take a room out of sight and show it again. */
export function hiding(room: string): { hide: () => void; restore: () => void } {
  return { hide: () => void dismissed.add(room), restore: () => void dismissed.delete(room) };
}

/** It is done: what comes of the room later is shown. */
export function settle(room: string): void {
  dismissed.delete(room);
}

export function shownFriends(friends: Friends): readonly Friend[] {
  return friends.list.filter((friend) => !dismissed.has(friend.room.id));
}

export function shownReceived(friends: Friends): readonly Request[] {
  return friends.received.filter((request) => !dismissed.has(request.room.id));
}

export function shownSent(friends: Friends): readonly Request[] {
  return friends.sent.filter((request) => !dismissed.has(request.room.id));
}
