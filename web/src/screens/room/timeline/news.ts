/** What has arrived since one last looked. */
import type { MessageItem, TimelineItem } from "../../../matrix/types";

/** How many messages of others stand behind a key. */
export function newSince(items: readonly TimelineItem[], key: string | null): number {
  const from = key === null ? -1 : items.findLastIndex((item) => item.key === key);
  return from < 0 ? 0 : newMessages(items.slice(from + 1)).length;
}

export function newMessages(items: readonly TimelineItem[]): MessageItem[] {
  return items.filter((item): item is MessageItem => item.kind === "message" && !item.mine && !item.redacted);
}
