/** What an event says, encrypted or not, and if it can't be read, why. */
import type { MatrixEvent } from "matrix-js-sdk/lib/models/event";
import { readBody } from "../body";
import type { Core } from "../core";
import type { MessageBody, Unreadable } from "../types";

/** By the SDK's names, which are those of its `DecryptionFailureCode`. */
const REASONS: ReadonlyMap<string, Unreadable> = new Map([
  ["HISTORICAL_MESSAGE_NO_KEY_BACKUP", "before"],
  ["HISTORICAL_MESSAGE_BACKUP_UNCONFIGURED", "locked"],
  ["HISTORICAL_MESSAGE_WORKING_BACKUP", "noBackup"],
  ["HISTORICAL_MESSAGE_USER_NOT_JOINED", "notMember"],
  ["OLM_UNKNOWN_MESSAGE_INDEX", "later"],
  ["MEGOLM_KEY_WITHHELD", "withheld"],
  ["MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE", "unverified"],
  ["SENDER_IDENTITY_PREVIOUSLY_VERIFIED", "identity"],
]);

/** What an event shows; asks for its decryption if nobody has yet. */
export function bodyOf(core: Core, event: MatrixEvent): MessageBody {
  if (event.shouldAttemptDecryption()) void core.client.decryptEventIfNeeded(event);
  if (event.isDecryptionFailure()) return { type: "encrypted", why: REASONS.get(event.decryptionFailureReason ?? "") ?? "noKey" };
  const body = readBody(event.getType(), event.getContent());
  const { state } = core.encryption;
  if (body.type === "encrypted" && state !== "ready" && state !== "starting") return { ...body, why: state };
  return body;
}
