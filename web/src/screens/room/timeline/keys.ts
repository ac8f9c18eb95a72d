/** What keys do in a timeline, and on a message that has the focus. */
import type { MessageItem } from "../../../matrix/types";
import type { Conversation } from "../conversation.svelte";

export function onMessageKey(event: KeyboardEvent, conversation: Conversation, item: MessageItem): void {
  const message = event.currentTarget as HTMLElement;
  if (event.target !== message || event.ctrlKey || event.metaKey || event.altKey) return;
  const can = conversation.room.can.send && item.id !== null && !item.redacted;
  const box = () => (message.querySelector(".bubble") ?? message).getBoundingClientRect();
  if (event.key === "Enter" || event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) {
    if (!item.redacted) conversation.menu = { item, at: box() };
  } else if (event.key === "r" && can) conversation.reply(item);
  else if (event.key === "+" && can) conversation.pickReaction(item, box());
  else if (event.key === "e" && item.canEdit) conversation.edit(item);
  else if (event.key === "Delete" && item.canRedact) conversation.remove(item);
  else if (event.key === "Escape") conversation.focusComposer();
  else return;
  event.preventDefault();
}

/** What has a use for arrows itself. */
const KEEPS_ARROWS = "video, audio, input, textarea";

/** What keys do in the timeline around the messages: arrows go from one to the next, from what is in one to it; End to the newest. */
export function onTimelineKey(event: KeyboardEvent, conversation: Conversation, toEnd: () => void): void {
  const scroller = event.currentTarget as HTMLElement;
  const target = event.target as HTMLElement;
  const message = target.closest<HTMLElement>("[data-message]");
  if ((target !== scroller && !message) || target.matches(KEEPS_ARROWS)) return;
  const isArrow = event.key === "ArrowUp" || event.key === "ArrowDown";
  if (event.key === "End") toEnd();
  else if (isArrow && message && message !== target) message.focus();
  else if (isArrow) step(scroller, message, event.key === "ArrowUp" ? -1 : 1, conversation);
  else return;
  event.preventDefault();
}

function step(scroller: HTMLElement, from: HTMLElement | null, by: 1 | -1, conversation: Conversation): void {
  const messages = [...scroller.querySelectorAll<HTMLElement>("[data-message]")];
  const here = from ? messages.indexOf(from) : -1;
  const next = here < 0 ? messages.at(-1) : messages[here + by];
  if (next) next.focus();
  else if (by > 0) conversation.focusComposer();
}
