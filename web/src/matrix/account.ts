/** Account data that is changed by reading, merging and writing: never written after a read that failed. */
import { orMissing } from "./errors";
import { locked } from "./http";
import { record, same, type Content } from "./raw";
import { path, type Core } from "./core";

export class AccountData {
  constructor(private readonly core: Core) {}

  /** As the last sync told it. */
  known(type: string): Content {
    // The SDK types only what it knows itself.
    const event = this.core.client.getAccountData(type as never) as { getContent(): unknown } | undefined;
    return record(event?.getContent());
  }

  /** Changes what the server has, if `change` makes a difference. One at a time, over all tabs. */
  async update(type: string, change: (content: Content) => Content): Promise<void> {
    const address = path`/_matrix/client/v3/user/${this.core.me}/account_data/${type}`;
    await locked(`salon.${type}.${this.core.me}`, async () => {
      const before = record(await orMissing(this.core.request<unknown>("GET", address), {}));
      const after = change(before);
      if (!same(before, after)) await this.core.request("PUT", address, { body: after });
    });
  }
}
