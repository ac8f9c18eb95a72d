import { describe, expect, it } from "vitest";
import { auth as enAuth } from "./en/auth";
import { app as enApp } from "./en/app";
import { auth as frAuth } from "./fr/auth";
import { app as frApp } from "./fr/app";
import { secure as enSecure } from "./secure/en";
import { secure as frSecure } from "./secure/fr";

type Words = { readonly [key: string]: string | Words };

/** Each sentence by its path. */
function sentences(words: Words, path = ""): Map<string, string> {
  return new Map(
    Object.entries(words).flatMap(([key, value]) => (typeof value === "string" ? [[path + key, value] as const] : [...sentences(value, `${path}${key}.`)])),
  );
}

const holes = (sentence: string) => [...sentence.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe("French and English", () => {
  const english = sentences({ ...enAuth, ...enApp, secure: enSecure } as unknown as Words);
  const french = sentences({ ...frAuth, ...frApp, secure: frSecure } as unknown as Words);

  it("have the same keys", () => {
    expect([...french.keys()].sort()).toEqual([...english.keys()].sort());
  });
  it("fill in the same values", () => {
    for (const [key, sentence] of english) expect([key, holes(french.get(key) ?? "")]).toEqual([key, holes(sentence)]);
  });
  it("leave nothing empty or untranslated", () => {
    const alike = [...english].filter(([key, sentence]) => french.get(key) === sentence && /\p{L}{4,}.*\s.*\p{L}{4,}/u.test(sentence));
    expect(alike).toEqual([]);
    expect([...french].filter(([, sentence]) => !sentence.trim())).toEqual([]);
  });
});
