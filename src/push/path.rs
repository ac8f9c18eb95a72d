//! Dot-separated property paths (appendices, "Dot-separated property paths").

/// The names on the way to a property, from the event on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PropertyPath(Vec<String>);

impl PropertyPath {
    /// Reads a path: a backslash takes its meaning from a dot or a backslash behind it, and else stands for itself.
    pub fn parse(path: &str) -> Self {
        let (mut names, mut name) = (Vec::new(), String::new());
        let mut chars = path.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '.' => names.push(std::mem::take(&mut name)),
                '\\' => name.push(chars.next_if(|next| matches!(next, '.' | '\\')).unwrap_or('\\')),
                _ => name.push(c),
            }
        }
        names.push(name);
        Self(names)
    }

    /// The first name, and those behind it.
    pub fn split(&self) -> (&str, &[String]) {
        // `parse` makes one name at least.
        self.0.split_first().map_or(("", &[]), |(first, rest)| (first, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_separate_unless_they_are_escaped() {
        for (path, names) in [
            ("type", vec!["type"]),
            ("content.body", vec!["content", "body"]),
            (r"content.m\.relates_to.rel_type", vec!["content", "m.relates_to", "rel_type"]),
            (r"content.m\\foo", vec!["content", r"m\foo"]),
            (r"content.m\x", vec!["content", r"m\x"]),
            ("a..b.", vec!["a", "", "b", ""]),
            (r"a\", vec![r"a\"]),
        ] {
            assert_eq!(PropertyPath::parse(path).0, names, "{path}");
        }
    }
}
