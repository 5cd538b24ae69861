//! `ETag` and `If-Match` (RFC 9110 §13.1.1): the version of a resource guards against lost updates.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use serde::Serialize;

use crate::problem::Problem;

/// The version that a change was made from; `None` when the client does not care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IfMatch(pub(crate) Option<u32>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        value.to_str().ok().and_then(read).ok_or_else(|| Problem::field("If-Match", "expected an ETag such as \"3\""))
    }
}

fn read(text: &str) -> Option<IfMatch> {
    if text.trim() == "*" {
        return Some(IfMatch(None));
    }
    // A strong tag of ours or nothing: weak tags never match (RFC 9110 §8.8.3.2).
    let tag = text.trim().strip_prefix('"')?.strip_suffix('"')?;
    tag.parse().ok().map(|version| IfMatch(Some(version)))
}

/// An answer with the version of its resource.
pub(crate) type Versioned<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

/// Puts the version on an answer.
pub(crate) fn versioned<T: Serialize>(version: u32, body: T) -> Versioned<T> {
    let tag = HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""));
    ([(header::ETAG, tag)], Json(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strong_tags_of_ours_are_versions() {
        assert_eq!(read("\"7\""), Some(IfMatch(Some(7))));
        assert_eq!(read(" * "), Some(IfMatch(None)));
        assert_eq!(read("W/\"7\""), None);
        assert_eq!(read("7"), None);
        assert_eq!(read("\"-1\""), None);
    }
}
