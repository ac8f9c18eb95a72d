//! Glob-style patterns (appendices, "Glob-style matching"), without regard to case.

/// Characters that one user's rules may be compared with for one event. A keyword in a message costs as many as the
/// message has; only patterns made to be slow, in texts made for them, come near this.
const MAX_EFFORT: u32 = 1 << 21;

/// How much work is left for one event and one user.
pub(super) struct Effort(u32);

impl Default for Effort {
    fn default() -> Self {
        Self(MAX_EFFORT)
    }
}

impl Effort {
    fn spend(&mut self, characters: usize) -> Result<(), Exhausted> {
        let left = self.0.checked_sub(u32::try_from(characters).unwrap_or(u32::MAX));
        self.0 = left.unwrap_or(0);
        left.map(|_| ()).ok_or(Exhausted)
    }
}

/// No effort is left: what has not matched by now does not match.
struct Exhausted;

/// What stands between two asterisks: characters, and `None` for a question mark.
type Piece = Vec<Option<char>>;

/// A pattern, ready to be matched with text in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Glob {
    /// Text without wildcards.
    Literal(String),
    /// The pieces between the asterisks: one more than there are asterisks.
    Pieces(Vec<Piece>),
}

impl Glob {
    pub fn new(pattern: &str) -> Self {
        let pattern = pattern.to_lowercase();
        if !pattern.contains(['*', '?']) {
            return Self::Literal(pattern);
        }
        let piece = |piece: &str| piece.chars().map(|c| (c != '?').then_some(c)).collect();
        let mut pieces: Vec<Piece> = pattern.split('*').map(piece).collect();
        // Asterisks side by side are one: only the first and the last piece may be empty.
        let (mut index, last) = (0, pieces.len().saturating_sub(1));
        pieces.retain(|piece| {
            index += 1;
            !piece.is_empty() || index == 1 || index == last + 1
        });
        Self::Pieces(pieces)
    }

    /// Text that is meant as it is.
    pub fn literal(text: &str) -> Self {
        Self::Literal(text.to_lowercase())
    }

    /// Whether a whole text of any case matches.
    pub fn matches(&self, text: &str, effort: &mut Effort) -> bool {
        self.try_matches(text, effort).unwrap_or(false)
    }

    /// Whether a part of a text in lower case matches that starts and ends at a word's boundary.
    pub fn matches_words(&self, text: &str, effort: &mut Effort) -> bool {
        self.try_matches_words(text, effort).unwrap_or(false)
    }

    fn try_matches(&self, text: &str, effort: &mut Effort) -> Result<bool, Exhausted> {
        effort.spend(1 + text.len() / 8)?;
        match self {
            Self::Literal(literal) if literal.is_ascii() && text.is_ascii() => Ok(literal.eq_ignore_ascii_case(text)),
            Self::Literal(literal) => Ok(*literal == text.to_lowercase()),
            Self::Pieces(pieces) => {
                let text = text.to_lowercase();
                find(pieces, &text, (|start| start == 0, |end| end == text.len()), effort)
            }
        }
    }

    fn try_matches_words(&self, text: &str, effort: &mut Effort) -> Result<bool, Exhausted> {
        let boundary = |at| is_boundary(text, at);
        match self {
            Self::Literal(literal) if literal.is_empty() => Ok(text.is_empty()),
            Self::Literal(literal) => {
                // All searches together take time in proportion to the text.
                effort.spend(1 + text.len() / 32)?;
                let mut from = 0;
                while let Some(at) = text.get(from..).and_then(|rest| rest.find(literal.as_str())) {
                    let start = from + at;
                    if boundary(start) && boundary(start + literal.len()) {
                        return Ok(true);
                    }
                    effort.spend(1)?;
                    from = start + text[start..].chars().next().map_or(1, char::len_utf8);
                }
                Ok(false)
            }
            Self::Pieces(pieces) => find(pieces, text, (boundary, boundary), effort),
        }
    }
}

/// Whether there is a match that starts and ends where one may.
///
/// Each piece is taken where it first fits behind the one before: a later place would leave less for the rest.
fn find(
    pieces: &[Piece],
    text: &str,
    (may_start, may_end): (impl Fn(usize) -> bool, impl Fn(usize) -> bool),
    effort: &mut Effort,
) -> Result<bool, Exhausted> {
    let last = pieces.len().saturating_sub(1);
    let mut from = 0;
    for (index, piece) in pieces.iter().enumerate() {
        let starts = places(text, from).filter(|start| index != 0 || may_start(*start));
        match first_end(piece, text, starts, |end| index != last || may_end(end), effort)? {
            Some(end) => from = end,
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// The places from `from` on where a character starts, and the end.
fn places(text: &str, from: usize) -> impl Iterator<Item = usize> {
    let starts = text.get(from..).unwrap_or_default().char_indices().map(move |(at, _)| from + at);
    starts.chain(std::iter::once(text.len()))
}

/// Where the first piece ends that stands at one of `starts` and may end where it does.
fn first_end(
    piece: &Piece,
    text: &str,
    starts: impl Iterator<Item = usize>,
    may_end: impl Fn(usize) -> bool,
    effort: &mut Effort,
) -> Result<Option<usize>, Exhausted> {
    for start in starts {
        if let Some(end) = end_of(piece, text, start, effort)?
            && may_end(end)
        {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// Where a piece ends that starts at `start`, if it stands there.
fn end_of(piece: &Piece, text: &str, start: usize, effort: &mut Effort) -> Result<Option<usize>, Exhausted> {
    effort.spend(1)?;
    let mut end = start;
    let mut rest = text.get(start..).unwrap_or_default().chars();
    for wanted in piece {
        let Some(found) = rest.next().filter(|found| wanted.is_none_or(|wanted| wanted == *found)) else {
            return Ok(None);
        };
        effort.spend(1)?;
        end += found.len_utf8();
    }
    Ok(Some(end))
}

/// Whether a word may start or end here: not between two of `[A-Za-z0-9_]`.
fn is_boundary(text: &str, at: usize) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = text.as_bytes();
    !(is_word(at.checked_sub(1).and_then(|before| bytes.get(before))) && is_word(bytes.get(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(pattern: &str, text: &str) -> bool {
        Glob::new(pattern).matches(text, &mut Effort::default())
    }

    fn words(pattern: &str, text: &str) -> bool {
        Glob::new(pattern).matches_words(&text.to_lowercase(), &mut Effort::default())
    }

    #[test]
    fn the_examples_of_the_specification() {
        for text in ["Lunch plans", "LUNCH"] {
            assert!(whole("lunc?*", text), "{text}");
        }
        for text in [" lunch", "lunc"] {
            assert!(!whole("lunc?*", text), "{text}");
        }
        for text in ["An example event.", "exple", "An exciting triple-whammy"] {
            assert!(words("ex*ple", text), "{text}");
        }
        assert!(words("cake*lie", "The cake is a lie") && !words("cake*lie", "cupcakes lied"));
    }

    #[test]
    fn a_whole_text_matches_from_its_start_to_its_end() {
        for (pattern, text, matches) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "a\nb", true),
            ("?", "é", true),
            ("?", "", false),
            ("a*b", "ab", true),
            ("a*b", "abc", false),
            ("a*b", "abcb", true),
            ("*a", "ba", true),
            ("*a", "ab", false),
            ("É*", "école", true),
            ("ÉCOLE", "école", true),
            ("a?c", "aéc", true),
        ] {
            assert_eq!(whole(pattern, text), matches, "{pattern} in {text}");
        }
    }

    #[test]
    fn words_end_at_anything_but_letters_digits_and_underscores() {
        for (pattern, text, matches) in [
            ("alice", "Alice, come!", true),
            ("alice", "malice and alice_", false),
            ("alice", "malice-alice", true),
            ("aa", "aaa aa", true),
            ("", "a", false),
            ("", "", true),
            ("l?ne", "a lone one", true),
            ("l?ne", "alone one", false),
            ("it*", "itself", true),
            ("*self", "itself", true),
            ("it?", "its", true),
            ("it?", "it", false),
            ("été", "un étés", true),
        ] {
            assert_eq!(words(pattern, text), matches, "{pattern} in {text}");
        }
    }

    #[test]
    fn a_pattern_made_to_be_slow_ends() {
        let pattern = format!("{}b", "a?".repeat(120));
        let text = "a ".repeat(30_000);
        let mut effort = Effort::default();
        for _ in 0..1_000 {
            assert!(!Glob::new(&pattern).matches_words(&text, &mut effort));
        }
        assert!(effort.spend(1).is_err(), "it is used up, and a thousandth of the work was done");
        let repeated = "aaa ".repeat(16_000);
        assert!(!words("aa", &repeated), "also where each word nearly fits");
    }
}
