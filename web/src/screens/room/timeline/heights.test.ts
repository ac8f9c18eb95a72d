import { describe, expect, it } from "vitest";
import { Heights } from "./heights";

const rows = (...keys: string[]) => keys.map((key) => ({ key }));

function heights(...keys: string[]): Heights<{ key: string }> {
  const made = new Heights<{ key: string }>(() => 10);
  made.set(rows(...keys));
  return made;
}

describe("heights", () => {
  it("are guessed, then known", () => {
    const list = heights("a", "b", "c");
    expect(list.total).toBe(30);
    expect(list.measure("b", 25)).toBe(15);
    expect(list.measure("b", 25)).toBe(0);
    expect(list.total).toBe(45);
    expect([0, 1, 2].map((index) => list.below(index))).toEqual([35, 10, 0]);
    expect(list.below(-1)).toBe(45);
  });
  it("tell what lies where, from the end", () => {
    const list = heights("a", "b", "c");
    list.measure("b", 25);
    expect([0, 9.9, 10, 34, 35, 44, 1000].map((distance) => list.at(distance))).toEqual([2, 2, 1, 1, 0, 0, 0]);
  });
  it("stay known when rows come and go", () => {
    const list = heights("a", "b");
    list.measure("b", 25);
    list.set(rows("x", "a", "b", "y"));
    expect(list.total).toBe(55);
    expect(list.indexOf("b")).toBe(2);
    expect(list.indexOf("gone")).toBe(-1);
    list.set([]);
    expect([list.total, list.at(0), list.below(-1)]).toEqual([0, -1, 0]);
  });
});
