import { describe, expect, it } from "vitest";
import { hue, initial } from "./names";

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
