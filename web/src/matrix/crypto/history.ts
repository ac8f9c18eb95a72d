/** Keys of what was said before somebody came: given to whom one invites, and taken from who invited (MSC4268). */
import type { CryptoBackend } from "matrix-js-sdk/lib/common-crypto/CryptoBackend";
import type { Core } from "../core";
import type { RoomId, UserId } from "../types";

/** An invite waits for it, but no longer than this, ms. */
const PATIENCE = 15_000;

/** Gives the keys of a room to whom one is about to invite, where the room lets members read what was before them. */
export async function giveKeys(core: Core, room: RoomId, user: UserId): Promise<void> {
  const state = core.rooms.find(room);
  const crypto = core.client.getCrypto() as CryptoBackend | undefined;
  if (!crypto || !state?.facts.encrypted || (state.facts.history !== "shared" && state.facts.history !== "world_readable")) return;
  // Without it they see from when on they are in it; that is no reason not to invite.
  const given = crypto.shareRoomHistoryWithUser(room, user).catch((cause: unknown) => console.warn("The keys of earlier messages could not be given", cause));
  await Promise.race([given, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
}

/** Takes the keys that who has invited has sent, or is about to send. */
export async function takeKeys(core: Core, room: RoomId, inviter: UserId): Promise<void> {
  const crypto = core.client.getCrypto() as CryptoBackend | undefined;
  if (!crypto) return;
  try {
    // If they come later, the crypto takes them by itself.
    await crypto.markRoomAsPendingKeyBundle(room, inviter);
    await crypto.maybeAcceptKeyBundle(room, inviter);
  } catch (cause) {
    console.warn("The keys of earlier messages could not be taken", cause);
  }
}
