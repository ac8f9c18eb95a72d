/** Who has read how far. */
import type { MatrixEvent } from "matrix-js-sdk/lib/models/event";
import type { Core } from "./core";
import type { RoomBase } from "./roombase.svelte";
import type { EventId, Person, TimelineItem } from "./types";

export class Readers {
  readonly #found = new Map<EventId, Person[]>();

  constructor(
    private readonly core: Core,
    private readonly room: RoomBase,
  ) {}

  /** Receipts for an event stand beside the last item that is shown up to it. */
  collect(event: MatrixEvent, item: TimelineItem): void {
    if (!item.id) return;
    for (const { userId } of this.room.sdk.getReceiptsForEvent(event)) {
      // Who wrote it has read it.
      if (userId === this.core.me || userId === item.sender.id || this.core.people.isIgnored(userId)) continue;
      const people = this.#found.get(item.id) ?? [];
      if (!people.some((person) => person.id === userId)) people.push(this.room.person(userId));
      this.#found.set(item.id, people);
    }
  }

  /** All that were found, with the lists from before where they say the same. */
  end(before: ReadonlyMap<EventId, readonly Person[]>): ReadonlyMap<EventId, readonly Person[]> {
    const kept = new Map<EventId, readonly Person[]>();
    for (const [id, people] of this.#found) {
      const old = before.get(id);
      kept.set(id, old?.length === people.length && old.every((person, at) => person === people[at]) ? old : people);
    }
    return kept;
  }
}
