/** The few commands that begin with a slash. Whatever else does is text. */

export interface Command {
  readonly name: string;
  /** What is sent: `/me waves` is an emote, `/plain *x*` has no formats. */
  run(rest: string): { readonly text: string; readonly emote?: boolean; readonly plain?: boolean };
}

const SHRUG = "¯\\_(ツ)_/¯";
const TABLE = "(╯°□°）╯︵ ┻━┻";

/** A face behind what is said; its strokes are no formats. */
const face = (name: string, sign: string): Command => ({ name, run: (rest) => ({ text: rest ? `${rest} ${sign}` : sign, plain: true }) });

export const COMMANDS: readonly Command[] = [
  { name: "me", run: (rest) => ({ text: rest, emote: true }) },
  { name: "plain", run: (rest) => ({ text: rest, plain: true }) },
  face("shrug", SHRUG),
  face("tableflip", TABLE),
];

export function runCommand(text: string): ReturnType<Command["run"]> {
  // Two slashes send one.
  if (text.startsWith("//")) return { text: text.slice(1) };
  const match = /^\/([a-z]+)(?:\s+([\s\S]*))?$/.exec(text);
  const command = COMMANDS.find(({ name }) => name === match?.[1]);
  return command ? command.run(match?.[2]?.trim() ?? "") : { text };
}
