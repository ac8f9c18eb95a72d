/**
 * Markdown as people write it in a chat: line breaks count, HTML is text, pictures of other servers are links, and nothing comes
 * out but what the specification lists.
 */
import { Marked, type RendererObject, type Tokens, type TokenizerAndRendererExtension } from "marked";
import { safeHref } from "../text/links";
import { escapeHtml } from "./markdown";

/** What surprises in a chat: HTML, code by indenting, headings by underlining, link definitions that vanish. */
const NEVER = { html: () => undefined, tag: () => undefined, code: () => undefined, lheading: () => undefined, def: () => undefined };

const renderer: RendererObject = {
  link({ href, tokens }) {
    const text = this.parser.parseInline(tokens);
    const safe = safeHref(href);
    return safe ? `<a href="${escapeHtml(safe)}">${text}</a>` : text;
  },
  image({ href, text }) {
    const safe = safeHref(href);
    const name = escapeHtml(text || href);
    return safe ? `<a href="${escapeHtml(safe)}">${name}</a>` : name;
  },
  code({ text, lang }) {
    const language = /^[\w+#.-]{1,40}/.exec(lang ?? "")?.[0];
    return `<pre><code${language ? ` class="language-${language}"` : ""}>${escapeHtml(text)}\n</code></pre>`;
  },
  codespan: ({ text }) => `<code>${escapeHtml(text)}</code>`,
  checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  tablecell({ tokens, header }) {
    const tag = header ? "th" : "td";
    return `<${tag}>${this.parser.parseInline(tokens)}</${tag}>`;
  },
};

/** `||hidden||` */
const spoiler: TokenizerAndRendererExtension = {
  name: "spoiler",
  level: "inline",
  start: (source) => source.indexOf("||"),
  tokenizer(source) {
    const match = /^\|\|(?=\S)([^\n]*?\S)\|\|/.exec(source);
    if (!match?.[1]) return undefined;
    return { type: "spoiler", raw: match[0], tokens: this.lexer.inlineTokens(match[1]) };
  },
  renderer(token) {
    return `<span data-mx-spoiler>${this.parser.parseInline((token as Tokens.Generic).tokens ?? [])}</span>`;
  },
};

export function makeParser(): (text: string) => string {
  const marked = new Marked({ gfm: true, breaks: true, async: false, renderer, tokenizer: NEVER, extensions: [spoiler] });
  return (text) => {
    const html = (marked.parse(text) as string).trim();
    // One paragraph alone needs no tags around it.
    const alone = /^<p>([\s\S]*)<\/p>$/.exec(html)?.[1];
    return alone !== undefined && !alone.includes("<p>") ? alone : html;
  };
}
