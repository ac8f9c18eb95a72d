/** The SDK's client, with fewer requests before the first sync and while nobody calls anybody. */
import { MatrixClient, type IServerVersions } from "matrix-js-sdk/lib/client";
import type { SyncCryptoCallbacks } from "matrix-js-sdk/lib/common-crypto/CryptoBackend";
import type { Filter } from "matrix-js-sdk/lib/filter";

const VERSIONS = "salon.versions";
const nothing = (): void => {};

export class Client extends MatrixClient {
  constructor(
    options: ConstructorParameters<typeof MatrixClient>[0],
    private readonly gate: SyncCryptoCallbacks,
  ) {
    super(options);
    // Calls are not ours: nothing listens in each room for them, nor asks where they would go.
    this.matrixRTC.start = nothing;
    this.cachedRtcTransports.start = nothing;
    this.#markSyncs();
    this.#recall();
  }

  /** The SDK, stopped while it begins, leaves the first sync that it asked for: that it failed is then told to nobody. */
  #markSyncs(): void {
    const ask = this.http.authedRequest.bind(this.http);
    this.http.authedRequest = <T>(...request: Parameters<typeof ask>) => {
      const answer = ask<T>(...request);
      if (request[1] === "/sync") answer.catch(nothing);
      return answer;
    };
  }

  /** The sync begins before the crypto is there. */
  protected override buildSyncApiOptions(): ReturnType<MatrixClient["buildSyncApiOptions"]> {
    return { ...super.buildSyncApiOptions(), cryptoCallbacks: this.gate };
  }

  /** The filter goes with each sync, rather than be stored and looked up before the first. */
  override async getOrCreateFilter(_name: string, filter: Filter): Promise<string> {
    // Threads are shown among the rest, and so they count.
    filter.setUnreadThreadNotifications(false);
    return JSON.stringify(filter.getDefinition());
  }

  /** What the server can do is asked each time and taken up the next: what is on the screen does not wait for it. */
  async learnVersions(): Promise<void> {
    try {
      const versions = await this.http.authedRequest<IServerVersions>("GET" as never, "/_matrix/client/versions", undefined, undefined, { prefix: "" });
      globalThis.localStorage?.setItem(VERSIONS, JSON.stringify(versions));
    } catch {
      // The next start asks again.
    }
  }

  #recall(): void {
    try {
      const versions = JSON.parse(globalThis.localStorage?.getItem(VERSIONS) ?? "null") as IServerVersions | null;
      if (Array.isArray(versions?.versions)) this.serverVersionsPromise = Promise.resolve(versions);
    } catch {
      // None, or none that can be read: it is asked for.
    }
  }
}
