/** Which of some results the keys have come to. */
import type { Result } from "./search.svelte";

export class Choice {
  #at = $state(0);

  constructor(private readonly shown: () => readonly Result[]) {}

  get results(): readonly Result[] {
    return this.shown();
  }

  /** Its place; never beyond what is there. */
  get at(): number {
    return Math.min(this.#at, Math.max(0, this.results.length - 1));
  }

  get chosen(): Result | null {
    return this.results[this.at] ?? null;
  }

  move(by: number): void {
    const { length } = this.results;
    if (length > 0) this.#at = (this.at + by + length) % length;
  }

  point(at: number): void {
    this.#at = at;
  }
}
