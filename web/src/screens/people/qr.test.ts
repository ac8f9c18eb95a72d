import { encode } from "uqr";
import { describe, expect, it } from "vitest";
import { qrPath } from "./qr";

/** The dark modules that a path covers. */
function covered(path: string): Set<string> {
  const rectangles = [...path.matchAll(/M(\d+) (\d+)h(\d+)v1h-(\d+)z/g)];
  return new Set(
    rectangles.flatMap(([, x, y, width, back]) => {
      expect(back).toBe(width);
      return Array.from({ length: Number(width) }, (_, at) => `${Number(x) + at} ${y}`);
    }),
  );
}

describe("the drawing of a QR code", () => {
  it("covers each dark module once, and nothing else", () => {
    const { data } = encode("https://salon.test/user/@alice:salon.test", { ecc: "M", border: 2 });
    const dark = data.flatMap((line, y) => line.flatMap((on, x) => (on ? [`${x} ${y}`] : [])));
    const path = qrPath(data);
    expect(covered(path)).toEqual(new Set(dark));
    expect(path.replace(/M\d+ \d+h\d+v1h-\d+z/g, "")).toBe("");
  });
  it("is nothing where nothing is dark", () => {
    expect(qrPath([[false, false]])).toBe("");
  });
});
