/** The SDK's timelines: pieces of a room's history, some of which lie against each other. */
import { Direction, type EventTimeline } from "matrix-js-sdk/lib/models/event-timeline";

export const BACK = Direction.Backward;
export const FORTH = Direction.Forward;

/** Timelines that lie against each other, oldest first. */
export function chainOf(timeline: EventTimeline): EventTimeline[] {
  const chain = [timeline];
  for (let at = timeline.getNeighbouringTimeline(BACK); at; at = at.getNeighbouringTimeline(BACK)) chain.unshift(at);
  for (let at = timeline.getNeighbouringTimeline(FORTH); at; at = at.getNeighbouringTimeline(FORTH)) chain.push(at);
  return chain;
}

/** Where more of a piece can be had; `null`: there is no more. */
export function tokenOf(timeline: EventTimeline | undefined, direction: Direction): string | null {
  return timeline?.getPaginationToken(direction) ?? null;
}
