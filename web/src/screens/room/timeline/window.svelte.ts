/**
 * Which rows of a long timeline stand in the page. The scroller runs from its end (`flex-direction: column-reverse`), so
 * places count from the newest row: what is loaded above, or turns out taller than was thought, moves nothing that one
 * looks at. Where something below changes, the first visible row is held where it was.
 */
import { tick } from "svelte";
import type { Row } from "./rows";

/** How far beyond what is visible rows are kept, and how near its end more are added, px. */
const BEYOND = 1400;
const NEAR = 500;
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
  #rows: readonly Row[] = [];
  #scroller: HTMLElement | null = null;
  readonly #heights = new Map<string, number>();
  readonly #elements = new Map<string, HTMLElement>();
  #anchor: { readonly key: string; readonly top: number } | null = null;
  /** Between these distances from the end the range is good enough. */
  #valid = { from: 0, to: -1 };
  readonly #sizes = new ResizeObserver((entries) => this.#measured(entries));

  constructor(private readonly estimate: (row: Row) => number) {}

  /** Follows a scroller. Returns how to let go of it. */
  readonly follow = (scroller: HTMLElement): (() => void) => {
    this.#scroller = scroller;
    this.#sizes.observe(scroller);
    this.#arrange(this.distanceToEnd);
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

  /** Other rows are to be shown. Called before the page changes; what is looked at stays where it is. */
  setRows(rows: readonly Row[]): void {
    this.#remember();
    this.#rows = rows;
    this.#arrange(this.#distance());
    void tick().then(() => this.#hold());
  }

  scrolled(): void {
    this.#remember();
    const distance = this.distanceToEnd;
    if (distance < this.#valid.from || distance > this.#valid.to) this.#arrange(distance);
  }

  /** How far it is to the oldest row, px. */
  get distanceToTop(): number {
    const scroller = this.#scroller;
    return scroller ? scroller.scrollHeight - scroller.clientHeight + scroller.scrollTop : Infinity;
  }

  get distanceToEnd(): number {
    return this.#scroller ? -this.#scroller.scrollTop : 0;
  }

  /** Goes to the newest row: gently if it is near. */
  toEnd(): void {
    const scroller = this.#scroller;
    if (!scroller) return;
    const isNear = this.distanceToEnd < 2 * scroller.clientHeight;
    if (!isNear) {
      this.#anchor = null;
      this.pinned = true;
      this.#arrange(0);
    }
    scroller.scrollTo({ top: 0, behavior: isNear ? "smooth" : "instant" });
  }

  /** Brings a row to the middle. */
  async toRow(key: string): Promise<void> {
    const index = this.#rows.findIndex((row) => row.key === key);
    const scroller = this.#scroller;
    if (index < 0 || !scroller) return;
    if (!this.#elements.has(key)) {
      this.pinned = false;
      this.#anchor = null;
      this.#show(index);
      await tick();
    }
    const row = this.#elements.get(key);
    if (!row) return;
    const box = row.getBoundingClientRect();
    const middle = Math.max(0, (scroller.clientHeight - box.height) / 2);
    scroller.scrollTop += box.top - scroller.getBoundingClientRect().top - middle;
    this.pinned = this.distanceToEnd <= PINNED;
    this.#anchor = { key, top: row.getBoundingClientRect().top };
    this.#arrange(this.distanceToEnd);
  }

  element(key: string): HTMLElement | null {
    return this.#elements.get(key) ?? null;
  }

  /** The keys of rows of which at least the end is in sight, oldest first. */
  visible(): string[] {
    const scroller = this.#scroller?.getBoundingClientRect();
    if (!scroller) return [];
    return this.#rows.slice(this.range.start, this.range.end).flatMap(({ key }) => {
      const box = this.#elements.get(key)?.getBoundingClientRect();
      return box && box.bottom > scroller.top && box.bottom <= scroller.bottom + PINNED ? [key] : [];
    });
  }

  #height(row: Row): number {
    return this.#heights.get(row.key) ?? this.estimate(row);
  }

  /** Chooses the rows around what is visible; `from` is how far its end is from the end of all. */
  #arrange(from: number): void {
    const scroller = this.#scroller;
    if (!scroller) return;
    const to = from + scroller.clientHeight;
    let end = this.#rows.length;
    let start = end;
    let below = 0;
    let height = 0;
    for (let index = this.#rows.length - 1; index >= 0; index--) {
      const one = this.#height(this.#rows[index] as Row);
      if (height + one < from - BEYOND) {
        end = index;
        below = height + one;
      }
      if (height <= to + BEYOND) start = index;
      height += one;
    }
    this.#set(start, Math.max(start, end), below, height);
  }

  /** Chooses the rows around one of them. */
  #show(index: number): void {
    const height = (this.#scroller?.clientHeight ?? 0) / 2 + BEYOND;
    let [start, end] = [index, index + 1];
    for (let sum = 0; start > 0 && sum < height; start--) sum += this.#height(this.#rows[start - 1] as Row);
    for (let sum = 0; end < this.#rows.length && sum < height; end++) sum += this.#height(this.#rows[end] as Row);
    this.#set(start, end, this.#sum(end, this.#rows.length), this.#sum(0, this.#rows.length));
  }

  #set(start: number, end: number, below: number, total: number): void {
    const shown = this.#sum(start, end);
    this.#valid = {
      from: end === this.#rows.length ? -Infinity : below + NEAR,
      to: start === 0 ? Infinity : below + shown - (this.#scroller?.clientHeight ?? 0) - NEAR,
    };
    const above = Math.max(0, total - below - shown);
    const now = this.range;
    if (now.start !== start || now.end !== end || now.below !== below || now.above !== above) this.range = { start, end, below, above };
  }

  #sum(start: number, end: number): number {
    let sum = 0;
    for (let index = start; index < end; index++) sum += this.#height(this.#rows[index] as Row);
    return sum;
  }

  /** How far the end of what is visible is from the end of all: from the anchor, since rows may just have been added. */
  #distance(): number {
    const scroller = this.#scroller;
    if (!scroller || this.pinned) return 0;
    const anchor = this.#anchor;
    const index = anchor ? this.#rows.findIndex((row) => row.key === anchor.key) : -1;
    if (!anchor || index < 0) return this.distanceToEnd;
    const top = anchor.top - scroller.getBoundingClientRect().top;
    return Math.max(0, this.#sum(index, this.#rows.length) + top - scroller.clientHeight);
  }

  /** Notes what stands where. */
  #remember(): void {
    const scroller = this.#scroller;
    if (!scroller) return;
    this.pinned = this.distanceToEnd <= PINNED;
    this.#anchor = null;
    if (this.pinned) return;
    const top = scroller.getBoundingClientRect().top;
    for (const { key } of this.#rows.slice(this.range.start, this.range.end)) {
      const box = this.#elements.get(key)?.getBoundingClientRect();
      if (box && box.bottom > top + 1) {
        this.#anchor = { key, top: box.top };
        return;
      }
    }
  }

  /** Puts what was noted where it was. */
  #hold(): void {
    const scroller = this.#scroller;
    if (!scroller) return;
    if (this.pinned) {
      if (scroller.scrollTop !== 0) scroller.scrollTop = 0;
      return;
    }
    const box = this.#anchor && this.#elements.get(this.#anchor.key)?.getBoundingClientRect();
    if (!box || !this.#anchor) return;
    const moved = box.top - this.#anchor.top;
    if (Math.abs(moved) >= 1) scroller.scrollTop += moved;
  }

  #measured(entries: readonly ResizeObserverEntry[]): void {
    let changed = false;
    for (const { target } of entries) {
      if (target === this.#scroller) {
        changed = true;
        continue;
      }
      const key = (target as HTMLElement).dataset["key"] ?? "";
      const height = (target as HTMLElement).offsetHeight;
      if (height === 0 || this.#heights.get(key) === height) continue;
      this.#heights.set(key, height);
      changed = true;
    }
    if (!changed) return;
    this.#hold();
    this.#arrange(this.distanceToEnd);
  }
}
