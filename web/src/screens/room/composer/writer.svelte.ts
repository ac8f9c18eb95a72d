/** What is being written in a room: its text, whom it names, the files that go with it; and how it is sent. */
import { t } from "../../../i18n/i18n.svelte";
import type { MessageItem, OutgoingText, UserId } from "../../../matrix/types";
import { toast, toastError } from "../../../ui/toasts.svelte";
import type { Conversation } from "../conversation.svelte";
import { textOf } from "../timeline/actions";
import { Attachments } from "./attachments.svelte";
import { loadMarkdown, hasFormats, toHtml } from "./markdown";
import { findMentions, namesOf } from "./mentions";
import { runCommand } from "./slash";

/** What fits into an event beside all that belongs to it, bytes. */
const MOST_BYTES = 56_000;
/** How long after the last key one is taken to have stopped typing, and how long until a draft is kept, ms. */
const TYPING_ENDS = 4_000;
const DRAFT_KEPT = 400;

export class Writer {
  text = $state("");
  readonly files: Attachments;
  /** Whom the names that were chosen from the suggestions mean. */
  readonly #chosen = new Map<string, UserId>();
  /** What stood here before a message was taken up for editing. */
  #before = "";
  #typing: ReturnType<typeof setTimeout> | undefined;
  #draft: ReturnType<typeof setTimeout> | undefined;
  /** Messages go in the order in which they were sent, although some wait for the parser. */
  #queue: Promise<void> = Promise.resolve();

  constructor(private readonly conversation: Conversation) {
    this.files = new Attachments(conversation.matrix.media);
    this.text = conversation.room.draft;
  }

  get isEmpty(): boolean {
    return this.text.trim() === "" && this.files.list.length === 0;
  }

  name(name: string, id: UserId): void {
    this.#chosen.set(name, id);
  }

  /** The text changed by hand. */
  typed(): void {
    const { room, editing } = this.conversation;
    clearTimeout(this.#typing);
    if (this.text.trim() && !this.text.startsWith("/")) {
      room.timeline.setTyping(true);
      this.#typing = setTimeout(() => room.timeline.setTyping(false), TYPING_ENDS);
    } else room.timeline.setTyping(false);
    if (hasFormats(this.text)) loadMarkdown().catch(() => undefined);
    if (editing) return;
    clearTimeout(this.#draft);
    this.#draft = setTimeout(() => this.keepDraft(), DRAFT_KEPT);
  }

  keepDraft(): void {
    clearTimeout(this.#draft);
    const { room, editing } = this.conversation;
    if (!editing && room.draft !== this.text) room.draft = this.text;
  }

  /** Another tab has written. */
  takeDraft(draft: string): void {
    if (!this.conversation.editing && document.visibilityState !== "visible") this.text = draft;
  }

  stop(): void {
    if (this.conversation.editing) this.conversation.room.draft = this.#before;
    else this.keepDraft();
    this.#stopTyping();
    this.files.clear();
  }

  beginEdit(item: MessageItem): void {
    this.#before = this.text;
    this.text = textOf(item.body);
  }

  endEdit(): void {
    this.text = this.#before;
    this.#before = "";
    this.#stopTyping();
  }

  /** Sends what stands here. The composer is empty at once; what can't be sent stands in the timeline and says so. */
  send(): void {
    const { conversation } = this;
    const { editing, replyTo } = conversation;
    if (editing) return this.#saveEdit(editing);
    if (this.isEmpty) return;
    const text = this.text.trim();
    if (bytes(text) > MOST_BYTES) return this.#offerAsFile(text);
    const files = this.files.take();
    this.text = "";
    conversation.replyTo = null;
    conversation.showEnd();
    this.keepDraft();
    this.#stopTyping();
    const { timeline } = conversation.room;
    for (const [index, file] of files.entries()) {
      // What is written beside files stands beside the first.
      this.#enqueue(() => timeline.sendFile(file, index === 0 && text ? { caption: text } : {}));
    }
    if (text && files.length === 0) this.#enqueue(async () => timeline.send(await this.#outgoing(text, replyTo)));
  }

  #saveEdit(item: MessageItem): void {
    const { conversation } = this;
    const text = this.text.trim();
    const isSame = text === textOf(item.body).trim();
    conversation.editing = null;
    if (isSame) return;
    // Without a word left it is gone; a picture stays without its words.
    if (!text && !("caption" in item.body)) return conversation.remove(item);
    this.#enqueue(async () => conversation.room.timeline.edit(item, await this.#outgoing(text, null)));
  }

  async #outgoing(written: string, replyTo: MessageItem | null): Promise<OutgoingText> {
    const { room } = this.conversation;
    const { text, emote = false, plain = false } = runCommand(written);
    const mentions = findMentions(text, namesOf(room.members.joined, this.#chosen), room.can.mentionRoom);
    const html = plain ? null : await toHtml(text, mentions);
    return {
      text,
      html: html !== null && bytes(text) + bytes(html) > MOST_BYTES ? null : html,
      mentions: [...new Set(mentions.flatMap(({ id }) => (id === null ? [] : [id])))],
      mentionsRoom: mentions.some(({ id }) => id === null),
      replyTo,
      emote,
    };
  }

  #enqueue(step: () => Promise<void>): void {
    this.#queue = this.#queue.then(step).catch(toastError);
  }

  #offerAsFile(text: string): void {
    const run = () => {
      this.text = "";
      this.keepDraft();
      this.files.add([new File([text], t("room.composer.textFile"), { type: "text/plain" })]);
    };
    toast(t("room.composer.tooLong"), { kind: "error", action: { label: t("room.composer.asFile"), run } });
  }

  #stopTyping(): void {
    clearTimeout(this.#typing);
    this.conversation.room.timeline.setTyping(false);
  }
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
