/** Loads what makes HTML safe when a room is first opened. Until it is there, messages show their plain text. */
import type { Sanitiser } from "./sanitise";

let sanitiser = $state.raw<Sanitiser | null>(null);
let loading: Promise<void> | null = null;

export function loadSanitiser(): Promise<void> {
  loading ??= import("./sanitise").then(
    ({ makeSanitiser }) => {
      sanitiser = makeSanitiser();
    },
    () => {
      // Offline just now: it is tried again with the next room.
      loading = null;
    },
  );
  return loading;
}

export function currentSanitiser(): Sanitiser | null {
  return sanitiser;
}
