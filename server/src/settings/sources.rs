//! Where settings come from, and which of them wins.

use std::collections::BTreeMap;
use std::path::Path;

use super::SettingsError;
use super::table::{self, Spec, TABLE};

/// A value with its origin.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    /// The text; empty when unset.
    pub(crate) text: String,
    /// Where it came from, for people.
    pub(crate) origin: String,
}

/// What all the sources say together.
#[derive(Debug)]
pub(crate) struct Sources {
    values: BTreeMap<&'static str, Value>,
}

/// The settings file that is read when none is named.
pub(crate) const FILE: &str = "dialplane.toml";

impl Sources {
    /// Reads the process's environment, and the settings file: the named one, or `dialplane.toml` when it exists.
    ///
    /// # Errors
    /// [`SettingsError`] when the file cannot be read or names something unknown.
    pub(crate) fn load(flags: BTreeMap<&'static str, String>, file: Option<&Path>) -> Result<Self, SettingsError> {
        let path = file.unwrap_or(Path::new(FILE));
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(SettingsError::File { path: name, message: error.to_string() }),
        };
        let environment = |name: &str| std::env::var(name).ok();
        Self::new(flags, environment, text.as_deref().map(|text| (name.as_str(), text)))
    }

    /// The same on given sources.
    ///
    /// # Errors
    /// As [`Sources::load`].
    pub(crate) fn new(
        mut flags: BTreeMap<&'static str, String>,
        environment: impl Fn(&str) -> Option<String>,
        file: Option<(&str, &str)>,
    ) -> Result<Self, SettingsError> {
        let mut from_file = match file {
            Some((path, text)) => read_file(path, text)?,
            None => BTreeMap::new(),
        };
        let path = file.map_or("", |(path, _)| path);
        let set = |name: &str| environment(name).filter(|text| !text.trim().is_empty());
        let mut values = BTreeMap::new();
        for spec in TABLE {
            let named = format!("DIALPLANE_{}", spec.key.to_uppercase());
            let value = flags
                .remove(spec.key)
                .map(|text| Value { text, origin: format!("--{}", spec.key.replace('_', "-")) })
                .or_else(|| set(&named).map(|text| Value { text, origin: named }))
                .or_else(|| alias(spec, &set))
                .or_else(|| from_file.remove(spec.key).map(|text| Value { text, origin: path.to_owned() }))
                .unwrap_or_else(|| Value { text: spec.default.to_owned(), origin: "default".to_owned() });
            values.insert(spec.key, Value { text: value.text.trim().to_owned(), ..value });
        }
        Ok(Self { values })
    }

    /// The value of a key of the table.
    pub(crate) fn get(&self, key: &'static str) -> Value {
        self.values.get(key).cloned().unwrap_or_else(|| Value { text: String::new(), origin: "default".to_owned() })
    }

    /// Reads a value.
    pub(super) fn parse<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, SettingsError> {
        read(&self.get(key).text).map_err(|message| self.invalid(key, message))
    }

    /// Reads a value that may be unset.
    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        if self.get(key).text.is_empty() { Ok(None) } else { self.parse(key, read).map(Some) }
    }

    pub(super) fn invalid(&self, key: &'static str, message: String) -> SettingsError {
        SettingsError::Invalid { key, origin: self.get(key).origin, message }
    }

    /// Every setting with its value and origin, secrets masked.
    pub(crate) fn printable(&self) -> Vec<(&'static Spec, Value)> {
        TABLE
            .iter()
            .map(|spec| {
                let mut value = self.get(spec.key);
                if spec.secret && !value.text.is_empty() {
                    value.text = mask(spec.key, &value.text);
                }
                (spec, value)
            })
            .collect()
    }

    /// Settings that are given but that this version does nothing with.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &'static str> {
        TABLE.iter().filter(|spec| !spec.used && !self.get(spec.key).text.is_empty()).map(|spec| spec.key)
    }
}

/// Hides a secret; of a database only what is not the password.
fn mask(key: &str, text: &str) -> String {
    if key == "database" {
        let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
        return match rest.rsplit_once('@') {
            Some((_, host)) => format!("{scheme}://…@{}", host.split('?').next().unwrap_or(host)),
            None => format!("{scheme}://{}", rest.split('?').next().unwrap_or(rest)),
        };
    }
    "…".to_owned()
}

/// What the names of the source documents say about a setting.
fn alias(spec: &Spec, set: &dyn Fn(&str) -> Option<String>) -> Option<Value> {
    let simple = spec.aliases.iter().find_map(|name| set(name).map(|text| Value { text, origin: (*name).to_owned() }));
    simple.or_else(|| match spec.key {
        "http" => listener(set),
        "database" => database(set),
        _ => None,
    })
}

/// `HOST` and `PORT` of documents 002 and 004.
fn listener(set: &dyn Fn(&str) -> Option<String>) -> Option<Value> {
    let (host, port) = (set("HOST"), set("PORT"));
    let origin = match (&host, &port) {
        (None, None) => return None,
        (Some(_), Some(_)) => "HOST and PORT",
        (Some(_), None) => "HOST",
        (None, Some(_)) => "PORT",
    };
    let (host, port) = (host.unwrap_or_else(|| "127.0.0.1".to_owned()), port.unwrap_or_else(|| "8080".to_owned()));
    Some(Value { text: format!("{host}:{port}"), origin: origin.to_owned() })
}

/// `DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_USER` and `DB_PASSWORD` of documents 002 and 004: a PostgreSQL server.
fn database(set: &dyn Fn(&str) -> Option<String>) -> Option<Value> {
    let host = set("DB_HOST")?;
    let port = set("DB_PORT").unwrap_or_else(|| "5432".to_owned());
    let name = set("DB_NAME").unwrap_or_else(|| "dialplane".to_owned());
    let user = escaped(&set("DB_USER").unwrap_or_else(|| "postgres".to_owned()));
    let password =
        set("DB_PASSWORD").or_else(|| set("DB_PASS")).map(|p| format!(":{}", escaped(&p))).unwrap_or_default();
    let text = format!("postgres://{user}{password}@{host}:{port}/{}", escaped(&name));
    Some(Value { text, origin: "DB_HOST and its kin".to_owned() })
}

/// Percent-encodes all but the unreserved characters of RFC 3986 §2.3.
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

fn read_file(path: &str, text: &str) -> Result<BTreeMap<&'static str, String>, SettingsError> {
    let fail = |message: String| SettingsError::File { path: path.to_owned(), message };
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| fail(error.message().to_owned()))?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        let Some(spec) = table::spec(&key) else {
            return Err(SettingsError::Unknown { path: path.to_owned(), key });
        };
        let text =
            scalar(&value).ok_or_else(|| fail(format!("{key} is neither a text, a number, a switch nor a list")))?;
        values.insert(spec.key, text);
    }
    Ok(values)
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(on.to_string()),
        toml::Value::Array(items) => Some(items.iter().map(scalar).collect::<Option<Vec<_>>>()?.join(",")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_a_database_keeps_its_host() {
        assert_eq!(mask("jwt_secret", "abc"), "…");
        assert_eq!(mask("database", "postgres://u:p@db:5432/x?password=y"), "postgres://…@db:5432/x");
        assert_eq!(mask("database", "sqlite:./a.db"), "sqlite:./a.db");
    }
}
