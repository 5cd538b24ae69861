//! Texts and documents, byte for byte. PostgreSQL keeps no U+0000 in a text and refuses the whole statement, though clients
//! may send one and the contract keeps it; here it becomes two characters, and so does the mark that begins them, so that every
//! text reads back as itself and different texts stay different.

use std::borrow::Cow;

use dialplane_core::store::StoreError;
use serde::Serialize;
use serde_json::Value;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo};
use sqlx::types::Json;
use sqlx::{Encode, Postgres, Type};

/// Begins an escape: a code point that Unicode keeps for the inside of programs (§23.7), so that hardly any text holds it.
const MARK: char = '\u{fdd0}';

/// A text as it is bound. Copies nothing unless there is something to escape.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if text.contains(['\0', MARK]) { Cow::Owned(escape(text)) } else { Cow::Borrowed(text) }
}

/// The same for a text that may be absent.
pub(crate) fn maybe(value: Option<&str>) -> Option<Cow<'_, str>> {
    value.map(text)
}

/// A text as it was before [`text`]; `None` when it has an escape that [`text`] does not make.
pub(crate) fn plain(stored: String) -> Option<String> {
    if !stored.contains(MARK) {
        return Some(stored);
    }
    let mut plain = String::with_capacity(stored.len());
    let mut letters = stored.chars();
    while let Some(letter) = letters.next() {
        match (letter == MARK).then(|| letters.next()) {
            None => plain.push(letter),
            Some(Some('0')) => plain.push('\0'),
            Some(Some(MARK)) => plain.push(MARK),
            Some(_) => return None,
        }
    }
    Some(plain)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 4);
    for letter in text.chars() {
        match letter {
            '\0' => escaped.extend([MARK, '0']),
            MARK => escaped.extend([MARK, MARK]),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A document for a JSONB column, written out.
#[derive(Debug)]
pub(crate) struct Document(String);

impl Document {
    /// Writes a value out.
    pub(crate) fn of(value: &impl Serialize) -> Result<Self, StoreError> {
        let failed = |error: serde_json::Error| StoreError::Backend(Box::new(error));
        let written = serde_json::to_string(value).map_err(failed)?;
        // Looks at more than it must (a backslash before `u0000` may itself be escaped), which is rare and harmless.
        if !written.contains("\\u0000") && !written.contains(MARK) {
            return Ok(Self(written));
        }
        let mut value = serde_json::to_value(value).map_err(failed)?;
        each_text(&mut value, &|text| Some(escape(text)));
        serde_json::to_string(&value).map(Self).map_err(failed)
    }
}

/// A document as it was before [`Document::of`]; `None` when it has an escape that is not one of ours.
pub(crate) fn plain_document(mut value: Value) -> Option<Value> {
    each_text(&mut value, &|text| plain(text.to_owned())).then_some(value)
}

/// Changes every text of a document, keys included; whether all could be changed.
fn each_text(value: &mut Value, change: &impl Fn(&str) -> Option<String>) -> bool {
    match value {
        Value::String(text) => change(text).map(|changed| *text = changed).is_some(),
        Value::Array(items) => items.iter_mut().all(|item| each_text(item, change)),
        Value::Object(members) => {
            let keys_stay = members.keys().all(|key| change(key).as_ref() == Some(key));
            if !keys_stay {
                for (key, member) in std::mem::take(members) {
                    let Some(key) = change(&key) else { return false };
                    members.insert(key, member);
                }
            }
            members.values_mut().all(|member| each_text(member, change))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

impl Type<Postgres> for Document {
    fn type_info() -> PgTypeInfo {
        <Json<Value> as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for Document {
    fn array_type_info() -> PgTypeInfo {
        <Json<Value> as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Postgres> for Document {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // JSONB goes over the wire as a version, which is 1, and the text.
        buffer.push(1);
        buffer.extend(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_reads_back_as_itself_and_none_becomes_another() {
        let texts = ["", "plain", "\0", "a\0b", "\u{fdd0}", "\u{fdd0}0", "\0\u{fdd0}\0", "0"];
        let stored: Vec<String> = texts.iter().map(|t| text(t).into_owned()).collect();
        for (before, after) in texts.iter().zip(&stored) {
            assert!(!after.contains('\0'));
            assert_eq!(plain(after.clone()).as_deref(), Some(*before));
        }
        assert_eq!(stored.iter().collect::<std::collections::BTreeSet<_>>().len(), texts.len());
        assert_eq!(plain("\u{fdd0}x".to_owned()), None);
    }

    #[test]
    fn documents_are_escaped_to_the_last_key() {
        let value = serde_json::json!({"a\0": ["\0", {"\u{fdd0}": "\\u0000"}], "n": 1.5});
        let Document(written) = Document::of(&value).unwrap();
        let stored: Value = serde_json::from_str(&written).unwrap();
        assert_ne!(stored, value);
        assert_eq!(plain_document(stored), Some(value));
    }
}
