/** Somebody by the name and picture they have in one room. */
import type { Room as SdkRoom } from "matrix-js-sdk/lib/models/room";
import type { Core } from "./core";
import { mxc } from "./raw";
import type { Person, Presence, UserId } from "./types";

export class RoomPerson implements Person {
  #name = $state<string | null>(null);
  #avatar = $state<string | null>(null);

  constructor(
    private readonly core: Core,
    private readonly sdk: SdkRoom,
    readonly id: UserId,
  ) {
    this.read();
  }

  get name(): string {
    return this.#name ?? this.core.people.get(this.id).name;
  }

  get avatar(): string | null {
    return this.#name === null ? this.core.people.get(this.id).avatar : this.#avatar;
  }

  get presence(): Presence | null {
    return this.core.people.get(this.id).presence;
  }

  /** Takes over what the room's state says, if it says anything. */
  read(): void {
    const member = this.sdk.getMember(this.id);
    // Who has never been in the room, or has no name there, goes by the profile. The SDK adds the ID where names are equal.
    const named = member?.events.member && member.rawDisplayName !== this.id;
    this.#name = named ? member.name : null;
    this.#avatar = named ? mxc(member.getMxcAvatarUrl()) : null;
  }
}
