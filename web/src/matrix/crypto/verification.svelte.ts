/** One verification, from the request to its end, as screens follow it. */
import { VerificationPhase, VerificationRequestEvent, VerifierEvent, type ShowSasCallbacks, type VerificationRequest, type Verifier } from "matrix-js-sdk/lib/crypto-api/verification";
import type { Core } from "../core";
import { failure } from "../errors";
import type { Person } from "../types";
import type { Cancelled, Stage, Verification } from "./types";

const SAS = "m.sas.v1";
const SCANS = "m.qr_code.scan.v1";
/** So long a request waits, as the specification has it, ms. */
const PATIENCE = 10 * 60_000;
/** Who has asked begins with the emoji; some programs leave that to their users. */
const BEGINS = 3000;

const REASONS: ReadonlyMap<string | null, Cancelled> = new Map([
  ["m.timeout", "timeout"],
  ["m.mismatched_sas", "mismatch"],
  ["m.mismatched_commitment", "mismatch"],
  ["m.key_mismatch", "mismatch"],
]);

export class VerificationState implements Verification {
  readonly person: Person | null;
  readonly incoming: boolean;
  session = $state("");
  stage = $state<Stage>("preparing");
  emoji = $state.raw<readonly string[]>([]);
  code = $state.raw<readonly number[] | null>(null);
  reason = $state<Cancelled | null>(null);
  #verifier: Verifier | null = null;
  #isReady = false;
  #confirmed = false;
  #stopped: Cancelled | null = null;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(
    private readonly core: Core,
    private readonly request: VerificationRequest,
    private readonly over: (verification: VerificationState) => void,
    private readonly verified: () => void,
  ) {
    this.incoming = !request.initiatedByMe;
    this.person = request.isSelfVerification ? null : core.people.get(request.otherUserId);
    request.on(VerificationRequestEvent.Change, this.#look);
    this.#after(request.timeout ?? PATIENCE, () => void this.#stop("timeout"));
    void this.#nameSession();
    this.#look();
  }

  async accept(): Promise<void> {
    this.stage = "preparing";
    await this.#attempt(() => this.request.accept());
  }

  async compareEmoji(): Promise<void> {
    this.stage = "preparing";
    await this.#attempt(() => this.request.startVerification(SAS));
  }

  async confirm(same: boolean): Promise<void> {
    const sas = this.#verifier?.getShowSasCallbacks();
    const code = this.#verifier?.getReciprocateQrCodeCallbacks();
    if (!same) {
      this.#stopped = "mismatch";
      if (sas) sas.mismatch();
      else code?.cancel();
      return;
    }
    this.#confirmed = true;
    this.#look();
    await this.#attempt(async () => (sas ? sas.confirm() : code?.confirm()));
  }

  close(): void {
    if (this.request.pending) void this.#stop("me");
    this.#end();
    this.over(this);
  }

  async #stop(why: Cancelled): Promise<void> {
    if (!this.request.pending) return;
    this.#stopped = why;
    await this.request.cancel().catch((cause: unknown) => console.warn("The other side could not be told", cause));
    this.#look();
  }

  readonly #look = (): void => {
    const { request } = this;
    switch (request.phase) {
      case VerificationPhase.Requested:
        this.stage = !this.incoming ? "waiting" : request.accepting ? "preparing" : "asked";
        break;
      case VerificationPhase.Ready:
        void this.#ready();
        break;
      case VerificationPhase.Started:
        this.#started(request.verifier);
        break;
      case VerificationPhase.Done:
        if (this.stage !== "done") this.verified();
        this.stage = "done";
        this.#end();
        break;
      case VerificationPhase.Cancelled:
        return this.#cancelled();
    }
    // Another session of mine has answered.
    if (!request.pending && this.stage !== "done") this.close();
  };

  async #ready(): Promise<void> {
    if (this.#isReady) return;
    this.#isReady = true;
    this.stage = "preparing";
    void this.#nameSession();
    if (this.request.otherPartySupportsMethod(SCANS)) {
      const bytes = await this.request.generateQRCode().catch(() => undefined);
      if (bytes) this.code = [...bytes];
    }
    const choose = () => {
      if (this.request.phase === VerificationPhase.Ready) this.stage = "choose";
    };
    if (this.code) choose();
    else if (this.incoming) this.#after(BEGINS, choose);
    else await this.compareEmoji();
  }

  #started(verifier: Verifier | undefined): void {
    if (!verifier) return;
    if (verifier !== this.#verifier) {
      this.#verifier = verifier;
      // The request tells of a change before the emoji are there.
      verifier.on(VerifierEvent.ShowSas, this.#look);
      // Says yes to what the other has begun. How it ends, the request tells.
      verifier.verify().catch(() => undefined);
    }
    const sas = verifier.getShowSasCallbacks();
    if (sas) this.emoji = emojiOf(sas);
    if (this.#confirmed) this.stage = "confirming";
    else if (sas) this.stage = "compare";
    else this.stage = verifier.getReciprocateQrCodeCallbacks() ? "scanned" : "preparing";
  }

  #cancelled(): void {
    const code = this.request.cancellationCode;
    this.#end();
    if (code === "m.accepted") return this.over(this);
    this.reason = this.#stopped ?? REASONS.get(code) ?? (code === "m.user" ? "other" : "failed");
    this.stage = "cancelled";
  }

  /** Which of the sessions it is, by the name that it was given. */
  async #nameSession(): Promise<void> {
    const { otherUserId, otherDeviceId } = this.request;
    if (!otherDeviceId || this.session) return;
    const devices = await this.core.client.getCrypto()?.getUserDeviceInfo([otherUserId]);
    this.session = devices?.get(otherUserId)?.get(otherDeviceId)?.displayName || otherDeviceId;
  }

  async #attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      // It may have ended meanwhile, and then says so by itself.
      if (!this.request.pending) return;
      console.warn("A step of the verification failed", cause);
      await this.#stop("failed");
      if (this.stage !== "cancelled") throw failure(cause);
    }
  }

  #after(ms: number, todo: () => void): void {
    this.#timers.add(setTimeout(todo, ms));
  }

  #end(): void {
    this.request.off(VerificationRequestEvent.Change, this.#look);
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

function emojiOf({ sas }: ShowSasCallbacks): readonly string[] {
  // Programs without emoji compare three numbers.
  return sas.emoji?.map(([symbol]) => symbol) ?? sas.decimal?.map(String) ?? [];
}
