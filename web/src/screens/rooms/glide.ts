/** Lets rows that change places glide there, instead of jumping. */

const MS = 220;
/** Further than this a row would only flash by, px. */
const FAR = 1200;
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

function places(list: HTMLElement): Map<string, { row: HTMLElement; top: number }> {
  const rows = [...list.querySelectorAll<HTMLElement>("[data-key]")];
  return new Map(rows.map((row) => [row.dataset["key"] ?? "", { row, top: row.getBoundingClientRect().top }]));
}

/** Remembers where the rows stand. The function that it returns is to be called once they stand elsewhere. */
export function glide(list: HTMLElement): () => void {
  const focused = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("[data-key]");
  const key = focused && list.contains(focused) ? focused.dataset["key"] : undefined;
  const before = still.matches ? null : places(list);
  return () => {
    const now = places(list);
    // A row that was moved in the document has lost the focus.
    if (key !== undefined && document.activeElement === document.body) now.get(key)?.row.focus({ preventScroll: true });
    if (!before) return;
    for (const [id, { row, top }] of now) {
      const from = before.get(id)?.top ?? top;
      if (from === top || Math.abs(from - top) > FAR) continue;
      row.closest("li")?.animate([{ transform: `translateY(${from - top}px)` }, { transform: "none" }], { duration: MS, easing: "cubic-bezier(0.2, 0.7, 0.3, 1)" });
    }
  };
}
