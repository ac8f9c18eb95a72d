import { describe, expect, it } from "vitest";
import { hue, inWords, initial, oneLine } from "./names";

describe("initial", () => {
  it("is what a reader sees first", () => {
    expect(initial("alice")).toBe("A");
    expect(initial("@élise:example.org")).toBe("É");
    expect(initial("👩‍👩‍👧 family")).toBe("👩‍👩‍👧");
    expect(initial("\u202eevil")).toBe("E");
    expect(initial("  ")).toBe("?");
  });
});

describe("hue", () => {
  it("stays the same for an ID and lies within the palette", () => {
    for (const id of ["@alice:localhost", "", "!x", "a".repeat(10_000)]) {
      expect(hue(id)).toBe(hue(id));
      expect(hue(id)).toBeGreaterThanOrEqual(0);
      expect(hue(id)).toBeLessThan(8);
    }
  });
});

describe("a name in a sentence", () => {
  it("stays as it is, set apart from the rest", () => {
    expect(inWords("Zoé")).toBe("\u2068Zoé\u2069");
  });
  it("is cut where nobody reads on, and never inside a letter or emoji", () => {
    expect(inWords("a".repeat(10_000))).toBe(`\u2068${"a".repeat(40)}…\u2069`);
    expect(inWords("👩‍👩‍👧".repeat(41))).toBe(`\u2068${"👩‍👩‍👧".repeat(40)}…\u2069`);
  });
  it("can't turn around what stands beside it", () => {
    expect(inWords("a\u2069\u202eb\nc")).toBe("\u2068ab c\u2069");
    expect(oneLine("invoice\u202egpj.exe")).toBe("invoicegpj.exe");
  });
});
