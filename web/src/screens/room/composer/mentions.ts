/** Whom a text names: those who were chosen from the suggestions, and those whose name was written out after an `@`. */
import type { UserId } from "../../../matrix/types";

export interface Mention {
  readonly start: number;
  readonly end: number;
  /** `null`: the whole room. */
  readonly id: UserId | null;
}

/** Who may be named, by name in lower case; `null` where several go by it. */
export type Names = ReadonlyMap<string, UserId | null>;

export const ROOM = "room";
const LONGEST = 100;
/** Names may stand in a sentence, or be a part of one another: a name ends where a word does. */
const WORD = /[\p{L}\p{N}_]/u;
const USER_ID = /^@[a-z0-9._=\-/+]+:[a-z0-9.-]+(?::\d{1,5})?/i;

export function namesOf(people: readonly { readonly id: UserId; readonly name: string }[], chosen: ReadonlyMap<string, UserId>): Names {
  const names = new Map<string, UserId | null>();
  for (const { id, name } of people) {
    const key = name.toLowerCase();
    names.set(key, names.has(key) && names.get(key) !== id ? null : id);
  }
  // Of several with one name it is the one that was chosen.
  for (const [name, id] of chosen) names.set(name.toLowerCase(), id);
  return names;
}

export function findMentions(text: string, names: Names, mayNameRoom: boolean): Mention[] {
  const found: Mention[] = [];
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    if (at > 0 && WORD.test(text.charAt(at - 1))) continue;
    const mention = mentionAt(text, at, names, mayNameRoom);
    if (!mention) continue;
    found.push(mention);
    at = mention.end - 1;
  }
  return found;
}

function mentionAt(text: string, start: number, names: Names, mayNameRoom: boolean): Mention | null {
  const id = USER_ID.exec(text.slice(start, start + 256))?.[0].replace(/[.:-]+$/, "");
  if (id) return { start, end: start + id.length, id };
  const rest = text.slice(start + 1, start + 1 + LONGEST);
  const lower = rest.toLowerCase();
  // Lower case is not always as long.
  const comparable = lower.length === rest.length ? lower : rest;
  for (let length = rest.length; length > 0; length--) {
    const isWhole = length === rest.length || !WORD.test(rest.charAt(length)) || !WORD.test(rest.charAt(length - 1));
    if (!isWhole) continue;
    const name = comparable.slice(0, length);
    const user = names.get(name);
    if (user) return { start, end: start + 1 + length, id: user };
    if (mayNameRoom && name === ROOM) return { start, end: start + 1 + length, id: null };
  }
  return null;
}
