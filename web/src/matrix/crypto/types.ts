/** What screens know of verification, beside `../types`. */
import type { EventId, Person, RoomId, UserId } from "../types";

/**
 * What is known of somebody's identity. `none`: they have none yet. `changed`: it is another than when we first saw it.
 * `lapsed`: it was verified, and is another now.
 */
export type Standing = "unknown" | "none" | "unverified" | "verified" | "changed" | "lapsed";

/** Whether sessions and people are who they say they are. */
export interface Trust {
  /** What goes on and wants to be looked at. */
  readonly verification: Verification | null;
  /** Follows what is known of somebody; asks the server where nothing is. */
  of(id: UserId): Standing;
  /** The same by what is known here, as for all who are in a room. */
  seen(id: UserId): Standing;
  /** My sessions that have keys, and whether they are verified. Follows changes by `version`. */
  sessions(): Promise<ReadonlyMap<string, boolean>>;
  readonly version: number;
  /** Asks one of my other sessions, or all of them, to compare. */
  verifyOwn(session?: string): Promise<void>;
  /** Asks a friend to compare; rejects with `notFound` if they have no identity yet. */
  verifyPerson(id: UserId): Promise<void>;
  /** Takes somebody's new identity for theirs. */
  accept(id: UserId): Promise<void>;
  /** Asks once more for the key of a message; resolves when an answer would be here. */
  askAgain(room: RoomId, event: EventId): Promise<void>;
}

/**
 * `asked`: somebody asks me. `waiting`: I have asked. `choose`: how to compare. `scanned`: my code was read. `confirming`: I have
 * confirmed, the other not yet.
 */
export type Stage = "asked" | "waiting" | "preparing" | "choose" | "compare" | "scanned" | "confirming" | "done" | "cancelled";
export type Cancelled = "me" | "other" | "timeout" | "mismatch" | "failed";


/** Two sessions being compared. */
export interface Verification {
  /** `null`: another session of mine. */
  readonly person: Person | null;
  /** What the other session calls itself; empty if it is not known. */
  readonly session: string;
  readonly incoming: boolean;
  readonly stage: Stage;
  /** Seven emoji to compare, or three numbers with programs that know no emoji. */
  readonly emoji: readonly string[];
  /** What the other device may scan. */
  readonly code: readonly number[] | null;
  readonly reason: Cancelled | null;
  accept(): Promise<void>;
  compareEmoji(): Promise<void>;
  /** What I see is what the other shows, or not. */
  confirm(same: boolean): Promise<void>;
  /** Stops it if it goes on, and takes it away. */
  close(): void;
}
