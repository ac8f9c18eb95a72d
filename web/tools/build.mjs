// Builds the web client in two steps: first the app, then the login page, which is told where the app lies. Apart from each
// other, since in one build the login page would carry all of Svelte that any screen uses.
import { build } from "vite";

const { output } = await build({
  build: { copyPublicDir: false, rolldownOptions: { input: "src/inside.ts", preserveEntrySignatures: "strict" } },
});
const entry = output.find((file) => file.type === "chunk" && file.isEntry);

/** The styles of a script and of what comes with it; those of what it loads later, it loads itself. */
function stylesOf(chunk, styles = new Set(), seen = new Set()) {
  if (!chunk || seen.has(chunk)) return styles;
  seen.add(chunk);
  for (const name of chunk.imports) stylesOf(output.find((file) => file.fileName === name), styles, seen);
  for (const name of chunk.viteMetadata?.importedCss ?? []) styles.add(`/${name}`);
  return styles;
}

/** A policy of Trusted Types can't be made twice under one name, and each copy of Svelte makes one. The page's policy lists both. */
const ownPolicy = {
  name: "own-policy",
  transform: (code, id) => (/svelte\/src\//.test(id) && code.includes("'svelte-trusted-html'") ? code.replace("'svelte-trusted-html'", "'salon'") : null),
};
const LATER = /screens\/auth\/(Register|strength)|i18n\/(en|fr)\//;
await build({
  plugins: [ownPolicy],
  build: {
    emptyOutDir: false,
    rolldownOptions: {
      output: {
        entryFileNames: "assets/login-[hash].js",
        chunkFileNames: "assets/login-[name]-[hash].js",
        assetFileNames: "assets/login-[name]-[hash][extname]",
        // One file, but for what only registration needs, and the words of the other language.
        codeSplitting: { groups: [{ name: "page", test: (id) => !LATER.test(id), includeDependenciesRecursively: false }] },
      },
    },
  },
  define: { BEHIND: JSON.stringify({ script: `/${entry.fileName}`, styles: [...stylesOf(entry)] }) },
});
await import("./compress.mjs");
