/** The account's identity, its backup of keys, and the recovery key that opens both on a new device. */
import type { CryptoApi } from "matrix-js-sdk/lib/crypto-api";
import { decodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/recovery-key";
import type { Core } from "../core";
import { Failure, failure } from "../errors";
import { withPassword } from "../me.svelte";
import type { Encryption } from "../types";
import type { Secrets } from "./secrets";

export class Recovery {
  constructor(
    private readonly core: Core,
    private readonly crypto: CryptoApi,
    private readonly secrets: Secrets,
  ) {}

  /** How things stand. An account that has no identity yet gets one: the first needs no password. */
  async look(): Promise<Encryption["recovery"]> {
    const { crypto } = this;
    const hasIdentity = (await crypto.getCrossSigningStatus()).publicKeysOnDevice || (await crypto.userHasCrossSigningKeys(this.core.me, true));
    if (!hasIdentity) await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: async (send) => void (await send(null)) });
    const { privateKeysCachedLocally: own } = await crypto.getCrossSigningStatus();
    const isOurs = own.masterKey && own.selfSigningKey && own.userSigningKey;
    const hasKey = (await this.core.client.secretStorage.getDefaultKeyId()) !== null;
    if (!isOurs) return hasKey ? "locked" : "lost";
    if (!hasKey) return "missing";
    if ((await crypto.getActiveSessionBackupVersion()) !== null) return "ready";
    return (await crypto.getKeyBackupInfo()) ? "locked" : "missing";
  }

  /** Makes a recovery key, which replaces one that there was, and sees to it that keys are backed up. */
  async setUp(): Promise<string> {
    const { crypto } = this;
    const made = await crypto.createRecoveryKeyFromPassphrase();
    const isBackedUp = (await crypto.getActiveSessionBackupVersion()) !== null;
    await attempted(this.secrets.during(null, () => crypto.bootstrapSecretStorage({ createSecretStorageKey: async () => made, setupNewSecretStorage: true, setupNewKeyBackup: !isBackedUp })));
    return made.encodedPrivateKey ?? "";
  }

  /** Opens identity and backup with the recovery key. Rejects with `forbidden` if it is the wrong one. */
  async restore(typed: string): Promise<void> {
    const key = await this.#check(typed);
    const { crypto } = this;
    await attempted(
      this.secrets.during(key, async () => {
        await crypto.bootstrapCrossSigning({});
        if (!(await crypto.getKeyBackupInfo())) return void (await crypto.resetKeyBackup());
        await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
        await crypto.checkKeyBackupAndEnable();
      }),
    );
    await this.readBack();
  }

  /** Reads all that is in the backup. What is looked at is opened as it is needed; the rest comes by itself. */
  async readBack(): Promise<void> {
    const { crypto } = this;
    if ((await crypto.getActiveSessionBackupVersion()) !== null) await crypto.restoreKeyBackup().catch((cause: unknown) => console.warn("The backup could not be read whole", cause));
  }

  /** A new identity and a new backup, where the recovery key is lost. Rejects with `forbidden` if the password is wrong. */
  async reset(password: string): Promise<string> {
    // The SDK deletes before it asks.
    await withPassword(this.core, password, (auth) => this.core.request("POST", "/_matrix/client/v3/delete_devices", { body: { devices: [], ...auth } }));
    await attempted(this.crypto.resetEncryption((send) => withPassword(this.core, password, ({ auth }) => send((auth as never) ?? null))));
    return this.setUp();
  }

  async #check(typed: string): Promise<{ id: string; bytes: Uint8Array<ArrayBuffer> }> {
    const wrong = (cause?: unknown) => new Failure("forbidden", "This is not the recovery key", "", 0, { cause });
    const { secretStorage } = this.core.client;
    const known = await secretStorage.getKey();
    if (!known) throw new Failure("notFound", "There is no recovery key");
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = decodeRecoveryKey(typed.trim());
    } catch (cause) {
      throw wrong(cause);
    }
    if (!(await secretStorage.checkKey(bytes, known[1]))) throw wrong();
    return { id: known[0], bytes };
  }
}

async function attempted<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw failure(cause);
  }
}
