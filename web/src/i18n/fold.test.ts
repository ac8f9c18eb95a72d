import { describe, expect, it } from "vitest";
import { fit as fitFolded, folded } from "./fold";

const fit = (typed: string, texts: string[]) => fitFolded(folded(typed), texts.map(folded));

describe("folded", () => {
  it("leaves out case and accents", () => {
    expect(folded("Élodie À-Côté")).toBe("elodie a-cote");
    expect(folded("ＦＵＬＬ")).toBe("full");
  });
  it("spells letters that other keyboards lack", () => {
    expect(folded("Œuvre Straße Ærø Łódź")).toBe("oeuvre strasse aero lodz");
  });
  it("is not led astray by marks of direction", () => {
    expect(folded("\u202eevil\u200b")).toBe("evil");
  });
  it("keeps other scripts", () => {
    expect(folded("Дмитрий")).toBe(folded("дмитрий"));
    expect(folded("فريد")).toBe("فريد");
  });
});

describe("fit", () => {
  it("wants each word, anywhere", () => {
    expect(fit("jeudi ate", ["Atelier du jeudi"])).toBeGreaterThan(0);
    expect(fit("jeudi soir", ["Atelier du jeudi"])).toBe(0);
    expect(fit("", ["Atelier"])).toBe(0);
  });
  it("prefers the beginning to the beginning of a word to the middle", () => {
    const whole = fit("tea", ["Tea"]);
    const first = fit("tea", ["Teapot"]);
    const word = fit("tea", ["Good tea"]);
    const inside = fit("tea", ["Steam"]);
    expect([whole, first, word, inside]).toEqual([...new Set([whole, first, word, inside])].sort((a, b) => b - a));
    expect(inside).toBeGreaterThan(0);
  });
  it("prefers names to what stands behind them", () => {
    expect(fit("bob", ["Bob", "@robert:x"])).toBeGreaterThan(fit("bob", ["Robert", "@bob:x"]));
    expect(fit("bob", ["Robert", "@bob:x"])).toBeGreaterThan(0);
  });
  it("is quick over long texts", () => {
    const before = performance.now();
    for (let at = 0; at < 500; at++) fit("needle in hay", ["x".repeat(10_000), "#alias:server"]);
    expect(performance.now() - before).toBeLessThan(500);
  });
});
