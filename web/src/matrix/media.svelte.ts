/** Pictures and files: fetched with the token, shared between all who show them, and let go when nobody does. */
import { readAddress, type Seal } from "./crypto/address";
import { orMissing } from "./errors";
import { path, type Core } from "./core";
import { number } from "./raw";
import type { HeldMedia, Media, Mxc, Thumbnail } from "./types";

/** Bytes of pictures that nobody shows and that are kept in case somebody does soon. */
const IDLE_BYTES = 48 * 1024 * 1024;
/** Requests under way at once: more would make those that are seen first wait for those that are not. */
const LANES = 6;
const FAILED_AGAIN = 30_000;

class Shared {
  url = $state<string | null>(null);
  failed = $state(false);
  holders = 0;
  bytes = 0;
  failedAt = 0;
  abort: AbortController | null = null;

  constructor(
    readonly address: string,
    readonly seal: Seal | null,
  ) {}
}

class Held implements HeldMedia {
  #released = false;

  constructor(
    private readonly shared: Shared,
    private readonly letGo: (shared: Shared) => void,
  ) {}

  get url(): string | null {
    return this.shared.url;
  }
  get failed(): boolean {
    return this.shared.failed;
  }
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.letGo(this.shared);
  }
}

export class MediaStore implements Media {
  /** In the order of their last use. */
  readonly #shared = new Map<string, Shared>();
  #queue: Shared[] = [];
  #running = 0;
  #idle = 0;
  #maxUpload = $state(0);

  constructor(private readonly core: Pick<Core, "http" | "request">) {}

  get maxUpload(): number {
    return this.#maxUpload;
  }

  hold(mxc: Mxc, size?: Thumbnail): HeldMedia {
    const { mxc: plain, seal } = readAddress(mxc);
    // The server can make no smaller picture of what it can't read.
    const address = size && !seal ? thumbnailPath(plain, size) : downloadPath(plain);
    const shared = this.#shared.get(address) ?? new Shared(address, seal);
    this.#shared.delete(address);
    this.#shared.set(address, shared);
    if (shared.holders++ === 0) this.#idle -= shared.bytes;
    const mayTry = !shared.failedAt || Date.now() - shared.failedAt > FAILED_AGAIN;
    if (!shared.url && !shared.abort && mayTry) this.#enqueue(shared);
    return new Held(shared, this.#letGo);
  }

  download(mxc: Mxc, signal?: AbortSignal): Promise<Blob> {
    const { mxc: plain, seal } = readAddress(mxc);
    return this.#get(downloadPath(plain), seal, signal);
  }

  async #get(address: string, seal: Seal | null, signal?: AbortSignal): Promise<Blob> {
    const blob = await this.core.http.download(address, signal);
    return seal ? (await import("./crypto/attachments")).unseal(blob, seal) : blob;
  }

  /** Learns how large an upload may be. */
  async readLimits(): Promise<void> {
    const config = await orMissing(this.core.request<{ "m.upload.size"?: number }>("GET", "/_matrix/client/v1/media/config"), {});
    this.#maxUpload = number((config as { "m.upload.size"?: number })["m.upload.size"], 0);
  }

  /** The server is back: what could not be had is asked for again where it is looked at. */
  retry(): void {
    for (const shared of this.#shared.values()) if (shared.failed && shared.holders > 0 && !shared.abort) this.#enqueue(shared);
  }

  stop(): void {
    this.#queue = [];
    for (const shared of this.#shared.values()) {
      shared.abort?.abort();
      if (shared.url) URL.revokeObjectURL(shared.url);
    }
    this.#shared.clear();
  }

  readonly #letGo = (shared: Shared): void => {
    shared.holders--;
    if (shared.holders > 0) return;
    this.#queue = this.#queue.filter((one) => one !== shared);
    if (!shared.url) {
      // Scrolled past before it came: it makes way for what is looked at.
      shared.abort?.abort();
      this.#shared.delete(shared.address);
      return;
    }
    this.#idle += shared.bytes;
    for (const old of this.#shared.values()) {
      if (this.#idle <= IDLE_BYTES) break;
      if (old.holders === 0 && old.url) this.#drop(old);
    }
  };

  #drop(shared: Shared): void {
    if (shared.url) URL.revokeObjectURL(shared.url);
    this.#idle -= shared.bytes;
    this.#shared.delete(shared.address);
  }

  #enqueue(shared: Shared): void {
    shared.abort = new AbortController();
    this.#queue.push(shared);
    void this.#next();
  }

  async #next(): Promise<void> {
    if (this.#running >= LANES) return;
    const shared = this.#queue.shift();
    if (!shared) return;
    this.#running++;
    await this.#fetch(shared);
    this.#running--;
    void this.#next();
  }

  async #fetch(shared: Shared): Promise<void> {
    const abort = shared.abort;
    try {
      const blob = await this.#get(shared.address, shared.seal, abort?.signal);
      if (this.#shared.get(shared.address) !== shared) return;
      shared.bytes = blob.size;
      shared.url = URL.createObjectURL(blob);
      shared.failed = false;
    } catch {
      if (abort?.signal.aborted) return;
      shared.failed = true;
      shared.failedAt = Date.now();
    } finally {
      if (shared.abort === abort) shared.abort = null;
    }
  }
}

function parts(mxc: Mxc): [string, string] {
  const [server = "", id = ""] = mxc.slice("mxc://".length).split("/");
  return [server, id];
}

function downloadPath(mxc: Mxc): string {
  const [server, id] = parts(mxc);
  return path`/_matrix/client/v1/media/download/${server}/${id}`;
}

function thumbnailPath(mxc: Mxc, { width, height, crop }: Thumbnail): string {
  const [server, id] = parts(mxc);
  // For the screen's own pixels, in steps, so that the same picture is not fetched in ten sizes.
  const side = (length: number) => String(Math.ceil((length * Math.min(globalThis.devicePixelRatio || 1, 2)) / 32) * 32);
  return `${path`/_matrix/client/v1/media/thumbnail/${server}/${id}`}?width=${side(width)}&height=${side(height)}&method=${crop ? "crop" : "scale"}`;
}
