// A person who uses another client: matrix-js-sdk with its real encryption, and what such a client does when it is verified.
import { createClient } from "matrix-js-sdk";
import { PASSWORD, Person } from "./salon.mjs";

// Node 20 lacks it; the SDK takes it for granted.
Promise.withResolvers ??= function withResolvers() {
  let [resolve, reject] = [];
  const promise = new Promise((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
};

const QUIET = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, getChild: () => QUIET };
const PATIENCE = 30_000;

/** Waits until something holds, and returns it. */
export async function until(what, look) {
  for (const end = Date.now() + PATIENCE; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`it never came about: ${what}`);
  }
}

export class Element {
  /** Signs a person in on a new device with keys; `identity`: and gives the account its identity. */
  static async open(salon, person, { identity = false } = {}) {
    const body = { type: "m.login.password", identifier: { type: "m.id.user", user: person.id }, password: PASSWORD, initial_device_display_name: "Element" };
    const session = await new Person(salon.url).call("POST", "/v3/login", body);
    const element = new Element();
    element.device = session.device_id;
    element.secrets = {};
    const { secrets } = element;
    element.client = createClient({
      baseUrl: salon.url,
      userId: session.user_id,
      deviceId: session.device_id,
      accessToken: session.access_token,
      logger: QUIET,
      verificationMethods: ["m.sas.v1"],
      cryptoCallbacks: {
        getSecretStorageKey: async ({ keys }) => (secrets.id in keys ? [secrets.id, secrets.key] : null),
        cacheSecretStorageKey: (id, _info, key) => Object.assign(secrets, { id, key }),
      },
    });
    await element.client.initRustCrypto({ useIndexedDB: false });
    element.crypto = element.client.getCrypto();
    element.requests = [];
    element.client.on("crypto.verificationRequestReceived", (request) => element.requests.push(request));
    await element.client.startClient({ initialSyncLimit: 20, threadSupport: false });
    await until("it syncs", () => element.client.isInitialSyncComplete());
    if (identity) await element.crypto.bootstrapCrossSigning({ setupNewCrossSigning: true, authUploadDeviceSigningKeys: (send) => element.#confirmed(session.user_id, send) });
    return element;
  }

  async #confirmed(user, send) {
    try {
      await send(null);
    } catch (error) {
      const { session } = error.data;
      await send({ type: "m.login.password", identifier: { type: "m.id.user", user }, password: PASSWORD, session });
    }
  }

  stop() {
    this.client.stopClient();
  }

  /** Says yes to a request that came, or waits until mine is answered; returns the emoji once both sides have them. */
  async emoji(request, { begins = false } = {}) {
    if (request.phase === 2 && !request.initiatedByMe) await request.accept();
    await until("both have agreed", () => request.phase >= 3);
    if (begins) await request.startVerification("m.sas.v1");
    const verifier = await until("the comparison begins", () => request.verifier);
    verifier.verify().catch(() => {});
    this.sas = await until("there are emoji", () => verifier.getShowSasCallbacks());
    return this.sas.sas.emoji.map(([, name]) => name);
  }

  /** The next request that comes. */
  request() {
    return until("somebody asks", () => this.requests.shift());
  }

  /** Whether it reads these words in a room, where they came encrypted. */
  reads(room, words) {
    const events = this.client.getRoom(room)?.getLiveTimeline().getEvents() ?? [];
    return events.some((event) => event.isEncrypted() && event.getContent().body === words);
  }
}
