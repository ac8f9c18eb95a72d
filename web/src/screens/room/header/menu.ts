/** What one may do with the room from its header. */
import Bell from "@lucide/svelte/icons/bell";
import BellOff from "@lucide/svelte/icons/bell-off";
import BellRing from "@lucide/svelte/icons/bell-ring";
import Flag from "@lucide/svelte/icons/flag";
import Link from "@lucide/svelte/icons/link";
import LogOut from "@lucide/svelte/icons/log-out";
import Mail from "@lucide/svelte/icons/mail";
import Settings from "@lucide/svelte/icons/settings";
import Star from "@lucide/svelte/icons/star";
import UserMinus from "@lucide/svelte/icons/user-minus";
import { go } from "../../../app/router.svelte";
import { t } from "../../../i18n/i18n.svelte";
import type { Matrix, NotifyLevel, Room } from "../../../matrix/types";
import { copyText } from "../../../ui/copy";
import type { MenuEntry } from "../../../ui/MenuList.svelte";
import { toast, toastError } from "../../../ui/toasts.svelte";
import { leaveRoom, removeFriend } from "../../rooms/hidden.svelte";

/** The levels between which one chooses here; `default` is whichever the account has. */
const LEVELS = [
  ["all", BellRing],
  ["mentions", Bell],
  ["none", BellOff],
] as const;

export function headerMenu(matrix: Matrix, room: Room, toggle: (panel: string) => void, report: () => void): MenuEntry[] {
  const { friend } = room;
  const attempt = (action: Promise<void>) => void action.catch(toastError);
  const level = room.notify === "default" ? matrix.notifications.level : room.notify;
  const notify = (next: NotifyLevel) => attempt(room.setNotify(next === matrix.notifications.level ? "default" : next));
  return [
    { label: t("room.header.settings"), icon: Settings, action: () => toggle("settings") },
    { label: t("rooms.menu.favourite"), icon: Star, checked: room.favourite, action: () => attempt(room.setFavourite(!room.favourite)) },
    {
      label: t("rooms.menu.unread"),
      icon: Mail,
      // Looking at it would mark it as read again.
      action: () => (go("/rooms"), attempt(room.markUnread())),
    },
    ...(friend ? [] : [{ label: t("room.header.copyLink"), icon: Link, action: () => void copyLink(room) }]),
    ...LEVELS.map(([name, icon], index) => ({
      label: t(`room.notify.${name}`),
      icon,
      checked: level === name,
      separator: index === 0,
      action: () => notify(name),
    })),
    ...(friend ? [] : [{ label: t("room.report.room"), icon: Flag, separator: true, action: report }]),
    friend
      ? { label: t("rooms.menu.remove"), icon: UserMinus, danger: true, separator: true, action: () => (go("/rooms"), removeFriend(matrix, room, friend)) }
      : { label: t("rooms.menu.leave"), icon: LogOut, danger: true, action: () => (go("/rooms"), leaveRoom(room)) },
  ];
}

/** A link that others open, in this app or another. */
export async function copyLink(room: Room): Promise<void> {
  if (await copyText(roomLink(room))) toast(t("ui.copied"));
}

export function roomLink(room: Pick<Room, "id" | "alias">): string {
  return `https://matrix.to/#/${encodeURIComponent(room.alias ?? room.id)}`;
}
