/** The lists of the friends manager, each at its own address. */

export const TABS = ["friends", "received", "sent", "blocked"] as const;
/** `add` is no list, and stands apart from them. */
export type Tab = (typeof TABS)[number] | "add";

/** The tab that an address names; the friends for what is none. */
export function tabOf(name: string | undefined): Tab {
  return [...TABS, "add" as const].find((tab) => tab === name) ?? "friends";
}

export function tabPath(tab: Tab): string {
  return tab === "friends" ? "/friends" : `/friends/${tab}`;
}
