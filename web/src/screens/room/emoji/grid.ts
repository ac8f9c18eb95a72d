/** Arrows in a grid whose lines are only known from where things stand. */

/** So far apart things stand in different lines, px. */
const APART = 4;

/** Where an arrow leads to from one of them: `null` beyond the edge. */
export function neighbour<Item extends HTMLElement>(all: readonly Item[], here: number, key: string): Item | null {
  if (key === "ArrowRight") return all[here + 1] ?? null;
  if (key === "ArrowLeft") return all[here - 1] ?? null;
  const box = all[here]?.getBoundingClientRect();
  if (!box) return null;
  const others = key === "ArrowDown" ? all.slice(here + 1) : all.slice(0, here).reverse();
  const isLevel = (one: Item, top: number) => Math.abs(one.getBoundingClientRect().top - top) < APART;
  const next = others.find((one) => !isLevel(one, box.top))?.getBoundingClientRect().top;
  if (next === undefined) return null;
  const away = (one: Item) => Math.abs(one.getBoundingClientRect().left - box.left);
  return others.filter((one) => isLevel(one, next)).sort((one, other) => away(one) - away(other))[0] ?? null;
}
