/** What of Svelte's and Vite's own code this client never runs, said to the build, so that nobody has to load it. */

// Svelte keeps each of these behind a variable, but no bundler can know that nobody sets it: no page of ours was drawn by a server
// before, and no component is older than runes or waits while it is drawn.
const FLAGS = [
  [/svelte\/src\/internal\/client\/dom\/hydration\.js$/, ["hydrating"]],
  [/svelte\/src\/internal\/flags\/index\.js$/, ["async_mode_flag", "legacy_mode_flag", "tracing_mode_flag"]],
];

export const withoutUnused = {
  name: "without-unused-svelte",
  transform(code, id) {
    const flags = FLAGS.find(([file]) => file.test(id))?.[1] ?? [];
    for (const flag of flags) {
      const declared = `export let ${flag} = false;`;
      if (!code.includes(declared)) this.error(`Svelte has no ${flag} any more`);
      code = code.replace(declared, `export const ${flag} = false;`).replaceAll(new RegExp(`^\\t${flag} = \\w+;$`, "gm"), "");
    }
    return flags.length > 0 ? code : null;
  },
};

/** Vite loads a script's styles beside it; where all styles are in one file, there is nothing to be done. */
export const withoutPreload = {
  name: "without-preload",
  transform: (_, id) => (id.includes("vite/preload-helper") ? "export const __vitePreload = (load) => load();" : null),
};

/** A policy of Trusted Types can't be made twice under one name, and each copy of Svelte makes one. The page's policy lists both. */
export const ownPolicy = {
  name: "own-policy",
  transform: (code, id) => (/svelte\/src\//.test(id) && code.includes("'svelte-trusted-html'") ? code.replace("'svelte-trusted-html'", "'salon'") : null),
};
