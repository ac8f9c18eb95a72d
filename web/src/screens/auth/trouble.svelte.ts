import { ApiError } from "../../app/api";
import { t, type Key } from "../../i18n/i18n.svelte";

/** What stood in the way of the last attempt, as a sentence; counts down where one has to wait. */
export class Trouble {
  /** Set for what is wrong with one field rather than with all. */
  #sentence = $state<Key | null>(null);
  #values = $state.raw<Record<string, string>>({});
  #wait = $state(0);
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Empty if there is none. */
  get text(): string {
    if (this.#wait > 0) return t("auth.limited", { count: this.#wait });
    return this.#sentence ? t(this.#sentence, this.#values) : "";
  }

  /** Whether another attempt makes sense now. */
  get waits(): boolean {
    return this.#wait > 0;
  }

  say(sentence: Key, values: Record<string, string> = {}): void {
    this.clear();
    [this.#sentence, this.#values] = [sentence, values];
  }

  clear(): void {
    clearInterval(this.#timer);
    this.#sentence = null;
    this.#wait = 0;
  }

  /** Puts an error into words; `known` has sentences for errcodes. */
  tell(error: unknown, known: Partial<Record<string, Key>>, values: Record<string, string> = {}): void {
    if (!(error instanceof ApiError)) throw error;
    const sentence = known[error.errcode];
    if (error.isOffline) this.say("auth.offline");
    else if (error.status >= 500) this.say("auth.broken");
    else if (error.errcode === "M_LIMIT_EXCEEDED") this.#countDown(error.retryAfter);
    else if (sentence) this.say(sentence, values);
    else this.say("auth.failed", { detail: error.message || String(error.status) });
  }

  #countDown(retryAfter: number): void {
    this.clear();
    const end = Date.now() + Math.max(1000, retryAfter);
    const tick = () => {
      this.#wait = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      if (this.#wait === 0) this.clear();
    };
    tick();
    this.#timer = setInterval(tick, 250);
  }
}
