/** The emoji in the user's language, loaded when they are first asked for. */
import { folded } from "../../../i18n/fold";
import type { Language } from "../../../i18n/i18n.svelte";

export interface Emoji {
  readonly emoji: string;
  readonly group: number;
  readonly label: string;
  /** Without colons, the best known first. */
  readonly codes: readonly string[];
  readonly tones: boolean;
  /** All that it is found by, without accents. */
  readonly words: readonly string[];
}

export interface EmojiSet {
  readonly groups: readonly { readonly id: number; readonly title: string; readonly list: readonly Emoji[] }[];
  readonly all: readonly Emoji[];
}

const LOADERS: Record<Language, () => Promise<{ default: (typeof import("virtual:emoji-en"))["default"] }>> = {
  en: () => import("virtual:emoji-en"),
  fr: () => import("virtual:emoji-fr"),
};

const loaded = new Map<Language, Promise<EmojiSet>>();

export function loadEmoji(language: Language): Promise<EmojiSet> {
  let set = loaded.get(language);
  if (!set) {
    set = LOADERS[language]().then(({ default: data }) => build(data));
    // Offline just now: it is tried again when it is asked for again.
    set.catch(() => loaded.delete(language));
    loaded.set(language, set);
  }
  return set;
}

function build(data: (typeof import("virtual:emoji-en"))["default"]): EmojiSet {
  const all = data.rows.map(([emoji, group, label, codes, tags, tones]): Emoji => {
    const names = codes.split(" ").filter(Boolean);
    return { emoji, group, label, codes: names, tones: tones === 1, words: [label, ...names, tags].flatMap(words) };
  });
  const groups = Object.entries(data.titles).map(([id, title]) => ({
    id: Number(id),
    title: title.charAt(0).toLocaleUpperCase() + title.slice(1),
    list: all.filter((emoji) => emoji.group === Number(id)),
  }));
  return { all, groups };
}

/** Without accents and capitals, so that "cafe" finds "café". */
function words(text: string): string[] {
  return folded(text).split(/[\s_:,'-]+/).filter(Boolean);
}

/** What is meant by a few letters: codes that begin with them first, then words that do, all terms having to match. */
export function findEmoji(set: EmojiSet, term: string, limit: number): readonly Emoji[] {
  const terms = words(term);
  if (terms.length === 0) return [];
  const code = folded(term).replace(/^:|:$/g, "").replace(/[\s-]+/g, "_");
  const ranked = set.all.flatMap((emoji) => {
    const rank = rankOf(emoji, terms, code);
    return rank === null ? [] : [{ emoji, rank }];
  });
  // The sort is stable: within a rank it stays as the groups have it.
  return ranked.sort((a, b) => a.rank - b.rank).slice(0, limit).map(({ emoji }) => emoji);
}

function rankOf(emoji: Emoji, terms: readonly string[], code: string): number | null {
  if (emoji.codes.includes(code)) return 0;
  if (!terms.every((term) => emoji.words.some((word) => word.startsWith(term)))) return null;
  if (emoji.codes.some((name) => name.startsWith(code))) return 1;
  return folded(emoji.label).startsWith(code.replaceAll("_", " ")) ? 2 : 3;
}

/** The emoji that a code stands for. */
export function emojiOf(set: EmojiSet, code: string): Emoji | null {
  return set.all.find((emoji) => emoji.codes.includes(code)) ?? null;
}

export const TONES = ["none", "light", "mediumLight", "medium", "mediumDark", "dark"] as const;
const MODIFIERS = ["", "\u{1F3FB}", "\u{1F3FC}", "\u{1F3FD}", "\u{1F3FE}", "\u{1F3FF}"];

/** With a skin tone, by its place among `TONES`, where it takes one. */
export function withTone(emoji: Pick<Emoji, "emoji" | "tones">, tone: number): string {
  const modifier = MODIFIERS[tone];
  if (!emoji.tones || !modifier) return emoji.emoji;
  const [head = "", ...rest] = [...emoji.emoji];
  return `${head}${modifier}${rest.join("").replace(/^\ufe0f/, "")}`;
}
