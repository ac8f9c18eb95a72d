/** The list of rooms as it is shown: filtered, in sections, and calm while somebody points at it. */
import { prefer, preferences } from "../../app/preferences.svelte";
import type { Matrix, RoomId } from "../../matrix/types";
import { listedRooms } from "./listed";
import { inOrderOf, rowsOf, type Filter, type Row } from "./sections";

/** How long a pointer that rests holds the order, ms. */
const REST_MS = 2500;

export class RoomListState {
  filter = $state<Filter>("all");
  /** While it is set the rows keep their order, whatever comes in. */
  #held = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #before: readonly Row[] = [];

  readonly #natural = $derived.by(() =>
    rowsOf(listedRooms(this.matrix), { filter: this.filter, closed: new Set(preferences.closedSections), current: this.current() }),
  );

  readonly rows: readonly Row[] = $derived.by(() => (this.#before = this.#held ? inOrderOf(this.#natural, this.#before) : this.#natural));

  constructor(
    private readonly matrix: Matrix,
    /** The room that is open. */
    private readonly current: () => RoomId | null,
  ) {}

  toggle(section: string): void {
    const { closedSections: closed } = preferences;
    prefer({ closedSections: closed.includes(section) ? closed.filter((other) => other !== section) : [...closed, section] });
  }

  /** Somebody points at the list: nothing moves away under the pointer until it leaves or rests. */
  hold(): void {
    this.#held = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.release(), REST_MS);
  }

  release(): void {
    clearTimeout(this.#timer);
    this.#held = false;
  }
}
