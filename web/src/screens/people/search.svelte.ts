/** People found as one types: friends at once, then whom the server knows. */
import { fit, folded } from "../../i18n/fold";
import type { Matrix, Person } from "../../matrix/types";
import { localpart, userIdIn } from "./ids";

const TYPING_PAUSE_MS = 200;
const LIMIT = 12;

export class PeopleSearch {
  term = $state("");
  #matrix: () => Matrix;
  /** What the server found, and for which term. */
  #found = $state.raw<{ term: string; people: readonly Person[]; error: unknown }>({ term: "", people: [], error: null });

  /** To be made while a component is: it searches for as long as that lives. */
  constructor(matrix: () => Matrix) {
    this.#matrix = matrix;
    $effect(() => {
      const asked = this.asked;
      if (!asked) return;
      const timer = setTimeout(() => this.#ask(asked), TYPING_PAUSE_MS);
      return () => clearTimeout(timer);
    });
  }

  /** What is looked for: what was typed, or whom a pasted link names. */
  get asked(): string {
    return userIdIn(this.term) ?? this.term.trim();
  }

  /** Friends who match first. */
  get results(): readonly Person[] {
    const asked = this.asked;
    const friends = this.#matrix().friends.list.map((friend) => friend.person).filter((person) => matches(person, asked));
    const known = new Set(friends.map((person) => person.id));
    const others = asked && this.#found.term ? this.#found.people.filter((person) => !known.has(person.id)) : [];
    // What was found for what stood there before is shown until the answer is there, as far as it still fits.
    const fitting = this.searching ? others.filter((person) => matches(person, asked)) : others;
    return [...friends, ...fitting].slice(0, LIMIT);
  }

  get searching(): boolean {
    return this.asked !== "" && this.#found.term !== this.asked;
  }

  /** Why the last search failed. */
  get error(): unknown {
    return this.searching ? null : this.#found.error;
  }

  async #ask(term: string): Promise<void> {
    let found: { term: string; people: readonly Person[]; error: unknown };
    try {
      found = { term, people: await this.#matrix().people.search(term, LIMIT), error: null };
    } catch (error) {
      found = { term, people: [], error };
    }
    if (this.asked === term) this.#found = found;
  }
}

/** Whether somebody's name or ID has the words in it. */
export function matches(person: Person, term: string): boolean {
  return term === "" || fit(folded(term), [person.name, localpart(person.id), person.id].map(folded)) > 0;
}
