/** The server's public rooms. */
import { aliasOf, mayBeTyped } from "./alias";
import { path, type Core } from "./core";
import { failure } from "./errors";
import { joinRule } from "./info";
import { mxc, number, text, type Content } from "./raw";
import type { Directory, Membership, PublicRoom } from "./types";

const PAGE = 30;

interface Page {
  readonly chunk: readonly Content[];
  readonly next_batch?: string;
  readonly total_room_count_estimate?: number;
}

export class RoomDirectory implements Directory {
  constructor(private readonly core: Core) {}

  async search(term: string, from?: string): ReturnType<Directory["search"]> {
    const page = await this.core.request<Page>("POST", "/_matrix/client/v3/publicRooms", {
      body: { limit: PAGE, ...(term.trim() && { filter: { generic_search_term: term.trim() } }), ...(from && { since: from }) },
    });
    return {
      rooms: page.chunk.map((entry) => this.#read(entry)),
      next: page.next_batch ?? null,
      total: page.total_room_count_estimate ?? null,
    };
  }

  async summary(idOrAlias: string, via?: readonly string[]): Promise<PublicRoom> {
    const address = path`/_matrix/client/v1/room_summary/${mayBeTyped(idOrAlias, this.core.me)}`;
    return this.#read(await this.core.request<Content>("GET", address, via && via.length > 0 ? { query: { via } } : {}));
  }

  async isFree(localpart: string): Promise<boolean> {
    try {
      await this.core.request("GET", path`/_matrix/client/v3/directory/room/${aliasOf(localpart, this.core.me)}`);
      return false;
    } catch (cause) {
      const error = failure(cause);
      if (error.kind === "notFound") return true;
      throw error;
    }
  }

  #read(entry: Content): PublicRoom {
    const id = text(entry["room_id"]);
    return {
      id,
      alias: text(entry["canonical_alias"]) || null,
      name: text(entry["name"]) || text(entry["canonical_alias"]) || id,
      topic: text(entry["topic"]),
      avatar: mxc(entry["avatar_url"]),
      memberCount: number(entry["num_joined_members"], 0),
      // The directory leaves out what is the rule: that anybody joins.
      joinRule: joinRule(entry["join_rule"] ?? "public"),
      membership: this.core.rooms.get(id)?.membership ?? ((text(entry["membership"]) || null) as Membership | null),
    };
  }
}
