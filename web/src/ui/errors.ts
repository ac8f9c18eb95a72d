/** Failed actions in the user's words. */
import { t, type Key } from "../i18n/i18n.svelte";
import type { MatrixError } from "../matrix/types";

/** A sentence for an error; `own` has better ones for some errcodes or kinds. */
export function sentence(error: unknown, own: Partial<Record<string, Key>> = {}): string {
  const { kind = "other", errcode = "", message = String(error) } = (error ?? {}) as Partial<MatrixError>;
  const better = own[errcode] ?? own[kind];
  return better ? t(better) : t(`errors.${kind}`, { detail: message });
}
