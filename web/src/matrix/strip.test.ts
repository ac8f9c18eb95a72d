import { describe, expect, it } from "vitest";
import { stripJpeg } from "./strip";

const text = (words: string) => [...words].map((char) => char.charCodeAt(0));
const segment = (marker: number, data: number[]) => [0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 0xff, ...data];
const START = [0xff, 0xd8];
const JFIF = segment(0xe0, text("JFIF\0"));
const ICC = segment(0xe2, text("ICC_PROFILE\0"));
const PICTURE = [0xff, 0xda, 0, 2, 1, 2, 3, 0xff, 0xd9];

/** Notes with an orientation and a place, in either byte order. */
function exif(orientation: number, little: boolean): number[] {
  const short = (value: number) => (little ? [value & 0xff, value >> 8] : [value >> 8, value & 0xff]);
  const long = (value: number) => (little ? [...short(value), 0, 0] : [0, 0, ...short(value)]);
  const entry = (tag: number, value: number) => [...short(tag), ...short(3), ...long(1), ...short(value), 0, 0];
  return segment(0xe1, [...text("Exif\0\0"), ...(little ? [0x49, 0x49] : [0x4d, 0x4d]), ...short(42), ...long(8), ...short(2), ...entry(0x0110, 7), ...entry(0x0112, orientation), ...text("48.8 N 2.3 E")]);
}

function strip(...parts: number[][]): number[] | null {
  const kept = stripJpeg(Uint8Array.from(parts.flat()));
  return kept && kept.flatMap((part) => [...part]);
}

describe("a photo", () => {
  it("loses where it was taken, and nothing that is seen", () => {
    expect(strip(START, JFIF, exif(1, false), ICC, segment(0xfe, text("by me")), segment(0xed, text("Photoshop")), PICTURE)).toEqual([...START, ...JFIF, ...ICC, ...PICTURE]);
  });

  it.each([true, false])("keeps which way is up (little-endian: %s)", (little) => {
    const kept = strip(START, JFIF, exif(6, little), PICTURE)!;
    expect(String.fromCharCode(...kept)).not.toContain("48.8");
    // Read again, it says the same.
    expect(strip(kept)).toEqual(kept);
    expect(kept.slice(0, 2 + JFIF.length)).toEqual([...START, ...JFIF]);
    expect(kept.slice(-PICTURE.length)).toEqual(PICTURE);
    expect(kept.length).toBe(START.length + JFIF.length + 36 + PICTURE.length);
  });

  it("that has no notes, is cut off or is none, stays as it is", () => {
    expect(strip(START, JFIF, PICTURE)).toBeNull();
    expect(strip(START, [0xff, 0xe1, 0xff, 0xff, 1, 2])).toBeNull();
    expect(strip(text("GIF89a"))).toBeNull();
    expect(strip([])).toBeNull();
    expect(strip(START, segment(0xe1, [...text("Exif\0\0"), 0x49, 0x49, 42, 0, 0xff, 0xff, 0xff, 0x7f]), PICTURE)).toEqual([...START, ...PICTURE]);
  });
});
