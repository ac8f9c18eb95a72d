//! Words as they are searched for: without case and accents, so that *été* is found by *ete*. Pure.

use std::collections::BTreeMap;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A word may have this many bytes; what is longer is cut.
const MAX_WORD: usize = 48;

/// The words of a text, in their order.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Words::default();
    for c in text.nfkd() {
        match c {
            // Accents of Latin, Greek and Cyrillic letters. Marks of other scripts make other letters.
            '\u{300}'..='\u{36f}' => {}
            _ if stands_alone(c) => {
                words.end();
                words.current.push(c);
                words.end();
            }
            _ if c.is_alphanumeric() || is_combining_mark(c) => c.to_lowercase().for_each(|c| words.push(c)),
            _ => words.end(),
        }
    }
    words.end();
    words.done
}

/// The words of a text and how often each stands there, the first so many of them.
pub(super) fn counted(text: &str, limit: usize) -> BTreeMap<String, u16> {
    let mut counts = BTreeMap::new();
    for word in words(text) {
        if counts.len() < limit || counts.contains_key(&word) {
            let count: &mut u16 = counts.entry(word).or_default();
            *count = count.saturating_add(1);
        }
    }
    counts
}

/// The pieces of a text, as they are written, whose words are among those that are searched for.
pub(super) fn written<'t>(text: &'t str, wanted: &[String]) -> Vec<&'t str> {
    let pieces = text.split(|c: char| !(c.is_alphanumeric() || is_combining_mark(c)));
    pieces.filter(|piece| words(piece).iter().any(|word| wanted.contains(word))).collect()
}

#[derive(Default)]
struct Words {
    done: Vec<String>,
    current: String,
}

impl Words {
    fn push(&mut self, c: char) {
        let mut buffer = [0; 4];
        let letters = match c {
            'ß' => "ss",
            'æ' => "ae",
            'œ' => "oe",
            'ø' => "o",
            'ł' => "l",
            'đ' | 'ð' => "d",
            'þ' => "th",
            'ħ' => "h",
            'ı' => "i",
            'ς' => "σ",
            _ => c.encode_utf8(&mut buffer),
        };
        if self.current.len() + letters.len() <= MAX_WORD {
            self.current.push_str(letters);
        }
    }

    fn end(&mut self) {
        if !self.current.is_empty() {
            self.done.push(std::mem::take(&mut self.current));
        }
    }
}

/// Scripts that put no blanks between words: each character is searched for by itself.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3fffd}')
        || (matches!(c, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{e01}'..='\u{e30}') && c.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_make_no_difference() {
        assert_eq!(words("L'été à Łódź,\nGROẞE Œuvre!"), ["l", "ete", "a", "lodz", "grosse", "oeuvre"]);
        assert_eq!(words("e\u{301}te\u{301} ΟΔΟΣ οδός Йод"), ["ete", "οδοσ", "οδοσ", "иод"]);
        assert_eq!(words("ﬁn Ⅳ x² İstanbul"), ["fin", "iv", "x2", "istanbul"]);
        assert_eq!(words("日本 go-go 42"), ["日", "本", "go", "go", "42"]);
        assert_eq!(words("हिन्दी"), ["हिन्दी"]);
        assert!(words(" \u{0}…🎉-_").is_empty());
    }

    #[test]
    fn long_words_are_cut_alike_and_many_are_not_all_kept() {
        let long = "é".repeat(1_000);
        assert_eq!(words(&long), ["e".repeat(MAX_WORD)]);
        assert_eq!(words(&"日".repeat(3)).len(), 3);
        let counts = counted("a b A c a", 2);
        assert_eq!(counts, BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 1)]));
    }

    #[test]
    fn what_was_found_is_told_as_it_is_written() {
        assert_eq!(written("Un Été, deux étés: ÉTÉ", &["ete".to_owned()]), ["Été", "ÉTÉ"]);
    }

    proptest::proptest! {
        #[test]
        fn words_of_words_are_themselves(text in "\\PC{0,60}") {
            for word in words(&text) {
                proptest::prop_assert_eq!(words(&word), std::slice::from_ref(&word), "{}", word);
            }
        }
    }
}
