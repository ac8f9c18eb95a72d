/** What a row of the list says below the name. */
import { t } from "../../i18n/i18n.svelte";
import type { LastLine, Room } from "../../matrix/types";

/** Longer texts are cut before they reach the page: a line shows no more of them. */
const SHOWN = 160;

export type LineIcon = "image" | "video" | "audio" | "file" | "lock";

export interface Line {
  /** Who says it, where that is not clear. */
  readonly who: string;
  readonly icon: LineIcon | null;
  readonly text: string;
  /** Said of a message rather than by it: "Message deleted". */
  readonly faint: boolean;
}

/** The beginning of a text, on one line. */
export function short(text: string, most = SHOWN): string {
  const line = text.slice(0, most * 2).replace(/\s+/gu, " ").trim();
  // Not between the two halves of an emoji.
  return line.length > most ? `${line.slice(0, most).replace(/[\ud800-\udbff]$/, "")}…` : line;
}

/** The newest message in a few words. */
export function lineOf(room: Room, last: LastLine): Line {
  const { body } = last;
  const emote = body.type === "emote";
  const who = emote ? "" : last.mine ? t("rooms.line.you") : room.friend ? "" : short(last.sender.name, 40);
  const say = (icon: LineIcon | null, text: string, faint = false): Line => ({ who, icon, text, faint });
  switch (body.type) {
    case "text":
    case "notice":
      return say(null, short(body.text));
    case "emote":
      return say(null, short(`${last.sender.name} ${body.text}`));
    case "image":
      return say("image", short(body.caption) || t("rooms.line.image"));
    case "video":
      return say("video", short(body.caption) || t("rooms.line.video"));
    case "audio":
      return say("audio", short(body.caption) || t("rooms.line.audio"));
    case "file":
      return say("file", short(body.caption) || short(body.file.name) || t("rooms.line.file"));
    case "redacted":
      return say(null, t("rooms.line.redacted"), true);
    case "encrypted":
      return say("lock", t("rooms.line.encrypted"), true);
    case "unknown":
      return say(null, t("rooms.line.unknown"), true);
  }
}

/** "Bob is typing…", "Bob and Carol are typing…", "Several people are typing…". */
export function typingLine(room: Room): string {
  const [first, second, more] = room.typing;
  if (!first) return "";
  if (room.friend) return t("rooms.line.typing");
  if (!second) return t("rooms.line.typingOne", { name: short(first.name, 40) });
  if (!more) return t("rooms.line.typingTwo", { one: short(first.name, 40), two: short(second.name, 40) });
  return t("rooms.line.typingMany");
}
