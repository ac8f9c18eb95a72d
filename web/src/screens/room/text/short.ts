/** A message in a few words: for quotes, lists of what was written, and what is read out. */
import { t } from "../../../i18n/i18n.svelte";
import type { MessageBody } from "../../../matrix/types";
import { oneLine } from "../../../ui/names";

const LONGEST = 300;

export function bodyInShort(body: MessageBody | { readonly type: "redacted" }): string {
  switch (body.type) {
    case "text":
    case "notice":
    case "emote":
      return body.html?.includes("data-mx-spoiler") ? t("room.short.spoiler") : body.text.slice(0, LONGEST);
    case "image":
    case "video":
    case "audio":
      return body.caption.slice(0, LONGEST) || t(`room.short.${body.type}`);
    case "file":
      return body.caption.slice(0, LONGEST) || t("room.short.file", { name: oneLine(body.file.name) });
    case "encrypted":
    case "redacted":
    case "unknown":
      return t(`room.short.${body.type}`);
  }
}
