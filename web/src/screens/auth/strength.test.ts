import { describe, expect, it } from "vitest";
import { strength } from "./strength";

describe("the strength of a password", () => {
  it("is nothing for what everybody tries, or what holds the name", () => {
    for (const weak of ["short", "password", "12345678", "aaaaaaaaaaaa", "alice123"]) expect(strength(weak, "alice")).toBe(0);
  });
  it("grows with length and variety", () => {
    expect(strength("maison verte", "alice")).toBeGreaterThan(0);
    expect(strength("correct horse battery staple", "alice")).toBe(3);
    expect(strength("Tr0ub4dor&3x", "alice")).toBeGreaterThanOrEqual(2);
  });
});
