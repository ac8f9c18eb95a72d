/** From what is written in Markdown to the HTML that goes with it. The parser loads when something is to be parsed. */
import { safeHref } from "../text/links";
import type { Mention } from "./mentions";

type Parse = (text: string) => string;

/** Marks the places of mentions while the text is parsed: characters that nobody types. */
const OPEN = "\ue000";
const CLOSE = "\ue001";
const PLACE = /\ue000(\d+)\ue001/g;
const RESERVED = /[\ue000\ue001]/g;

/** Without any of these a text has no formats, and the parser is not needed. */
const FORMATS = /[*_`~[\]|\\]|^\s*(?:>|#{1,6}\s|[-+]\s|\d+[.)]\s|[-*_]{3,}\s*$)/m;

let parser: Promise<Parse> | null = null;

/** Loads the parser, so that it is there when a message is sent. */
export function loadMarkdown(): Promise<Parse> {
  if (!parser) {
    parser = import("./parser").then(({ makeParser }) => makeParser());
    parser.catch(() => (parser = null));
  }
  return parser;
}

export function hasFormats(text: string): boolean {
  return FORMATS.test(text);
}

/** The HTML of a text, or `null` if it says no more than the text. */
export async function toHtml(text: string, mentions: readonly Mention[]): Promise<string | null> {
  if (!hasFormats(text) && mentions.length === 0) return null;
  const places = withPlaces(text, mentions);
  // Without the parser (the network is away just now) the text goes as it is.
  const parse = hasFormats(text) ? await loadMarkdown().catch(() => null) : null;
  const html = attempt(parse, places) ?? escapeHtml(places).replaceAll("\n", "<br>");
  const names = mentions.map((mention) => text.slice(mention.start, mention.end));
  const filled = fillPlaces(html, mentions, names);
  return mentions.some(({ id }) => id !== null) || saysMore(filled) ? filled : null;
}

/** Nested deeply enough, a text is too much for the parser: it goes as it is. */
function attempt(parse: Parse | null, text: string): string | null {
  try {
    return parse && parse(text);
  } catch {
    return null;
  }
}

function withPlaces(text: string, mentions: readonly Mention[]): string {
  let result = "";
  let from = 0;
  for (const [index, { start, end }] of mentions.entries()) {
    result += text.slice(from, start).replace(RESERVED, "") + OPEN + index + CLOSE;
    from = end;
  }
  return result + text.slice(from).replace(RESERVED, "");
}

function fillPlaces(html: string, mentions: readonly Mention[], names: readonly string[]): string {
  // Inside code and links a name is only a name.
  const plain = (part: string) => part.replace(PLACE, (_place, index: string) => escapeHtml(names[Number(index)] ?? ""));
  return html
    .split(/(<code[^>]*>[\s\S]*?<\/code>|<a [^>]*>[\s\S]*?<\/a>)/)
    .map((part, at) =>
      at % 2 === 1
        ? plain(part)
        : part.replace(PLACE, (_place, index: string) => {
            const id = mentions[Number(index)]?.id;
            const name = escapeHtml(names[Number(index)] ?? "");
            return id ? `<a href="https://matrix.to/#/${encodeURIComponent(id)}">${name}</a>` : name;
          }),
    )
    .join("");
}

/** Whether HTML has anything that its text alone has not: line breaks and bare links don't count. */
function saysMore(html: string): boolean {
  const rest = html.replace(/<br>/g, "").replace(/<a href="([^"]*)">([^<]*)<\/a>/g, (whole, href: string, text: string) => (isBare(href, text) ? "" : whole));
  return rest.includes("<") || /^\s*<p>/.test(html);
}

function isBare(href: string, text: string): boolean {
  const plain = text.replaceAll("&amp;", "&");
  return href.replaceAll("&amp;", "&") === (safeHref(plain) ?? safeHref(`https://${plain}`) ?? safeHref(`mailto:${plain}`));
}

export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
