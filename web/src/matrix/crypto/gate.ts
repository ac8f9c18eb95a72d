/**
 * Stands between the sync and the crypto, which loads beside it: what devices were sent meanwhile waits here, in order. The
 * server deletes it with the next sync, which therefore waits until all of it is in safe hands.
 */
import type { CryptoBackend, SyncCryptoCallbacks } from "matrix-js-sdk/lib/common-crypto/CryptoBackend";
import type { MatrixEvent } from "matrix-js-sdk/lib/models/event";
import type { Room as SdkRoom } from "matrix-js-sdk/lib/models/room";

export type Changes = Parameters<SyncCryptoCallbacks["processSyncChanges"]>[0];
/** Takes what a sync has brought; settled when it is in safe hands. */
export type Sink = (changes: Changes) => Promise<unknown>;

export class Gate implements SyncCryptoCallbacks {
  #backend: CryptoBackend | null = null;
  #sink: Sink | null = null;
  #queue: Changes[] = [];
  #running: Promise<void> | null = null;
  #waiters: (() => void)[] = [];

  /** From now on all goes to the crypto. */
  async open(backend: CryptoBackend): Promise<void> {
    this.#backend = backend;
    this.#sink = (changes) => backend.processSyncChanges(changes);
    await this.#drain();
  }

  /** This tab has no crypto: another takes what devices were sent, or nobody does. */
  divert(sink: Sink): void {
    this.#backend = null;
    this.#sink = sink;
    void this.#drain();
  }

  /** Whether something waits that nobody has kept yet. */
  get holds(): boolean {
    return this.#queue.some((changes) => changes.toDeviceEvents.length > 0);
  }

  /** Resolves when nothing waits that could be lost. */
  settled(): Promise<void> {
    return this.holds ? new Promise((resolve) => this.#waiters.push(resolve)) : Promise.resolve();
  }

  async processSyncChanges(changes: Changes): Promise<[]> {
    this.#queue.push(changes);
    const drained = this.#drain();
    // Keys have to be there before the messages that they open.
    if (this.#backend) await drained;
    return [];
  }

  async onCryptoEvent(room: SdkRoom, event: MatrixEvent): Promise<void> {
    await this.#backend?.onCryptoEvent(room, event);
  }

  onSyncCompleted(state: Parameters<SyncCryptoCallbacks["onSyncCompleted"]>[0]): void {
    this.#backend?.onSyncCompleted(state);
  }

  async markAllTrackedUsersAsDirty(): Promise<void> {
    await this.#backend?.markAllTrackedUsersAsDirty();
  }

  #drain(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    // Not before `#running` is set.
    await Promise.resolve();
    for (let next = this.#queue[0]; next && this.#sink; next = this.#queue[0]) {
      const sink = this.#sink;
      try {
        await sink(next);
        this.#queue.shift();
      } catch (cause) {
        // Another sink took over meanwhile: it gets it.
        if (sink !== this.#sink) continue;
        console.warn("What a sync brought for the crypto was refused", cause);
        this.#queue.shift();
      }
    }
    this.#running = null;
    if (this.#queue.length === 0) for (const wake of this.#waiters.splice(0)) wake();
  }
}
