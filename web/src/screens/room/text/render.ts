/**
 * From a message's text to nodes: links and names can be followed, spoilers wait under a cover, pictures wait for a click.
 * The nodes carry no listeners; `Words.svelte` hears what is pressed inside them by their `data-press`.
 */
import { pathOf, type Target } from "../../../app/links";
import { t } from "../../../i18n/i18n.svelte";
import { pieces, targetOf } from "./links";
import { oneLine } from "../../../ui/names";
import type { Sanitiser } from "./sanitise";

/** What names are known by. */
export interface Known {
  readonly me: string;
  /** The name that somebody has in the room; `null` if they are not known. */
  person(id: string): string | null;
  room(id: string): string | null;
}

/** Plain text, lines kept by its style. */
export function renderText(text: string, known: Known): DocumentFragment {
  const fragment = document.createDocumentFragment();
  for (const piece of pieces(text)) {
    if (piece.type === "text") fragment.append(piece.text);
    else if (piece.type === "link") fragment.append(outward(document.createElement("a"), piece.href, piece.text));
    else fragment.append(pill(document.createElement("a"), piece.target, known));
  }
  return fragment;
}

export function renderHtml(html: string, known: Known, sanitise: Sanitiser): DocumentFragment {
  const fragment = sanitise(html);
  for (const link of fragment.querySelectorAll("a")) dressLink(link, known);
  for (const image of fragment.querySelectorAll("img")) image.replaceWith(coveredPicture(image));
  for (const coloured of fragment.querySelectorAll<HTMLElement>("[data-mx-color], [data-mx-bg-color]")) colour(coloured);
  for (const spoiler of fragment.querySelectorAll<HTMLElement>("[data-mx-spoiler]")) cover(spoiler);
  for (const code of fragment.querySelectorAll("pre")) boxCode(code);
  for (const table of fragment.querySelectorAll("table")) boxTable(table);
  // A heading of nothing is one to nowhere.
  for (const heading of fragment.querySelectorAll("h1, h2, h3, h4, h5, h6")) if (!heading.textContent?.trim()) heading.remove();
  linkify(fragment, known);
  return fragment;
}

function dressLink(link: HTMLAnchorElement, known: Known): void {
  const href = link.getAttribute("href");
  if (!href) return;
  const target = targetOf(href);
  // Where a link has words of its own, it stays a link: only what is a bare name becomes a pill.
  if (target?.kind === "room" && target.event) inward(link, target);
  else if (target) pill(link, target, known);
  else outward(link, href);
}

/** A link that leaves the app. */
function outward(link: HTMLAnchorElement, href: string, text?: string): HTMLAnchorElement {
  link.href = href;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  // What a link says may be anything; what it opens is seen before.
  if (text !== href) link.title = href;
  if (text !== undefined) link.textContent = text;
  return link;
}

function inward(link: HTMLAnchorElement, target: Target): void {
  link.setAttribute("href", pathOf(target));
}

function pill(link: HTMLAnchorElement, target: Target, known: Known): HTMLAnchorElement {
  inward(link, target);
  link.classList.add("pill");
  link.classList.toggle("me", target.kind === "user" && target.id === known.me);
  link.title = target.id;
  const name = target.kind === "user" ? known.person(target.id) : known.room(target.id);
  if (target.kind === "user") {
    link.dataset["press"] = "person";
    link.dataset["id"] = target.id;
  }
  const shown = oneLine(name ?? target.id) || target.id;
  link.textContent = target.kind === "user" && !shown.startsWith("@") ? `@${shown}` : shown;
  return link;
}

function coveredPicture(image: HTMLImageElement): Node {
  const alt = oneLine(image.alt || image.title);
  const mxc = image.dataset["mxc"];
  if (!mxc) return document.createTextNode(alt);
  const button = pressable("picture", alt ? t("room.text.showPictureOf", { name: alt }) : t("room.text.showPicture"));
  button.dataset["mxc"] = mxc;
  button.dataset["alt"] = alt;
  for (const side of ["width", "height"] as const) {
    const length = Number.parseInt(image.getAttribute(side) ?? "", 10);
    if (length > 0) button.dataset[side] = String(Math.min(length, 640));
  }
  return button;
}

function cover(spoiler: HTMLElement): void {
  const reason = oneLine(spoiler.dataset["mxSpoiler"] ?? "");
  const content = document.createElement("span");
  content.append(...spoiler.childNodes);
  content.hidden = true;
  spoiler.className = "spoiler";
  spoiler.replaceChildren(pressable("spoiler", reason ? t("room.text.spoilerOf", { reason }) : t("room.text.spoiler")), content);
}

function pressable(press: string, label: string): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset["press"] = press;
  button.textContent = label;
  return button;
}

function boxCode(code: HTMLPreElement): void {
  const box = document.createElement("div");
  box.className = "code";
  code.replaceWith(box);
  // What scrolls is reached by keyboard.
  code.tabIndex = 0;
  const copy = pressable("code", t("ui.copy"));
  copy.setAttribute("aria-label", t("room.text.copyCode"));
  box.append(code, copy);
}

function boxTable(table: HTMLTableElement): void {
  const box = document.createElement("div");
  box.className = "table";
  box.tabIndex = 0;
  table.replaceWith(box);
  box.append(table);
}

const HEX = /^#[0-9a-f]{6}$/i;

/** Foreign colours, mixed with ours so that they can be read in both themes. */
function colour(element: HTMLElement): void {
  const { mxColor = "", mxBgColor = "" } = element.dataset;
  if (HEX.test(mxBgColor)) element.style.background = `color-mix(in oklab, ${mxBgColor} 25%, var(--surface))`;
  if (HEX.test(mxColor)) element.style.color = `color-mix(in oklab, ${mxColor} 45%, var(--text))`;
}

function linkify(fragment: DocumentFragment, known: Known): void {
  const walker = document.createTreeWalker(fragment, NodeFilter.SHOW_TEXT);
  const texts: Text[] = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.parentElement?.closest("a, pre, code, button")) texts.push(node as Text);
  }
  for (const text of texts) {
    const rendered = renderText(text.data, known);
    if (rendered.firstElementChild) text.replaceWith(rendered);
  }
}
