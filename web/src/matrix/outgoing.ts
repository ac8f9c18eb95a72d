/** From what the composer holds to an event's content. */
import { record, strings, type Content } from "./raw";
import type { OutgoingText } from "./types";

type Written = Pick<OutgoingText, "text" | "html" | "mentions" | "mentionsRoom" | "emote">;

/** A new message. `answered` is who wrote what it replies to: they are told as well. */
export function messageContent(message: Written, reply: { readonly id: string; readonly sender: string } | null, me: string): Content {
  const told = reply && reply.sender !== me ? [...message.mentions, reply.sender] : message.mentions;
  return {
    ...textContent(message),
    "m.mentions": mentionsContent(told, message.mentionsRoom),
    ...(reply && { "m.relates_to": { "m.in_reply_to": { event_id: reply.id } } }),
  };
}

function textContent(message: Written): Content {
  return {
    msgtype: message.emote ? "m.emote" : "m.text",
    body: message.text,
    ...(message.html !== null && { format: "org.matrix.custom.html", formatted_body: message.html }),
  };
}

function mentionsContent(users: readonly string[], room: boolean): Content {
  return { ...(users.length > 0 && { user_ids: [...new Set(users)] }), ...(room && { room: true }) };
}

/** Other words for a message, or for what stands beside a file. Only who was not named before is told. */
export function editContent(id: string, before: Content, message: Written): Content {
  const named = new Set(strings(record(before["m.mentions"])["user_ids"]));
  const all = mentionsContent(message.mentions, message.mentionsRoom);
  const fresh = mentionsContent(
    message.mentions.filter((user) => !named.has(user)),
    message.mentionsRoom && record(before["m.mentions"])["room"] !== true,
  );
  const next = { ...(isFile(before) ? captionContent(before, message) : textContent(message)), "m.mentions": all };
  return {
    ...next,
    body: `* ${message.text}`,
    ...(message.html !== null && { formatted_body: `* ${message.html}` }),
    "m.mentions": fresh,
    "m.new_content": next,
    "m.relates_to": { rel_type: "m.replace", event_id: id },
  };
}

function isFile(content: Content): boolean {
  return ["m.image", "m.video", "m.audio", "m.file"].includes(content["msgtype"] as string);
}

function captionContent(before: Content, message: Written): Content {
  const { "m.relates_to": _relation, "m.mentions": _mentions, format: _format, formatted_body: _html, ...file } = before;
  const name = before["filename"] ?? before["body"];
  const formatted = message.html !== null && { format: "org.matrix.custom.html", formatted_body: message.html };
  return { ...file, filename: name, body: message.text || name, ...(message.text && formatted) };
}

/** What is known of a file before it is sent. */
export interface FileFacts {
  readonly name: string;
  readonly mime: string;
  readonly size: number;
  readonly width: number;
  readonly height: number;
  /** ms */
  readonly duration: number | null;
}

export type FileKind = "image" | "video" | "audio" | "file";

export function fileKind(mime: string): FileKind {
  // What browsers can't show is a file, whatever it calls itself.
  if (/^image\/(png|jpeg|gif|webp|avif|bmp|apng)$/.test(mime)) return "image";
  if (mime.startsWith("video/")) return "video";
  if (mime.startsWith("audio/")) return "audio";
  return "file";
}

export interface Uploaded {
  readonly url: string;
  /** Of an encrypted file: what a message says of it beside its address. */
  readonly sealed: Content | null;
  readonly thumbnail: { readonly url: string; readonly sealed: Content | null; readonly mime: string; readonly size: number; readonly width: number; readonly height: number } | null;
}

export function fileContent(facts: FileFacts, uploaded: Uploaded, caption: string): Content {
  const kind = fileKind(facts.mime);
  const thumbnail = uploaded.thumbnail;
  return {
    msgtype: `m.${kind}`,
    body: caption || facts.name,
    filename: facts.name,
    ...addressed(uploaded, "url", "file"),
    info: {
      mimetype: facts.mime,
      size: facts.size,
      ...(facts.width > 0 && facts.height > 0 && { w: facts.width, h: facts.height }),
      ...(facts.duration !== null && { duration: facts.duration }),
      ...(thumbnail && {
        ...addressed(thumbnail, "thumbnail_url", "thumbnail_file"),
        thumbnail_info: { mimetype: thumbnail.mime, size: thumbnail.size, w: thumbnail.width, h: thumbnail.height },
      }),
    },
    "m.mentions": {},
  };
}

/** Where a file lies, and what opens it. */
function addressed({ url, sealed }: Pick<Uploaded, "url" | "sealed">, plain: string, encrypted: string): Content {
  return sealed ? { [encrypted]: { ...sealed, url } } : { [plain]: url };
}
