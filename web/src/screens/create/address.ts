/** The local part of a room's address, `name` in `#name:server`. */
import { folded } from "../../i18n/fold";

/** The whole address has at most 255 bytes. */
const LONGEST = 255;

/** An address that suits a name: small letters, digits and hyphens; empty if none of its letters can be kept. */
export function suggested(name: string): string {
  return folded(name)
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
}

/** What was typed, without what people put around it: the `#`, the server, blanks. */
export function cleaned(typed: string): string {
  return typed.trim().replace(/^#/, "").replace(/:.*$/, "").replace(/\s+/g, "-");
}

/** Whether a server may be asked for it. */
export function isPossible(localpart: string, server: string): boolean {
  return localpart !== "" && !/[\s:\0]/.test(localpart) && new TextEncoder().encode(`#${localpart}:${server}`).length <= LONGEST;
}
