/** Names for rooms that have none: who is in them, without a word of any language. */
import { RoomNameType, type RoomNameState } from "matrix-js-sdk/lib/models/room";

export function nameRoom(state: RoomNameState): string {
  switch (state.type) {
    case RoomNameType.Actual:
      return state.name;
    case RoomNameType.Generated: {
      // The count is of all others, also of those that are not named.
      const more = state.count - state.names.length;
      return state.names.join(", ") + (more > 0 ? ` +${more}` : "");
    }
    case RoomNameType.EmptyRoom:
      return state.oldName ?? "";
  }
}
