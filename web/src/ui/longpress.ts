/** A finger that rests on something inside an element opens a menu. One element listens for all that it holds. */
import type { Attachment } from "svelte/attachments";

const REST = 450;
/** A finger that moves farther scrolls. */
const SLIP = 10;

/** `open` says whether there was something to open. */
export function longPress(open: (target: Element, at: { x: number; y: number }) => boolean): Attachment<HTMLElement> {
  return (element) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let from = { x: 0, y: 0 };
    let opened = false;
    const cancel = () => clearTimeout(timer);
    const down = (event: PointerEvent) => {
      cancel();
      opened = false;
      if (event.pointerType === "mouse" || !event.isPrimary) return;
      from = { x: event.clientX, y: event.clientY };
      const target = event.target as Element;
      timer = setTimeout(() => {
        opened = open(target, from);
        if (opened) navigator.vibrate?.(10);
      }, REST);
    };
    const move = (event: PointerEvent) => {
      if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > SLIP) cancel();
    };
    // The finger that is lifted then presses nothing.
    const click = (event: Event) => {
      if (!opened) return;
      opened = false;
      event.preventDefault();
      event.stopPropagation();
    };
    element.addEventListener("pointerdown", down);
    element.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, cancel);
    element.addEventListener("click", click, { capture: true });
    return cancel;
  };
}
