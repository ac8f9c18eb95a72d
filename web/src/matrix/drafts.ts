/** What is half written, kept in this browser by account and room. */

export class Drafts {
  readonly #prefix: string;

  constructor(me: string, private readonly storage: Storage | null = browserStorage()) {
    this.#prefix = `salon.draft.${me}.`;
  }

  get(room: string): string {
    try {
      return this.storage?.getItem(this.#prefix + room) ?? "";
    } catch {
      return "";
    }
  }

  set(room: string, draft: string): void {
    try {
      if (draft) this.storage?.setItem(this.#prefix + room, draft);
      else this.storage?.removeItem(this.#prefix + room);
    } catch {
      // A full or forbidden storage: the draft lives as long as the tab.
    }
  }

  /** The room that a change made in another tab is about. */
  roomOf(key: string | null): string | null {
    return key?.startsWith(this.#prefix) ? key.slice(this.#prefix.length) : null;
  }

  /** Forgets all drafts of this account, as when it signs out. */
  clear(): void {
    try {
      const storage = this.storage;
      if (storage) for (const key of Object.keys(storage)) if (key.startsWith(this.#prefix)) storage.removeItem(key);
    } catch {
      // As above.
    }
  }
}

function browserStorage(): Storage | null {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}
