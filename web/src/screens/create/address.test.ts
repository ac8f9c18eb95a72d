import { describe, expect, it } from "vitest";
import { cleaned, isPossible, suggested } from "./address";

describe("an address for a room", () => {
  it("follows the name", () => {
    expect(suggested("Atelier du jeudi !")).toBe("atelier-du-jeudi");
    expect(suggested("Œuvre & Élan")).toBe("oeuvre-elan");
    expect(suggested("Дмитрий 7")).toBe("7");
    expect(suggested("日本語")).toBe("");
    expect(suggested("a".repeat(1000)).length).toBeLessThanOrEqual(60);
  });
  it("may be typed or pasted whole", () => {
    expect(cleaned(" #tea:example.org ")).toBe("tea");
    expect(cleaned("my room")).toBe("my-room");
  });
  it("has to fit", () => {
    expect(isPossible("tea", "x")).toBe(true);
    expect(isPossible("thé", "x")).toBe(true);
    expect(isPossible("", "x")).toBe(false);
    expect(isPossible("a b", "x")).toBe(false);
    expect(isPossible("é".repeat(130), "x")).toBe(false);
  });
});
