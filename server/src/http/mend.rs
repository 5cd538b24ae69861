//! Every fault of the form of a body, and not only the first.
//!
//! Deserialisation stops at the first fault. So it is repeated, each time with something in the place at fault that parses, until
//! nothing is wrong any more: what was put in is never given out as the client's (see [`super::faults::Draft`]), it only lets the
//! rest be looked at. This knows nothing of the types and works for all of them; where nothing fits into a place the search ends
//! there, with the faults that it found.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use serde_path_to_error::{Path, Segment};

use super::faults::{FAULTS_MAX, Faults};

/// Bodies up to this size are searched for every fault, larger ones for the first: the search reads them again and again.
pub(super) const SIZE_MAX: usize = 32 << 10;
/// The name of a fault of the whole.
pub(super) const BODY: &str = "body";
/// Words that are tried in the place of an unknown one.
const WORDS_MAX: usize = 4;

/// A step into a body.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Where something is wrong, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    place: Vec<Step>,
    /// The place, for people.
    pub(super) field: String,
    /// What is wrong, for people.
    pub(super) message: String,
}

impl Fault {
    /// Of a path and the message of the error there.
    pub(super) fn new(path: &Path, message: &str) -> Self {
        let mut place = Vec::new();
        for segment in path {
            match segment {
                Segment::Map { key } => place.push(Step::Key(key.clone())),
                Segment::Seq { index } => place.push(Step::Index(*index)),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        if let Some(field) = missing {
            place.push(Step::Key(field.to_owned()));
        }
        let field = if place.is_empty() { BODY.to_owned() } else { shown(&place) };
        Self { place, field, message: if missing.is_some() { "this is required".to_owned() } else { worded(message) } }
    }
}

/// A message without the names of our types.
fn worded(message: &str) -> String {
    match message {
        "invalid digit found in string" => return "expected a whole number".to_owned(),
        "invalid float literal" => return "expected a number".to_owned(),
        _ => {}
    }
    let Some((head, wanted)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let wanted = match wanted {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    format!("{head}, expected {wanted}")
}

fn shown(place: &[Step]) -> String {
    let mut text = String::new();
    for step in place {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

fn read<T: DeserializeOwned>(body: &Value) -> Result<T, Fault> {
    serde_path_to_error::deserialize(body).map_err(|error| Fault::new(error.path(), &error.inner().to_string()))
}

/// Adds every fault of `body` to `faults`. Gives the body with something in the places at fault, when all of them could be mended.
pub(super) fn mended<T: DeserializeOwned>(mut body: Value, faults: &mut Faults) -> Option<T> {
    for _ in 0..FAULTS_MAX {
        let fault = match read(&body) {
            Ok(value) => return Some(value),
            Err(fault) => fault,
        };
        // Whatever is wrong within something that was put in is within a field that is named already, and is not named again.
        faults.add(fault.field.clone(), fault.message.clone());
        body = mend::<T>(body, &fault)?;
    }
    None
}

/// Puts something into the place of `fault` that moves the next fault elsewhere.
fn mend<T: DeserializeOwned>(body: Value, fault: &Fault) -> Option<Value> {
    let mut substitutes = substitutes(&fault.message);
    let mut next = 0;
    let mut heard_words = false;
    while next < substitutes.len() {
        let mut attempt = body.clone();
        put(&mut attempt, &fault.place, substitutes[next].clone())?;
        match read::<T>(&attempt) {
            Ok(_) => return Some(attempt),
            Err(other) if !other.place.starts_with(&fault.place) => return Some(attempt),
            // An empty object whose own fields are missing: they come next.
            Err(other) if other.place.len() > fault.place.len() && substitutes[next] == Some(json!({})) => {
                return Some(attempt);
            }
            // An empty word is refused with the words that are known.
            Err(other) if !heard_words && substitutes[next] == Some(json!("")) => {
                heard_words = true;
                substitutes.extend(words(&other.message).map(Some));
            }
            Err(_) => {}
        }
        next += 1;
    }
    None
}

/// What may parse in a place, likeliest first; `None` is nothing at all.
fn substitutes(message: &str) -> Vec<Option<Value>> {
    let mut list = vec![None, Some(Value::Null)];
    list.extend(words(message).map(Some));
    let values = [
        json!(""),
        json!(0),
        json!(1),
        json!(false),
        json!([]),
        json!({}),
        json!(uuid::Uuid::nil()),
        json!("1970-01-01T00:00:00Z"),
        json!("1970-01-01"),
        json!("US"),
        json!("UTC"),
    ];
    list.extend(values.into_iter().map(Some));
    list
}

/// The first of the words that a message says were expected: `` unknown variant `x`, expected `a` or `b` ``.
fn words(message: &str) -> impl Iterator<Item = Value> {
    let expected = message.split_once("expected").map_or("", |(_, expected)| expected);
    expected.split('`').skip(1).step_by(2).take(WORDS_MAX).map(|word| json!(word)).collect::<Vec<_>>().into_iter()
}

/// Puts `value` into a place, or takes out what is there; `None` when there is no such place.
fn put(body: &mut Value, place: &[Step], value: Option<Value>) -> Option<()> {
    let (last, way) = place.split_last()?;
    let mut at = body;
    for step in way {
        at = match (step, at) {
            (Step::Key(key), Value::Object(fields)) => fields.get_mut(key)?,
            (Step::Index(index), Value::Array(items)) => items.get_mut(*index)?,
            _ => return None,
        };
    }
    match (last, at) {
        (Step::Key(key), Value::Object(fields)) => set(fields, key, value),
        (Step::Index(index), Value::Array(items)) => *items.get_mut(*index)? = value.unwrap_or(Value::Null),
        _ => return None,
    }
    Some(())
}

fn set(fields: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    match value {
        Some(value) => fields.insert(key.to_owned(), value),
        None => fields.remove(key),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, NaiveDate, Utc};
    use dialplane_core::id::UserId;
    use dialplane_core::people::Role;
    use dialplane_core::phone::Country;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[allow(dead_code)]
    struct Member {
        agent_id: UserId,
        #[serde(default)]
        tier: u16,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[allow(dead_code)]
    struct Body {
        name: String,
        role: Role,
        #[serde(alias = "ring_seconds")]
        ring_seconds: Option<u32>,
        members: Vec<Member>,
        at: DateTime<Utc>,
        day: Option<NaiveDate>,
        country: Country,
        owner: Member,
        active: bool,
    }

    fn fields(body: Value) -> (bool, Vec<(String, String)>) {
        let mut faults = Faults::default();
        let mended = mended::<Body>(body, &mut faults).is_some();
        let problem = faults.done().unwrap_err();
        let mut named: Vec<_> =
            problem.errors().iter().map(|fault| (fault.field.clone(), fault.message.clone())).collect();
        named.sort();
        (mended, named)
    }

    #[test]
    fn messages_do_not_speak_of_our_types() {
        let (_, named) = fields(json!({"members": 5, "owner": "x", "ring_seconds": "x"}));
        let told: Vec<&str> = named.iter().map(|(_, message)| message.as_str()).collect();
        assert!(told.iter().any(|message| message.ends_with("expected a whole number, 0 or more")), "{told:?}");
        assert!(told.iter().any(|message| message.ends_with("expected an object")), "{told:?}");
        assert!(told.iter().all(|message| !message.contains("u32") && !message.contains("struct")), "{told:?}");
    }

    #[test]
    fn a_body_that_is_wrong_everywhere_is_told_everything() {
        let (mended, named) = fields(json!({
            "name": 1, "role": "king", "ring_seconds": -3, "at": "yesterday", "day": "2026-02-31", "country": 12, "active": "yes",
            "owner": {"agentId": "me"},
            "members": [{"agentId": "00000000-0000-0000-0000-000000000000", "tier": 70_000}, "Ann", {}],
        }));
        let names: Vec<&str> = named.iter().map(|(field, _)| field.as_str()).collect();
        let expected = [
            "active",
            "at",
            "country",
            "day",
            "members[0].tier",
            "members[1]",
            "members[2].agentId",
            "name",
            "owner.agentId",
            "ring_seconds",
            "role",
        ];
        assert_eq!(names, expected);
        assert!(mended);
        let role = named.iter().find(|(field, _)| field == "role").unwrap();
        assert!(role.1.contains("king") && role.1.contains("supervisor"), "{role:?}");
    }

    #[test]
    fn an_empty_body_is_told_all_that_is_required_and_nothing_within() {
        let (mended, named) = fields(json!({}));
        let names: Vec<&str> = named.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(names, ["active", "at", "country", "members", "name", "owner", "role"]);
        assert!(mended && named.iter().all(|(_, message)| message == "this is required"), "{named:?}");
    }

    #[test]
    fn a_place_that_nothing_fits_into_ends_the_search_with_what_was_found() {
        #[derive(Debug, Deserialize)]
        #[allow(dead_code)]
        struct Odd {
            a: u32,
            b: std::net::IpAddr,
        }
        let mut faults = Faults::default();
        assert!(mended::<Odd>(json!({"a": "x", "b": 1}), &mut faults).is_none());
        assert_eq!(faults.done().unwrap_err().errors().len(), 2);
    }

    #[test]
    fn many_faults_take_bounded_work() {
        let members: Vec<Value> = (0..1_000).map(|n| json!({"agentId": n})).collect();
        let (mended, named) = fields(json!({"members": members}));
        assert!(!mended);
        assert_eq!(named.len(), FAULTS_MAX);
    }
}
