/** Addresses of rooms. */
import { serverOf } from "./raw";

/** What somebody typed: an ID, a whole address, or one without the `#` or our own server's name. */
export function mayBeTyped(idOrAlias: string, me: string): string {
  const typed = idOrAlias.trim();
  if (typed.startsWith("!")) return typed;
  const alias = typed.startsWith("#") ? typed : `#${typed}`;
  return alias.includes(":") ? alias : aliasOf(alias.slice(1), me);
}

export function aliasOf(localpart: string, me: string): string {
  return `#${localpart}:${serverOf(me)}`;
}
