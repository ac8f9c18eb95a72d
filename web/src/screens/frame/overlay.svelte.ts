/** Which of the frame's own windows is open over the pages. */

export type Overlay = "create" | "switch";

let open = $state<Overlay | null>(null);

export const overlay = {
  get open(): Overlay | null {
    return open;
  },
};

export function showOverlay(which: Overlay): void {
  open = which;
}

export function hideOverlay(): void {
  open = null;
}
