import { describe, expect, it } from "vitest";
import { roleChoices } from "./roles";

const powers = (current: number, most: number) => roleChoices(current, most).map(({ power }) => power);

describe("the roles that one may give", () => {
  it("go no higher than one's own", () => {
    expect(powers(0, 100)).toEqual([0, 50, 100]);
    expect(powers(0, 50)).toEqual([0, 50]);
  });
  it("hold the level that somebody has, even without a name", () => {
    expect(roleChoices(25, 100).map(({ role }) => role)).toEqual(["member", null, "moderator", "admin"]);
    expect(powers(-10, 50)).toEqual([-10, 0, 50]);
    expect(powers(100, 50)).toEqual([0, 50, 100]);
  });
});
