//! The values of variables and expressions.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest text a value may hold, in bytes.
pub const TEXT_MAX: usize = 4_096;
/// The most elements a list may hold.
pub const LIST_MAX: usize = 256;

/// A value. In JSON it is what it looks like; objects have no counterpart here.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// Nothing: a variable that was not set.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Double(f64),
    /// Text.
    Text(Arc<str>),
    /// A list.
    List(Arc<[Value]>),
}

impl Value {
    /// Text as a value.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A value from JSON. `None` for objects, and for what is longer than [`TEXT_MAX`] or [`LIST_MAX`].
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Option<Self> {
        use serde_json::Value as Json;
        Some(match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Self::Int(whole),
                None => Self::Double(number.as_f64()?),
            },
            Json::String(text) if text.len() <= TEXT_MAX => Self::text(text.as_str()),
            Json::Array(items) if items.len() <= LIST_MAX => {
                let scalar = |item: &Json| if item.is_array() { None } else { Self::from_json(item) };
                Self::List(items.iter().map(scalar).collect::<Option<_>>()?)
            }
            Json::String(_) | Json::Array(_) | Json::Object(_) => return None,
        })
    }

    /// The value in JSON. A number that JSON cannot write is null.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => Json::from(*value),
            Self::Double(value) => Json::from(*value),
            Self::Text(text) => Json::from(&**text),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
        }
    }

    /// The kind of the value.
    #[must_use]
    pub const fn kind(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) | Self::Double(_) => Type::Number,
            Self::Text(_) => Type::Text,
            Self::List(_) => Type::List,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// As it is spoken and written into templates: text as it is, a list with commas, nothing for null.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Double(value) => value.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::List(items) => items.iter().enumerate().try_for_each(|(n, item)| {
                f.write_str(if n == 0 { "" } else { ", " })?;
                item.fmt(f)
            }),
        }
    }
}

/// What kind of value a variable or an expression has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// Not known before the call.
    #[default]
    Any,
    /// Only null.
    #[serde(skip)]
    Null,
    /// True or false.
    #[serde(rename = "boolean")]
    Bool,
    /// A number, whole or not.
    Number,
    /// Text.
    Text,
    /// A list of scalars.
    List,
}

impl Type {
    /// Whether a value of this type may be where `wanted` is asked for. Null may be anywhere a value may be missing.
    #[must_use]
    pub fn fits(self, wanted: Self) -> bool {
        self == wanted || matches!(self, Self::Any) || matches!(wanted, Self::Any)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any value",
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
        })
    }
}
