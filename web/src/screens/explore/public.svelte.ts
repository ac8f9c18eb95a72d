/** The server's public rooms, page by page, for what is looked for. */
import type { Directory, PublicRoom } from "../../matrix/types";

const PAUSE_MS = 250;

export class PublicRooms {
  term = $state("");
  rooms = $state.raw<readonly PublicRoom[]>([]);
  total = $state<number | null>(null);
  loading = $state(true);
  error = $state.raw<unknown>(null);
  /** What the rooms were found for; `null` before the first answer. */
  of = $state<string | null>(null);
  #next: string | null = null;
  /** Counts searches: an answer to one before is not wanted any more. */
  #run = 0;
  readonly #asked = $derived(this.term.trim());

  /** To be made while a component is. */
  constructor(private readonly directory: Directory) {
    $effect(() => {
      const term = this.#asked;
      // At once at first; later once somebody has stopped typing.
      const timer = setTimeout(() => void this.#search(term), this.#run === 0 ? 0 : PAUSE_MS);
      return () => clearTimeout(timer);
    });
  }

  get hasMore(): boolean {
    return this.of !== null && this.#next !== null;
  }

  async more(): Promise<void> {
    if (this.loading || this.#next === null) return;
    await this.#load(this.of ?? "", this.#next, this.#run);
  }

  again(): void {
    if (this.rooms.length > 0 && this.of === this.#asked) void this.more();
    else void this.#search(this.#asked);
  }

  async #search(term: string): Promise<void> {
    this.#next = null;
    await this.#load(term, undefined, ++this.#run);
  }

  async #load(term: string, from: string | undefined, run: number): Promise<void> {
    this.loading = true;
    this.error = null;
    try {
      const page = await this.directory.search(term, from);
      if (run !== this.#run) return;
      const known = new Set(from === undefined ? [] : this.rooms.map((room) => room.id));
      const fresh = page.rooms.filter((room) => !known.has(room.id));
      this.#next = page.next;
      this.rooms = from === undefined ? fresh : [...this.rooms, ...fresh];
      this.total = page.total;
      this.of = term;
    } catch (error) {
      if (run === this.#run) this.error = error;
    } finally {
      if (run === this.#run) this.loading = false;
    }
  }
}
