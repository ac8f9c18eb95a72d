/** The rooms that lists show: without those that one has just left. */
import type { Matrix, Room } from "../../matrix/types";
import { shownReceived } from "../friends/shown";
import { isHidden } from "./hidden.svelte";
import type { Listed } from "./sections";

export function listedRooms(matrix: Matrix): Listed {
  const { rooms, friends } = matrix;
  const isShown = (room: Room) => !isHidden(room);
  return {
    joined: rooms.joined.filter(isShown),
    invites: rooms.invites.filter(isShown),
    knocked: rooms.knocked.filter(isShown),
    removed: rooms.removed.filter(isShown),
    requests: shownReceived(friends).length,
  };
}
