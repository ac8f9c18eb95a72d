/** Begins a verification; what goes wrong before there is a window for it is said in passing. */
import { t } from "../../i18n/i18n.svelte";
import type { Encryption, MatrixError, Person } from "../../matrix/types";
import { inWords } from "../../ui/names";
import { toast, toastError } from "../../ui/toasts.svelte";
import { secureWords } from "./words";

/** With somebody, with one of my sessions, or with `null` with whichever of them answers. */
export async function begin({ trust }: Encryption, who: Person | string | null): Promise<void> {
  if (!trust) return;
  try {
    await (typeof who === "object" && who ? trust.verifyPerson(who.id) : trust.verifyOwn(who ?? undefined));
  } catch (error) {
    await secureWords();
    if ((error as MatrixError).kind !== "notFound") toastError(error);
    else toast(typeof who === "object" && who ? t("secure.verify.noKeys", { name: inWords(who.name) }) : t("secure.verify.failed"));
  }
}
