/** Whether sessions and people are who they say they are: what is known, kept up to date, and the verifications that go on. */
import type { CryptoBackend } from "matrix-js-sdk/lib/common-crypto/CryptoBackend";
import { CryptoEvent } from "matrix-js-sdk/lib/crypto-api/CryptoEvent";
import type { VerificationRequest } from "matrix-js-sdk/lib/crypto-api/verification";
import type { Core } from "../core";
import { Failure, failure, sleep } from "../errors";
import type { EventId, RoomId, UserId } from "../types";
import type { Standing, Trust } from "./types";
import { VerificationState } from "./verification.svelte";

/** So long the answer to a question for a key takes at most if somebody is there to give it, ms. */
const ANSWER = 4000;

export class TrustState implements Trust {
  #version = $state(0);
  #open = $state.raw<readonly VerificationState[]>([]);
  readonly #standings = new Map<UserId, Standing>();
  readonly #asked = new Set<UserId>();

  constructor(
    private readonly core: Core,
    private readonly crypto: CryptoBackend,
    /** A session of mine was verified. */
    private readonly verified: () => void,
  ) {
    const { client } = core;
    client.on(CryptoEvent.VerificationRequestReceived, (request) => this.#follow(request));
    client.on(CryptoEvent.UserTrustStatusChanged, (id) => this.#renew([id]));
    client.on(CryptoEvent.DevicesUpdated, (ids) => this.#renew(ids));
    client.on(CryptoEvent.KeysChanged, () => this.#renew([...this.#standings.keys()]));
  }

  get verification(): VerificationState | null {
    return this.#open[0] ?? null;
  }

  get version(): number {
    return this.#version;
  }

  of(id: UserId): Standing {
    const standing = this.seen(id);
    if (!this.#asked.has(id)) {
      this.#asked.add(id);
      void this.#ask(id);
    }
    return standing;
  }

  seen(id: UserId): Standing {
    void this.#version;
    const known = this.#standings.get(id);
    if (known) return known;
    this.#standings.set(id, "unknown");
    void this.#read(id);
    return "unknown";
  }

  async sessions(): Promise<ReadonlyMap<string, boolean>> {
    const { me } = this.core;
    const devices = (await this.crypto.getUserDeviceInfo([me], true)).get(me) ?? new Map<string, unknown>();
    const found = new Map<string, boolean>();
    for (const id of devices.keys()) {
      const status = await this.crypto.getDeviceVerificationStatus(me, id);
      if (status) found.set(id, status.crossSigningVerified);
    }
    return found;
  }

  async verifyOwn(session?: string): Promise<void> {
    const { me } = this.core;
    await this.#begin(async () => {
      // Which sessions there are may have changed since they were last asked for.
      await this.crypto.getUserDeviceInfo([me], true);
      return session ? this.crypto.requestDeviceVerification(me, session) : this.crypto.requestOwnUserVerification();
    });
  }

  async verifyPerson(id: UserId): Promise<void> {
    const room = this.core.friends.list.find(({ person }) => person.id === id)?.room;
    if (!room || !(await this.crypto.userHasCrossSigningKeys(id, true))) throw new Failure("notFound", "There is nothing to compare with");
    await this.#begin(() => this.crypto.requestVerificationDM(id, room.id));
  }

  async accept(id: UserId): Promise<void> {
    const status = await this.crypto.getUserVerificationStatus(id);
    if (status.wasCrossSigningVerified()) await this.crypto.withdrawVerificationRequirement(id);
    else await this.crypto.pinCurrentUserIdentity(id);
    await this.#read(id);
  }

  async askAgain(room: RoomId, id: EventId): Promise<void> {
    const event = this.core.client.getRoom(room)?.findEventById(id);
    if (!event) return;
    // The crypto asks my other sessions and the backup by itself; what is found opens the message.
    await event.attemptDecryption(this.crypto, { isRetry: true }).catch(() => undefined);
    await sleep(ANSWER);
  }

  async #begin(request: () => Promise<VerificationRequest>): Promise<void> {
    try {
      this.#follow(await request());
    } catch (cause) {
      throw failure(cause);
    }
  }

  #follow(request: VerificationRequest): void {
    if (!request.pending) return;
    const over = (gone: VerificationState) => (this.#open = this.#open.filter((one) => one !== gone));
    const verified = () => {
      this.#renew([request.otherUserId]);
      if (request.isSelfVerification) this.verified();
    };
    const next = new VerificationState(this.core, request, over, verified);
    // What I ask for comes before what I am asked.
    this.#open = next.incoming ? [...this.#open, next] : [next, ...this.#open];
  }

  async #ask(id: UserId): Promise<void> {
    const has = await this.crypto.userHasCrossSigningKeys(id, true).catch(() => null);
    if (has === false) this.#set(id, "none");
    else await this.#read(id);
  }

  async #read(id: UserId): Promise<void> {
    const status = await this.crypto.getUserVerificationStatus(id).catch(() => null);
    if (!status) return;
    if (status.isCrossSigningVerified()) this.#set(id, "verified");
    else if (status.wasCrossSigningVerified()) this.#set(id, "lapsed");
    else if (status.needsUserApproval) this.#set(id, "changed");
    else if (status.known) this.#set(id, "unverified");
  }

  #set(id: UserId, standing: Standing): void {
    if (this.#standings.get(id) === standing) return;
    this.#standings.set(id, standing);
    this.#version++;
  }

  #renew(ids: readonly UserId[]): void {
    for (const id of ids) if (this.#standings.has(id)) void this.#read(id);
    if (ids.includes(this.core.me)) this.#version++;
  }
}
