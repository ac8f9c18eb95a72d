/** The rows of the list of members: those who ask first, then those who are there, invited, and banned. */
import { folded } from "../../../i18n/fold";
import type { Member, Room } from "../../../matrix/types";

export type Group = "knocking" | "joined" | "invited" | "banned";

export type MemberRow =
  | { readonly kind: "title"; readonly key: Group; readonly count: number }
  | { readonly kind: "member"; readonly key: string; readonly group: Group; readonly member: Member };

export function memberRows({ members, can }: Pick<Room, "members" | "can">, term: string): readonly MemberRow[] {
  const sought = folded(term.trim());
  const groups: [Group, readonly Member[]][] = [
    // Who may not let anybody in need not see who waits.
    ["knocking", can.invite ? members.knocking : []],
    ["joined", members.joined],
    ["invited", members.invited],
    ["banned", can.ban ? members.banned : []],
  ];
  return groups.flatMap(([group, list]): MemberRow[] => {
    const found = sought ? list.filter((member) => fits(member, sought)) : list;
    if (found.length === 0) return [];
    const rows = found.map((member): MemberRow => ({ kind: "member", key: member.id, group, member }));
    return [{ kind: "title", key: group, count: found.length }, ...rows];
  });
}

function fits(member: Member, sought: string): boolean {
  const name = folded(member.name);
  return name.startsWith(sought) || name.includes(` ${sought}`) || member.id.toLowerCase().includes(sought.replace(/^@/, ""));
}
