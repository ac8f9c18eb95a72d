/** What one is about to write: a name after `@`, an emoji after `:`, a command after `/`. */

export interface Trigger {
  readonly kind: "person" | "emoji" | "command";
  readonly term: string;
  /** What an accepted suggestion takes the place of. */
  readonly start: number;
  readonly end: number;
}

/** At the caret, with nothing selected. */
export function triggerAt(text: string, caret: number): Trigger | null {
  const before = text.slice(0, caret);
  const command = /^\/([a-z]*)$/.exec(before);
  if (command) return { kind: "command", term: command[1] ?? "", start: 0, end: caret };
  const emoji = /(?:^|[\s(])(:([\p{L}\p{N}_+-]{2,40}))$/u.exec(before);
  if (emoji?.[1]) return { kind: "emoji", term: emoji[2] ?? "", start: caret - emoji[1].length, end: caret };
  const person = /(?:^|[\s(])(@([^@\n]{0,40}))$/u.exec(before);
  if (person?.[1]) return { kind: "person", term: person[2] ?? "", start: caret - person[1].length, end: caret };
  return null;
}

/** A whole `:code:` that ends at the caret. */
export function codeAt(text: string, caret: number): Trigger | null {
  const match = /(?:^|[\s(])(:([a-z0-9_+-]{1,60}):)$/.exec(text.slice(0, caret));
  return match?.[1] ? { kind: "emoji", term: match[2] ?? "", start: caret - match[1].length, end: caret } : null;
}
