/** The SDK's client beside our view of it. What the SDK tells, event by event, is gathered here and handed to the parts. */
import { ClientEvent, PendingEventOrdering } from "matrix-js-sdk/lib/client";
import { Method } from "matrix-js-sdk/lib/http-api/method";
import { SyncState, type ISyncStateData } from "matrix-js-sdk/lib/sync";
import { AccountData } from "./account";
import { Batch } from "./batch";
import { Client } from "./client";
import { ConnectionState } from "./connection.svelte";
import type { Core, RequestOptions } from "./core";
import { EncryptionState, type CryptoPlace } from "./crypto/encryption.svelte";
import { Drafts } from "./drafts";
import { Failure, attempt } from "./errors";
import { FIRST_MESSAGES } from "./first";
import { FriendsState } from "./friends.svelte";
import { Http, type HttpOptions } from "./http";
import { wantsPrivateReceipts } from "./me.svelte";
import { logger } from "./logging";
import { MediaStore } from "./media.svelte";
import { record } from "./raw";
import { nameRoom } from "./naming";
import { NotificationsState } from "./notifications.svelte";
import { Outbox } from "./outbox.svelte";
import { PeopleState } from "./people.svelte";
import { RoomsState } from "./rooms.svelte";
import type { SnapshotStore } from "./store";
import { follow } from "./follow";

const REQUEST_TIMEOUT = 60_000;
/** How long an action waits for a sync to bring what it did. */
const PATIENCE = 30_000;

export interface EngineOptions extends HttpOptions {
  readonly userId: string;
  readonly deviceId: string;
  readonly store: SnapshotStore;
  readonly crypto: CryptoPlace;
}

interface Waiter {
  readonly look: () => boolean;
  readonly give: () => void;
}

export class Engine implements Core {
  readonly me: string;
  readonly client: Client;
  readonly http: Http;
  readonly batch: Batch;
  readonly drafts: Drafts;
  readonly account: AccountData;
  readonly connection: ConnectionState;
  readonly people: PeopleState;
  readonly media: MediaStore;
  readonly outbox: Outbox;
  readonly friends: FriendsState;
  readonly rooms: RoomsState;
  readonly notifications: NotificationsState;
  readonly encryption: EncryptionState;
  readonly #waiters = new Set<Waiter>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #store: SnapshotStore;
  readonly #stopLeading = new AbortController();
  /** Whether the server has answered a sync; before that, all we know is from the store. */
  #hasSynced = false;

  constructor(options: EngineOptions) {
    this.me = options.userId;
    this.#store = options.store;
    this.http = new Http(options);
    this.encryption = new EncryptionState(this, options.crypto);
    this.client = new Client({
      baseUrl: options.baseUrl,
      userId: options.userId,
      deviceId: options.deviceId,
      accessToken: options.tokens.accessToken,
      store: options.store,
      logger,
      fetchFn: this.http.fetch,
      localTimeoutMs: REQUEST_TIMEOUT,
      timelineSupport: true,
      disableVoip: true,
      roomNameGenerator: (_id, state) => nameRoom(state),
      cryptoCallbacks: this.encryption.secrets.callbacks,
      verificationMethods: ["m.sas.v1", "m.qr_code.show.v1", "m.reciprocate.v1"],
    }, this.encryption.gate);
    this.batch = new Batch((rooms) => this.#apply(rooms));
    this.account = new AccountData(this);
    this.connection = new ConnectionState(this.client, this.http);
    this.drafts = new Drafts(this.me);
    this.people = new PeopleState(this);
    this.media = new MediaStore(this);
    this.outbox = new Outbox(this);
    this.friends = new FriendsState(this);
    this.rooms = new RoomsState(this);
    this.notifications = new NotificationsState(this);
    follow(this);
    this.client.on(ClientEvent.Sync, this.#onSync);
  }

  get privateReceipts(): boolean {
    return wantsPrivateReceipts(this);
  }

  async start(): Promise<void> {
    void this.#lead();
    globalThis.document?.addEventListener("visibilitychange", this.#onHidden);
    globalThis.addEventListener?.("storage", this.#onStorage);
    this.connection.onBack(() => this.media.retry());
    this.http.holdSync(() => this.encryption.gate.settled());
    this.#store.holdWhile(() => this.encryption.gate.holds);
    this.client.setCanResetTimelineCallback((id) => !this.rooms.find(id)?.timeline.isWatched);
    // The SDK asks for these only once it knows what the server can do.
    this.http.ahead("/_matrix/client/v3/pushrules/");
    void this.client.startClient({
      initialSyncLimit: FIRST_MESSAGES,
      lazyLoadMembers: true,
      pendingEventOrdering: PendingEventOrdering.Detached,
      threadSupport: false,
      pollTimeout: 30_000,
    });
    this.people.get(this.me);
    await Promise.all([this.client.learnVersions(), this.media.readLimits().catch(() => undefined)]);
  }

  request<T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, { query, body }: RequestOptions = {}): Promise<T> {
    const name = { GET: Method.Get, POST: Method.Post, PUT: Method.Put, DELETE: Method.Delete }[method];
    return attempt(() => this.client.http.authedRequest<T>(name, path, query as never, body as never, { prefix: "" }));
  }

  until<T>(look: () => T | null | undefined, timeout = PATIENCE): Promise<T> {
    return new Promise((resolve, reject) => {
      const give = () => reject(new Failure("offline", "The server's answer has not reached us in time"));
      const waiter: Waiter = { look: () => settle(look, resolve, reject), give };
      if (waiter.look()) return;
      this.#waiters.add(waiter);
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        if (this.#waiters.delete(waiter)) give();
      }, timeout);
      this.#timers.add(timer);
    });
  }

  stop(): void {
    void this.#store.save();
    this.#stopLeading.abort();
    globalThis.document?.removeEventListener("visibilitychange", this.#onHidden);
    globalThis.removeEventListener?.("storage", this.#onStorage);
    this.client.stopClient();
    this.client.removeAllListeners();
    this.connection.stop();
    this.encryption.stop();
    this.batch.stop();
    this.outbox.stop();
    this.rooms.stop();
    this.media.stop();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const waiter of this.#waiters) waiter.give();
    this.#waiters.clear();
  }

  /** The tab that was first keeps the snapshot; when it goes, another takes over. */
  async #lead(): Promise<void> {
    const { locks } = globalThis.navigator ?? {};
    if (!locks) return this.#store.lead();
    const { signal } = this.#stopLeading;
    const untilStopped = () => {
      this.#store.lead();
      return new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    };
    await locks.request(`salon.snapshot.${this.me}`, { signal }, untilStopped).catch(() => undefined);
  }

  readonly #onHidden = (): void => {
    if (document.visibilityState === "hidden") void this.#store.save();
  };

  /** What another tab has written. */
  readonly #onStorage = ({ key }: StorageEvent): void => {
    const room = this.drafts.roomOf(key);
    if (room !== null) this.rooms.find(room)?.readDraft();
  };

  readonly #onSync = (state: SyncState, _before: SyncState | null, data?: ISyncStateData): void => {
    if (state === SyncState.Error || state === SyncState.Reconnecting) this.#onFailed(data?.error);
    if (state !== SyncState.Prepared && state !== SyncState.Syncing) return;
    this.#hasSynced ||= !data?.fromCache;
    if (!this.rooms.ready) {
      this.people.readIgnored();
      this.rooms.isReady();
      void this.encryption.start();
      this.notifications.read();
    }
    this.batch.flush();
  };

  /** A server that was set back to an older state does not know how far we were. */
  #onFailed(error: Error | undefined): void {
    const { errcode, httpStatus } = record(error);
    if (!this.#hasSynced && httpStatus === 400 && errcode !== "M_UNKNOWN_TOKEN") void this.#store.startOver();
  }

  #apply(rooms: ReadonlyMap<string, number>): void {
    this.rooms.refresh(rooms);
    this.friends.refresh(rooms);
    this.rooms.sort();
    for (const waiter of this.#waiters) if (waiter.look()) this.#waiters.delete(waiter);
    if (this.rooms.ready) void this.friends.tidy();
  }
}

/** Whether there is an answer, good or bad. */
function settle<T>(look: () => T | null | undefined, resolve: (found: T) => void, reject: (cause: unknown) => void): boolean {
  try {
    const found = look();
    if (found === null || found === undefined) return false;
    resolve(found);
  } catch (cause) {
    reject(cause);
  }
  return true;
}
