/** The words of encryption, which load when something is to be said of it. */
import { loadWords } from "../../i18n/i18n.svelte";
import { secure } from "../../i18n/parts";

let asked: Promise<void> | null = null;

/** Resolves once they are here. */
export function secureWords(): Promise<void> {
  asked ??= loadWords(secure).catch((cause: unknown) => {
    asked = null;
    throw cause;
  });
  return asked;
}
