/** Coming into a room that one found: by joining it, or by asking where that is the rule. */
import { go, paths } from "../../app/router.svelte";
import { t } from "../../i18n/i18n.svelte";
import type { Matrix, PublicRoom, RoomId } from "../../matrix/types";
import { sentence } from "../../ui/errors";
import { toast } from "../../ui/toasts.svelte";
import { short } from "../rooms/lines";

/** What one can do about a room. */
export type Way = "open" | "join" | "ask" | "asked" | "closed";

export function wayInto(room: PublicRoom): Way {
  if (room.membership === "join" || room.membership === "invite") return "open";
  if (room.membership === "knock") return "asked";
  if (room.membership === "ban") return "closed";
  if (room.joinRule === "public" || room.joinRule === "restricted") return "join";
  return room.joinRule === "knock" ? "ask" : "closed";
}

export class Joining {
  /** The room that one is about to be in. */
  busy = $state<RoomId | null>(null);

  constructor(
    private readonly matrix: Matrix,
    /** Servers that know the rooms, from the link that led here. */
    private readonly via: () => readonly string[] = () => [],
  ) {}

  async join(room: PublicRoom): Promise<void> {
    await this.#attempt(room, async () => {
      const joined = await this.matrix.rooms.join(room.alias ?? room.id, this.via());
      go(paths.room(joined.id));
    });
  }

  /** Says whether the question was asked. */
  async ask(room: PublicRoom, reason: string): Promise<boolean> {
    return this.#attempt(room, async () => {
      await this.matrix.rooms.knock(room.alias ?? room.id, reason.trim(), this.via());
      toast(t("rooms.explore.askedFor", { name: short(room.name, 60) }));
    });
  }

  async #attempt(room: PublicRoom, action: () => Promise<void>): Promise<boolean> {
    if (this.busy !== null) return false;
    this.busy = room.id;
    try {
      await action();
      return true;
    } catch (error) {
      toast(sentence(error, { forbidden: "rooms.explore.forbidden", notFound: "rooms.explore.gone" }), { kind: "error" });
      return false;
    } finally {
      this.busy = null;
    }
  }
}
