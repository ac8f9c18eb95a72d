/** How a picture is zoomed and moved in its viewer. */

const MOST = 8;
const STEP = 1.5;

interface Point {
  readonly x: number;
  readonly y: number;
}

export class Zoom {
  scale = $state(1);
  x = $state(0);
  y = $state(0);
  /** True while a finger or the pointer moves it: then nothing is animated. */
  moving = $state(false);
  readonly #pointers = new Map<number, Point>();
  #stage: HTMLElement | null = null;

  get zoomed(): boolean {
    return this.scale > 1;
  }

  reset(): void {
    this.scale = 1;
    this.x = this.y = 0;
  }

  in(): void {
    this.#to(this.scale * STEP);
  }

  out(): void {
    this.#to(this.scale / STEP);
  }

  /** Between whole and double, where it was pressed. */
  toggle(at: Point): void {
    this.#to(this.zoomed ? 1 : 2.5, at);
  }

  move(dx: number, dy: number): void {
    this.#place(this.x + dx, this.y + dy);
  }

  wheel(event: WheelEvent): void {
    event.preventDefault();
    // A mouse turns in steps of a hundred, a touchpad pinches in small ones.
    const speed = event.ctrlKey ? 100 : 400;
    this.#to(this.scale * Math.exp(-event.deltaY / speed), { x: event.clientX, y: event.clientY });
  }

  down(event: PointerEvent): void {
    this.#stage = event.currentTarget as HTMLElement;
    this.#stage.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.moving = true;
  }

  drag(event: PointerEvent): void {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, now);
    if (other) {
      const apart = (one: Point) => Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
      this.#to((this.scale * apart(now)) / apart(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    } else if (this.zoomed) this.move(now.x - before.x, now.y - before.y);
  }

  up(event: PointerEvent): void {
    this.#pointers.delete(event.pointerId);
    if (this.#pointers.size === 0) this.moving = false;
  }

  /** Scales so that what lies under `at` stays there. */
  #to(scale: number, at?: Point): void {
    const next = Math.min(MOST, Math.max(1, scale));
    const middle = { x: innerWidth / 2, y: innerHeight / 2 };
    const from = { x: (at ?? middle).x - middle.x, y: (at ?? middle).y - middle.y };
    const grown = next / this.scale;
    this.scale = next;
    this.#place(from.x - (from.x - this.x) * grown, from.y - (from.y - this.y) * grown);
  }

  /** Never so far that it is lost from sight. */
  #place(x: number, y: number): void {
    const reach = { x: (innerWidth * (this.scale - 1)) / 2, y: (innerHeight * (this.scale - 1)) / 2 };
    this.x = Math.min(reach.x, Math.max(-reach.x, x));
    this.y = Math.min(reach.y, Math.max(-reach.y, y));
  }
}
