//! One source of settings: the file, one environment variable or one flag.
//!
//! Each is a layer of its own, so that figment can tell for every value where it was set.

use std::fs;
use std::path::Path;

use figment::providers::{Format, Toml};
use figment::util::nest;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::ConfigError;

const PREFIX: &str = "SALON_";

/// Values, and the words that an error uses for the place they come from.
pub struct Layer {
    origin: String,
    values: Dict,
}

impl Layer {
    pub fn file(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let values = Toml::from_str(&text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            line: line_of(&text, error.span().map_or(0, |span| span.start)),
            reason: error.message().lines().collect::<Vec<_>>().join(", "),
        })?;
        Ok(Self { origin: format!("the file {}", path.display()), values })
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// A dotted key and its value as somebody typed it, whose type only the key tells.
pub struct Text {
    key: String,
    value: String,
    origin: String,
}

impl Text {
    /// The setting in an environment variable, if its name has our prefix.
    pub fn variable(name: String, value: String) -> Option<Self> {
        let key = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
        Some(Self { key, value, origin: format!("the environment variable {name}") })
    }

    pub fn flag(key: &str, value: String) -> Self {
        let name = key.replace(['.', '_'], "-");
        Self { key: key.to_owned(), value, origin: format!("the flag --{name}") }
    }

    /// Reads the text as the type that the key has in `below`: `12` may be a number or a room version.
    pub fn layer(self, below: &Figment) -> Layer {
        let value = match below.find_value(&self.key) {
            Ok(Value::Bool(..) | Value::Num(..)) => parsed(&self.value),
            Ok(Value::Array(..)) if !self.value.trim_start().starts_with('[') => {
                let items = self.value.split(',').map(str::trim);
                Value::from(items.collect::<Vec<_>>())
            }
            Ok(Value::Array(..)) => parsed(&self.value),
            _ => Value::from(self.value),
        };
        Layer { origin: self.origin, values: nest(&self.key, value).into_dict().unwrap_or_default() }
    }
}

fn parsed(text: &str) -> Value {
    let Ok(value) = text.parse::<Value>();
    value
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&b| b == b'\n').count()
}
