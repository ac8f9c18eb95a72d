/** Hands the session's media to whatever shows pictures, without passing it through every component. */
import { getContext, hasContext, setContext } from "svelte";
import type { Media } from "../matrix/types";

const KEY = Symbol("media");

export function setMedia(media: Media): void {
  setContext(KEY, media);
}

/** Absent before somebody is signed in. */
export function getMedia(): Media | undefined {
  return hasContext(KEY) ? getContext<Media>(KEY) : undefined;
}
