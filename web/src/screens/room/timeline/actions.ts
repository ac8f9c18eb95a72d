/** What one may do to a message, in the order in which its menu shows it. */
import Copy from "@lucide/svelte/icons/copy";
import Download from "@lucide/svelte/icons/download";
import Eye from "@lucide/svelte/icons/eye";
import Flag from "@lucide/svelte/icons/flag";
import Link from "@lucide/svelte/icons/link";
import Pencil from "@lucide/svelte/icons/pencil";
import Reply from "@lucide/svelte/icons/reply";
import RotateCw from "@lucide/svelte/icons/rotate-cw";
import Smile from "@lucide/svelte/icons/smile";
import Trash2 from "@lucide/svelte/icons/trash-2";
import { t } from "../../../i18n/i18n.svelte";
import type { MessageBody, MessageItem } from "../../../matrix/types";
import type { MenuEntry } from "../../../ui/MenuList.svelte";
import { toastError } from "../../../ui/toasts.svelte";
import type { Conversation } from "../conversation.svelte";
import { download } from "../media/download";

export function actionsFor(conversation: Conversation, item: MessageItem): MenuEntry[] {
  if (item.status === "failed") {
    return [
      { label: t("room.message.resend"), icon: RotateCw, action: () => conversation.resend(item) },
      ...copyAction(conversation, item),
      { label: t("room.message.discard"), icon: Trash2, danger: true, action: () => conversation.discard(item) },
    ];
  }
  if (item.status === "sending") {
    return [...copyAction(conversation, item), { label: t("room.message.stop"), icon: Trash2, danger: true, action: () => conversation.discard(item) }];
  }
  return [...answers(conversation, item), ...copyAction(conversation, item), ...ofTheSent(conversation, item)];
}

function answers(conversation: Conversation, item: MessageItem): MenuEntry[] {
  const actions: MenuEntry[] = [];
  if (conversation.room.can.send) actions.push({ label: t("room.message.reply"), icon: Reply, key: "R", action: () => conversation.reply(item) });
  if (item.canEdit) actions.push({ label: t("room.message.edit"), icon: Pencil, key: "E", action: () => conversation.edit(item) });
  return actions;
}

function copyAction(conversation: Conversation, item: MessageItem): MenuEntry[] {
  const text = textOf(item.body);
  return text ? [{ label: t("room.message.copy"), icon: Copy, action: () => void conversation.copy(text) }] : [];
}

function ofTheSent(conversation: Conversation, item: MessageItem): MenuEntry[] {
  const { id } = item;
  const actions: MenuEntry[] = [];
  const file = "file" in item.body ? item.body.file : null;
  if (file) actions.push({ label: t("room.media.download"), icon: Download, action: () => void download(conversation.matrix.media, file).catch(toastError) });
  if (id) actions.push({ label: t("room.message.copyLink"), icon: Link, action: () => void conversation.copy(conversation.room.timeline.link(id)) });
  if (item.reactions.length > 0) actions.push({ label: t("room.message.whoReacted"), icon: Smile, action: () => (conversation.dialog = { kind: "reactions", item }) });
  if (id) actions.push({ label: t("room.message.whoRead"), icon: Eye, action: () => (conversation.dialog = { kind: "readers", item }) });
  if (!item.mine) actions.push({ label: t("room.message.report"), icon: Flag, action: () => (conversation.dialog = { kind: "report", item }) });
  if (item.canRedact) actions.push({ label: t("room.message.delete"), icon: Trash2, danger: true, key: t("room.message.deleteKey"), action: () => conversation.remove(item) });
  return actions;
}

/** What of a message can be copied as text. */
export function textOf(body: MessageBody): string {
  if (body.type === "text" || body.type === "notice" || body.type === "emote") return body.text;
  return "caption" in body ? body.caption : "";
}
