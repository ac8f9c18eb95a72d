import { describe, expect, it } from "vitest";
import { keptEdge, MAX_ZOOM, moved, square, whole, zoomed } from "./crop";

const WIDE = { width: 1600, height: 900 };

describe("the square of a picture", () => {
  it("is at first the largest one, from the middle", () => {
    expect(square(whole(WIDE), WIDE)).toEqual({ left: 350, top: 0, side: 900 });
  });

  it("moves as far as the picture goes and no further", () => {
    expect(square(moved(whole(WIDE), WIDE, 0.1, 0.1), WIDE)).toEqual({ left: 440, top: 0, side: 900 });
    expect(square(moved(whole(WIDE), WIDE, 9, 9), WIDE)).toEqual({ left: 700, top: 0, side: 900 });
    expect(square(moved(whole(WIDE), WIDE, -9, -9), WIDE).left).toBe(0);
  });

  it("zooms in around its middle, within limits", () => {
    expect(square(zoomed(whole(WIDE), WIDE, 2), WIDE)).toEqual({ left: 575, top: 225, side: 450 });
    expect(zoomed(whole(WIDE), WIDE, 100).zoom).toBe(MAX_ZOOM);
    expect(zoomed(whole(WIDE), WIDE, 0.1).zoom).toBe(1);
  });

  it("keeps what lies under the pointer where it is", () => {
    const at = { x: 0.25, y: 0.75 };
    const under = (crop: typeof before) => {
      const { left, top, side } = square(crop, WIDE);
      return [left + at.x * side, top + at.y * side];
    };
    const before = whole(WIDE);
    const after = zoomed(before, WIDE, 3, at);
    expect(under(after)[0]).toBeCloseTo(under(before)[0] ?? 0);
    expect(under(after)[1]).toBeCloseTo(under(before)[1] ?? 0);
  });

  it("stays inside when one zooms out at the edge", () => {
    const corner = moved(zoomed(whole(WIDE), WIDE, 4), WIDE, -20, -20);
    const { left, top, side } = square(zoomed(corner, WIDE, 1), WIDE);
    expect([left, top, side]).toEqual([0, 0, 900]);
  });

  it("is not blown up if it is small, and not larger than needed", () => {
    expect(keptEdge(whole({ width: 120, height: 80 }), { width: 120, height: 80 })).toBe(80);
    expect(keptEdge(whole(WIDE), WIDE)).toBe(512);
    expect(keptEdge({ x: 0.5, y: 0.5, zoom: MAX_ZOOM }, { width: 1, height: 1 })).toBe(1);
  });
});
