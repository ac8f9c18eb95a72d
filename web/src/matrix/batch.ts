/**
 * Gathers what the SDK tells, event by event, into one update of our view: a sync of five hundred rooms sorts the list
 * once. What was marked between two runs is handled together, at the latest in the next task.
 */

/** What of a room may have changed. */
export const Part = {
  facts: 1,
  unread: 2,
  timeline: 4,
  typing: 8,
  members: 16,
  receipts: 32,
  notify: 64,
  all: 127,
} as const;

/** More rounds than one update needs: what goes on marking gives the page time to breathe in between. */
const ROUNDS = 10;

export class Batch {
  #rooms = new Map<string, number>();
  #tasks = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #running = false;
  #stopped = false;

  constructor(private readonly apply: (rooms: ReadonlyMap<string, number>) => void) {}

  /** Marks parts of a room as changed. */
  room(id: string, parts: number): void {
    this.#rooms.set(id, (this.#rooms.get(id) ?? 0) | parts);
    this.#plan();
  }

  /** Does something once with the next update, before the rooms. */
  once(task: () => void): void {
    this.#tasks.add(task);
    this.#plan();
  }

  /** Updates at once, as after one's own action or at the end of a sync. */
  flush(): void {
    if (this.#running || this.#stopped) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#running = true;
    try {
      for (let round = 0; round < ROUNDS && this.#waiting(); round++) this.#round();
    } finally {
      this.#running = false;
      if (this.#waiting()) this.#plan();
    }
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #waiting(): boolean {
    return this.#rooms.size + this.#tasks.size > 0;
  }

  #round(): void {
    const tasks = [...this.#tasks];
    const rooms = this.#rooms;
    this.#tasks.clear();
    this.#rooms = new Map();
    for (const task of tasks) task();
    this.apply(rooms);
  }

  #plan(): void {
    if (this.#running || this.#stopped) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.flush();
    }, 0);
  }
}
