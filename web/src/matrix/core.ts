/** What the parts of a session know of each other. */
import type { MatrixClient } from "matrix-js-sdk/lib/client";
import type { AccountData } from "./account";
import type { Batch } from "./batch";
import type { ConnectionState } from "./connection.svelte";
import type { EncryptionState } from "./crypto/encryption.svelte";
import type { Http } from "./http";
import type { Outbox } from "./outbox.svelte";
import type { PeopleState } from "./people.svelte";
import type { RoomsState } from "./rooms.svelte";
import type { FriendsState } from "./friends.svelte";
import type { MediaStore } from "./media.svelte";
import type { NotificationsState } from "./notifications.svelte";
import type { Drafts } from "./drafts";

export interface Core {
  readonly me: string;
  readonly client: MatrixClient;
  readonly http: Http;
  readonly batch: Batch;
  readonly account: AccountData;
  readonly connection: ConnectionState;
  readonly people: PeopleState;
  readonly rooms: RoomsState;
  readonly friends: FriendsState;
  readonly media: MediaStore;
  readonly notifications: NotificationsState;
  readonly outbox: Outbox;
  readonly drafts: Drafts;
  readonly encryption: EncryptionState;
  /** A request to our server, patient where it is only busy. `path` is whole: `/_matrix/…`. */
  request<T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, options?: RequestOptions): Promise<T>;
  /** Waits for what a sync will bring, at most so many ms. */
  until<T>(look: () => T | null | undefined, timeout?: number): Promise<T>;
  /** Others don't see how far I have read. */
  readonly privateReceipts: boolean;
}

export interface RequestOptions {
  readonly query?: Record<string, string | readonly string[]>;
  readonly body?: object;
}

/** A path with its parts escaped: `` path`/_matrix/client/v3/rooms/${id}/leave` ``. */
export function path(strings: TemplateStringsArray, ...parts: readonly string[]): string {
  return String.raw({ raw: strings }, ...parts.map(encodeURIComponent));
}
