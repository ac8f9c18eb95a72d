/**
 * Takes out of foreign HTML, before a browser parses it, what the page's policy would refuse: styles, handlers and other bases. They would
 * not run, and the sanitiser drops them in any case; but a browser reports each one to the console, where it hides what is of
 * matter. Nothing relies on this for safety.
 */

const REFUSED = /^(?:style$|on)/i;
const COMMENTS = /<!--[\s\S]*?(?:-->|$)/g;
/** What a parser takes as text up to its end; the sanitiser drops each with what it holds. */
const RAW = /<(style|script|xmp|iframe|noembed|noframes|textarea|title)\b[\s\S]*?(?:<\/\1[^>]*>|$)/gi;
const BASE = /<base\b/gi;
const TAG = /<[a-z][^\s/>]*/gi;
/** One attribute, as a parser reads it: a value may be quoted, and what is not may hold quotes. */
const ATTRIBUTE = /[\s/]*([^\s/>][^\s/>=]*)(?:\s*=\s*(?:"[^"]*(?:"|$)|'[^']*(?:'|$)|[^\s>]*))?/y;

export function quiet(html: string): string {
  if (!/style|on\w|<base/i.test(html)) return html;
  const bare = html.replace(COMMENTS, "").replace(RAW, "").replace(BASE, "<no-base");
  const kept: string[] = [];
  let end = 0;
  for (let tag = TAG.exec(bare); tag; tag = TAG.exec(bare)) {
    kept.push(bare.slice(end, TAG.lastIndex));
    end = ATTRIBUTE.lastIndex = TAG.lastIndex;
    for (let attribute = ATTRIBUTE.exec(bare); attribute; attribute = ATTRIBUTE.exec(bare)) {
      if (!REFUSED.test(attribute[1] ?? "")) kept.push(attribute[0]);
      end = TAG.lastIndex = ATTRIBUTE.lastIndex;
    }
  }
  kept.push(bare.slice(end));
  return kept.join("");
}
