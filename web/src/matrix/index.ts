/**
 * The only place that knows the SDK. It is loaded when somebody is about to sign in; all that others import statically is
 * `types.ts`.
 */
import "./compat";
import type { CryptoPlace } from "./crypto/encryption.svelte";
import { quiet } from "./logging";
import type { Tokens } from "./http";
import { Session } from "./session";
import { SnapshotStore, type Vault } from "./store";
import { BrowserVault, NoVault } from "./vault";
import type { Matrix, StoredSession } from "./types";

export interface OpenOptions {
  /** Called with new tokens when the old ones have run out. */
  readonly onTokens?: (tokens: Tokens) => void;
  /** The tokens as they are kept: another tab may have renewed them. */
  readonly stored?: () => Tokens | null;
  /** Our server, where it is not the page's own. */
  readonly baseUrl?: string;
  /** Answers to what the session would ask first, by path. */
  readonly answers?: ReadonlyMap<string, Promise<Response | null>>;
  /** Where the session's snapshot lies, if not in the browser's database. */
  readonly vault?: Vault;
  /** Where the keys of encryption lie, if not in the browser's database. */
  readonly crypto?: CryptoPlace;
}

/** Begins to follow somebody's session. Returns at once: `rooms.ready` says when there is something to see. */
export async function openMatrix(session: StoredSession, options: OpenOptions = {}): Promise<Matrix> {
  quiet();
  const matrix = new Session({
    baseUrl: options.baseUrl ?? location.origin,
    crypto: options.crypto ?? (async () => (await import("./crypto/keystore")).keyStoreFor(session)),
    userId: session.userId,
    deviceId: session.deviceId,
    tokens: session,
    stored: options.stored,
    onTokens: options.onTokens,
    answers: options.answers,
    store: new SnapshotStore(session.userId, options.vault ?? vaultFor(session), globalThis.localStorage),
  });
  matrix.start();
  return matrix;
}

function vaultFor(session: StoredSession): Vault {
  return "indexedDB" in globalThis ? new BrowserVault(`${session.userId} ${session.deviceId}`) : new NoVault();
}
