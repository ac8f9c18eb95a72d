import { describe, expect, it } from "vitest";
import { emojiOf, findEmoji, loadEmoji, withTone } from "./data";

const found = async (language: "en" | "fr", term: string) => findEmoji(await loadEmoji(language), term, 8).map(({ emoji }) => emoji);

describe("emoji", () => {
  it("are found by code, word and tag, in the user's language, accents or not", async () => {
    expect((await found("en", "smile"))[0]).toBe("😄");
    expect((await found("en", "tada"))[0]).toBe("🎉");
    expect(await found("en", "thumbs up")).toContain("👍️");
    expect(await found("fr", "cafe")).toContain("☕️");
    expect(await found("fr", "cotillons")).toContain("🎉");
    expect(await found("en", "zzzzqq")).toEqual([]);
    expect(await found("en", " ")).toEqual([]);
  });
  it("stand for their codes", async () => {
    const set = await loadEmoji("en");
    expect(emojiOf(set, "heart")?.emoji).toBe("❤️");
    expect(emojiOf(set, "no_such_code")).toBeNull();
  });
  it("take skin tones where there are such", async () => {
    const set = await loadEmoji("en");
    const named = (code: string) => emojiOf(set, code) ?? { emoji: "", tones: false };
    expect(withTone(named("wave"), 3)).toBe("👋🏽");
    expect(withTone(named("woman_astronaut"), 5)).toBe("👩🏿‍🚀");
    expect(withTone(named("heart"), 3)).toBe("❤️");
    expect(withTone(named("wave"), 0)).toBe("👋");
  });
});
