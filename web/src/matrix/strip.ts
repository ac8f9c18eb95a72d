/**
 * Takes out of a photo what tells where and with what it was taken. What is seen stays byte for byte; which way is up is
 * kept.
 */

const EXIF = [0x45, 0x78, 0x69, 0x66, 0, 0];
const ORIENTATION = 0x0112;
const SCAN = 0xda;
const APP0 = 0xe0;
const APP1 = 0xe1;
const APP2 = 0xe2;
const APP14 = 0xee;
const APP15 = 0xef;
const COMMENT = 0xfe;

/** The photo without its notes; others, and what can't be read, as they are. */
export async function stripped(file: File): Promise<File> {
  if (file.type !== "image/jpeg") return file;
  const bytes = new Uint8Array(await file.arrayBuffer());
  const parts = stripJpeg(bytes);
  return parts ? new File(parts, file.name, { type: file.type, lastModified: file.lastModified }) : file;
}

/** The pieces of a JPEG that are kept, or `null` if there is nothing to take out or it is none. */
export function stripJpeg(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint16(0) !== 0xffd8) return null;
  const kept: Uint8Array<ArrayBuffer>[] = [bytes.subarray(0, 2)];
  let orientation = 1;
  let dropped = false;
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0;
    if (marker === SCAN) break;
    const end = at + 2 + view.getUint16(at + 2);
    if (end > bytes.length || end < at + 4) return null;
    if (marker === APP1) orientation = orientationOf(bytes.subarray(at + 4, end)) ?? orientation;
    if (isNote(marker)) dropped = true;
    else kept.push(bytes.subarray(at, end));
    at = end;
  }
  if (!dropped) return null;
  // Behind the header that some readers expect first.
  if (orientation !== 1) kept.splice(kept.length > 1 && kept[1]?.[1] === APP0 ? 2 : 1, 0, upright(orientation));
  return [...kept, bytes.subarray(at)];
}

/** Kept are JFIF, colour profiles and what Adobe says of colours. */
function isNote(marker: number): boolean {
  return marker === COMMENT || (marker >= APP1 && marker <= APP15 && marker !== APP2 && marker !== APP14);
}

function orientationOf(segment: Uint8Array<ArrayBuffer>): number | null {
  if (segment.length < 14 || EXIF.some((byte, at) => segment[at] !== byte)) return null;
  const view = new DataView(segment.buffer, segment.byteOffset + EXIF.length, segment.byteLength - EXIF.length);
  const little = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, little);
  if (directory + 2 > view.byteLength) return null;
  const entries = view.getUint16(directory, little);
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + entry * 12;
    if (at + 10 > view.byteLength) return null;
    if (view.getUint16(at, little) !== ORIENTATION) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : null;
  }
  return null;
}

/** Notes that say nothing but which way is up. */
function upright(orientation: number): Uint8Array<ArrayBuffer> {
  const directory = [0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  const tiff = [0x4d, 0x4d, 0, 0x2a, 0, 0, 0, 8, ...directory];
  const length = 2 + EXIF.length + tiff.length;
  return Uint8Array.from([0xff, APP1, length >> 8, length & 0xff, ...EXIF, ...tiff]);
}
