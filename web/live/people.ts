/** People for the tests: each has an account and a session of ours. */
import { inject } from "vitest";
import { openMatrix } from "../src/matrix";
import type { Matrix, StoredSession } from "../src/matrix/types";

export const PASSWORD = "a long enough password";
let count = 0;

export interface Somebody {
  readonly id: string;
  readonly session: StoredSession;
  readonly matrix: Matrix;
  /** A request beside our module, as another client would make it. */
  ask<T = Record<string, unknown>>(method: string, path: string, body?: object): Promise<T>;
  /** Cuts their way to the server, also for what is under way, or mends it. */
  cut(off: boolean): void;
  /** The same person in a second tab or on a second device. */
  again(): Promise<Matrix>;
}

const open: Matrix[] = [];

const network = globalThis.fetch;
const cutOff = new Map<string, { isOff: boolean; underWay: Set<(cause: Error) => void> }>();

globalThis.fetch = (input, init) => {
  const line = cutOff.get(new Headers(init?.headers).get("Authorization") ?? "");
  if (!line) return network(input, init);
  if (line.isOff) return Promise.reject(new TypeError("Failed to fetch"));
  return new Promise((resolve, reject) => {
    line.underWay.add(reject);
    void network(input, init)
      .then(resolve, reject)
      .finally(() => line.underWay.delete(reject));
  });
};

export async function somebody(name: string): Promise<Somebody> {
  const baseUrl = inject("baseUrl");
  const username = `${name}${Date.now().toString(36)}${count++}`;
  const answer = await fetch(`${baseUrl}/_matrix/client/v3/register`, {
    method: "POST",
    body: JSON.stringify({ username, password: PASSWORD, auth: { type: "m.login.dummy" } }),
  });
  const account = (await answer.json()) as { user_id: string; device_id: string; access_token: string };
  const session = { userId: account.user_id, deviceId: account.device_id, accessToken: account.access_token };
  const again = async () => {
    const matrix = await openMatrix(session, { baseUrl, crypto: async () => null });
    open.push(matrix);
    await until(() => matrix.rooms.ready);
    return matrix;
  };
  const ask = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const init = { method, headers: { Authorization: `Bearer ${session.accessToken}` }, ...(body && { body: JSON.stringify(body) }) };
    const response = await network(baseUrl + path, init);
    const said: unknown = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(said)}`);
    return said as T;
  };
  const line = { isOff: false, underWay: new Set<(cause: Error) => void>() };
  cutOff.set(`Bearer ${session.accessToken}`, line);
  const cut = (off: boolean) => {
    line.isOff = off;
    if (off) for (const reject of line.underWay) reject(new TypeError("Failed to fetch"));
  };
  return { id: session.userId, session, matrix: await again(), ask, cut, again };
}

/** The same person on a new device, with keys of its own. */
export async function device(person: Somebody): Promise<Matrix> {
  const baseUrl = inject("baseUrl");
  const answer = await fetch(`${baseUrl}/_matrix/client/v3/login`, {
    method: "POST",
    body: JSON.stringify({ type: "m.login.password", identifier: { type: "m.id.user", user: person.id }, password: PASSWORD }),
  });
  const session = (await answer.json()) as { user_id: string; device_id: string; access_token: string };
  const matrix = await openMatrix({ userId: session.user_id, deviceId: session.device_id, accessToken: session.access_token }, { baseUrl, crypto: "memory" });
  open.push(matrix);
  await until(() => matrix.rooms.ready && matrix.encryption.state === "ready" && matrix.encryption.recovery !== "unknown");
  return matrix;
}

/** Lets go of all sessions that were opened. */
export function closeAll(): void {
  for (const matrix of open.splice(0)) matrix.stop();
}

/** Waits until something holds; what it returns if that is not nothing. */
export async function until<T>(look: () => T | Promise<T>, timeout = 20_000): Promise<NonNullable<T>> {
  for (const end = Date.now() + timeout; ; await pause(10)) {
    const found = await look();
    if (found) return found as NonNullable<T>;
    if (Date.now() > end) throw new Error(`It never came about: ${look.toString()}`);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
