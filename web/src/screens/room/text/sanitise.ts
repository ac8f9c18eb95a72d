/**
 * Makes what others wrote as HTML safe to show: the tags and attributes that the specification lists (client-server API,
 * "m.room.message msgtypes"), links with its schemes, and nothing that would load from anywhere.
 */
import createPurifier, { type Config, type DOMPurify } from "dompurify";
import { safeHref, targetOf } from "./links";
import { quiet } from "./quiet";

const TAGS =
  "del h1 h2 h3 h4 h5 h6 blockquote p a ul ol sup sub li b i u strong em s code hr br div table thead tbody tr th td caption pre span img details summary".split(
    " ",
  );

/** What each tag may carry. `font` and `strike` of older clients become what took their place. */
const ATTRIBUTES: Record<string, readonly string[]> = {
  span: ["data-mx-bg-color", "data-mx-color", "data-mx-spoiler", "data-mx-maths"],
  font: ["data-mx-bg-color", "data-mx-color", "color"],
  a: ["href"],
  img: ["width", "height", "alt", "title", "src"],
  ol: ["start"],
  code: ["class"],
  div: ["data-mx-maths"],
};

const ALL_ATTRIBUTES = [...new Set(Object.values(ATTRIBUTES).flat())];

const CONFIG: Config & { RETURN_DOM_FRAGMENT: true } = {
  ALLOWED_TAGS: [...TAGS, "font", "strike"],
  ALLOWED_ATTR: ALL_ATTRIBUTES,
  ADD_URI_SAFE_ATTR: ALL_ATTRIBUTES.filter((name) => name !== "href" && name !== "src"),
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?|ftp|mailto|magnet|mxc|matrix):/i,
  // The quote of a reply is shown from the event that it names, not from what somebody says it was.
  ADD_FORBID_CONTENTS: ["mx-reply", "title", "textarea", "select"],
  RETURN_DOM_FRAGMENT: true,
};

/** The specification's bound. Deeper ones lose their tags and keep their text. */
const DEEPEST = 100;

/** Turns foreign HTML into nodes that are safe to insert. Pictures come without an address: it stands in `data-mxc`. */
export type Sanitiser = (html: string) => DocumentFragment;

export function makeSanitiser(host: Parameters<typeof createPurifier>[0] = window): Sanitiser {
  const purifier: DOMPurify = createPurifier(host);
  purifier.addHook("afterSanitizeAttributes", keepListed);
  return (html) => {
    const fragment = purifier.sanitize(quiet(html), CONFIG);
    flatten(fragment);
    return fragment;
  };
}

function keepListed(element: Element): void {
  const allowed = ATTRIBUTES[element.localName] ?? [];
  for (const { name } of [...element.attributes]) if (!allowed.includes(name)) element.removeAttribute(name);
  if (element.localName === "a") keepHref(element);
  else if (element.localName === "img") keepMxc(element);
  else if (element.localName === "code") keepLanguage(element);
  else if (element.localName === "font" && !element.hasAttribute("data-mx-color")) rename(element, "color", "data-mx-color");
}

function keepHref(link: Element): void {
  const href = link.getAttribute("href") ?? "";
  const safe = targetOf(href) ? href : safeHref(href);
  if (safe) link.setAttribute("href", safe);
  else link.removeAttribute("href");
}

function keepMxc(image: Element): void {
  const source = image.getAttribute("src") ?? "";
  // With an address, even one of ours, the browser would begin to load it right away.
  image.removeAttribute("src");
  if (/^mxc:\/\/[\w.:[\]-]+\/[\w-]+$/.test(source)) image.setAttribute("data-mxc", source);
}

function keepLanguage(code: Element): void {
  const languages = [...code.classList].filter((name) => /^language-[\w+#.-]{1,40}$/.test(name));
  if (languages.length > 0) code.setAttribute("class", languages.join(" "));
  else code.removeAttribute("class");
}

function rename(element: Element, from: string, to: string): void {
  const value = element.getAttribute(from);
  element.removeAttribute(from);
  if (value !== null) element.setAttribute(to, value);
}

function flatten(fragment: DocumentFragment): void {
  let level: Node[] = [...fragment.childNodes];
  for (let depth = 1; level.length > 0; depth++) {
    const next = level.flatMap((node) => [...node.childNodes]);
    if (depth === DEEPEST) for (const node of next) if (node instanceof Element) node.replaceWith(node.textContent ?? "");
    level = depth === DEEPEST ? [] : next;
  }
}
