/** What follows from an ID or a name: a colour, a letter. */

const HUES = 8;
/** Made once: it takes longer to make than to use. */
const letters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Which of the eight colours of names an ID has. */
export function hue(id: string): number {
  let hash = 0;
  for (const char of id) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) | 0;
  return Math.abs(hash) % HUES;
}

/** The first letter or emoji of a name, as a reader sees it; sigils and marks of direction are skipped. */
export function initial(name: string): string {
  const visible = name.replace(/^[@#!\s\u200b-\u200f\u202a-\u202e\u2066-\u2069]+/u, "");
  const first = letters.segment(visible)[Symbol.iterator]().next().value?.segment ?? "";
  return first.toLocaleUpperCase() || "?";
}

const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** On one line, without marks of direction: `invoice\u202egpj.exe` shows that it is a program. */
export function oneLine(text: string): string {
  return text.replace(DIRECTIONS, "").replace(/\p{Cc}+/gu, " ").trim();
}

/** How much of a name a sentence bears. */
const IN_WORDS = 40;

/** A name as part of a sentence: not longer than one reads, and without turning the direction of what stands around it. */
export function inWords(name: string, most = IN_WORDS): string {
  const plain = oneLine(name.slice(0, most * 12));
  const parts = [...letters.segment(plain)];
  const short = parts.length > most ? `${parts.slice(0, most).map((part) => part.segment).join("")}…` : plain;
  // Isolated between marks, as <bdi> does for elements.
  return `\u2068${short}\u2069`;
}
