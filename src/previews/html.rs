//! What a page says of itself, out of its tags: OpenGraph's properties first, then what else there is.

use std::collections::HashMap;

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

/// A text may have this many characters.
const MAX_TEXT: usize = 1_000;
/// An address may have this many bytes.
const MAX_ADDRESS: usize = 4_000;

/// What was found, in plain text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub title: Option<String>,
    pub description: Option<String>,
    pub site_name: Option<String>,
    pub kind: Option<String>,
    pub url: Option<String>,
    /// The address of a picture, as the page writes it.
    pub image: Option<String>,
    pub image_alt: Option<String>,
}

/// Properties of `<meta>` that are noted, each when it is met first.
const PROPERTIES: &[&str] = &[
    "og:title",
    "og:description",
    "og:site_name",
    "og:type",
    "og:url",
    "og:image",
    "og:image:url",
    "og:image:secure_url",
    "og:image:alt",
    "twitter:title",
    "twitter:description",
    "twitter:image",
    "description",
];

/// Reads a page, or the beginning of one.
pub(super) fn read(page: &str) -> Found {
    let mut emitter = DefaultEmitter::default();
    // Scripts and titles hold text, whatever it looks like.
    emitter.naively_switch_states(true);
    let mut properties: HashMap<&'static str, String> = HashMap::new();
    let (mut title, mut in_title) = (String::new(), false);
    for token in Tokenizer::new_with_emitter(page, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => match tag.name.as_slice() {
                b"title" => in_title = title.trim().is_empty(),
                b"meta" => note(&mut properties, &tag),
                _ => {}
            },
            Token::EndTag(tag) if tag.name.as_slice() == b"title" => in_title = false,
            Token::String(text) if in_title && title.len() < MAX_ADDRESS => {
                title.push_str(&String::from_utf8_lossy(&text));
            }
            _ => {}
        }
    }
    let mut first = |names: &[&'static str]| names.iter().find_map(|name| properties.remove(name));
    let address = |text: Option<String>| text.filter(|text| text.len() <= MAX_ADDRESS);
    Found {
        title: first(&["og:title", "twitter:title"]).as_deref().and_then(plain).or_else(|| plain(&title)),
        description: first(&["og:description", "twitter:description", "description"]).as_deref().and_then(plain),
        site_name: first(&["og:site_name"]).as_deref().and_then(plain),
        kind: first(&["og:type"]).as_deref().and_then(plain),
        url: address(first(&["og:url"])),
        image: address(first(&["og:image:secure_url", "og:image", "og:image:url", "twitter:image"])),
        image_alt: first(&["og:image:alt"]).as_deref().and_then(plain),
    }
}

fn note(properties: &mut HashMap<&'static str, String>, tag: &StartTag<()>) {
    let attribute = |name: &[u8]| {
        let value = tag.attributes.iter().find(|(key, _)| key.as_slice() == name)?.1;
        Some(String::from_utf8_lossy(value).trim().to_owned()).filter(|value| !value.is_empty())
    };
    let name = attribute(b"property").or_else(|| attribute(b"name")).unwrap_or_default();
    let known = PROPERTIES.iter().find(|known| known.eq_ignore_ascii_case(&name));
    if let (Some(known), Some(content)) = (known, attribute(b"content")) {
        properties.entry(known).or_insert(content);
    }
}

/// In one line, without control characters and what turns text around, and not endless; `None` if nothing is left.
fn plain(text: &str) -> Option<String> {
    let shown = |c: &char| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text: String = text.chars().filter(shown).collect();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    let text = match line.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    };
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_graph_goes_first_and_the_rest_fills_the_gaps() {
        let found = read(
            "<!doctype html><html><head><title>Plain\n title</title>\
             <script>var x = '<meta property=\"og:title\" content=\"script\">';</script>\
             <!-- <meta property='og:title' content='comment'> -->\
             <META NAME=description CONTENT='of &eacute;t&eacute;'>\
             <meta property='OG:TITLE' content='First'><meta property='og:title' content='Second'>\
             <meta property='og:image' content='/a.png'><meta property='og:image:alt' content=''>",
        );
        let expected = Found {
            title: Some("First".to_owned()),
            description: Some("of été".to_owned()),
            image: Some("/a.png".to_owned()),
            ..Found::default()
        };
        assert_eq!(found, expected);
        let plain = read("<svg><title></title></svg><title>\u{202e} a &lt;b&gt;\u{7} </title><title>c</title>");
        assert_eq!(plain.title.as_deref(), Some("a <b>"));
    }

    #[test]
    fn pages_that_are_none_give_nothing_and_endless_ones_little() {
        for page in ["", "<", "<title", "<title>", "<meta property=og:title>", "\0\u{fffd}<![CDATA[", "<meta =\"'>"] {
            assert_eq!(read(page), Found::default(), "{page}");
        }
        let long =
            read(&format!("<title>{}</title><meta property=og:url content={}>", "é".repeat(5_000), "u".repeat(5_000)));
        assert_eq!(long.title.unwrap().chars().count(), MAX_TEXT + 1);
        assert_eq!(long.url, None);
    }

    proptest::proptest! {
        #[test]
        fn any_tags_are_read_without_a_panic(page in "(<[/!]?(title|meta|script|svg)( (property|content|name)=['\"]?(og:title|a|é))*>?|.){0,40}") {
            read(&page);
        }
    }
}
