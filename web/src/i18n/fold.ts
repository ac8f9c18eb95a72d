/** Texts as one compares them who looks for something: without case, accents, or letters that keyboards lack. */

const PLAIN: Record<string, string> = { ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ð: "d", ł: "l", þ: "th", ı: "i", "’": "'", "\u00a0": " " };

/** Of longer texts only the beginning counts. */
const MOST = 300;

export function folded(text: string): string {
  return text
    .slice(0, MOST)
    .normalize("NFKD")
    .replace(/[\p{M}\p{Cf}]/gu, "")
    .toLowerCase()
    .replace(/[ßæœøđðłþı’\u00a0]/gu, (letter) => PLAIN[letter] ?? letter);
}

/**
 * How well what was typed fits to texts; 0: not at all. Each word has to stand in one of the texts, and counts more at the
 * beginning of the first text, then at the beginning of a word, then within one. All of it is `folded` before.
 */
export function fit(typed: string, texts: readonly string[]): number {
  const words = typed.split(" ").filter(Boolean);
  let total = 0;
  for (const word of words) {
    let best = 0;
    texts.forEach((text, place) => (best = Math.max(best, fitOf(word, text) / (place + 1))));
    if (best === 0) return 0;
    total += best;
  }
  return words.length ? total / words.length : 0;
}

function fitOf(word: string, text: string): number {
  const at = text.indexOf(word);
  if (at < 0) return 0;
  if (at === 0) return text.length === word.length ? 8 : 6;
  return /[\p{L}\p{N}]/u.test(text.charAt(at - 1)) ? 2 : 4;
}
