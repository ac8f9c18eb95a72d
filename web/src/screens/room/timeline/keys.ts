/** What keys do on a message that has the focus. */
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
