/** How hard a password is to guess, roughly: by length, variety and what everybody tries first. */

export type Strength = 0 | 1 | 2 | 3;
/** The server takes shorter ones; we ask for this much. */
export const MIN_LENGTH = 8;

const OBVIOUS = /^(pass(word)?|motdepasse|azerty|qwert[yz]|letmein|bonjour|soleil|salon|admin|welcome|iloveyou|dragon|football)|^(\d+)$|^(.{1,3})\4+$|12345|abcde/i;

export function strength(password: string, name: string): Strength {
  const length = [...password].length;
  const holdsName = name.length > 2 && password.toLowerCase().includes(name.toLowerCase());
  if (length < MIN_LENGTH) return 0;
  const kinds = [/\p{Ll}/u, /\p{Lu}/u, /\d/, /[^\p{L}\d]/u].filter((kind) => kind.test(password)).length;
  const distinct = new Set(password).size;
  const points = Math.min(length, distinct * 2) + kinds * 2 - (holdsName ? 8 : 0) - (OBVIOUS.test(password) ? 8 : 0);
  return points >= 24 ? 3 : points >= 17 ? 2 : points >= 10 ? 1 : 0;
}
