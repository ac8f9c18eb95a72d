/**
 * The emoji in each language, as `virtual:emoji-en` and `virtual:emoji-fr`: of emojibase's data only what the picker uses,
 * which is a third of it.
 */
import { createRequire } from "node:module";
import type { Plugin } from "vite";

const PREFIX = "virtual:emoji-";
/** Not to be chosen alone: skin tones and hair. */
const COMPONENTS = 2;

interface Source {
  readonly hexcode: string;
  readonly label: string;
  readonly unicode: string;
  readonly group?: number;
  readonly order?: number;
  readonly tags?: readonly string[];
  readonly skins?: readonly { readonly unicode: string }[];
}

export function emojiData(): Plugin {
  const require = createRequire(import.meta.url);
  const read = <T>(path: string) => require(`emojibase-data/${path}.json`) as T;
  return {
    name: "emoji-data",
    resolveId: (id) => (id.startsWith(PREFIX) ? `\0${id}` : null),
    load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return null;
      const language = id.slice(PREFIX.length + 1);
      const codes = [read<Record<string, string | string[]>>("en/shortcodes/github"), read<Record<string, string | string[]>>("en/shortcodes/emojibase")];
      const rows = read<Source[]>(`${language}/compact`)
        .filter((emoji) => emoji.group !== undefined && emoji.group !== COMPONENTS)
        .sort((a, b) => (a.order ?? 0) - (b.order ?? 0))
        .map((emoji) => {
          const names = codes.flatMap((set) => set[emoji.hexcode] ?? []);
          const label = emoji.label.toLowerCase();
          const tags = (emoji.tags ?? []).filter((tag) => !label.includes(tag.toLowerCase()));
          return [emoji.unicode, emoji.group, emoji.label, [...new Set(names)].join(" "), tags.join(" "), takesTone(emoji) ? 1 : 0];
        });
      const groups = read<{ groups: { order: number; message: string }[] }>(`${language}/messages`).groups;
      const titles = Object.fromEntries(groups.filter(({ order }) => order !== COMPONENTS).map(({ order, message }) => [order, message]));
      // A string that is parsed is quicker than a literal of this size.
      return `export default JSON.parse(${JSON.stringify(JSON.stringify({ titles, rows }))});`;
    },
  };
}

/** Whether a tone is put in behind its first character: so it is for all but couples of two tones. */
function takesTone({ unicode, skins }: Source): boolean {
  const first = skins?.[0]?.unicode;
  const [head = "", ...rest] = [...unicode];
  return first !== undefined && first === `${head}\u{1F3FB}${rest.join("").replace(/^\ufe0f/, "")}`;
}
