/** How large things are before they are there: pictures keep their place, rows are guessed. */
import type { MessageBody } from "../../../matrix/types";
import type { Row } from "./rows";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The most that a picture takes in a timeline, px at the usual text size. */
const WIDEST = 380;
const TALLEST = 340;
const SMALLEST = 96;
/** For pictures that don't say how large they are. */
const UNKNOWN: Size = { width: 280, height: 210 };

/** The place of a picture: its own proportions, within bounds. */
export function pictureSize(width: number, height: number): Size {
  if (width <= 0 || height <= 0) return UNKNOWN;
  const scale = Math.min(1, WIDEST / width, TALLEST / height);
  // Very long or small ones are cut rather than shown as a line or a dot.
  return { width: Math.max(SMALLEST, Math.round(width * scale)), height: Math.max(SMALLEST, Math.round(height * scale)) };
}

/** About how tall a row will be, px. It only has to be near: what is shown is measured. */
export function estimateRow(row: Row): number {
  if (row.kind === "day") return 56;
  if (row.kind === "new") return 36;
  if (row.kind === "notices") return 32;
  const { item, head, tail } = row;
  const extras = (head ? 24 : 0) + (tail ? 8 : 0) + (item.replyTo ? 48 : 0) + (item.reactions.length > 0 ? 34 : 0);
  return 4 + extras + (item.redacted ? 36 : estimateBody(item.body));
}

function estimateBody(body: MessageBody): number {
  switch (body.type) {
    case "text":
    case "notice":
    case "emote":
      return 18 + 22 * Math.min(60, body.text.split("\n").reduce((lines, line) => lines + 1 + Math.floor(line.length / 70), 0));
    case "image":
    case "video":
      return pictureSize(body.width, body.height).height + (body.caption ? 40 : 0);
    case "audio":
    case "file":
      return 68 + (body.caption ? 30 : 0);
    default:
      return 40;
  }
}
