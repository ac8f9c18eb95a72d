/**
 * Of several tabs one has the keys: the first, until it is closed or another asks for them. What the others' syncs bring for
 * this device they hand to it, since the server tells it only once.
 */
import type { Changes } from "./gate";

type ToDevice = Changes["toDeviceEvents"];
type Said = { readonly type: "give" } | { readonly type: "events"; readonly id: string; readonly events: ToDevice } | { readonly type: "done"; readonly id: string };

export interface Duties {
  /** The keys are ours; `late`: another tab had them before. */
  own(late: boolean): void;
  /** Another tab has them. */
  wait(): void;
  /** Another tab wants them: what follows has to let go of the lock, as a reload does. */
  give(): void;
  /** Another tab hands over what was sent to this device. */
  take(events: ToDevice): Promise<void>;
}

export class Owner {
  readonly #stop = new AbortController();
  readonly #channel: BroadcastChannel | null;
  readonly #unanswered = new Map<string, { done: () => void; lost: (cause: Error) => void }>();
  #owns = false;

  constructor(
    private readonly name: string,
    private readonly duties: Duties,
  ) {
    this.#channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(name) : null;
    this.#channel?.addEventListener("message", this.#onSaid);
  }

  async start(): Promise<void> {
    const locks = globalThis.navigator?.locks;
    if (!locks) return this.#own(false);
    const isFree = await locks.request(this.name, { ifAvailable: true }, (lock) => {
      if (lock) void this.#request(locks, false);
      return lock !== null;
    });
    if (isFree || this.#stop.signal.aborted) return;
    this.duties.wait();
    void this.#request(locks, true);
  }

  /** Asks the tab that has the keys for them. */
  ask(): void {
    this.#say({ type: "give" });
  }

  /** Hands over what was sent to this device; rejects if meanwhile the keys have become ours. */
  hand(events: ToDevice): Promise<void> {
    if (events.length === 0) return Promise.resolve();
    const id = `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`;
    const handed = new Promise<void>((done, lost) => this.#unanswered.set(id, { done, lost }));
    this.#say({ type: "events", id, events });
    return handed;
  }

  stop(): void {
    this.#stop.abort();
    this.#channel?.close();
    this.#lose();
  }

  async #request(locks: LockManager, late: boolean): Promise<void> {
    const { signal } = this.#stop;
    const untilStopped = () => {
      this.#own(late);
      return new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    };
    // Rejects when it is stopped while it waits.
    await locks.request(this.name, { signal }, untilStopped).catch(() => undefined);
  }

  #own(late: boolean): void {
    this.#owns = true;
    this.duties.own(late);
    this.#lose();
  }

  #lose(): void {
    for (const { lost } of this.#unanswered.values()) lost(new Error("The keys have changed hands"));
    this.#unanswered.clear();
  }

  #say(said: Said): void {
    this.#channel?.postMessage(said);
  }

  readonly #onSaid = ({ data }: MessageEvent<Said>): void => {
    if (data.type === "done") {
      this.#unanswered.get(data.id)?.done();
      this.#unanswered.delete(data.id);
    }
    if (!this.#owns) return;
    if (data.type === "give") this.duties.give();
    if (data.type === "events") void this.duties.take(data.events).then(() => this.#say({ type: "done", id: data.id }));
  };
}
