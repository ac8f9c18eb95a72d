/** Dates, sizes and lists as the chosen language writes them. What calls these follows the language. */
import { currentLanguage, perLanguage, type Language } from "./i18n.svelte";

/** The browser's own variant of a language, since Londoners and New Yorkers write the time differently. */
const variant = (language: Language) => navigator.languages.find((tag) => tag.toLowerCase().startsWith(language)) ?? language;
const dates = (options: Intl.DateTimeFormatOptions) => perLanguage((language: Language) => new Intl.DateTimeFormat(variant(language), options));
const TIME = dates({ hour: "2-digit", minute: "2-digit" });
const MOMENT = dates({ dateStyle: "full", timeStyle: "short" });
const WEEKDAY = dates({ weekday: "short" });
const DATE = dates({ day: "numeric", month: "short" });
const DATE_OF_YEAR = dates({ day: "numeric", month: "numeric", year: "2-digit" });
const DAY = dates({ weekday: "long", day: "numeric", month: "long" });
const DAY_OF_YEAR = dates({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
const RELATIVE = perLanguage((language) => new Intl.RelativeTimeFormat(language, { numeric: "auto" }));
const LIST = perLanguage((language) => new Intl.ListFormat(language, { type: "conjunction" }));

/** "Alice, Bob and Carol". */
export function formatList(items: readonly string[]): string {
  return LIST(currentLanguage()).format(items);
}

/** A time of day: 14:05. */
export function formatTime(at: number): string {
  return TIME(currentLanguage()).format(at);
}

/** Day, month and time, for tooltips and details. */
export function formatMoment(at: number): string {
  return MOMENT(currentLanguage()).format(at);
}

/** For lists: a time today, a weekday this week, a date before. */
export function formatShort(at: number, now = Date.now()): string {
  const days = daysBetween(at, now);
  if (days <= 0) return formatTime(at);
  if (days === 1) return capitalise(RELATIVE(currentLanguage()).format(-1, "day"));
  if (days < 7) return capitalise(WEEKDAY(currentLanguage()).format(at));
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? DATE : DATE_OF_YEAR)(currentLanguage()).format(at);
}

/** For day marks: "Today", "Yesterday", "Monday, 3 March". */
export function formatDay(at: number, now = Date.now()): string {
  const days = daysBetween(at, now);
  if (days >= 0 && days <= 1) return capitalise(RELATIVE(currentLanguage()).format(-days, "day"));
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return capitalise((sameYear ? DAY : DAY_OF_YEAR)(currentLanguage()).format(at));
}

/** "5 minutes ago"; "now" for less than one. */
export function formatAgo(at: number, now = Date.now()): string {
  const seconds = Math.round((at - now) / 1000);
  const format = RELATIVE(currentLanguage());
  for (const [unit, size] of [["day", 86_400], ["hour", 3_600], ["minute", 60]] as const) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return format.format(0, "second");
}

/** "1.4 MB". */
export function formatSize(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const power = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return new Intl.NumberFormat(currentLanguage(), { style: "unit", unit: units[power], unitDisplay: power ? "short" : "long", maximumFractionDigits: power > 1 ? 1 : 0 }).format(bytes / 1000 ** power);
}

function daysBetween(at: number, now: number): number {
  const midnight = (time: number) => new Date(time).setHours(0, 0, 0, 0);
  // Rounded, since a day may have 23 or 25 hours.
  return Math.round((midnight(now) - midnight(at)) / 86_400_000);
}

function capitalise(text: string): string {
  return text.charAt(0).toLocaleUpperCase(currentLanguage()) + text.slice(1);
}
