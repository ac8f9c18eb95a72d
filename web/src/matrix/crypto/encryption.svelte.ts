/** End-to-end encryption of this session: loads the crypto once there is something to see, and says how things stand. */
import type { CryptoBackend } from "matrix-js-sdk/lib/common-crypto/CryptoBackend";
import type { CryptoApi } from "matrix-js-sdk/lib/crypto-api";
import { CryptoEvent } from "matrix-js-sdk/lib/crypto-api/CryptoEvent";
import { ClientEvent } from "matrix-js-sdk/lib/client";
import { Part } from "../batch";
import type { Core } from "../core";
import { Failure, sleep } from "../errors";
import type { Encryption, RoomId, UserId } from "../types";
import type { Content } from "../raw";
import { Gate } from "./gate";
import type { KeyStore } from "./keystore";
import type { Owner } from "./owner";
import type { Recovery } from "./recovery";
import { Secrets } from "./secrets";
import type { TrustState } from "./trust.svelte";

/** `memory` is for programs that are no browser; where the promise gives `null` there can be no crypto. */
export type CryptoPlace = (() => Promise<KeyStore | null>) | "memory";

export const ENCRYPTION = "m.room.encryption";
export const ALGORITHM = { algorithm: "m.megolm.v1.aes-sha2" } as const;

/** The file of the crypto is large, and lines break. */
const ATTEMPTS = 4;
/** When to look whether another session has told what it knows, ms after each other. */
const SECRETS = [300, 700, 2000, 4000, 8000, 15_000];

export class EncryptionState implements Encryption {
  readonly gate = new Gate();
  readonly secrets = new Secrets();
  #state = $state<Encryption["state"]>("starting");
  #recovery = $state<Encryption["recovery"]>("unknown");
  #trust = $state.raw<TrustState | null>(null);
  #owner: Owner | null = null;
  #store: KeyStore | null = null;
  #waiters: { ready: () => void; never: (cause: Failure) => void }[] = [];
  #placed!: (hasPlace: boolean) => void;
  readonly #hasPlace = new Promise<boolean>((placed) => (this.#placed = placed));
  #stopped = false;
  #looking = Promise.resolve();
  /** While keys are changed, who looks would ask for them, and hear of the old ones. */
  #acting = 0;
  /** What devices were sent, as it came by two tabs. */
  readonly #seen = new Set<string>();

  constructor(
    private readonly core: Core,
    private readonly place: CryptoPlace,
  ) {}

  #follow(): void {
    const look = () => void this.#look();
    this.core.client.on(CryptoEvent.KeysChanged, look);
    this.core.client.on(CryptoEvent.KeyBackupStatus, look);
    this.core.client.on(CryptoEvent.KeyBackupDecryptionKeyCached, look);
    this.core.client.on(ClientEvent.AccountData, (event) => {
      if (event.getType() === "m.secret_storage.default_key") look();
    });
  }

  get state(): Encryption["state"] {
    return this.#state;
  }

  get recovery(): Encryption["recovery"] {
    return this.#recovery;
  }

  get trust(): TrustState | null {
    return this.#trust;
  }

  /** There is something to see: now it is the turn of the crypto. */
  async start(): Promise<void> {
    this.#follow();
    if (this.place !== "memory") this.#store = await this.place().catch(() => null);
    this.#placed(this.place === "memory" || this.#store !== null);
    if (this.place === "memory") return this.#load(false);
    if (!this.#store) return this.#without("unavailable");
    const { Owner } = await import("./owner");
    if (this.#stopped) return;
    this.#owner = new Owner(this.#store.name, {
      own: (late) => void this.#load(late),
      wait: () => this.#elsewhere(),
      give: () => globalThis.location.reload(),
      take: (events) => this.gate.processSyncChanges({ toDeviceEvents: this.#unseen(events) }).then(() => this.gate.settled()),
    });
    await this.#owner.start();
  }

  takeOver(): void {
    if (this.#state === "elsewhere") this.#owner?.ask();
    else globalThis.location.reload();
  }

  /** Resolves when messages can be encrypted, in this tab; rejects where they never can. */
  whenReady(): Promise<void> {
    if (this.#state === "ready") return Promise.resolve();
    if (this.#state === "unavailable" || this.#state === "failed") return Promise.reject(unable());
    return new Promise((ready, never) => this.#waiters.push({ ready, never }));
  }

  /** State for a room that is being made, so that it is encrypted from its first word; none where we could not write in it. */
  async initialState(): Promise<readonly Content[]> {
    const can = (await this.#hasPlace) && this.#state !== "failed";
    return can ? [{ type: ENCRYPTION, state_key: "", content: ALGORITHM }] : [];
  }

  /** Before somebody is invited: the keys of what they may read of what was said. */
  async giveKeys(room: RoomId, user: UserId): Promise<void> {
    if (this.#state === "ready") await (await import("./history")).giveKeys(this.core, room, user);
  }

  /** After an invite was accepted: the keys that came with it. */
  async takeKeys(room: RoomId, inviter: UserId): Promise<void> {
    if (this.#state === "ready") await (await import("./history")).takeKeys(this.core, room, inviter);
  }

  setUp(): Promise<string> {
    return this.#recovering((recovery) => recovery.setUp());
  }

  restore(key: string): Promise<void> {
    return this.#recovering((recovery) => recovery.restore(key));
  }

  reset(password: string): Promise<string> {
    return this.#recovering((recovery) => recovery.reset(password));
  }

  stop(): void {
    this.#stopped = true;
    this.#owner?.stop();
    for (const { never } of this.#waiters.splice(0)) never(unable());
  }

  /** The session is over: its keys are deleted. */
  clear(): void {
    (this.core.client.getCrypto() as CryptoBackend | undefined)?.stop();
    this.#store?.clear();
  }

  async #load(late: boolean): Promise<void> {
    this.#set("starting");
    const backend = await this.#init();
    if (this.#stopped) return backend?.stop();
    if (!backend) return this.#without("failed");
    // Of what happened while another tab had the keys we know nothing.
    if (late) await backend.markAllTrackedUsersAsDirty();
    for (const room of this.core.client.getRooms()) {
      const event = room.currentState.getStateEvents(ENCRYPTION, "");
      if (event) await backend.onCryptoEvent(room, event);
    }
    // Before what devices were sent comes out of the gate: there may be a request among it.
    const trust = await import("./trust.svelte").catch(() => null);
    this.#trust = trust && new trust.TrustState(this.core, backend, () => void this.#recognised());
    await this.gate.open(backend);
    backend.onSyncCompleted({});
    this.#set("ready");
    for (const { ready } of this.#waiters.splice(0)) ready();
    for (const room of this.core.client.getRooms()) if (room.hasEncryptionStateEvent()) void room.decryptCriticalEvents();
    this.#renew();
    await this.#look();
  }

  async #init(): Promise<CryptoBackend | null> {
    const { client } = this.core;
    const where = this.#store ? { cryptoDatabasePrefix: this.#store.name, storageKey: this.#store.key } : { useIndexedDB: false };
    for (let tried = 1; tried <= ATTEMPTS && !this.#stopped; tried++) {
      try {
        await client.initRustCrypto(where);
        return client.getCrypto() as CryptoBackend;
      } catch (cause) {
        console.error("The crypto could not be started", cause);
        await sleep(1000 * 2 ** tried);
      }
    }
    return null;
  }

  #elsewhere(): void {
    const owner = this.#owner;
    this.#without("elsewhere");
    this.gate.divert(async ({ toDeviceEvents }) => owner?.hand(toDeviceEvents));
  }

  #without(state: "elsewhere" | "unavailable" | "failed"): void {
    this.gate.divert(async () => undefined);
    this.#set(state);
    // What waits in one tab goes out when the keys come to it.
    if (state !== "elsewhere") for (const { never } of this.#waiters.splice(0)) never(unable());
    this.#renew();
  }

  #set(state: Encryption["state"]): void {
    this.#state = state;
  }

  /** What rooms show of encrypted messages has to be looked at anew. */
  #renew(): void {
    for (const room of this.core.rooms.all()) {
      if (!room.encrypted) continue;
      room.timeline.renew();
      this.core.batch.room(room.id, Part.timeline);
    }
  }

  async #recovering<T>(work: (recovery: Recovery) => Promise<T>): Promise<T> {
    await this.whenReady();
    const crypto = this.core.client.getCrypto();
    if (!crypto) throw unable();
    await this.#looking;
    this.#acting++;
    try {
      return await work(await this.#worker(crypto));
    } finally {
      this.#acting--;
      await this.#look();
    }
  }

  /** Another session took this one for mine, or the other way round: what it knows of our keys comes by itself, a little later. */
  async #recognised(): Promise<void> {
    const knows = () => this.recovery !== "locked" && this.recovery !== "lost";
    if (knows()) return;
    for (const pause of SECRETS) {
      await sleep(pause);
      await this.#look();
      if (knows()) return this.#recovering((recovery) => recovery.readBack()).catch(() => undefined);
    }
  }

  /** One after the other, so that the last word is the newest. */
  #look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#read());
    return this.#looking;
  }

  async #read(): Promise<void> {
    const crypto = this.core.client.getCrypto();
    if (this.#state !== "ready" || !crypto || this.#acting > 0) return;
    try {
      this.#recovery = await (await this.#worker(crypto)).look();
    } catch (cause) {
      if (!this.#stopped) console.warn("How the keys are kept could not be learnt", cause);
    }
  }

  async #worker(crypto: CryptoApi): Promise<Recovery> {
    const { Recovery } = await import("./recovery");
    return new Recovery(this.core, crypto, this.secrets);
  }

  #unseen<T extends { readonly content: unknown }>(events: T[]): T[] {
    const fresh = events.filter(({ content }) => !this.#seen.has(JSON.stringify(content)));
    for (const { content } of fresh) this.#seen.add(JSON.stringify(content));
    return fresh;
  }
}

function unable(): Failure {
  return new Failure("other", "Encryption is not at work in this tab");
}
