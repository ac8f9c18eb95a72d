/** Hands a file to the browser to keep. */
import type { Media, MediaFile } from "../../../matrix/types";
import { oneLine } from "../../../ui/names";

/** Long enough for any browser to have taken the file. */
const KEPT = 60_000;

export async function download(media: Media, file: MediaFile, signal?: AbortSignal): Promise<void> {
  const blob = file.local ?? (file.mxc ? await media.download(file.mxc, signal) : null);
  if (!blob) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = safeName(file.name);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT);
}

/** A name that leads to no folder and hides no ending. */
export function safeName(name: string): string {
  const plain = oneLine(name).replace(/[\\/:*?"<>|]/g, "_").replace(/^\.+/, "");
  return plain.slice(-200) || "file";
}
