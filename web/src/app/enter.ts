/**
 * The way from the login page to what is behind it. Both are built apart from each other, so that the login page carries only
 * as much of Svelte as it needs itself: all that they share is the address, what the browser keeps, and what is handed over here.
 */
import { currentLanguage } from "../i18n/i18n.svelte";
import type { Ahead } from "./ahead";

/** What the build has put behind the login page; `tools/build.mjs` fills it in. */
declare const BEHIND: {
  readonly script: string;
  readonly styles: readonly string[];
  /** What the script loads in any case. */
  readonly scripts: readonly string[];
  readonly words: Readonly<Record<string, readonly string[]>>;
};

export interface Inside {
  /** Shows the app; what was there before is to be gone. */
  show(target: HTMLElement, ahead: Ahead | null): void;
}

let loading: Promise<Inside> | null = null;

/** Loads the app. What failed is tried anew by the next call, as far as the browser does. */
export function loadInside(): Promise<Inside> {
  loading ??= load().catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load(): Promise<Inside> {
  if (import.meta.env.DEV) return (await import("../inside")).load();
  const { script, styles, scripts, words } = BEHIND;
  for (const one of [...scripts, ...(words[currentLanguage()] ?? [])]) preload(one);
  const [inside] = await Promise.all([import(/* @vite-ignore */ script) as Promise<typeof import("../inside")>, ...styles.map(loadStyle)]);
  return inside.load();
}

/** Where it fails, the import that wants it says so. */
function preload(href: string): void {
  document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", href }));
}

function loadStyle(href: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = href;
    link.onload = () => resolve();
    link.onerror = () => {
      link.remove();
      reject(new Error(`${href} could not be loaded`));
    };
    document.head.append(link);
  });
}
