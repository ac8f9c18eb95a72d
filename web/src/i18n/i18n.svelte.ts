/**
 * Words in the user's language. Components call `t("area.key")`; dictionaries load by language and part, so that the
 * login page does not carry the words of all the rest. What reads the language follows it.
 */
import type { auth } from "./en/auth";
import type { app } from "./en/app";
import type { secure } from "./secure/en";

export const LANGUAGES = { en: "English", fr: "Français" } as const;
export type Language = keyof typeof LANGUAGES;

/** Forms of a sentence by number, as `Intl.PluralRules` tells them apart. */
export interface Plural {
  readonly one: string;
  readonly other: string;
}

type Tree = { readonly [key: string]: string | Plural | Tree };
type Paths<T> = {
  [K in keyof T & string]: T[K] extends string | Plural ? K : `${K}.${Paths<T[K]>}`;
}[keyof T & string];

/** The same keys, other words: what a translation has to be. */
export type Translation<T> = { readonly [K in keyof T]: T[K] extends string ? string : T[K] extends Plural ? Plural : Translation<T[K]> };

/** Each key that may be asked for. */
export type Key = Paths<typeof auth> | Paths<typeof app> | `secure.${Paths<typeof secure>}`;
export type Values = Record<string, string | number>;

/** Words that load together, in each language; see `parts.ts`. */
export type Part = Readonly<Record<Language, () => Promise<Tree>>>;

const STORED = "salon.language";

const rules = perLanguage((of) => new Intl.PluralRules(of));
const numbers = perLanguage((of) => new Intl.NumberFormat(of));

function preferred(): Language {
  const stored = localStorage.getItem(STORED);
  if (stored && stored in LANGUAGES) return stored as Language;
  const known = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in LANGUAGES);
  return (known as Language | undefined) ?? "en";
}

let language = $state<Language>(preferred());
let words = $state.raw<Tree>({});
const parts = new Set<Part>();

/** The language in which the app speaks now. */
export function currentLanguage(): Language {
  return language;
}

/** Makes a part's words available; returns once they are there. */
export async function loadWords(part: Part): Promise<void> {
  parts.add(part);
  const loaded = await part[language]();
  words = { ...words, ...loaded };
  document.documentElement.lang = language;
}

/** Changes the language, everywhere and at once, and remembers it in this browser. */
export async function setLanguage(next: Language): Promise<void> {
  const loaded = await Promise.all([...parts].map((part) => part[next]()));
  localStorage.setItem(STORED, next);
  language = next;
  words = Object.assign({}, ...loaded);
  document.documentElement.lang = next;
}

function find(key: string): string | Plural | undefined {
  let at: string | Plural | Tree | undefined = words;
  for (const part of key.split(".")) {
    if (typeof at !== "object") return undefined;
    at = (at as Tree)[part];
  }
  return typeof at === "string" || (at && "other" in at && typeof at.other === "string") ? (at as string | Plural) : undefined;
}

/** A sentence, with `{name}` filled in. Where it has plural forms, `values.count` chooses, and `{count}` is formatted. */
export function t(key: Key, values: Values = {}): string {
  const found = find(key);
  if (found === undefined) return key;
  const form =
    typeof found === "string" ? found : found[plural(Number(values["count"] ?? 0))];
  return form.replace(/\{(\w+)\}/g, (hole, name: string) => {
    const value = values[name];
    return value === undefined ? hole : typeof value === "number" ? formatNumber(value) : value;
  });
}

function plural(count: number): "one" | "other" {
  return rules(language).select(count) === "one" ? "one" : "other";
}

export function formatNumber(value: number): string {
  return numbers(language).format(value);
}

/** Makes something once for each language: what `Intl` has takes longer to make than to use, and lists use it for each row. */
export function perLanguage<T>(make: (language: Language) => T): (language: Language) => T {
  const made = new Map<Language, T>();
  return (of) => {
    const known = made.get(of) ?? make(of);
    made.set(of, known);
    return known;
  };
}
