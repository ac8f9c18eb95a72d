//! `event_fields` of filters: which fields of an event a client wants.

use serde_json::{Map, Value};

/// Compiled paths such as `content.body`.
#[derive(Clone, Debug, PartialEq)]
pub struct EventFields(Vec<Vec<String>>);

impl EventFields {
    /// Compiles the paths of a filter.
    pub fn new<S: AsRef<str>>(paths: &[S]) -> Self {
        Self(paths.iter().map(|path| split(path.as_ref())).collect())
    }

    /// The event with these fields only. What isn't an object stays as it is.
    pub fn apply(&self, event: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
        let whole: Value = serde_json::from_slice(event)?;
        let mut kept = Map::new();
        for path in &self.0 {
            copy(&whole, path, &mut kept);
        }
        serde_json::to_vec(&kept)
    }
}

/// Copies the value at `path` of `from`, if there is one, to the same path of `to`.
fn copy(from: &Value, path: &[String], to: &mut Map<String, Value>) {
    let Some((key, rest)) = path.split_first() else {
        return;
    };
    let Some(value) = from.get(key) else { return };
    if rest.is_empty() {
        to.insert(key.clone(), value.clone());
        return;
    }
    if !holds(value, rest) {
        return;
    }
    let inner = to.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        copy(value, rest, inner);
    }
}

fn holds(value: &Value, path: &[String]) -> bool {
    path.iter().try_fold(value, |value, key| value.get(key)).is_some()
}

/// Splits a path at its dots. `\.` is a dot and `\\` a backslash within a name; other escapes stand for themselves.
fn split(path: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut chars = path.chars().peekable();
    while let Some(char) = chars.next() {
        let char = match char {
            '.' => {
                names.push(String::new());
                continue;
            }
            '\\' => chars.next_if(|next| matches!(next, '.' | '\\')).unwrap_or('\\'),
            other => other,
        };
        if let Some(name) = names.last_mut() {
            name.push(char);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn apply(paths: &[&str], event: &Value) -> Value {
        let kept = EventFields::new(paths).apply(event.to_string().as_bytes()).unwrap();
        serde_json::from_slice(&kept).unwrap()
    }

    #[test]
    fn only_the_wanted_fields_stay() {
        let event =
            json!({"type": "t", "sender": "@a:b", "content": {"body": "x", "m.rel": {"a": 1, "b": 2}, "c\\d": 3}});
        for (paths, wanted) in [
            (&["content.body"][..], json!({"content": {"body": "x"}})),
            (&["content.m\\.rel.a", "type"], json!({"type": "t", "content": {"m.rel": {"a": 1}}})),
            (&["content.c\\\\d"], json!({"content": {"c\\d": 3}})),
            (&["content.c\\d"], json!({"content": {"c\\d": 3}})),
            (&["content", "content.body"], json!({"content": event["content"]})),
            (&["content.body", "content"], json!({"content": event["content"]})),
            (&["content.none", "sender.none", "none", ""], json!({})),
            (&[], json!({})),
        ] {
            assert_eq!(apply(paths, &event), wanted, "{paths:?}");
        }
    }
}
