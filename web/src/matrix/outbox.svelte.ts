/**
 * Messages on their way. Each room sends in order, one at a time; while the server is away they wait, and go on when it
 * is back. What the server refuses stays, marked as failed, until it is sent again or thrown away. Texts outlive a reload
 * of the tab.
 */
import { readBody } from "./body";
import type { Core } from "./core";
import { failure, sleep, type Failure } from "./errors";
import { fileContent, fileKind, type FileFacts } from "./outgoing";
import { record, text, type Content } from "./raw";
import type { MessageBody } from "./types";
import { upload } from "./upload";

export interface Entry {
  /** The transaction ID. */
  readonly key: string;
  readonly room: string;
  readonly at: number;
  readonly content: Content;
  readonly body: MessageBody;
  readonly status: "sending" | "sent" | "failed";
  readonly error: Failure | null;
  readonly progress: number | null;
  /** Once the server has it. */
  readonly id: string | null;
  readonly file: { readonly blob: File; readonly caption: string; readonly abort: AbortController } | null;
}

/** How long to wait after a failure of the network, ms; it doubles. */
const FIRST_PAUSE = 1000;
const LAST_PAUSE = 30_000;

export class Outbox {
  readonly #rooms = new Map<string, Entry[]>();
  readonly #sending = new Set<string>();
  readonly #inFlight = new Set<string>();
  readonly #unwanted = new Set<string>();
  readonly #wakers = new Set<() => void>();
  readonly #storageKey: string;
  #stopped = false;

  constructor(private readonly core: Core) {
    this.#storageKey = `salon.outbox.${core.me}`;
    this.#restore();
    core.connection.onBack(() => this.wake());
  }

  /** What is on its way in a room, oldest first. */
  of(room: string): readonly Entry[] {
    return this.#rooms.get(room) ?? [];
  }

  send(room: string, content: Content): void {
    this.#add(this.#entry(room, content, null));
  }

  /** Resolves when it was handed over to the server or has failed: what is wrong then stands beside the message. */
  async sendFile(room: string, blob: File, caption: string, signal?: AbortSignal): Promise<void> {
    const abort = new AbortController();
    const entry = this.#entry(room, {}, { blob, caption, abort });
    signal?.addEventListener("abort", () => this.discard(entry.key), { once: true });
    this.#add(entry);
  }

  resend(key: string): void {
    const entry = this.#find(key);
    if (entry?.status !== "failed") return;
    // A new transaction: the server may have kept its answer to the old one.
    const again: Entry = { ...entry, key: newKey(), status: "sending", error: null };
    this.#replace(entry, again);
    if (isReady(again)) this.#pump(again.room);
    else void this.#upload(again.key);
  }

  /** Throws a message away. One that the server is just taking is taken back as soon as it is there. */
  discard(key: string): void {
    const entry = this.#find(key);
    if (!entry) return;
    entry.file?.abort.abort();
    this.#cancelEcho(entry);
    if (this.#inFlight.has(key)) this.#unwanted.add(key);
    this.#replace(entry, null);
    this.#pump(entry.room);
  }

  /** A sync has brought the event. */
  delivered(room: string, key: string): void {
    const entry = this.of(room).find((one) => one.key === key);
    if (entry) this.#replace(entry, null);
  }

  /** The server answers again. */
  wake(): void {
    for (const wake of this.#wakers) wake();
    for (const room of this.#rooms.keys()) this.#pump(room);
  }

  /** Throws all of it away, as when one signs out. */
  clear(): void {
    for (const entries of [...this.#rooms.values()]) for (const entry of entries) this.discard(entry.key);
  }

  stop(): void {
    this.#stopped = true;
    for (const entries of this.#rooms.values()) for (const entry of entries) entry.file?.abort.abort();
    this.wake();
  }

  #entry(room: string, content: Content, file: Entry["file"]): Entry {
    const body = file ? localBody(file.blob, file.caption) : readBody("m.room.message", content);
    return { key: newKey(), room, at: Date.now(), content, body, status: "sending", error: null, progress: file ? 0 : null, id: null, file };
  }

  #add(entry: Entry): void {
    this.#rooms.set(entry.room, [...this.of(entry.room), entry]);
    this.#changed(entry.room);
    if (entry.file) void this.#upload(entry.key);
    else this.#pump(entry.room);
  }

  /** Uploads go beside each other and beside texts; the message follows when the file, and those before it, are there. */
  async #upload(key: string): Promise<void> {
    const entry = this.#find(key);
    if (!entry?.file) return;
    const { blob, caption, abort } = entry.file;
    try {
      const uploaded = await upload(this.core, { file: blob, sealed: this.core.client.getRoom(entry.room)?.hasEncryptionStateEvent() === true, signal: abort.signal }, (progress, facts) => this.#progress(key, progress, facts));
      const now = this.#find(key);
      if (!now) return;
      this.#replace(now, { ...now, content: fileContent(uploaded.facts, uploaded, caption), progress: 1 });
      this.#pump(entry.room);
    } catch (cause) {
      const now = this.#find(key);
      if (now) this.#replace(now, { ...now, status: "failed", error: failure(cause), progress: null });
      this.#pump(entry.room);
    }
  }

  #progress(key: string, progress: number, facts: FileFacts): void {
    const entry = this.#find(key);
    if (entry?.file) this.#replace(entry, { ...entry, progress, body: localBody(entry.file.blob, entry.file.caption, facts) });
  }

  #pump(room: string): void {
    if (this.#sending.has(room) || this.#stopped || !nextOf(this.of(room))) return;
    this.#sending.add(room);
    void this.#run(room).finally(() => {
      this.#sending.delete(room);
      // Something may have come in just as it ended.
      this.#pump(room);
    });
  }

  async #run(room: string): Promise<void> {
    for (let pause = FIRST_PAUSE; !this.#stopped; ) {
      const entry = nextOf(this.of(room));
      if (!entry) return;
      try {
        const id = await this.#hand(entry);
        pause = FIRST_PAUSE;
        await this.#handed(entry, id);
      } catch (cause) {
        const error = failure(cause);
        if (error.kind === "offline") {
          this.core.connection.doubt();
          await this.#wait(pause);
        }
        if (error.kind === "limited") await this.#wait(error.retryAfter);
        if (error.kind !== "offline" && error.kind !== "limited") this.#refused(entry, error);
        pause = Math.min(pause * 2, LAST_PAUSE);
      }
    }
  }

  async #hand(entry: Entry): Promise<string> {
    const { client, encryption } = this.core;
    const room = client.getRoom(entry.room);
    if (room?.hasEncryptionStateEvent()) await encryption.whenReady();
    const echo = room?.getPendingEvents().find((event) => event.getTxnId() === entry.key);
    const sent = room && echo ? client.resendEvent(echo, room) : client.sendEvent(entry.room, "m.room.message" as never, entry.content as never, entry.key);
    this.#inFlight.add(entry.key);
    try {
      return (await sent).event_id;
    } finally {
      this.#inFlight.delete(entry.key);
    }
  }

  async #handed(entry: Entry, id: string): Promise<void> {
    // A sync may have been quicker than the answer: then it is no longer here.
    const now = this.#find(entry.key);
    if (now) this.#replace(now, { ...now, status: "sent", id });
    // It was thrown away while it was sent.
    if (this.#unwanted.delete(entry.key)) await this.core.client.redactEvent(entry.room, id).catch(() => undefined);
  }

  #refused(entry: Entry, error: Failure): void {
    this.#unwanted.delete(entry.key);
    this.#cancelEcho(entry);
    const now = this.#find(entry.key);
    if (now) this.#replace(now, { ...now, status: "failed", error });
  }

  /** The SDK keeps an event that it could not send, and then sends no other: ours is the only list. */
  #cancelEcho(entry: Entry): void {
    const echo = this.core.client.getRoom(entry.room)?.getPendingEvents().find((event) => event.getTxnId() === entry.key);
    if (echo?.status === "not_sent") this.core.client.cancelPendingEvent(echo);
  }

  async #wait(ms: number): Promise<void> {
    let wake = () => {};
    const woken = new Promise<void>((resolve) => (wake = resolve));
    this.#wakers.add(wake);
    await Promise.race([sleep(ms), woken]);
    this.#wakers.delete(wake);
  }

  #find(key: string): Entry | undefined {
    for (const entries of this.#rooms.values()) {
      const found = entries.find((entry) => entry.key === key);
      if (found) return found;
    }
    return undefined;
  }

  #replace(before: Entry, after: Entry | null): void {
    const entries = this.of(before.room).flatMap((entry) => (entry.key !== before.key ? [entry] : after ? [after] : []));
    if (entries.length > 0) this.#rooms.set(before.room, entries);
    else this.#rooms.delete(before.room);
    this.#changed(before.room);
  }

  #changed(room: string): void {
    this.#keep();
    this.core.rooms?.outboxChanged(room);
  }

  #keep(): void {
    const texts = [...this.#rooms.values()].flat().filter((entry) => !entry.file && entry.status !== "sent");
    const kept = texts.map(({ key, room, at, content, status }) => ({ key, room, at, content, status }));
    try {
      if (kept.length > 0) sessionStorage.setItem(this.#storageKey, JSON.stringify(kept));
      else sessionStorage.removeItem(this.#storageKey);
    } catch {
      // Without a storage they live as long as the page.
    }
  }

  #restore(): void {
    let kept: unknown = null;
    try {
      kept = JSON.parse(sessionStorage.getItem(this.#storageKey) ?? "null");
    } catch {
      // Nothing that could be read.
    }
    for (const one of Array.isArray(kept) ? kept.map(record) : []) {
      const { room, key } = { room: text(one["room"]), key: text(one["key"]) };
      const entry = { ...this.#entry(room, record(one["content"]), null), key, at: Number(one["at"]) };
      this.#rooms.set(room, [...this.of(room), one["status"] === "failed" ? { ...entry, status: "failed", error: failure(null) } : entry]);
    }
  }
}

/** What goes next: the oldest that is ready, but that a file waits for those that were sent before it. */
function nextOf(entries: readonly Entry[]): Entry | undefined {
  const sending = entries.filter((one) => one.status === "sending");
  const uploading = sending.find((one) => one.file && !isReady(one));
  return sending.find((one) => isReady(one) && (!one.file || !uploading || sending.indexOf(one) < sending.indexOf(uploading)));
}

/** Whether its content is there: that of a file comes with the upload. */
function isReady(entry: Entry): boolean {
  return "msgtype" in entry.content;
}

function newKey(): string {
  return `salon${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
}

/** A file as it is shown before the server has it. */
function localBody(blob: File, caption: string, facts?: FileFacts): MessageBody {
  const file = { mxc: null, name: blob.name, size: blob.size, mime: blob.type || "application/octet-stream", local: blob };
  const kind = fileKind(file.mime);
  if (kind === "image" || kind === "video") return { type: kind, file, width: facts?.width ?? 0, height: facts?.height ?? 0, thumbnail: null, caption };
  if (kind === "audio") return { type: kind, file, duration: facts?.duration ?? null, caption };
  return { type: "file", file, caption };
}
