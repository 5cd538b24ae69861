//! Files that are given out whole or in part (RFC 9110 §14): one range of bytes, `If-Range` and `If-None-Match` by the tag.
//!
//! A file here never changes, so that its tag is who it is. Several ranges in one request are answered with the whole file, as
//! §14.2 allows.

use std::io::SeekFrom;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::etag;
use crate::problem::{Problem, Reply};

/// What is asked for of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// From a first byte to a last one, both included.
    Bytes(u64, u64),
    /// No such part.
    Unsatisfiable,
}

/// Reads a `Range` for a file of `length` bytes. What is not understood is passed over (§14.2).
fn part(range: &str, length: u64) -> Part {
    let Some(range) = range.trim().strip_prefix("bytes=").map(str::trim) else { return Part::Whole };
    let Some((first, last)) = range.split_once('-').filter(|_| !range.contains(',')) else { return Part::Whole };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number beyond all counting is beyond every file.
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (first, number(first), last, number(last)) {
        ("", _, _, Some(suffix)) => match length.checked_sub(1) {
            Some(end) if suffix > 0 => Part::Bytes(length.saturating_sub(suffix), end),
            _ => Part::Unsatisfiable,
        },
        (_, Some(first), _, Some(last)) if last < first => Part::Whole,
        (_, Some(first), "", _) | (_, Some(first), _, Some(_)) if first >= length => Part::Unsatisfiable,
        (_, Some(first), "", _) => Part::Bytes(first, length - 1),
        (_, Some(first), _, Some(last)) => Part::Bytes(first, last.min(length - 1)),
        _ => Part::Whole,
    }
}

/// Which part a request asks for; `tag` is that of the file.
fn asked(method: &Method, headers: &HeaderMap, tag: &HeaderValue, length: u64) -> Part {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // Only GET has ranges (§14.2). A date in `If-Range` matches nothing, as no date is told (§13.1.5).
    let is_same = headers.get(header::IF_RANGE).is_none_or(|known| known == tag);
    match text(header::RANGE) {
        Some(range) if method == Method::GET && is_same => part(range, length),
        _ => Part::Whole,
    }
}

/// Answers with a file, or the part of it that is asked for. `tag` tells the file from all others, and must not be a number.
///
/// # Errors
/// 404 when the file is not there, 500 when it cannot be read.
pub(crate) async fn file(
    path: &Path,
    (tag, media_type): (&str, &str),
    method: &Method,
    headers: &HeaderMap,
) -> Reply<Response> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Problem::not_found("file"),
        _ => Problem::internal(&error),
    };
    let mut file = File::open(path).await.map_err(failed)?;
    let length = file.metadata().await.map_err(failed)?.len();
    let text = |text: &str| HeaderValue::from_str(text).map_err(|error| Problem::internal(&error));
    let mut response = Response::new(Body::empty());
    let tag = text(&format!("\"{tag}\""))?;
    let own = response.headers_mut();
    own.insert(header::ETAG, tag.clone());
    own.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if headers.get_all(header::IF_NONE_MATCH).iter().any(|list| etag::names(list, own)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let (first, count) = match asked(method, headers, &tag, length) {
        Part::Whole => (0, length),
        Part::Bytes(first, last) => {
            own.insert(header::CONTENT_RANGE, text(&format!("bytes {first}-{last}/{length}"))?);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            (first, last - first + 1)
        }
        Part::Unsatisfiable => {
            own.insert(header::CONTENT_RANGE, text(&format!("bytes */{length}"))?);
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            return Ok(response);
        }
    };
    let own = response.headers_mut();
    own.insert(header::CONTENT_TYPE, text(media_type)?);
    own.insert(header::CONTENT_LENGTH, HeaderValue::from(count));
    file.seek(SeekFrom::Start(first)).await.map_err(failed)?;
    *response.body_mut() = Body::from_stream(ReaderStream::new(file.take(count)));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_has_them() {
        for (range, expected) in [
            ("bytes=0-0", Part::Bytes(0, 0)),
            ("bytes=2-5", Part::Bytes(2, 5)),
            ("bytes=2-", Part::Bytes(2, 9)),
            ("bytes=2-99999999999999999999999", Part::Bytes(2, 9)),
            ("bytes=-3", Part::Bytes(7, 9)),
            ("bytes=-30", Part::Bytes(0, 9)),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=10-", Part::Unsatisfiable),
            ("bytes=10-12", Part::Unsatisfiable),
            ("bytes=99999999999999999999999-", Part::Unsatisfiable),
            // What is not understood is passed over.
            ("bytes=5-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(range, 10), expected, "{range}");
        }
        for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            assert_eq!(part(range, 0), Part::Unsatisfiable, "{range}");
        }
    }

    #[test]
    fn a_range_is_for_who_has_the_same_file_and_gets_it() {
        let tag = HeaderValue::from_static("\"abc\"");
        let with = |known: Option<&'static str>| {
            let mut headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=1-2"))]);
            if let Some(known) = known {
                headers.insert(header::IF_RANGE, HeaderValue::from_static(known));
            }
            headers
        };
        assert_eq!(asked(&Method::GET, &with(None), &tag, 9), Part::Bytes(1, 2));
        assert_eq!(asked(&Method::GET, &with(Some("\"abc\"")), &tag, 9), Part::Bytes(1, 2));
        for other in ["\"abd\"", "W/\"abc\"", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(asked(&Method::GET, &with(Some(other)), &tag, 9), Part::Whole, "{other}");
        }
        assert_eq!(asked(&Method::HEAD, &with(None), &tag, 9), Part::Whole);
    }
}
