/** User IDs as people write and paste them. */
import type { UserId } from "../../matrix/types";

/** The longest that the specification allows, in bytes. */
const MAX_ID = 255;

/** The user that a text names: by a whole ID, or by a link of ours, of `matrix.to` or of the `matrix:` scheme. */
export function userIdIn(text: string): UserId | null {
  const trimmed = text.trim();
  const linked = /^matrix:u\/([^/?#]+)/i.exec(trimmed)?.[1];
  if (linked) return wholeId(`@${decoded(linked)}`);
  // The first segment that is an ID, in the path or behind the `#` of matrix.to.
  if (!/^https?:\/\//i.test(trimmed)) return wholeId(trimmed);
  const segment = /(?:\/user\/|\/#\/)((?:@|%40)[^/?#]+)/i.exec(trimmed)?.[1];
  return segment ? wholeId(decoded(segment)) : null;
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

function wholeId(text: string): UserId | null {
  return /^@[^:\s]*:[a-z0-9.\-[\]:]+$/i.test(text) && new TextEncoder().encode(text).length <= MAX_ID ? text : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
