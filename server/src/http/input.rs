//! Reading bodies, queries and paths; whatever is wrong with them becomes a 400 that names the field.

use std::str::FromStr;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use dialplane_core::flow::DOCUMENT_BYTES_MAX;
use dialplane_core::id::{Id, Named};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;

use super::faults::{Draft, Faults};
use super::mend::{self, Fault};
use crate::problem::Problem;

/// The largest JSON body, in bytes.
pub(crate) const JSON_MAX: usize = 1 << 20;
/// The largest JSON body with the document of a flow, in bytes: the document, and what is said beside it.
pub(crate) const FLOW_MAX: usize = DOCUMENT_BYTES_MAX + (64 << 10);
/// Bytes beyond a limit that are still read before the connection is given up.
const DISCARDED_MAX: usize = 32 << 20;

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read_json(request).await?.checked(|body, _| Some(Self(body)))
    }
}

/// A JSON body that may be absent.
#[derive(Debug)]
pub(crate) struct MaybeInput<T>(pub(crate) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for MaybeInput<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        maybe_json_within(request, JSON_MAX).await?.checked(|body, _| Some(Self(body)))
    }
}

/// Reads a JSON body that the rules are still to look at.
///
/// # Errors
/// 400, 413, 415; faults of single fields are in the draft when the rest can be looked at.
pub(super) async fn read_json<T: DeserializeOwned>(request: Request) -> Result<Draft<T>, Problem> {
    read_json_within(request, JSON_MAX).await
}

/// The same with a limit of its own, in bytes.
///
/// # Errors
/// As [`read_json`].
pub(crate) async fn read_json_within<T: DeserializeOwned>(request: Request, limit: usize) -> Result<Draft<T>, Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::media_type("application/json"));
    }
    let bytes = read_body(request.into_body(), limit).await?;
    drafted(&bytes)
}

/// The same where the body may be absent.
///
/// # Errors
/// As [`read_json`].
pub(crate) async fn maybe_json_within<T>(request: Request, limit: usize) -> Result<Draft<T>, Problem>
where
    T: DeserializeOwned + Default,
{
    let json = is_json(request.headers());
    let bytes = read_body(request.into_body(), limit).await?;
    match (bytes.trim_ascii().is_empty(), json) {
        (true, _) => Ok(Draft { body: T::default(), faults: Faults::default() }),
        (false, true) => drafted(&bytes),
        (false, false) => Err(Problem::media_type("application/json")),
    }
}

/// Reads a body up to `limit` bytes. What comes beyond is read and thrown away, within bounds: a client that is still sending when
/// the connection closes sees a reset instead of the answer.
///
/// # Errors
/// 413 beyond the limit, 400 when the client broke off.
pub(crate) async fn read_body(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let (mut stream, mut kept, mut length) = (body.into_data_stream(), BytesMut::new(), 0usize);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Problem::malformed("the body ended too early"))?;
        length = length.saturating_add(chunk.len());
        if length <= limit {
            kept.extend_from_slice(&chunk);
        } else if length > limit.saturating_add(DISCARDED_MAX) {
            break;
        }
    }
    if length > limit { Err(Problem::too_large(limit)) } else { Ok(kept.freeze()) }
}

/// Whether reading a body failed because of its size.
pub(crate) fn is_length_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut source = Some(error);
    while let Some(current) = source {
        if current.to_string() == "length limit exceeded" {
            return true;
        }
        source = current.source();
    }
    false
}

/// The media type without its parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = media_type(headers);
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Reads JSON; the errors name the fields and say nothing of our types.
///
/// # Errors
/// 400.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    drafted(bytes)?.checked(|body, _| Some(body))
}

fn drafted<T: DeserializeOwned>(bytes: &[u8]) -> Result<Draft<T>, Problem> {
    // serde takes a list for an object, its fields in order: nobody means that.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{')
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
    {
        return Err(Problem::field("body", "expected a JSON object"));
    }
    let not_json = |error: &dyn std::fmt::Display| Problem::malformed(format!("the body is not JSON: {error}"));
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut faults = Faults::default();
    match serde_path_to_error::deserialize(&mut json) {
        Ok(body) => {
            json.end().map_err(|error| not_json(&error))?;
            return Ok(Draft { body, faults });
        }
        // A null in the place of a word is a fault of syntax to serde, and none of JSON.
        Err(error) if !error.inner().is_data() && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_err() => {
            return Err(not_json(error.inner()));
        }
        Err(error) if bytes.len() > mend::SIZE_MAX => {
            let fault = Fault::new(error.path(), plain(&error.inner().to_string()));
            faults.add(fault.field, fault.message);
        }
        Err(_) => {
            let body = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
            if let Some(body) = mend::mended(body, &mut faults) {
                return Ok(Draft { body, faults });
            }
        }
    }
    faults.done()?;
    Err(Problem::malformed("the body cannot be read"))
}

/// Cuts the position off a message; the field says where.
fn plain(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(head, _)| head)
}

/// The query of a URL.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        from_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Reads a query, and names every field that is wrong: each is left out in turn, and the rest looked at.
fn from_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let (mut rest, mut faults) = (query.to_owned(), Faults::default());
    loop {
        let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(rest.as_bytes()));
        let fault = match serde_path_to_error::deserialize(reader) {
            Ok(value) => return faults.done().map(|()| value),
            Err(error) => Fault::new(error.path(), &error.inner().to_string()),
        };
        let others = form_urlencoded::parse(rest.as_bytes()).filter(|(name, _)| *name != fault.field);
        let others = form_urlencoded::Serializer::new(String::new()).extend_pairs(others).finish();
        let is_named = fault.field != mend::BODY;
        faults.add(if is_named { fault.field } else { "query".to_owned() }, fault.message);
        if !is_named || others.len() >= rest.len() {
            return Err(faults.done().err().unwrap_or_else(|| Problem::malformed("the query cannot be read")));
        }
        rest = others;
    }
}

/// The id in the path.
pub(crate) struct PathId<K>(pub(crate) Id<K>);

impl<K: Named, S: Send + Sync> FromRequestParts<S> for PathId<K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::malformed("the path is not UTF-8 text"))?;
        text.parse().map(Self).map_err(|_| Problem::field("id", "expected an id, which is a UUID"))
    }
}

/// The id in the path, and what stands at a second place of it: an id or a number.
pub(crate) struct PathPair<K, T>(pub(crate) Id<K>, pub(crate) T);

impl<K: Named, T: FromStr, S: Send + Sync> FromRequestParts<S> for PathPair<K, T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((id, second)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::malformed("the path is not UTF-8 text"))?;
        let id = id.parse().map_err(|_| Problem::field("id", "expected an id, which is a UUID"))?;
        let second = second.parse().map_err(|_| Problem::field("path", format!("{second:?} cannot be read")))?;
        Ok(Self(id, second))
    }
}

/// A word in the path.
pub(crate) struct PathWord(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathWord {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let word = Path::<String>::from_request_parts(parts, state).await;
        word.map(|Path(word)| Self(word)).map_err(|_| Problem::malformed("the path is not UTF-8 text"))
    }
}

/// Reads a field that may be absent (unchanged), null (cleared) or a value.
pub(crate) fn nullable<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    serde::Deserialize::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Member {
        #[allow(dead_code)]
        tier: u16,
    }
    #[derive(Debug, Deserialize)]
    struct Body {
        #[allow(dead_code)]
        name: String,
        #[serde(default)]
        #[allow(dead_code)]
        members: Vec<Member>,
    }

    fn fault(text: &[u8]) -> String {
        format!("{:?}", from_json::<Body>(text).unwrap_err())
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        assert!(fault(b"{}").contains("field: \"name\""));
        assert!(fault(br#"{"name": 1}"#).contains("field: \"name\""));
        assert!(fault(br#"{"name": "a", "members": [{"tier": 1}, {"tier": "x"}]}"#).contains("members[1].tier"));
        assert!(fault(br#"{"name": "a", "members": [{}]}"#).contains("members[0].tier"));
        assert!(fault(b"[]").contains("body"));
        for text in [&b"{"[..], b"", b"\xff", b"{\"name\": \"a\"} x", b"{\"name\": \"\xff\"}"] {
            assert!(fault(text).contains("malformed"), "{text:?}: {}", fault(text));
        }
    }

    #[test]
    fn a_null_in_the_place_of_a_word_is_a_fault_of_its_field() {
        #[derive(Debug, Deserialize)]
        struct Choice {
            #[serde(rename = "state")]
            _state: State,
        }
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum State {
            Open,
        }
        let told = format!("{:?}", from_json::<Choice>(br#"{"state": null}"#).unwrap_err());
        assert!(told.contains("field: \"state\""), "{told}");
        assert!(from_json::<Choice>(br#"{"state": "open"}"#).is_ok());
    }

    #[test]
    fn every_fault_is_named() {
        let all = fault(br#"{"name": [], "members": [{"tier": "x"}, {}, 5]}"#);
        for field in ["name", "members[0].tier", "members[1].tier", "members[2]"] {
            assert!(all.contains(&format!("field: {field:?}")), "{all}");
        }
    }

    #[test]
    fn every_wrong_field_of_a_query_is_named() {
        #[derive(Debug, Deserialize)]
        #[allow(dead_code)]
        struct Page {
            page: Option<u32>,
            limit: Option<u32>,
            role: Option<dialplane_core::people::Role>,
            name: Option<String>,
        }
        let wrong = format!("{:?}", from_query::<Page>("page=one&name=a%26b&limit=-1&role=king").unwrap_err());
        for field in ["page", "limit", "role"] {
            assert!(wrong.contains(&format!("field: {field:?}")), "{wrong}");
        }
        assert!(!wrong.contains("field: \"name\""));
        assert_eq!(from_query::<Page>("name=a%26b&page=2").unwrap().name.as_deref(), Some("a&b"));
        assert!(format!("{:?}", from_query::<Page>("page=1&page=2").unwrap_err()).contains("query"));
    }

    #[test]
    fn unknown_fields_are_tolerated() {
        assert!(from_json::<Body>(br#"{"name": "a", "extra": true}"#).is_ok());
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_stack_overflow() {
        assert!(fault("[".repeat(100_000).as_bytes()).contains("400"));
    }
}
