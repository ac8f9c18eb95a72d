//! What can be wrong with a configuration, each as one sentence for its operator.

use std::io;
use std::path::PathBuf;

use figment::Figment;
use figment::error::{Actual, Kind};

/// Its `Display` is all that the operator sees.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the file {} can't be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the file {}, line {line}: {reason}", path.display())]
    Syntax { path: PathBuf, line: usize, reason: String },
    #[error("{origin}: `{key}` {reason}")]
    Value { origin: String, key: String, reason: String },
}

impl ConfigError {
    /// Something wrong with `key`, to be mended where `set_by` was set.
    pub(super) fn at(figment: &Figment, set_by: &str, key: &str, reason: &str) -> Self {
        let metadata = figment.find_metadata(set_by);
        Self::Value {
            origin: metadata.map_or_else(default_origin, |m| origin_of(&m.name)),
            key: key.to_owned(),
            reason: reason.to_owned(),
        }
    }

    pub(super) fn from_figment(error: figment::Error) -> Self {
        // The index in a list is of less use than the list's name.
        let segments = error.path.iter().filter(|s| s.parse::<usize>().is_err());
        let key = segments.cloned().collect::<Vec<_>>().join(".");
        let metadata = error.metadata.as_ref();
        Self::Value {
            origin: metadata.map_or_else(default_origin, |m| origin_of(&m.name)),
            reason: reason_of(&key, error.kind),
            key,
        }
    }
}

fn default_origin() -> String {
    "the defaults".to_owned()
}

/// Our own layers are named after their place; figment names the defaults after a Rust type.
fn origin_of(name: &str) -> String {
    match name.starts_with("the ") {
        true => name.to_owned(),
        false => default_origin(),
    }
}

fn reason_of(key: &str, kind: Kind) -> String {
    match kind {
        Kind::UnknownField(_, known) => {
            format!("is no key that Salon knows; it could be {}", listed(known))
        }
        Kind::UnknownVariant(found, known) => {
            format!("must be one of {}, not {found:?}", listed(known))
        }
        Kind::InvalidType(found, wanted) => {
            format!("must be {}, not {}", plain(&wanted), plain_actual(&found))
        }
        Kind::Message(_) if key == "listen" => {
            "must have an IP address and a port, such as \"127.0.0.1:6167\"".to_owned()
        }
        Kind::Message(_) if key == "server_name" => {
            "must be a host name, with a port where there is one, such as \"example.org\"".to_owned()
        }
        other => format!("isn't usable: {other}"),
    }
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// serde's words for what it expects, in TOML's.
fn plain(wanted: &str) -> String {
    match wanted {
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "path string" => "a string".to_owned(),
        w if w.starts_with("struct ") => "a table".to_owned(),
        w if w.contains("enum") => "a string".to_owned(),
        w => w.to_owned(),
    }
}

fn plain_actual(found: &Actual) -> String {
    match found {
        Actual::Bool(b) => b.to_string(),
        Actual::Unsigned(n) => n.to_string(),
        Actual::Signed(n) => n.to_string(),
        Actual::Float(n) => n.to_string(),
        Actual::Str(s) => format!("the string {s:?}"),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}
