/** Tells messages that are nothing but a few emoji: they are shown large. */

const MOST = 8;
/** What an emoji consists of at most, UTF-16 units: longer texts need not be looked at. */
const LONGEST = 35 * MOST;

const EMOJI = emojiPattern();

function emojiPattern(): RegExp {
  try {
    return new RegExp("^\\p{RGI_Emoji}$", "v");
  } catch {
    // Browsers from before the "v" flag.
    return /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator})[\p{Emoji_Modifier}\p{Extended_Pictographic}\p{Regional_Indicator}\u200d\ufe0f]*$/u;
  }
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

export function isOnlyEmoji(text: string): boolean {
  const trimmed = text.trim();
  if (!trimmed || trimmed.length > LONGEST) return false;
  const graphemes = [...segmenter.segment(trimmed)].map(({ segment }) => segment).filter((segment) => segment.trim());
  return graphemes.length <= MOST && graphemes.every(isEmoji);
}

/** Also where the mark that tells emoji from text is missing, or is there without need. */
function isEmoji(grapheme: string): boolean {
  return EMOJI.test(grapheme) || EMOJI.test(`${grapheme}\ufe0f`) || EMOJI.test(grapheme.replace(/\ufe0f$/, ""));
}
