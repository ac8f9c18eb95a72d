// The emoji of verifications, by name: what one side calls them, the other may in its own language.
import { readFile } from "node:fs/promises";

const source = await readFile(new URL("../src/screens/secure/emoji.ts", import.meta.url), "utf8");
const [en, fr] = ["en", "fr"].map((language) => {
  const said = new RegExp(`${language}: ((?:"[^"]*"[ +\\n]*)+)`).exec(source)[1];
  return [...said.matchAll(/"([^"]*)"/g)].map(([, part]) => part).join("").toLowerCase().split("|");
});

/** The English name, small, of one in either language. */
export function nameOf(name) {
  const small = name.toLowerCase();
  return en[fr.indexOf(small)] ?? small;
}
