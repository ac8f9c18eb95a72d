/** Requests to our own server with the session's token, which is renewed where the session can. */
import { failure } from "./errors";
import { number, record, text } from "./raw";

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken?: string | undefined;
  /** ms since the epoch. */
  readonly expiresAt?: number | undefined;
}

export interface HttpOptions {
  readonly baseUrl: string;
  readonly tokens: Tokens;
  /** The tokens as they are kept now: another tab may have renewed them. */
  readonly stored?: (() => Tokens | null) | undefined;
  readonly onTokens?: ((tokens: Tokens) => void) | undefined;
  /** Answers to what will be asked first, by path; null where it is to be asked again. */
  readonly answers?: ReadonlyMap<string, Promise<Response | null>> | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** So long before its end a token is no longer used, ms. */
const MARGIN = 30_000;

/** The page is being closed, or left for another: known before anybody else is told. */
let isLeaving = false;
globalThis.addEventListener?.("pagehide", () => (isLeaving = true), { capture: true });
globalThis.addEventListener?.("pageshow", () => (isLeaving = false));

export class Http {
  readonly baseUrl: string;
  #tokens: Tokens;
  #renewing: Promise<boolean> | null = null;
  readonly #asked: Map<string, Promise<Response | null>>;
  #sync: AbortController | null = null;
  #beforeSync: () => Promise<void> = () => Promise.resolve();
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.baseUrl = options.baseUrl;
    this.#tokens = options.tokens;
    this.#options = options;
    this.#asked = new Map(options.answers);
  }

  /** A token that is good now, for requests that are not made by `fetch`. */
  async token(): Promise<string> {
    const { refreshToken, expiresAt } = this.#tokens;
    if (refreshToken && expiresAt !== undefined && expiresAt - MARGIN < Date.now()) await this.#renew();
    return this.#tokens.accessToken;
  }

  /** Asks for something that will be asked for soon: whoever is first gets the answer. */
  ahead(path: string): void {
    if (this.#asked.has(path)) return;
    const answer = this.fetch(this.baseUrl + path, { headers: { Authorization: "" } });
    // If it fails, whoever asks is told, or nobody needs to know.
    answer.catch(() => undefined);
    this.#asked.set(path, answer);
  }

  /** A sync tells the server that what the one before brought is in safe hands: each waits until it is. */
  holdSync(until: () => Promise<void>): void {
    this.#beforeSync = until;
  }

  /** What was asked ahead, once. */
  #known(input: RequestInfo | URL, method = "GET"): Promise<Response | null> | undefined {
    const path = String(input).slice(this.baseUrl.length).replace(/&_cacheBuster=\d+$/, "");
    const answer = method === "GET" ? this.#asked.get(path) : undefined;
    this.#asked.delete(path);
    return answer;
  }

  /** `fetch` for the SDK and for ourselves: where a request carries a token, it carries the newest. */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const known = this.#known(input, init?.method);
    const answer = known && (await known);
    if (answer) return answer;
    const headers = new Headers(init?.headers);
    if (!headers.has("Authorization")) return this.#plain(input, init);
    const signal = isSync(input) ? this.#interruptible(init?.signal) : init?.signal;
    if (isSync(input)) await this.#beforeSync();
    const ask = (token: string) => {
      headers.set("Authorization", `Bearer ${token}`);
      return this.#plain(input, { ...init, headers: [...headers], ...(signal && { signal }) });
    };
    const used = await this.token();
    signal?.throwIfAborted();
    const given = await ask(used);
    if (given.status !== 401 || !(await this.#isExpired(given)) || !(await this.#renewed(used))) return given;
    return ask(this.#tokens.accessToken);
  };

  /** Lets go of a sync that waits on a line that may be dead, as after sleep: the SDK begins another. */
  interruptSync(): void {
    this.#sync?.abort();
  }

  /** A file, with the token. Rejects with a `Failure`. */
  async download(path: string, signal?: AbortSignal): Promise<Blob> {
    const answer = await this.fetch(this.baseUrl + path, { headers: { Authorization: "" }, ...(signal && { signal }) }).catch((cause: unknown) => {
      throw failure(cause);
    });
    if (answer.ok) return answer.blob();
    const said = record(await answer.json().catch(() => null));
    throw failure({ errcode: text(said["errcode"]), httpStatus: answer.status, httpHeaders: answer.headers, data: said });
  }

  /** A signal that the given one and `interruptSync` raise. */
  #interruptible(outer: AbortSignal | null | undefined): AbortSignal {
    const sync = new AbortController();
    this.#sync = sync;
    if (outer?.aborted) sync.abort();
    outer?.addEventListener("abort", () => sync.abort(), { once: true, signal: sync.signal });
    return sync.signal;
  }

  #plain(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    // What is asked for as the page goes outlives it.
    return (this.#options.fetch ?? globalThis.fetch)(input, isLeaving ? { ...init, keepalive: true } : init);
  }

  async #isExpired(answer: Response): Promise<boolean> {
    const said = record(await answer.clone().json().catch(() => null));
    return said["errcode"] === "M_UNKNOWN_TOKEN";
  }

  /** Whether there is a newer token than the one that was refused. */
  async #renewed(refused: string): Promise<boolean> {
    if (this.#tokens.accessToken !== refused) return true;
    return this.#tokens.refreshToken ? this.#renew() : false;
  }

  #renew(): Promise<boolean> {
    this.#renewing ??= locked("salon.refresh", () => this.#ask()).finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #ask(): Promise<boolean> {
    const stored = this.#options.stored?.();
    if (stored && stored.accessToken !== this.#tokens.accessToken) {
      this.#tokens = stored;
      return true;
    }
    const answer = await this.#plain(`${this.baseUrl}/_matrix/client/v3/refresh`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ refresh_token: this.#tokens.refreshToken }),
    });
    if (!answer.ok) return false;
    const said = record(await answer.json());
    const lifetime = number(said["expires_in_ms"], -1);
    this.#tokens = {
      accessToken: text(said["access_token"]),
      refreshToken: text(said["refresh_token"]) || this.#tokens.refreshToken,
      ...(lifetime >= 0 && { expiresAt: Date.now() + lifetime }),
    };
    this.#options.onTokens?.(this.#tokens);
    return true;
  }
}

function isSync(input: RequestInfo | URL): boolean {
  return /\/_matrix\/client\/v3\/sync(\?|$)/.test(String(input));
}

/** One at a time over all tabs, where the browser can. */
export async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  // The awaited result of `request` is what the callback gave.
  return locks ? ((await locks.request(name, work)) as T) : work();
}

/** In one tab only: `work` is left out where another is at it. */
export async function byOneTab(name: string, work: () => Promise<void>): Promise<void> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return work();
  await locks.request(name, { ifAvailable: true }, (lock) => (lock ? work() : undefined));
}
