/** Who is signed in in this browser. All tabs share it. */
import { request } from "./api";

const STORED = "salon.session";
/** What the login page and the app behind it, which have nothing else in common, tell each other: in all tabs, and in this one. */
const ENDED = "salon.ended";
const NEW = "salon.new";
/** Shown in the list of sessions. */
const DEVICE_NAME = "Salon";

export interface StoredSession {
  readonly userId: string;
  readonly deviceId: string;
  readonly accessToken: string;
  readonly refreshToken?: string;
  /** ms since the epoch. */
  readonly expiresAt?: number;
  /** The server has logged the device out softly: it is kept, and only the password is asked for. */
  readonly soft?: boolean;
}

interface SessionAnswer {
  user_id: string;
  device_id: string;
  access_token: string;
}

/** Why the login page is shown to who was signed in a moment ago. */
export type Ended = "signedOut" | "revoked" | null;

let current = $state.raw<StoredSession | null>(stored());
let ended = $state<Ended>(localStorage.getItem(ENDED) as Ended);
/** Whether the account was made just now: the app then offers a first step. */
let isNew = $state(sessionStorage.getItem(NEW) !== null);

export const session = {
  get current(): StoredSession | null {
    return current;
  },
  get ended(): Ended {
    return ended;
  },
  get isNew(): boolean {
    return isNew;
  },
};

function stored(): StoredSession | null {
  try {
    const value = JSON.parse(localStorage.getItem(STORED) ?? "null") as StoredSession | null;
    return value && typeof value.accessToken === "string" && typeof value.userId === "string" ? value : null;
  } catch {
    return null;
  }
}

function keep(next: StoredSession | null): void {
  if (next) localStorage.setItem(STORED, JSON.stringify(next));
  else localStorage.removeItem(STORED);
  current = next;
}

function setEnded(reason: Ended): void {
  ended = reason;
  if (reason) localStorage.setItem(ENDED, reason);
  else localStorage.removeItem(ENDED);
}

function setNew(next: boolean): void {
  isNew = next;
  if (next) sessionStorage.setItem(NEW, "");
  else sessionStorage.removeItem(NEW);
}

function begin(answer: SessionAnswer): void {
  setEnded(null);
  keep({ userId: answer.user_id, deviceId: answer.device_id, accessToken: answer.access_token });
}

export async function logIn(user: string, password: string): Promise<void> {
  // After a soft logout the device, and all that it holds, goes on.
  const device = current?.soft && sameUser(current.userId, user) ? current.deviceId : undefined;
  const answer = await request<SessionAnswer>("POST", "/_matrix/client/v3/login", {
    type: "m.login.password",
    identifier: { type: "m.id.user", user: user.trim() },
    password,
    device_id: device,
    initial_device_display_name: DEVICE_NAME,
  });
  setNew(false);
  begin(answer);
}

function sameUser(userId: string, typed: string): boolean {
  const localpart = (name: string) => name.trim().replace(/^@/, "").split(":")[0]?.toLowerCase();
  return localpart(userId) === localpart(typed);
}

/** Makes an account. `token` is for servers that ask for one. */
export async function register(username: string, password: string, token: string): Promise<void> {
  const auth = token ? { type: "m.login.registration_token", token: token.trim() } : { type: "m.login.dummy" };
  const answer = await request<SessionAnswer>("POST", "/_matrix/client/v3/register", {
    username,
    password,
    auth,
    initial_device_display_name: DEVICE_NAME,
  });
  setNew(true);
  begin(answer);
}

/** Keeps the tokens that a refresh gave. */
export function refreshed(tokens: Pick<StoredSession, "accessToken" | "refreshToken" | "expiresAt">): void {
  if (current) keep({ ...current, ...tokens });
}

/** The session is over: by the user's wish, or because the server says so. */
export function end(reason: Exclude<Ended, null>, soft = false): void {
  setEnded(reason);
  setNew(false);
  keep(soft && current ? { ...current, soft: true } : null);
}

/** The first step was taken or put off. */
export function welcomed(): void {
  setNew(false);
}

// Another tab has signed in or out.
window.addEventListener("storage", (event) => {
  if (event.key !== STORED && event.key !== null) return;
  const next = stored();
  if (next?.accessToken !== current?.accessToken || next?.soft !== current?.soft) {
    ended = localStorage.getItem(ENDED) as Ended;
    current = next;
  }
});
