//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110 §8.8 and §13.1): the version of a resource guards against lost updates, and what
//! a client has already is not sent again.
//!
//! A tag is the version, as in `"3"`. The tag of a representation that was read has a hash of it behind the version, as in
//! `"3-9f86d081884c7d65"`: a resource shows figures and names of others too, which change without its version. Either form is
//! taken by `If-Match`, which compares the versions.

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

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
    let version = tag.split_once('-').map_or(tag, |(version, _)| version);
    version.parse().ok().map(|version| IfMatch(Some(version)))
}

/// An answer with the version of its resource.
pub(crate) type Versioned<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

/// Puts the version on an answer.
pub(crate) fn versioned<T: Serialize>(version: u32, body: T) -> Versioned<T> {
    let tag = HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""));
    ([(header::ETAG, tag)], Json(body))
}

/// Completes the tags of what is read, and answers 304 to who has it already.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect::<Vec<_>>();
    let response = next.run(request).await;
    if !reads || response.status() != StatusCode::OK || !has_version(response.headers()) {
        return response;
    }
    match completed(response).await {
        Ok(response) if known.iter().any(|list| names(list, response.headers())) => unchanged(response),
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

/// Whether the tag is a version, which a hash is to complete. Others, such as those of files, are complete.
fn has_version(headers: &HeaderMap) -> bool {
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
    tag.trim_matches('"').parse::<u32>().is_ok()
}

async fn completed(response: Response) -> Result<Response, Problem> {
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| Problem::internal(&error))?;
    let version = parts.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
    let hash: String = Sha256::digest(&body).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{}-{hash}\"", version.trim_matches('"'));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Whether a list of tags names the one of the answer, by the weak comparison (RFC 9110 §13.1.2).
pub(super) fn names(list: &HeaderValue, headers: &HeaderMap) -> bool {
    let (Ok(list), Some(Ok(tag))) = (list.to_str(), headers.get(header::ETAG).map(HeaderValue::to_str)) else {
        return false;
    };
    // Tags of ours hold no comma.
    list.split(',').map(str::trim).any(|other| other == "*" || other.trim_start_matches("W/") == tag)
}

fn unchanged(response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strong_tags_of_ours_are_versions() {
        assert_eq!(read("\"7\""), Some(IfMatch(Some(7))));
        assert_eq!(read("\"7-9f86d081884c7d65\""), Some(IfMatch(Some(7))));
        assert_eq!(read(" * "), Some(IfMatch(None)));
        assert_eq!(read("W/\"7\""), None);
        assert_eq!(read("7"), None);
        assert_eq!(read("\"-1\""), None);
    }

    #[test]
    fn a_list_of_tags_is_searched_by_the_weak_comparison() {
        let headers = HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("\"7-ab\""))]);
        for (list, expected) in [
            ("\"7-ab\"", true),
            ("W/\"7-ab\"", true),
            ("\"1\", \"7-ab\"", true),
            ("*", true),
            ("\"7\"", false),
            ("", false),
        ] {
            assert_eq!(names(&HeaderValue::from_static(list), &headers), expected, "{list}");
        }
    }
}
