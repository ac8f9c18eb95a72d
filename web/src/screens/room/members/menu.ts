/** What one may do about a member. What one may not do isn't there. */
import Gavel from "@lucide/svelte/icons/gavel";
import LogOut from "@lucide/svelte/icons/log-out";
import ShieldCheck from "@lucide/svelte/icons/shield-check";
import Undo2 from "@lucide/svelte/icons/undo-2";
import { t } from "../../../i18n/i18n.svelte";
import type { Matrix, Member, Room } from "../../../matrix/types";
import type { MenuEntry } from "../../../ui/MenuList.svelte";
import { inWords } from "../../../ui/names";
import { toast, toastError } from "../../../ui/toasts.svelte";
import { roleChoices } from "../../person/roles";
import type { Group } from "./list";

/** What has to be asked before it is done. */
export type Asked =
  | { readonly kind: "moderate"; readonly member: Member; readonly action: "kick" | "ban" }
  /** Giving somebody as much power as oneself has, which one can't take back. */
  | { readonly kind: "equal"; readonly member: Member; readonly run: () => Promise<void> };

export function hasMenu(room: Room, member: Member, group: Group): boolean {
  if (group === "banned") return room.can.ban;
  return member.canKick || member.canBan || roles(member).length > 0;
}

export function memberMenu(matrix: Matrix, room: Room, member: Member, ask: (question: Asked) => void): MenuEntry[] {
  const { membership } = member;
  if (membership === "ban") return [{ label: t("friends.person.unban"), icon: Undo2, action: () => unban(room, member) }];
  const entries: MenuEntry[] = roles(member).map(({ power, role }) => ({
    label: t(`room.members.make.${role}`),
    icon: ShieldCheck,
    action: () => setRole(matrix, room, member, power, ask),
  }));
  const separator = entries.length > 0;
  if (member.canKick && membership === "invite") entries.push({ label: t("room.members.withdraw"), icon: Undo2, danger: true, separator, action: () => withdraw(room, member) });
  else if (member.canKick && membership === "join") {
    entries.push({ label: t("room.members.kick"), icon: LogOut, danger: true, separator, action: () => ask({ kind: "moderate", member, action: "kick" }) });
  }
  if (member.canBan) entries.push({ label: t("room.members.ban"), icon: Gavel, danger: true, action: () => ask({ kind: "moderate", member, action: "ban" }) });
  return entries;
}

/** The roles that I may give them and that they have not. */
function roles(member: Member): { power: number; role: "member" | "moderator" | "admin" }[] {
  if (member.maxPower === null || member.membership !== "join" || member.isMe) return [];
  return roleChoices(member.power, member.maxPower).flatMap(({ power, role }) => (role && power !== member.power ? [{ power, role }] : []));
}

function setRole(matrix: Matrix, room: Room, member: Member, power: number, ask: (question: Asked) => void): void {
  const run = async () => {
    await room.members.setPower(member.id, power);
    toast(t("friends.person.roleChanged", { name: inWords(member.name) }));
  };
  const mine = room.members.get(matrix.me.id)?.power ?? 0;
  if (power >= mine) ask({ kind: "equal", member, run });
  else run().catch(toastError);
}

function unban(room: Room, member: Member): void {
  room.members.unban(member.id).then(() => toast(t("friends.person.unbanned", { name: inWords(member.name) })), toastError);
}

function withdraw(room: Room, member: Member): void {
  room.members.kick(member.id, "").then(() => toast(t("room.members.withdrawn", { name: inWords(member.name) })), toastError);
}

/** Lets somebody in who asked. */
export function admit(room: Room, member: Member): void {
  room.members.invite(member.id).then(() => toast(t("room.members.admitted", { name: inWords(member.name) })), toastError);
}

export function refuse(room: Room, member: Member): void {
  room.members.kick(member.id, "").then(() => toast(t("room.members.refused", { name: inWords(member.name) })), toastError);
}
