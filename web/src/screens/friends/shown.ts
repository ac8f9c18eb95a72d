/** Friends and requests as lists show them: without those that one has just declined, cancelled or removed and may still take back. */
import type { Friend, Friends, Request } from "../../matrix/types";
import { isHidden } from "../rooms/hidden.svelte";

export function shownFriends(friends: Friends): readonly Friend[] {
  return friends.list.filter(({ room }) => !isHidden(room));
}

export function shownReceived(friends: Friends): readonly Request[] {
  return friends.received.filter(({ room }) => !isHidden(room));
}

export function shownSent(friends: Friends): readonly Request[] {
  return friends.sent.filter(({ room }) => !isHidden(room));
}
