/** What `tools/emoji.ts` makes. */
declare module "virtual:emoji-*" {
  const data: {
    readonly titles: Readonly<Record<string, string>>;
    /** Emoji, group, label, shortcodes, tags, whether it takes a skin tone. */
    readonly rows: readonly (readonly [string, number, string, string, string, 0 | 1])[];
  };
  export default data;
}
