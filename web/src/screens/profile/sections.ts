/** The parts of the profile, each at its own address. */

export const GROUPS = [
  ["account", "password", "sessions", "encryption"],
  ["appearance", "messages", "notifications"],
  ["blocked", "about"],
] as const;

/** `deactivate` stands in no list: the account leads to it. */
export type Section = (typeof GROUPS)[number][number] | "deactivate";

/** The part that an address names; `null` for none, which on a phone is the list and beside it the account. */
export function sectionOf(name: string | undefined): Section | null {
  return [...GROUPS.flat(), "deactivate" as const].find((section) => section === name) ?? null;
}
