/** Whether somebody is there, in words. */
import { formatAgo } from "../../i18n/format";
import { t } from "../../i18n/i18n.svelte";
import type { Presence } from "../../matrix/types";
import { clock } from "../rooms/clock.svelte";

/** Empty if nothing is known. */
export function presenceWords(presence: Presence | null): string {
  if (!presence) return "";
  if (presence.state !== "offline") return t(`friends.presence.${presence.state}`);
  return presence.lastActive ? t("friends.presence.seen", { ago: formatAgo(presence.lastActive, clock.now) }) : t("friends.presence.offline");
}
