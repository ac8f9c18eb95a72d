/** The SDK's client, with fewer requests before the first sync. */
import { MatrixClient } from "matrix-js-sdk/lib/client";
import type { Filter } from "matrix-js-sdk/lib/filter";

export class Client extends MatrixClient {
  constructor(options: ConstructorParameters<typeof MatrixClient>[0]) {
    super(options);
    // Calls are not ours: nothing listens in each room for them.
    this.matrixRTC.start = () => {};
  }

  /** The filter goes with each sync, rather than be stored and looked up before the first. */
  override async getOrCreateFilter(_name: string, filter: Filter): Promise<string> {
    return JSON.stringify(filter.getDefinition());
  }
}
