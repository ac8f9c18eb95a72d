// Builds the web client in two steps: first the app, then the login page, which is told where the app lies. Apart from each
// other, since in one build the login page would carry all of Svelte that any screen uses.
import { build } from "vite";
import { ownPolicy, withoutPreload, withoutUnused } from "./svelte.mjs";

/** A file of what comes at once: over HTTP/1.1 a browser asks for six at a time, and on a slow line each waits for its turn. */
const together = [
  { name: "frame", test: /src\/inside\.ts|vite\/preload-helper/, priority: 10 },
  { name: "matrix", test: /src\/matrix\/index\.ts/, priority: 7 },
  ...["en", "fr"].map((language) => ({ name: `words-${language}`, test: new RegExp(`src/i18n/${language}/`), priority: 7 })),
  ...["en", "fr"].map((language) => ({ name: `late-words-${language}`, test: new RegExp(`src/i18n/secure/${language}`), priority: 7 })),
  // What screens that load later have in common.
  { name: "shared", test: /\/(src|node_modules)\//, minShareCount: 2, priority: 6 },
];
const { output } = await build({
  plugins: [withoutUnused],
  build: {
    copyPublicDir: false,
    rolldownOptions: { input: "src/inside.ts", preserveEntrySignatures: "strict", output: { codeSplitting: { groups: together } } },
  },
});
const entry = output.find((file) => file.type === "chunk" && file.isEntry);
const named = (name) => output.find((file) => file.type === "chunk" && file.name === name);

/** A script and what comes with it. */
function withImports(chunk, all = new Set()) {
  if (!chunk || all.has(chunk)) return all;
  all.add(chunk);
  for (const name of chunk.imports) withImports(output.find((file) => file.fileName === name), all);
  return all;
}

const addresses = (chunks) => [...chunks].map((chunk) => `/${chunk.fileName}`);
/** What is needed in any case is asked for at once, rather than when one file names the next. */
const behind = {
  script: `/${entry.fileName}`,
  // Those of what it loads later, it loads itself.
  styles: [...withImports(entry)].flatMap((chunk) => [...(chunk.viteMetadata?.importedCss ?? [])].map((name) => `/${name}`)),
  scripts: addresses(new Set([...withImports(entry), ...withImports(named("matrix"))])),
  words: Object.fromEntries(["en", "fr"].map((language) => [language, addresses(withImports(named(`words-${language}`)))])),
};

const LATER = /screens\/auth\/(Register|strength)/;
await build({
  plugins: [withoutUnused, withoutPreload, ownPolicy],
  build: {
    emptyOutDir: false,
    cssCodeSplit: false,
    rolldownOptions: {
      output: {
        entryFileNames: "assets/login-[hash].js",
        chunkFileNames: "assets/login-[name]-[hash].js",
        assetFileNames: "assets/login-[name]-[hash][extname]",
        // One file, but for what only registration needs.
        codeSplitting: { groups: [{ name: "page", test: (id) => !LATER.test(id), includeDependenciesRecursively: false }] },
      },
    },
  },
  define: { BEHIND: JSON.stringify(behind) },
});
await import("./compress.mjs");
