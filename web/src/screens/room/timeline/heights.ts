/** How tall the rows of a list are, guessed until they were seen, and what follows: where each lies, counted from the end. */

interface Keyed {
  readonly key: string;
}

export class Heights<Row extends Keyed> {
  #rows: readonly Row[] = [];
  #places = new Map<string, number>();
  readonly #measured = new Map<string, number>();
  readonly #guesses = new WeakMap<Row, number>();
  /** How far the end of each row is from the end of all; one more: the height of all. */
  #below: Float64Array = new Float64Array(1);
  #stale = false;

  constructor(private readonly estimate: (row: Row) => number) {}

  get rows(): readonly Row[] {
    return this.#rows;
  }

  set(rows: readonly Row[]): void {
    this.#rows = rows;
    this.#places = new Map(rows.map(({ key }, index) => [key, index]));
    this.#stale = true;
  }

  indexOf(key: string): number {
    return this.#places.get(key) ?? -1;
  }

  /** Takes over what a row was measured as; says by how much that differs from what was known. */
  measure(key: string, height: number): number {
    const index = this.indexOf(key);
    const row = this.#rows[index];
    const before = row ? this.#height(row) : height;
    if (this.#measured.get(key) !== height) {
      this.#measured.set(key, height);
      this.#stale = true;
    }
    return height - before;
  }

  get total(): number {
    return this.#sums()[this.#rows.length] ?? 0;
  }

  /** How far the end of a row is from the end of all, px. For the row before the first, this is the height of all. */
  below(index: number): number {
    const sums = this.#sums();
    return sums[Math.min(this.#rows.length, Math.max(0, this.#rows.length - 1 - index))] ?? 0;
  }

  /** The row that lies at a distance from the end. */
  at(distance: number): number {
    const sums = this.#sums();
    let [low, high] = [0, this.#rows.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((sums[middle] ?? 0) <= distance) low = middle;
      else high = middle - 1;
    }
    return this.#rows.length - 1 - low;
  }

  #height(row: Row): number {
    return this.#measured.get(row.key) ?? this.#guess(row);
  }

  #guess(row: Row): number {
    const known = this.#guesses.get(row);
    if (known !== undefined) return known;
    const guess = this.estimate(row);
    this.#guesses.set(row, guess);
    return guess;
  }

  #sums(): Float64Array {
    if (!this.#stale) return this.#below;
    this.#stale = false;
    const count = this.#rows.length;
    const sums = new Float64Array(count + 1);
    for (let place = 0; place < count; place++) sums[place + 1] = (sums[place] ?? 0) + this.#height(this.#rows[count - 1 - place] as Row);
    return (this.#below = sums);
  }
}
