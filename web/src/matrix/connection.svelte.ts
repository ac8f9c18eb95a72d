/** Whether the server answers. */
import { ClientEvent, type MatrixClient } from "matrix-js-sdk/lib/client";
import { Method } from "matrix-js-sdk/lib/http-api/method";
import { SyncState } from "matrix-js-sdk/lib/sync";
import { HttpApiEvent } from "matrix-js-sdk/lib/http-api/interface";
import type { Http } from "./http";
import type { Connection } from "./types";
import { record } from "./raw";

/** A gap shorter than this is nobody's business, ms: a server that restarts, a phone that changes networks. */
const PATIENCE = 2500;
/** How often to look whether the server is back, ms: soon at first, then less and less. */
const FIRST_RETRY = 500;
const LAST_RETRY = 15_000;
const PROBE_TIMEOUT = 10_000;
const HEARTBEAT = 5000;
/** More than the minute at which browsers let hidden pages look at the clock. */
const SLEPT = 120_000;

export class ConnectionState implements Connection {
  #state = $state<Connection["state"]>("starting");
  #soft = $state(false);
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #offlineTimer: ReturnType<typeof setTimeout> | undefined;
  #pause = FIRST_RETRY;
  #stopped = false;
  readonly #back: (() => void)[] = [];

  /** When the heart beat last: a long pause means that the machine slept. */
  #beat = Date.now();
  readonly #heart = setInterval(() => this.#pulse(), HEARTBEAT);

  constructor(
    private readonly client: MatrixClient,
    private readonly http: Http,
  ) {
    client.on(ClientEvent.Sync, this.#onSync);
    client.on(HttpApiEvent.SessionLoggedOut, this.#onLoggedOut);
    globalThis.addEventListener?.("offline", this.#onOffline);
    globalThis.addEventListener?.("online", this.#onOnline);
  }

  get state(): Connection["state"] {
    return this.#state;
  }

  get soft(): boolean {
    return this.#soft;
  }

  retry(): void {
    this.#pause = FIRST_RETRY;
    this.client.retryImmediately();
  }

  /** A request has reached nobody, although the sync still waits: it is looked into. */
  doubt(): void {
    if (this.#state === "online") this.#isGone();
  }

  /** Calls back each time that the server answers again. */
  onBack(listener: () => void): void {
    this.#back.push(listener);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#heart);
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#offlineTimer);
    this.client.off(ClientEvent.Sync, this.#onSync);
    this.client.off(HttpApiEvent.SessionLoggedOut, this.#onLoggedOut);
    globalThis.removeEventListener?.("offline", this.#onOffline);
    globalThis.removeEventListener?.("online", this.#onOnline);
  }

  /** The session is over, by our own wish. */
  ended(): void {
    this.#state = "signedOut";
  }

  readonly #onSync = (state: SyncState): void => {
    if (this.#state === "signedOut") return;
    switch (state) {
      case SyncState.Prepared:
      case SyncState.Syncing:
        return this.#isBack();
      case SyncState.Reconnecting:
      case SyncState.Error:
        return this.#isGone();
    }
  };

  #isBack(): void {
    if (this.#state === "signedOut" || this.#stopped) return;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#offlineTimer);
    this.#offlineTimer = undefined;
    this.#pause = FIRST_RETRY;
    this.#state = "online";
    for (const listener of this.#back) listener();
  }

  #isGone(): void {
    if (this.#state === "signedOut" || this.#stopped) return;
    if (globalThis.navigator?.onLine === false) this.#onOffline();
    this.#offlineTimer ??= setTimeout(this.#onOffline, PATIENCE);
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => void this.#probe(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LAST_RETRY);
  }

  /** The SDK looks whether the server is back where a sync has failed; where one still waits, we do. */
  async #probe(): Promise<void> {
    if (this.client.retryImmediately()) return;
    try {
      await this.client.http.authedRequest(Method.Get, "/account/whoami", undefined, undefined, { localTimeoutMs: PROBE_TIMEOUT });
      this.#isBack();
    } catch {
      this.#isGone();
    }
  }

  readonly #onOffline = (): void => {
    if (this.#state !== "signedOut") this.#state = "offline";
  };

  readonly #onOnline = (): void => this.#wake();

  #pulse(): void {
    const slept = Date.now() - this.#beat > SLEPT;
    this.#beat = Date.now();
    if (slept) this.#wake();
  }

  /** The line that a sync waits on may be dead without anybody's having said so. */
  #wake(): void {
    if (this.#state === "online" || this.#state === "offline") this.http.interruptSync();
    this.retry();
  }

  readonly #onLoggedOut = (error: unknown): void => {
    this.#soft = record(record(error)["data"])["soft_logout"] === true;
    this.#state = "signedOut";
  };
}
