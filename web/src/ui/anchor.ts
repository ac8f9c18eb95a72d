/** Places something that floats beside a thing or a point, inside the window. */

const GAP = 6;

export function anchor(floating: HTMLElement, to: DOMRect | { x: number; y: number }): void {
  const box = "width" in to ? to : new DOMRect(to.x, to.y, 0, 0);
  const { width, height } = floating.getBoundingClientRect();
  const below = box.bottom + GAP;
  const top = below + height <= innerHeight - GAP ? below : Math.max(GAP, box.top - GAP - height);
  // Lines up with the end of what it belongs to where that stands on the right half of the window.
  const left = box.left + box.width / 2 > innerWidth / 2 ? box.right - width : box.left;
  floating.style.top = `${top}px`;
  floating.style.left = `${Math.min(Math.max(GAP, left), innerWidth - width - GAP)}px`;
}
