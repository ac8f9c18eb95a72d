/** Which square of a picture is kept: geometry alone, in the picture's own pixels. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Crop {
  /** The middle of the square. */
  readonly x: number;
  readonly y: number;
  /** 1: as large as fits into the picture. */
  readonly zoom: number;
}

export interface Square {
  readonly left: number;
  readonly top: number;
  readonly side: number;
}

export const MAX_ZOOM = 5;
/** The edge of what is kept at most, px. */
export const KEPT = 512;

/** The largest square from the middle. */
export function whole(size: Size): Crop {
  return { x: size.width / 2, y: size.height / 2, zoom: 1 };
}

export function square(crop: Crop, size: Size): Square {
  const side = Math.min(size.width, size.height) / crop.zoom;
  return { left: crop.x - side / 2, top: crop.y - side / 2, side };
}

/** Moves the square by parts of its own edge, as far as the picture goes. */
export function moved(crop: Crop, size: Size, dx: number, dy: number): Crop {
  const { side } = square(crop, size);
  return inside({ ...crop, x: crop.x + dx * side, y: crop.y + dy * side }, size);
}

/** Zooms so that what lies `at` (parts of the square's edge, from its corner) stays where it is. */
export function zoomed(crop: Crop, size: Size, zoom: number, at: { readonly x: number; readonly y: number } = { x: 0.5, y: 0.5 }): Crop {
  const before = square(crop, size).side;
  const next = { ...crop, zoom: Math.min(MAX_ZOOM, Math.max(1, zoom)) };
  const gain = before - square(next, size).side;
  return inside({ ...next, x: crop.x + (at.x - 0.5) * gain, y: crop.y + (at.y - 0.5) * gain }, size);
}

/** Small squares are not blown up. */
export function keptEdge(crop: Crop, size: Size): number {
  return Math.max(1, Math.min(KEPT, Math.round(square(crop, size).side)));
}

function inside(crop: Crop, size: Size): Crop {
  const half = square(crop, size).side / 2;
  const within = (value: number, length: number) => Math.min(length - half, Math.max(half, value));
  return { ...crop, x: within(crop.x, size.width), y: within(crop.y, size.height) };
}
