/** What an ID or a link leads to: `matrix.to`, the `matrix:` scheme, and addresses of our own pages. */
import { paths } from "./router.svelte";

export type Target =
  | { readonly kind: "user"; readonly id: string }
  | { readonly kind: "room"; readonly id: string; readonly event: string | null; readonly via: readonly string[] };

/** The longest ID that the specification allows. */
const LONGEST_ID = 255;
const MOST_SERVERS = 5;
const KINDS: Record<string, string> = { u: "@", user: "@", r: "#", room: "#", roomid: "!" };

/** What somebody typed or pasted, if it names a person or a room. */
export function targetIn(typed: string): Target | null {
  const text = typed.trim();
  if (text.length > 2000 || /\s/.test(text)) return null;
  if (/^matrix:/i.test(text)) return ofUri(text.slice("matrix:".length));
  if (/^https?:\/\//i.test(text)) return ofAddress(text);
  return ofIds([text], "");
}

/** Where in our app it is shown. */
export function pathOf(target: Target): string {
  if (target.kind === "user") return paths.user(target.id);
  const via = target.via.map((server) => `via=${encodeURIComponent(server)}`).join("&");
  return paths.room(target.id, target.event ?? undefined) + (via && `?${via}`);
}

function ofUri(uri: string): Target | null {
  const [path = "", query = ""] = uri.replace(/#.*$/, "").split("?");
  const [kind = "", id = "", part = "", event = ""] = path.replace(/^\/\/[^/]*\//, "").split("/").map(decoded);
  const sigil = KINDS[kind.toLowerCase()];
  if (!sigil || !id) return null;
  return ofIds([sigil + id, ...((part === "e" || part === "event") && event ? [`$${event}`] : [])], query);
}

function ofAddress(address: string): Target | null {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.hostname === "matrix.to" && url.hash.startsWith("#/")) {
    const [path = "", query = ""] = url.hash.slice(2).split("?");
    return ofIds(path.split("/").map(decoded), query);
  }
  const [, page, ...ids] = url?.pathname.split("/") ?? [];
  return url?.origin === location.origin && (page === "room" || page === "user") ? ofIds(ids.map(decoded), url.search) : null;
}

function ofIds([id = "", event = ""]: readonly string[], query: string): Target | null {
  if (id.length > LONGEST_ID) return null;
  if (/^@[^\s:]*:[^\s/]+$/.test(id)) return { kind: "user", id };
  if (!/^#[^\s:]+:[^\s/]+$/.test(id) && !/^![^\s/]+$/.test(id)) return null;
  return { kind: "room", id, event: event.startsWith("$") ? event : null, via: new URLSearchParams(query).getAll("via").slice(0, MOST_SERVERS) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
