/** A long press of a finger, where the browser does not make a context menu of it by itself. */

const PRESS_MS = 480;
/** A finger that moves further than this scrolls, px. */
const SLACK = 10;

export class LongPress {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #from = { x: 0, y: 0 };
  /** The press was answered: the click that ends it is not one. */
  #answered = false;

  constructor(private readonly onpress: (target: EventTarget | null, at: { x: number; y: number }) => boolean) {}

  /** For `{@attach}`. */
  readonly attach = (element: HTMLElement): (() => void) => {
    const end = () => clearTimeout(this.#timer);
    const listeners = {
      pointerdown: (event: PointerEvent) => this.#begin(event),
      pointermove: (event: PointerEvent) => {
        if (Math.hypot(event.clientX - this.#from.x, event.clientY - this.#from.y) > SLACK) end();
      },
      pointerup: end,
      pointercancel: end,
    };
    for (const [type, listener] of Object.entries(listeners)) element.addEventListener(type, listener as EventListener);
    element.addEventListener("click", this.#clicked, { capture: true });
    return () => {
      end();
      for (const [type, listener] of Object.entries(listeners)) element.removeEventListener(type, listener as EventListener);
      element.removeEventListener("click", this.#clicked, { capture: true });
    };
  };

  #begin(event: PointerEvent): void {
    this.#answered = false;
    clearTimeout(this.#timer);
    if (event.pointerType === "mouse") return;
    this.#from = { x: event.clientX, y: event.clientY };
    this.#timer = setTimeout(() => {
      this.#answered = this.onpress(event.target, this.#from);
    }, PRESS_MS);
  }

  readonly #clicked = (event: MouseEvent): void => {
    if (!this.#answered) return;
    this.#answered = false;
    event.preventDefault();
    event.stopPropagation();
  };
}
