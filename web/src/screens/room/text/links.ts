/** Finds what can be followed in plain text, and tells what a link leads to. */
import { targetIn, type Target } from "../../../app/links";

/** What a piece of text is. */
export type Piece =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "link"; readonly text: string; readonly href: string }
  | { readonly type: "target"; readonly text: string; readonly target: Target };

/** Longer texts are shown as they are: nobody reads on for the sake of a link. */
const LONGEST = 100_000;
const SCHEMES = new Set(["http:", "https:", "ftp:", "mailto:", "magnet:"]);
const ID = String.raw`[@#][\p{L}\p{N}._=\-/+]{1,200}:[\p{L}\p{N}.\-]{1,200}(?::\d{1,5})?`;
const FOUND = new RegExp(String.raw`(?<url>\b(?:https?|ftp|mailto|magnet):[^\s<>"\p{Cc}]+|\bwww\.[^\s<>"\p{Cc}]+)|(?<![\p{L}\p{N}/])(?<id>${ID})`, "giu");
const TRAILING = /[.,;:!?'’»”…*_~]$/u;
const BRACKETS: Record<string, string> = { ")": "(", "]": "[", "}": "{" };

export function pieces(text: string): Piece[] {
  if (text.length > LONGEST) return [{ type: "text", text }];
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(FOUND)) {
    const piece = match.groups?.["url"] ? readUrl(trimmed(match[0])) : readId(match[0].replace(/[.:-]+$/, ""));
    if (!piece) continue;
    if (match.index > from) found.push({ type: "text", text: text.slice(from, match.index) });
    found.push(piece);
    from = match.index + piece.text.length;
  }
  if (from < text.length) found.push({ type: "text", text: text.slice(from) });
  return found;
}

/** Without what belongs to the sentence around it rather than to the address. */
function trimmed(url: string): string {
  for (let end = url.length; end > 0; end--) {
    const last = url.charAt(end - 1);
    const open = BRACKETS[last];
    const isLonely = open !== undefined && count(url, last, end) > count(url, open, end);
    if (!isLonely && !TRAILING.test(last)) return url.slice(0, end);
  }
  return "";
}

function count(text: string, char: string, end: number): number {
  let found = 0;
  for (let at = text.indexOf(char); at >= 0 && at < end; at = text.indexOf(char, at + 1)) found++;
  return found;
}

function readUrl(text: string): Piece | null {
  const href = safeHref(text.toLowerCase().startsWith("www.") ? `https://${text}` : text);
  if (!href) return null;
  const target = targetOf(href);
  return target ? { type: "target", text, target } : { type: "link", text, href };
}

function readId(text: string): Piece | null {
  const target = targetIn(text);
  return target && { type: "target", text, target };
}

/** An address that may be opened, in the form in which the browser will open it; else `null`. */
export function safeHref(href: string): string | null {
  try {
    const url = new URL(href);
    if (!SCHEMES.has(url.protocol)) return null;
    const isWeb = url.protocol !== "mailto:" && url.protocol !== "magnet:";
    return isWeb && !url.hostname ? null : url.href;
  } catch {
    return null;
  }
}

/** What a link to a person, a room or a message leads to; `null` for all other links. */
export function targetOf(href: string): Target | null {
  return /^(?:https?|matrix):/i.test(href) ? targetIn(href) : null;
}
