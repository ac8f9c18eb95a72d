/** Emoji that were used of late, and the skin tone that was chosen, kept in this browser. */

const STORED = "salon.emoji";
const MOST = 24;
/** What somebody who has not used any begins with. As the specification asks, those that may also be text say that they are not. */
const FIRST = ["👍\ufe0f", "❤\ufe0f", "😂", "😮", "😢", "🎉"];

interface Kept {
  readonly recent: readonly string[];
  readonly tone: number;
}

let kept = $state.raw<Kept>(read());

function read(): Kept {
  try {
    const stored = JSON.parse(localStorage.getItem(STORED) ?? "{}") as Partial<Kept>;
    const recent = Array.isArray(stored.recent) ? stored.recent.filter((one) => typeof one === "string").slice(0, MOST) : [];
    return { recent, tone: typeof stored.tone === "number" && stored.tone >= 0 && stored.tone <= 5 ? stored.tone : 0 };
  } catch {
    return { recent: [], tone: 0 };
  }
}

function keep(next: Kept): void {
  kept = next;
  try {
    localStorage.setItem(STORED, JSON.stringify(next));
  } catch {
    // A full or forbidden storage: they live as long as the tab.
  }
}

/** Those used of late, newest first, filled up with what people mostly use. */
export function recentEmoji(): readonly string[] {
  return [...new Set([...kept.recent, ...FIRST])].slice(0, MOST);
}

export function useEmoji(emoji: string): void {
  keep({ ...kept, recent: [...new Set([emoji, ...kept.recent])].slice(0, MOST) });
}

export function chosenTone(): number {
  return kept.tone;
}

export function chooseTone(tone: number): void {
  keep({ ...kept, tone });
}
