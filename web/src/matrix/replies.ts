/** What messages answer: from the timeline where it is there, else asked for once. */
import { readBody } from "./body";
import { path, type Core } from "./core";
import { bodyOf as bodyOfEvent } from "./crypto/sealed";
import { record, text, type Content, type RawEvent } from "./raw";
import type { RoomBase } from "./roombase.svelte";
import type { EventId, ReplyTarget } from "./types";

export class Replies {
  /** Fetched events; `null`: it can't be had. */
  readonly #fetched = new Map<EventId, RawEvent | null>();
  readonly #asked = new Set<EventId>();
  /** Target → keys of what answers it. */
  readonly #answers = new Map<EventId, Set<string>>();

  constructor(
    private readonly core: Core,
    private readonly room: RoomBase,
    private readonly changed: (keys: Iterable<string>) => void,
  ) {}

  /** Keys of what answers an event. */
  to(id: EventId): Iterable<string> {
    return this.#answers.get(id) ?? [];
  }

  get(id: EventId, answer: string): ReplyTarget {
    const answers = this.#answers.get(id) ?? new Set();
    this.#answers.set(id, answers.add(answer));
    const here = this.room.sdk.findEventById(id);
    if (here) {
      const body = here.isRedacted() ? ({ type: "redacted" } as const) : bodyOfEvent(this.core, here);
      return { id, sender: this.room.person(here.getSender() ?? ""), body };
    }
    const fetched = this.#fetched.get(id);
    if (fetched === undefined) this.#fetch(id);
    return fetched ? { id, sender: this.room.person(fetched.sender ?? ""), body: bodyOf(fetched) } : { id, sender: null, body: null };
  }

  #fetch(id: EventId): void {
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    void this.core
      .request<RawEvent>("GET", path`/_matrix/client/v3/rooms/${this.room.id}/event/${id}`)
      .then((event) => this.#opened(event))
      .catch(() => null)
      .then((event) => {
        this.#fetched.set(id, event);
        this.changed(this.to(id));
      });
  }

  /** What it says, where it is encrypted and we can read it. */
  async #opened(event: RawEvent): Promise<RawEvent> {
    if (event.type !== "m.room.encrypted") return event;
    const { client } = this.core;
    const read = client.getEventMapper({ decrypt: false })(event as never);
    await client.decryptEventIfNeeded(read);
    return read.isDecryptionFailure() ? event : { ...event, type: read.getType(), content: read.getContent() };
  }
}

function bodyOf(event: RawEvent): NonNullable<ReplyTarget["body"]> {
  if (record(event.unsigned)["redacted_because"]) return { type: "redacted" };
  return readBody(event.type, newest(event));
}

/** The content after an edit that the server has bundled. */
function newest(event: RawEvent): Content {
  const edit = record(record(record(event.unsigned)["m.relations"])["m.replace"]);
  const content = record(record(edit["content"])["m.new_content"]);
  return text(content["msgtype"]) && edit["sender"] === event.sender ? content : record(event.content);
}
