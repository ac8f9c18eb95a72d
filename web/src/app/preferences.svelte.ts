/** What the user chose for this browser: theme, text size, how Enter behaves, sounds. */

const STORED = "salon.preferences";

export interface Preferences {
  theme: "system" | "light" | "dark";
  textSize: "small" | "normal" | "large" | "huge";
  /** Whether Enter sends and Shift+Enter breaks the line; else the other way round, with Ctrl+Enter. */
  enterSends: boolean;
  /** Whether a message that the rules notify of is heard. */
  sound: boolean;
  /** Width of the list of rooms and of the panel, px. */
  listWidth: number;
  panelWidth: number;
  /** Sections of the list of rooms that are folded away. */
  closedSections: readonly string[];
}

const DEFAULTS: Preferences = {
  theme: "system",
  textSize: "normal",
  enterSends: true,
  sound: true,
  listWidth: 320,
  panelWidth: 340,
  closedSections: [],
};

const SCALES: Record<Preferences["textSize"], string> = { small: "0.9", normal: "1", large: "1.15", huge: "1.35" };

function read(): Preferences {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    return { ...DEFAULTS, ...(typeof stored === "object" ? stored : {}) };
  } catch {
    return { ...DEFAULTS };
  }
}

export const preferences: Preferences = $state(read());

const darkSystem = window.matchMedia("(prefers-color-scheme: dark)");

function apply(): void {
  const dark = preferences.theme === "dark" || (preferences.theme === "system" && darkSystem.matches);
  const root = document.documentElement;
  root.dataset["theme"] = dark ? "dark" : "light";
  root.style.setProperty("--text-scale", SCALES[preferences.textSize] ?? "1");
}

/** Changes preferences, at once and for the next visit. */
export function prefer(changes: Partial<Preferences>): void {
  Object.assign(preferences, changes);
  localStorage.setItem(STORED, JSON.stringify(preferences));
  apply();
}

darkSystem.addEventListener("change", apply);
window.addEventListener("storage", (event) => {
  if (event.key !== STORED) return;
  Object.assign(preferences, read());
  apply();
});
apply();
