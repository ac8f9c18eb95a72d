/** What one is about to do in a room, shared by its timeline, its composer and its menus. */
import { getContext, setContext } from "svelte";
import { SvelteSet } from "svelte/reactivity";
import { t } from "../../i18n/i18n.svelte";
import type { Matrix, MessageItem, Room } from "../../matrix/types";
import { copyText } from "../../ui/copy";
import { toast, toastError, undoable } from "../../ui/toasts.svelte";
import type { Known } from "./text/render";

/** Where something floats beside: an element's box or a point. */
export type Place = DOMRect | { readonly x: number; readonly y: number };

export class Conversation {
  replyTo = $state.raw<MessageItem | null>(null);
  editing = $state.raw<MessageItem | null>(null);
  menu = $state.raw<{ readonly item: MessageItem; readonly at: Place } | null>(null);
  /** Who waits for an emoji, and beside what it is chosen. */
  picking = $state.raw<{ readonly at: Place; readonly take: (emoji: string) => void } | null>(null);
  dialog = $state.raw<{ readonly kind: "readers" | "report" | "reactions"; readonly item: MessageItem } | null>(null);
  /** The picture that is shown large. */
  viewing = $state.raw<MessageItem | null>(null);
  /** The message under the pointer. */
  hovered = $state<string | null>(null);
  /** Keys of messages that are deleted unless it is undone. */
  readonly deleted = new SvelteSet<string>();
  readonly known: Known;
  /** Set by the composer and the timeline. */
  focusComposer: () => void = () => undefined;
  showEvent: (id: string) => void = () => undefined;
  showEnd: () => void = () => undefined;

  constructor(
    readonly matrix: Matrix,
    readonly room: Room,
  ) {
    this.known = {
      me: matrix.me.id,
      person: (id) => room.members.get(id)?.name ?? matrix.people.get(id).name,
      room: (id) => roomNameOf(matrix, id),
    };
  }

  /** A conversation of two needs no names at messages. */
  get intimate(): boolean {
    return this.room.friend !== null && this.room.memberCount <= 2;
  }

  reply(item: MessageItem): void {
    this.editing = null;
    this.replyTo = item;
    this.focusComposer();
  }

  edit(item: MessageItem): void {
    this.replyTo = null;
    this.editing = item;
    this.focusComposer();
  }

  /** The newest of mine that can be edited. */
  editLast(): boolean {
    const last = this.room.timeline.items.findLast((item) => item.kind === "message" && item.canEdit && !this.deleted.has(item.key));
    if (last?.kind !== "message") return false;
    this.edit(last);
    return true;
  }

  react(item: MessageItem, key: string): void {
    this.room.timeline.react(item, key).catch(toastError);
  }

  pickReaction(item: MessageItem, at: Place): void {
    this.picking = { at, take: (emoji) => this.react(item, emoji) };
  }

  remove(item: MessageItem): void {
    if (this.editing?.key === item.key) this.editing = null;
    if (this.replyTo?.key === item.key) this.replyTo = null;
    undoable(t("room.message.deleted"), {
      hide: () => this.deleted.add(item.key),
      restore: () => this.deleted.delete(item.key),
      commit: () => this.room.timeline.redact(item),
    });
  }

  resend(item: MessageItem): void {
    this.room.timeline.resend(item).catch(toastError);
  }

  discard(item: MessageItem): void {
    this.room.timeline.discard(item);
  }

  async copy(text: string): Promise<void> {
    if (await copyText(text)) toast(t("ui.copied"));
  }
}

function roomNameOf(matrix: Matrix, id: string): string | null {
  if (id.startsWith("!")) return matrix.rooms.get(id)?.name ?? null;
  return matrix.rooms.joined.find((room) => room.alias === id)?.name ?? null;
}

const KEY = Symbol("conversation");

export function setConversation(conversation: Conversation): void {
  setContext(KEY, conversation);
}

export function getConversation(): Conversation {
  return getContext<Conversation>(KEY);
}
