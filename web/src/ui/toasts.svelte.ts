/** Short words at the edge of the page: what was done and may be undone, or what failed. */
import { t } from "../i18n/i18n.svelte";
import { sentence } from "./errors";

/** How long an action may be taken back, ms. */
const UNDO_MS = 5_000;
const SHOWN_MS = 5_000;

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly kind: "info" | "error";
  readonly action: { readonly label: string; readonly run: () => void } | null;
}

let toasts = $state.raw<readonly Toast[]>([]);
let lastId = 0;
/** What is to be done at once when the page is closed before its time. */
const pending = new Set<() => void>();

export function shownToasts(): readonly Toast[] {
  return toasts;
}

export function dismiss(id: number): void {
  toasts = toasts.filter((toast) => toast.id !== id);
}

/** Says something for a moment. */
export function toast(text: string, options: { kind?: Toast["kind"]; action?: Toast["action"]; forMs?: number } = {}): number {
  const id = ++lastId;
  toasts = [...toasts, { id, text, kind: options.kind ?? "info", action: options.action ?? null }].slice(-3);
  setTimeout(() => dismiss(id), options.forMs ?? SHOWN_MS);
  return id;
}

/** Says why an action failed. */
export function toastError(error: unknown): void {
  toast(sentence(error), { kind: "error" });
}

/**
 * Does something in five seconds unless it is taken back; at once if the page is closed before. `hide` shows it as done
 * right now, and `restore` shows it as it was: after "undo", or if it failed.
 */
export function undoable(text: string, steps: { hide: () => void; restore: () => void; commit: () => Promise<void> }): void {
  steps.hide();
  let settled = false;
  const commit = () => {
    if (settled) return;
    settled = true;
    pending.delete(commit);
    clearTimeout(timer);
    dismiss(shown);
    steps.commit().catch((error: unknown) => {
      steps.restore();
      toastError(error);
    });
  };
  const undo = () => {
    if (settled) return;
    settled = true;
    pending.delete(commit);
    clearTimeout(timer);
    dismiss(shown);
    steps.restore();
  };
  const timer = setTimeout(commit, UNDO_MS);
  pending.add(commit);
  const shown = toast(text, { action: { label: t("ui.undo"), run: undo }, forMs: UNDO_MS });
}

window.addEventListener("pagehide", () => {
  for (const commit of [...pending]) commit();
});
