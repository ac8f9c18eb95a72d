/** Where the keys of this device lie in the browser: a database, encrypted with a key that goes with the session. */
import type { StoredSession } from "../types";

export interface KeyStore {
  /** What the SDK puts before the names of its databases. */
  readonly name: string;
  readonly key: Uint8Array;
  /** Deletes all keys of this device. */
  clear(): void;
}

const DATABASES = "salon.crypto.";
const STORED = "salon.keys.";

/** `null`: the browser has no place for keys, or no means to make them, as over plain HTTP. */
export function keyStoreFor({ deviceId }: StoredSession): KeyStore | null {
  if (!("indexedDB" in globalThis) || !globalThis.crypto?.subtle) return null;
  void forgetOthers(deviceId);
  const name = DATABASES + deviceId;
  return {
    name,
    key: keyOf(deviceId),
    clear() {
      // Without the key what is in them can't be read, however long the browser takes to delete them.
      localStorage.removeItem(STORED + deviceId);
      for (const end of ["matrix-sdk-crypto", "matrix-sdk-crypto-meta"]) indexedDB.deleteDatabase(`${name}::${end}`);
    },
  };
}

function keyOf(device: string): Uint8Array {
  const stored = localStorage.getItem(STORED + device);
  if (stored) return Uint8Array.from(atob(stored), (char) => char.charCodeAt(0));
  const key = crypto.getRandomValues(new Uint8Array(32));
  localStorage.setItem(STORED + device, btoa(String.fromCharCode(...key)));
  return key;
}

/** One account at a time is signed in in a browser: what sessions left that ended elsewhere is thrown away. */
async function forgetOthers(device: string): Promise<void> {
  for (const key of Object.keys(localStorage)) if (key.startsWith(STORED) && key !== STORED + device) localStorage.removeItem(key);
  const databases = (await indexedDB.databases?.().catch(() => [])) ?? [];
  for (const { name } of databases) if (name?.startsWith(DATABASES) && !name.startsWith(`${DATABASES}${device}::`)) indexedDB.deleteDatabase(name);
}
