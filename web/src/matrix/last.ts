/** The newest message of a room, for lists. */
import type { MatrixEvent } from "matrix-js-sdk/lib/models/event";
import { asksToVerify, isEdit, isMessage } from "./body";
import type { Core } from "./core";
import { bodyOf } from "./crypto/sealed";
import type { RawEvent } from "./raw";
import type { RoomBase } from "./roombase.svelte";
import type { LastLine } from "./types";

export interface Last {
  readonly line: LastLine | null;
  readonly activity: number;
  /** Equal as long as the line says the same. */
  readonly key: unknown;
}

export function lastLine(core: Core, room: RoomBase): Last {
  const pending = core.outbox.of(room.id).at(-1);
  if (pending) {
    const sender = room.person(core.me);
    return { line: { sender, mine: true, body: pending.body, at: pending.at }, activity: pending.at, key: [pending.key] };
  }
  const events = room.sdk.getLiveTimeline().getEvents();
  for (let at = events.length - 1; at >= 0; at--) {
    const event = events[at] as MatrixEvent;
    if (isLine(event) && !core.people.isIgnored(event.getSender() ?? "")) return lineOf(core, room, event);
  }
  const mine = room.state("m.room.member", core.me);
  return { line: null, activity: mine?.origin_server_ts ?? room.facts.invite?.at ?? 0, key: null };
}

/** Whether an event is a message that stands by itself. */
export function isLine(event: MatrixEvent): boolean {
  return isMessage(event.getType()) && !event.isState() && !isEdit(event.getWireContent()) && !asksToVerify(event.getType(), event.getContent());
}

function lineOf(core: Core, room: RoomBase, event: MatrixEvent): Last {
  const sender = event.getSender() ?? "";
  const redacted = event.isRedacted();
  const body = redacted ? ({ type: "redacted" } as const) : bodyOf(core, event);
  const line = { sender: room.person(sender), mine: sender === core.me, body, at: event.getTs() };
  return { line, activity: event.getTs(), key: [event.getId(), redacted, event.replacingEventId(), event.getType(), body.type === "encrypted" && body.why] };
}

/** An event as the server wrote it. */
export function raw(event: MatrixEvent): RawEvent {
  return event.event as RawEvent;
}
