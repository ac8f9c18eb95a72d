/** Failed requests, in the words that screens know, and patience where the server asks for it. */
import type { MatrixError } from "./types";
import { number, record, text } from "./raw";

type Kind = MatrixError["kind"];

export class Failure extends Error implements MatrixError {
  override readonly name = "MatrixError";

  constructor(
    readonly kind: Kind,
    message: string,
    readonly errcode = "",
    readonly retryAfter = 0,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What an unknown failure is: the SDK's, the browser's, or one of ours already. */
export function failure(cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  const error = record(cause);
  const name = text(error["name"]);
  const message = text(record(error["data"])["error"]) || text(error["message"]);
  const errcode = text(error["errcode"]);
  const status = number(error["httpStatus"], 0);
  const wrap = (kind: Kind, wait = 0) => new Failure(kind, message, errcode, wait, { cause });
  if (name === "AbortError") return wrap("cancelled");
  if (status === 0 && !errcode) return wrap(isNetwork(name, cause) ? "offline" : "other");
  if (errcode === "M_LIMIT_EXCEEDED" || status === 429) return wrap("limited", waitOf(cause));
  if ([502, 503, 504].includes(status)) return wrap("offline");
  return wrap(kindOf(errcode, status));
}

function kindOf(errcode: string, status: number): Kind {
  if (errcode === "M_UNKNOWN_TOKEN" || errcode === "M_MISSING_TOKEN") return "unknownToken";
  if (errcode === "M_TOO_LARGE" || status === 413) return "tooLarge";
  if (errcode === "M_UNRECOGNIZED") return "other";
  if (errcode === "M_NOT_FOUND" || status === 404) return "notFound";
  if (errcode === "M_FORBIDDEN" || status === 403) return "forbidden";
  return "other";
}

function isNetwork(name: string, cause: unknown): boolean {
  // What `fetch` rejects with when it reaches nobody is a TypeError; the SDK wraps it.
  return name === "ConnectionError" || name === "TimeoutError" || name === "TokenRefreshError" || cause instanceof TypeError;
}

const DEFAULT_WAIT = 2000;

function waitOf(cause: unknown): number {
  const error = record(cause);
  const headers = error["httpHeaders"];
  const header = headers instanceof Headers ? number(headers.get("Retry-After"), -1) * 1000 : -1;
  const wait = header >= 0 ? header : number(record(error["data"])["retry_after_ms"], DEFAULT_WAIT);
  return Math.max(0, wait);
}

/** Tries, and tries again where the server is only busy, for as long as a person would wait. */
const ATTEMPTS = 4;
const LONGEST_WAIT = 10_000;

export async function attempt<T>(request: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await request();
    } catch (cause) {
      const error = failure(cause);
      if (error.kind !== "limited" || tried === ATTEMPTS || error.retryAfter > LONGEST_WAIT) throw error;
      await sleep(error.retryAfter);
    }
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The answer, or `otherwise` where there is none of that name. */
export async function orMissing<T, U>(request: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await request;
  } catch (cause) {
    const error = failure(cause);
    if (error.kind === "notFound" || error.errcode === "M_UNRECOGNIZED") return otherwise;
    throw error;
  }
}
