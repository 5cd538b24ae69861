//! Reading bodies, queries and paths; whatever is wrong with them becomes a 400 that names the field.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use dialplane_core::id::{Id, Named};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The largest JSON body, in bytes.
pub(crate) const JSON_MAX: usize = 1 << 20;
/// Bytes beyond a limit that are still read before the connection is given up.
const DISCARDED_MAX: usize = 32 << 20;

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::media_type("application/json"));
        }
        let bytes = read_body(request.into_body(), JSON_MAX).await?;
        from_json(&bytes).map(Self)
    }
}

/// A JSON body that may be absent.
#[derive(Debug)]
pub(crate) struct MaybeInput<T>(pub(crate) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for MaybeInput<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let json = is_json(request.headers());
        let bytes = read_body(request.into_body(), JSON_MAX).await?;
        match (bytes.trim_ascii().is_empty(), json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => from_json(&bytes).map(Self),
            (false, false) => Err(Problem::media_type("application/json")),
        }
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

/// Reads JSON; an error names the field and says nothing of our types.
///
/// # Errors
/// 400.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde takes a list for an object, its fields in order: nobody means that.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{')
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
    {
        return Err(Problem::field("body", "expected a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            let message = plain(&inner.to_string());
            match missing_field(&message) {
                Some(field) => Problem::field(joined(&path, field), "this is required"),
                None => Problem::field(if path == "." { "body".to_owned() } else { path }, message),
            }
        } else {
            Problem::malformed(format!("the body is not JSON: {inner}"))
        }
    })?;
    json.end().map_err(|error| Problem::malformed(format!("the body is not JSON: {error}")))?;
    Ok(value)
}

/// Cuts the position off a message; the field says where.
fn plain(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(head, _)| head).to_owned()
}

fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

fn joined(path: &str, field: &str) -> String {
    if path == "." || path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

/// The query of a URL.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(value)| Self(value)).map_err(|rejection| {
            let text = rejection.body_text();
            let detail = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            match detail.split_once(": ") {
                Some((field, message)) => Problem::field(field, message),
                None => Problem::field("query", detail),
            }
        })
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
    fn unknown_fields_are_tolerated() {
        assert!(from_json::<Body>(br#"{"name": "a", "extra": true}"#).is_ok());
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_stack_overflow() {
        assert!(fault("[".repeat(100_000).as_bytes()).contains("400"));
    }
}
