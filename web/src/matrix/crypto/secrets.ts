/** The key of the account's secrets on the server: held for as long as one action needs it, never kept. */
import type { CryptoCallbacks } from "matrix-js-sdk/lib/crypto-api";

export class Secrets {
  #key: { readonly id: string; readonly bytes: Uint8Array<ArrayBuffer> } | null = null;

  readonly callbacks: CryptoCallbacks = {
    getSecretStorageKey: async ({ keys }) => (this.#key && this.#key.id in keys ? [this.#key.id, this.#key.bytes] : null),
    cacheSecretStorageKey: (id, _info, bytes) => {
      this.#key = { id, bytes: Uint8Array.from(bytes) };
    },
  };

  /** Does something with the key at hand, or with the one that is made in its course. */
  async during<T>(key: { readonly id: string; readonly bytes: Uint8Array<ArrayBuffer> } | null, work: () => Promise<T>): Promise<T> {
    this.#key = key;
    try {
      return await work();
    } finally {
      this.#key?.bytes.fill(0);
      this.#key = null;
    }
  }
}
