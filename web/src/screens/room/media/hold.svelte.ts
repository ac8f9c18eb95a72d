/** A picture for as long as a component shows it. */
import type { HeldMedia, Media, MediaFile, Mxc, Thumbnail } from "../../../matrix/types";

export interface Wanted {
  readonly mxc: Mxc;
  readonly size?: Thumbnail | undefined;
}

export class Held {
  #held = $state.raw<HeldMedia | null>(null);
  #local = $state.raw<string | null>(null);

  /** `wanted` is asked anew whenever what it reads changes; `null` holds nothing. A local file needs no fetching. */
  constructor(media: Media | undefined, wanted: () => Wanted | Blob | null) {
    $effect(() => {
      const what = wanted();
      if (what instanceof Blob) {
        const url = URL.createObjectURL(what);
        this.#local = url;
        return () => {
          this.#local = null;
          URL.revokeObjectURL(url);
        };
      }
      const held = what && media ? media.hold(what.mxc, what.size) : null;
      this.#held = held;
      return () => held?.release();
    });
  }

  get url(): string | null {
    return this.#local ?? this.#held?.url ?? null;
  }

  get failed(): boolean {
    return this.#local === null && this.#held?.failed === true;
  }
}

/** Types that browsers show in an `img` and that may move. Small ones are shown whole, since thumbnails may stand still. */
const MOVING = /^image\/(gif|webp|apng)$/;
const MOVING_MOST = 4 * 1024 * 1024;

/** What to show of a picture in a timeline. */
export function thumbnailOf(file: MediaFile, thumbnail: Mxc | null, size: { width: number; height: number }): Wanted | Blob | null {
  if (file.local) return file.local;
  const isMoving = MOVING.test(file.mime) && file.size !== null && file.size <= MOVING_MOST;
  if (file.mxc && isMoving) return { mxc: file.mxc };
  const mxc = thumbnail ?? file.mxc;
  return mxc ? { mxc, size: { width: size.width, height: size.height, crop: false } } : null;
}
