/** Snapshots in the browser's database. */
import type { Snapshot, Vault } from "./store";

const NAME = "salon";
const STORE = "snapshots";

/** One account at a time is signed in in a browser: what others left is thrown away. */
export class BrowserVault implements Vault {
  #database: Promise<IDBDatabase> | null = null;

  constructor(private readonly key: string) {}

  async read(): Promise<unknown> {
    const store = await this.#store("readwrite");
    const keys = await done(store.getAllKeys());
    for (const key of keys) if (key !== this.key) store.delete(key);
    return done(store.get(this.key));
  }

  async write(snapshot: Snapshot): Promise<void> {
    await done((await this.#store("readwrite")).put(snapshot, this.key));
  }

  async clear(): Promise<void> {
    await done((await this.#store("readwrite")).delete(this.key));
  }

  async #store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
    this.#database ??= open();
    return (await this.#database).transaction(STORE, mode).objectStore(STORE);
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => {
      // A later version of the app in another tab may want to change it.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error ?? new Error("The browser's database can't be opened"));
  });
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("The browser's database has refused"));
  });
}

/** Browsers without a database, and programs that are no browser. */
export class NoVault implements Vault {
  async read(): Promise<unknown> {
    return null;
  }
  async write(): Promise<void> {}
  async clear(): Promise<void> {}
}
