/** From a message's content to what screens show. What others write is read with care; HTML is sanitised where it is shown. */
import { sealedAddress } from "./crypto/address";
import { mxc, number, record, text, type Content } from "./raw";
import type { MediaFile, MessageBody } from "./types";

/** Beyond this many characters a formatted text is shown as plain text: it would hold up the page. */
const LONGEST_HTML = 100_000;

/** Types that are shown in a timeline although one can't know what is in them. */
const SHOWN = new Set(["m.poll.start", "org.matrix.msc3381.poll.start", "m.call.invite", "org.matrix.msc3401.call.member"]);

export function isMessage(type: string): boolean {
  return type === "m.room.message" || type === "m.sticker" || type === "m.room.encrypted" || SHOWN.has(type);
}

/** Whether an event asks to compare emoji: nothing that one reads, whatever it says to clients that know nothing of it. */
export function asksToVerify(type: string, content: Content): boolean {
  return type === "m.room.message" && content["msgtype"] === "m.key.verification.request";
}

export function readBody(type: string, content: Content): MessageBody {
  if (type === "m.room.encrypted") return { type: "encrypted", why: "waiting" };
  if (type === "m.sticker") return picture("image", content);
  if (type !== "m.room.message") return { type: "unknown", event: type };
  switch (content["msgtype"]) {
    case "m.image":
      return picture("image", content);
    case "m.video":
      return picture("video", content);
    case "m.audio":
      return { type: "audio", file: file(content), duration: durationOf(content), caption: caption(content) };
    case "m.file":
      return { type: "file", file: file(content), caption: caption(content) };
    case "m.notice":
      return words("notice", content);
    case "m.emote":
      return words("emote", content);
    case "m.text":
      return words("text", content);
    default:
      // Others carry a body for clients that don't know them.
      return text(content["body"]) ? words("text", content) : { type: "unknown", event: text(content["msgtype"]) || type };
  }
}

function words(type: "text" | "notice" | "emote", content: Content): MessageBody {
  const isReply = typeof record(record(content["m.relates_to"])["m.in_reply_to"])["event_id"] === "string";
  const plain = text(content["body"]);
  const formatted = content["format"] === "org.matrix.custom.html" ? text(content["formatted_body"]) : "";
  const html = formatted && formatted.length <= LONGEST_HTML ? withoutQuote(formatted) : "";
  // Old clients quote in the body what they reply to; those quotes always came with `mx-reply`.
  return { type, text: isReply && formatted.includes("<mx-reply>") ? withoutFallback(plain) : plain, html: html || null };
}

function withoutQuote(html: string): string {
  const end = html.indexOf("</mx-reply>");
  return html.startsWith("<mx-reply>") && end >= 0 ? html.slice(end + "</mx-reply>".length) : html;
}

function withoutFallback(plain: string): string {
  const lines = plain.split("\n");
  const first = lines.findIndex((line) => !line.startsWith("> ") && line !== ">");
  if (first <= 0) return plain;
  return lines.slice(lines[first] === "" ? first + 1 : first).join("\n");
}

function picture(type: "image" | "video", content: Content): MessageBody {
  const info = record(content["info"]);
  const side = (name: string) => Math.min(Math.max(0, Math.round(number(info[name], 0))), 100_000);
  const [width, height] = [side("w"), side("h")];
  return { type, file: file(content), width, height, thumbnail: thumbnailOf(info), caption: caption(content) };
}

/** A smaller picture of it; of an encrypted file, it is encrypted as well. */
function thumbnailOf(info: Content): string | null {
  if (!("thumbnail_file" in info)) return mxc(info["thumbnail_url"]);
  return sealedAddress(record(info["thumbnail_file"]), text(record(info["thumbnail_info"])["mimetype"]));
}

function file(content: Content): MediaFile {
  const info = record(content["info"]);
  const size = number(info["size"], -1);
  const mime = text(info["mimetype"]) || "application/octet-stream";
  return {
    mxc: "file" in content ? sealedAddress(record(content["file"]), mime) : mxc(content["url"]),
    name: text(content["filename"]) || text(content["body"]),
    size: size >= 0 ? size : null,
    mime,
    local: null,
  };
}

/** The text beside a file: a body that is not its name. */
function caption(content: Content): string {
  const name = text(content["filename"]);
  const body = text(content["body"]);
  return name && body !== name ? body : "";
}

function durationOf(content: Content): number | null {
  const duration = number(record(content["info"])["duration"], -1);
  return duration >= 0 ? duration : null;
}

/** The event that a message answers, and whether that is only said for clients without threads. */
export function replyOf(content: Content): string | null {
  const relation = record(content["m.relates_to"]);
  // In a thread, what is named for the sake of old clients is the newest message; the thread's first says more.
  if (relation["rel_type"] === "m.thread" && relation["is_falling_back"] === true) return text(relation["event_id"]) || null;
  return text(record(relation["m.in_reply_to"])["event_id"]) || null;
}

/** Whether a message names somebody; `null` if it was written before messages said so. */
export function mentions(content: Content, user: string): boolean | null {
  if (!("m.mentions" in content)) return null;
  const said = record(content["m.mentions"]);
  return said["room"] === true || (Array.isArray(said["user_ids"]) && said["user_ids"].includes(user));
}

/** Whether a message takes the place of another and is not one itself. */
export function isEdit(content: Content): boolean {
  return record(content["m.relates_to"])["rel_type"] === "m.replace";
}
