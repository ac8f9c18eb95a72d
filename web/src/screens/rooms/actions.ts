/** What one may do with a room from the list. */
import Archive from "@lucide/svelte/icons/archive";
import Bell from "@lucide/svelte/icons/bell";
import BellOff from "@lucide/svelte/icons/bell-off";
import LogOut from "@lucide/svelte/icons/log-out";
import Mail from "@lucide/svelte/icons/mail";
import MailOpen from "@lucide/svelte/icons/mail-open";
import Star from "@lucide/svelte/icons/star";
import UserMinus from "@lucide/svelte/icons/user-minus";
import { t } from "../../i18n/i18n.svelte";
import type { Matrix, Room } from "../../matrix/types";
import type { MenuEntry } from "../../ui/Menu.svelte";
import { toastError } from "../../ui/toasts.svelte";
import { leaveRoom, removeFriend } from "./hidden.svelte";
import { isUnread } from "./sections";

/** Where a room stands in the list. */
export type Place = "favourites" | "rooms" | "low";

/** Shown at once by the room itself; says so if it failed. */
function attempt(action: () => Promise<void>): void {
  action().catch(toastError);
}

/** Puts a room into a section, as by dragging it there. */
export function moveTo(room: Room, place: Place): void {
  if (place === "favourites") attempt(() => room.setFavourite(true));
  else if (place === "low") attempt(() => room.setLowPriority(true));
  else if (room.favourite) attempt(() => room.setFavourite(false));
  else if (room.lowPriority) attempt(() => room.setLowPriority(false));
}

export function roomMenu(matrix: Matrix, room: Room): MenuEntry[] {
  const { friend } = room;
  const unread = isUnread(room) || room.unread.messages > 0;
  const muted = room.notify === "none";
  return [
    unread
      ? { label: t("rooms.menu.read"), icon: MailOpen, action: () => attempt(() => room.markRead()) }
      : { label: t("rooms.menu.unread"), icon: Mail, action: () => attempt(() => room.markUnread()) },
    { label: t("rooms.menu.favourite"), icon: Star, checked: room.favourite, action: () => attempt(() => room.setFavourite(!room.favourite)) },
    { label: t("rooms.menu.low"), icon: Archive, checked: room.lowPriority, action: () => attempt(() => room.setLowPriority(!room.lowPriority)) },
    { label: t("rooms.menu.mute"), icon: muted ? BellOff : Bell, checked: muted, action: () => attempt(() => room.setNotify(muted ? "default" : "none")) },
    friend
      ? { label: t("rooms.menu.remove"), icon: UserMinus, danger: true, separator: true, action: () => removeFriend(matrix, room, friend) }
      : { label: t("rooms.menu.leave"), icon: LogOut, danger: true, separator: true, action: () => leaveRoom(room) },
  ];
}
