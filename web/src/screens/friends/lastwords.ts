/** What was said last in a conversation, on one line. */
import { t } from "../../i18n/i18n.svelte";
import type { LastLine, Room } from "../../matrix/types";

/** Empty if nothing was said. */
export function lastWords(room: Room): string {
  if (room.typing.length) return t("friends.list.typing");
  if (!room.last) return "";
  const words = bodyWords(room.last.body);
  return room.last.mine ? t("friends.list.mine", { words }) : words;
}

function bodyWords(body: LastLine["body"]): string {
  switch (body.type) {
    case "text":
    case "notice":
    case "emote":
      return body.text.replace(/\s+/g, " ").trim();
    case "image":
    case "video":
    case "audio":
      return body.caption || t(`friends.list.${body.type}`);
    case "file":
      return body.caption || body.file.name || t("friends.list.file");
    case "redacted":
    case "encrypted":
      return t(`friends.list.${body.type}`);
    case "unknown":
      return t("friends.list.other");
  }
}
