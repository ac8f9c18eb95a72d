/**
 * Which rows of a long timeline stand in the page. The scroller runs from its end (`flex-direction: column-reverse`), so
 * places count from the newest row: what is loaded above, or turns out taller than was thought, moves nothing that one
 * looks at. Where something below the first visible row changes, the place is corrected by as much.
 *
 * All this is reckoned from heights that are known; while one scrolls, nothing is asked of the page but how far it is scrolled.
 */
import { tick, untrack } from "svelte";
import { Heights } from "./heights";
import type { Row } from "./rows";

/** How far beyond what is visible rows are kept, and after how much scrolling they are chosen anew, px. */
const BEYOND = 1400;
const STEP = 300;
/** Nearer to the end than this one stays at the end when something is added, px. */
const PINNED = 24;

interface Range {
  readonly start: number;
  readonly end: number;
  /** Heights of what stands not in the page, px. */
  readonly above: number;
  readonly below: number;
}

const NOTHING: Range = { start: 0, end: 0, above: 0, below: 0 };

export class RowWindow {
  range = $state.raw<Range>(NOTHING);
  /** Whether the newest row is in sight. */
  pinned = $state(true);
  #scroller: HTMLElement | null = null;
  /** Of the scroller, px. */
  #height = 0;
  /** How far the end of what is visible is from the end of all, px. */
  #distance = 0;
  /** Whether the last row is the newest that there is. */
  #open = true;
  /** Where the rows were last chosen for. */
  #chosenAt = 0;
  readonly #heights: Heights<Row>;
  readonly #elements = new Map<string, HTMLElement>();
  readonly #sizes = new ResizeObserver((entries) => this.#measured(entries));

  constructor(estimate: (row: Row) => number) {
    this.#heights = new Heights(estimate);
  }

  /** Follows a scroller. Returns how to let go of it. */
  readonly follow = (scroller: HTMLElement): (() => void) => {
    this.#scroller = scroller;
    this.#height = scroller.clientHeight;
    this.#sizes.observe(scroller);
    // Else it would follow anew whenever other rows are chosen.
    untrack(() => this.#choose());
    return () => {
      this.#sizes.disconnect();
      this.#scroller = null;
    };
  };

  /** Follows the height of a row. */
  readonly row = (element: HTMLElement): (() => void) => {
    const key = element.dataset["key"] ?? "";
    this.#elements.set(key, element);
    this.#sizes.observe(element);
    return () => {
      this.#sizes.unobserve(element);
      if (this.#elements.get(key) === element) this.#elements.delete(key);
    };
  };

  /**
   * Other rows are to be shown. Called before the page changes; what is looked at stays where it is. `open`: nothing is newer
   * than the last of them. Only there one stays at the end; where more is merely not loaded, it comes in below what one reads.
   */
  setRows(rows: readonly Row[], open: boolean): void {
    const first = this.#firstVisible();
    const key = first < 0 ? null : this.#heights.rows[first]?.key;
    const before = this.#heights.below(first);
    this.#heights.set(rows);
    const now = key ? this.#heights.indexOf(key) : -1;
    const moved = this.#staysAtEnd || now < 0 ? 0 : this.#heights.below(now) - before;
    this.#open = open;
    this.#distance = Math.max(0, this.#distance + moved);
    this.#choose();
    if (moved !== 0) void tick().then(() => this.#shift(moved));
  }

  scrolled(): void {
    if (!this.#scroller) return;
    this.#distance = -this.#scroller.scrollTop;
    this.pinned = this.#distance <= PINNED;
    if (Math.abs(this.#distance - this.#chosenAt) > STEP) this.#choose();
  }

  /** How far it is to the oldest row, px. */
  get distanceToTop(): number {
    return this.#scroller ? this.#heights.total - this.#distance - this.#height : Infinity;
  }

  get distanceToEnd(): number {
    return this.#distance;
  }

  /** Goes to the newest row: gently if it is near. */
  toEnd(): void {
    const isNear = this.#distance < 2 * this.#height;
    if (!isNear) {
      this.pinned = true;
      this.#distance = 0;
      this.#choose();
    }
    this.#scroller?.scrollTo({ top: 0, behavior: isNear ? "smooth" : "instant" });
  }

  /** Brings a row to the middle. */
  async toRow(key: string): Promise<void> {
    const index = this.#heights.indexOf(key);
    const scroller = this.#scroller;
    if (index < 0 || !scroller) return;
    // Once for the rows to be there, once more since their heights were only guessed.
    for (let round = 0; round < 2; round++) {
      const height = this.#heights.below(index - 1) - this.#heights.below(index);
      this.#distance = Math.max(0, this.#heights.below(index) - Math.max(0, (this.#height - height) / 2));
      this.pinned = this.#distance <= PINNED;
      this.#choose();
      await tick();
      scroller.scrollTop = -this.#distance;
      await new Promise((done) => requestAnimationFrame(done));
    }
  }

  element(key: string): HTMLElement | null {
    return this.#elements.get(key) ?? null;
  }

  /** The newest row that is in sight down to its end. */
  newestVisible(): Row | null {
    const { rows } = this.#heights;
    const last = this.#heights.at(this.#distance);
    // The one at the edge is cut off, unless by nearly nothing.
    const isWhole = this.#heights.below(last) >= this.#distance - PINNED;
    return rows[isWhole ? last : last - 1] ?? null;
  }

  get #staysAtEnd(): boolean {
    return this.pinned && this.#open;
  }

  #firstVisible(): number {
    return this.#heights.at(this.#distance + this.#height - 1);
  }

  /** Chooses the rows around what is visible. */
  #choose(): void {
    const heights = this.#heights;
    this.#chosenAt = this.#distance;
    const start = Math.max(0, heights.at(this.#distance + this.#height + BEYOND));
    const end = heights.at(Math.max(0, this.#distance - BEYOND)) + 1;
    const below = heights.below(end - 1);
    const above = heights.total - heights.below(start - 1);
    const now = this.range;
    if (now.start !== start || now.end !== end || now.below !== below || now.above !== above) this.range = { start, end, below, above };
  }

  /** Makes up for what was added below. Somebody may have scrolled meanwhile: so it is a step, not a place. */
  #shift(moved: number): void {
    if (!this.#scroller) return;
    this.#scroller.scrollTop -= moved;
    this.#distance = -this.#scroller.scrollTop;
  }

  #measured(entries: readonly ResizeObserverEntry[]): void {
    const first = this.#firstVisible();
    let [changed, moved] = [false, 0];
    for (const { target, borderBoxSize } of entries) {
      const height = borderBoxSize[0]?.blockSize ?? 0;
      if (target === this.#scroller) {
        changed ||= this.#height !== height;
        this.#height = height;
        continue;
      }
      const key = (target as HTMLElement).dataset["key"] ?? "";
      const index = this.#heights.indexOf(key);
      // A row that has just been taken out of the page has no height.
      if (height === 0 || index < 0) continue;
      const difference = this.#heights.measure(key, height);
      if (difference === 0) continue;
      changed = true;
      if (index > first) moved += difference;
    }
    if (!changed) return;
    if (moved !== 0 && !this.#staysAtEnd) this.#shift(moved);
    this.#choose();
  }
}
