/** The title of the page, and what a tab shows of what is new while one looks elsewhere. */
import { formatNumber, t } from "../../i18n/i18n.svelte";
import type { Route } from "../../app/router.svelte";
import type { Matrix, Room } from "../../matrix/types";
import { short } from "../rooms/lines";

const LONGEST = 60;

/** "(2) Alice · example.org": how many mentions and requests wait, what is shown, and where. */
export function titleOf(matrix: Matrix, route: Route, room: Room | null): string {
  const { attention } = matrix.rooms;
  const server = matrix.me.id.slice(matrix.me.id.indexOf(":") + 1);
  return `${attention > 0 ? `(${formatNumber(attention)}) ` : ""}${short(nameOf(matrix, route, room), LONGEST)} · ${server}`;
}

function nameOf(matrix: Matrix, route: Route, room: Room | null): string {
  const [first = ""] = route.rest;
  switch (route.page) {
    case "room":
      return room?.name ?? first;
    case "user":
      return matrix.people.get(first).name;
    case "friends":
      return t("shell.friends");
    case "explore":
      return t("shell.explore");
    case "profile":
      return t("shell.profile");
    default:
      return t("shell.rooms");
  }
}
