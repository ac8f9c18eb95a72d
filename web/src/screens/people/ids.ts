/** User IDs as people write and paste them. */
import { targetIn } from "../../app/links";
import type { UserId } from "../../matrix/types";

/** The user that a text names: by a whole ID, or by a link. */
export function userIdIn(text: string): UserId | null {
  const target = targetIn(text);
  return target?.kind === "user" ? target.id : null;
}

/** All users that a pasted text names; empty unless each of its words does. */
export function userIdsIn(text: string): UserId[] {
  const words = text.split(/[\s,;]+/).filter(Boolean);
  const ids = words.map(userIdIn);
  return ids.every((id) => id !== null) ? [...new Set(ids)] : [];
}

/** The address under which this server's page shows somebody; what a QR code to add me holds. */
export function userLink(id: UserId, origin = location.origin): string {
  // `@` and `:` may stand in a path as they are, and are easier to read.
  return `${origin}/user/${encodeURIComponent(id).replace("%40", "@").replace(/%3A/g, ":")}`;
}

/** The name before the colon, without its sigil. */
export function localpart(id: UserId): string {
  return id.slice(1).split(":")[0] ?? id;
}

/** The server's name. */
export function serverOf(id: UserId): string {
  return id.slice(id.indexOf(":") + 1);
}
