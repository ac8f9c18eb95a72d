/** The few requests that are made before there is a session, without the SDK. */

/** A request that failed. `errcode` is empty if the server did not answer. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly errcode: string,
    message: string,
    /** The whole answer. */
    readonly body: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }

  /** When to try again, in ms; 0 if the server does not say. */
  get retryAfter(): number {
    const wait = this.body["retry_after_ms"];
    return typeof wait === "number" ? wait : 0;
  }

  get isOffline(): boolean {
    return this.status === 0;
  }
}

/** Sends JSON and returns the answer's. `path` starts with `/`. */
export async function request<T>(method: string, path: string, body?: unknown, token?: string): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers["Authorization"] = `Bearer ${token}`;
  let response: Response;
  try {
    response = await fetch(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  } catch {
    throw new ApiError(0, "", "the server can't be reached");
  }
  const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  if (response.ok) return answer as T;
  const text = (key: string) => (typeof answer[key] === "string" ? answer[key] : "");
  throw new ApiError(response.status, text("errcode"), text("error"), answer);
}

/** What this server says of itself. */
export interface About {
  readonly server_name: string;
  readonly version: string;
  readonly registration: "open" | "token" | "closed";
}

export function about(): Promise<About> {
  return request<About>("GET", "/_salon/about");
}
