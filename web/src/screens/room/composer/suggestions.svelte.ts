/** Suggestions while one writes: people after `@`, emoji after `:`, commands after `/`. */
import { folded } from "../../../i18n/fold";
import { currentLanguage } from "../../../i18n/i18n.svelte";
import type { Person, Room } from "../../../matrix/types";
import { findEmoji, loadEmoji, withTone, type EmojiSet } from "../emoji/data";
import { chosenTone, useEmoji } from "../emoji/recent.svelte";
import { ROOM } from "./mentions";
import { COMMANDS, type Command } from "./slash";
import { triggerAt, type Trigger } from "./trigger";

export type Suggestion =
  | { readonly kind: "person"; readonly key: string; readonly person: Person }
  | { readonly kind: "room"; readonly key: string }
  | { readonly kind: "emoji"; readonly key: string; readonly emoji: string; readonly code: string }
  | { readonly kind: "command"; readonly key: string; readonly command: Command };

const MOST = 8;
/** Whoever spoke among the last so many messages comes first. */
const RECENT = 60;

export class Suggestions {
  list = $state.raw<readonly Suggestion[]>([]);
  active = $state(0);
  #trigger: Trigger | null = null;
  /** Put away with Escape until something else is written. */
  #dismissed: number | null = null;

  constructor(
    private readonly room: Room,
    private readonly me: string,
  ) {}

  get open(): boolean {
    return this.list.length > 0;
  }

  get current(): Suggestion | null {
    return this.list[this.active] ?? null;
  }

  /** Follows what stands before the caret. */
  async update(text: string, caret: number): Promise<void> {
    const trigger = triggerAt(text, caret);
    this.#trigger = trigger;
    if (!trigger || trigger.start === this.#dismissed) {
      if (!trigger) this.#dismissed = null;
      return this.#show([]);
    }
    if (trigger.kind === "person") this.#show(this.#people(trigger.term));
    else if (trigger.kind === "command") this.#show(commands(trigger.term));
    else {
      const set = await loadEmoji(currentLanguage()).catch(() => null);
      // Something else may have been written while they loaded.
      if (set && this.#trigger === trigger) this.#show(emoji(set, trigger.term));
    }
  }

  close(): void {
    this.#show([]);
  }

  dismiss(): void {
    this.#dismissed = this.#trigger?.start ?? null;
    this.#show([]);
  }

  step(by: number): void {
    this.active = (this.active + by + this.list.length) % this.list.length;
  }

  /** What takes the place of what was written, and where. */
  accept(suggestion: Suggestion): { readonly start: number; readonly end: number; readonly text: string } | null {
    const trigger = this.#trigger;
    this.#show([]);
    if (!trigger) return null;
    if (suggestion.kind === "emoji") useEmoji(suggestion.emoji);
    return { start: trigger.start, end: trigger.end, text: `${written(suggestion)} ` };
  }

  #show(list: readonly Suggestion[]): void {
    this.list = list;
    this.active = 0;
  }

  #people(term: string): Suggestion[] {
    const sought = folded(term);
    const recent = this.#speakers();
    const ranked = this.room.members.joined.flatMap((person) => {
      if (person.id === this.me) return [];
      const rank = rankOf(person, sought);
      return rank === null ? [] : [{ person, rank: rank - (recent.has(person.id) ? 0.5 : 0) }];
    });
    const people = ranked.sort((a, b) => a.rank - b.rank).slice(0, MOST);
    const found = people.map(({ person }): Suggestion => ({ kind: "person", key: person.id, person }));
    return this.room.can.mentionRoom && sought && ROOM.startsWith(sought) ? [...found, { kind: "room", key: "@room" }] : found;
  }

  #speakers(): ReadonlySet<string> {
    return new Set(this.room.timeline.items.slice(-RECENT).map((item) => item.sender.id));
  }
}

function rankOf(person: Person, sought: string): number | null {
  const name = folded(person.name);
  if (name.startsWith(sought)) return 0;
  if (folded(person.id).startsWith(`@${sought}`)) return 1;
  return name.split(/\s+/).some((word) => word.startsWith(sought)) ? 2 : null;
}

function commands(term: string): Suggestion[] {
  return COMMANDS.filter(({ name }) => name.startsWith(term)).map((command) => ({ kind: "command", key: command.name, command }));
}

function emoji(set: EmojiSet, term: string): Suggestion[] {
  return findEmoji(set, term, MOST).map((found) => ({ kind: "emoji", key: found.emoji, emoji: withTone(found, chosenTone()), code: found.codes[0] ?? found.label }));
}

function written(suggestion: Suggestion): string {
  switch (suggestion.kind) {
    case "person":
      return `@${suggestion.person.name}`;
    case "room":
      return "@room";
    case "emoji":
      return suggestion.emoji;
    case "command":
      return `/${suggestion.command.name}`;
  }
}
