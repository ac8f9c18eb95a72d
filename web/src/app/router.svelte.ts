/**
 * Where one is: the address decides what is shown, so that links, reload and the back button work.
 *
 * `/login`, `/register`, `/rooms`, `/room/{id}[/{event}]`, `/friends[/{tab}]`, `/explore`, `/profile[/{section}]`,
 * `/user/{id}`; `?panel=…` opens the pane beside a room: `members`, `settings`, `person/{id}`.
 */

export interface Route {
  /** The first segment; empty for `/`. */
  readonly page: string;
  /** The segments behind it, decoded. */
  readonly rest: readonly string[];
  readonly panel: string | null;
  /** Servers that know the room, as a link names them. */
  readonly via: readonly string[];
}

/** Told to the window, since the login page and the app behind it have each their own of this. */
const MOVED = "salon:moved";

const here = () => location.pathname + location.search;

let route = $state.raw<Route>(read());
let address = here();

export const router = {
  get route(): Route {
    return route;
  },
};

function read(): Route {
  const [page = "", ...rest] = location.pathname.split("/").slice(1).map(decode);
  const query = new URLSearchParams(location.search);
  return { page, rest: rest.filter(Boolean), panel: query.get("panel"), via: query.getAll("via") };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Goes to an address of ours. */
export function go(path: string, options: { replace?: boolean } = {}): void {
  if (path === here()) return;
  history[options.replace ? "replaceState" : "pushState"]({ inside: true }, "", path);
  dispatchEvent(new Event(MOVED));
}

/** One step back if we came from within the app, else to `fallback`. */
export function back(fallback: string): void {
  if ((history.state as { inside?: boolean } | null)?.inside) history.back();
  else go(fallback, { replace: true });
}

/** Whether a step back is under way that only takes away what `closeByBack` had put there. */
let leaving = false;

/** Has a step back close what lies over the page. Call what it returns when that is closed in another way. */
export function closeByBack(close: () => void): () => void {
  const begin = () => {
    history.pushState({ inside: true, over: true }, "");
    window.addEventListener("popstate", close);
  };
  if (leaving) window.addEventListener("popstate", begin, { once: true });
  else begin();
  return () => {
    window.removeEventListener("popstate", begin);
    window.removeEventListener("popstate", close);
    if (!(history.state as { over?: boolean } | null)?.over) return;
    leaving = true;
    history.back();
  };
}

export const paths = {
  room: (id: string, event?: string) => `/room/${encodeURIComponent(id)}${event ? `/${encodeURIComponent(event)}` : ""}`,
  user: (id: string) => `/user/${encodeURIComponent(id)}`,
  /** The same page with a panel beside it, or with none. */
  panel: (panel: string | null) => location.pathname + (panel ? `?panel=${encodeURIComponent(panel)}` : ""),
};

for (const event of ["popstate", MOVED]) {
  window.addEventListener(event, () => {
    leaving = false;
    // A step back that only closes what lay over the page leads nowhere.
    if (address === here()) return;
    address = here();
    route = read();
  });
}

// Links of ours change the page without loading it anew.
document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest?.("a[href]");
  if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || link.pathname.startsWith("/_")) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
