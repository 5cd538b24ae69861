//! `Idempotency-Key` on POST: the same key and body within 24 hours answers the first response again.
//!
//! Answers are kept in this process's memory: a restart forgets them, and another node does not know them. What must hold
//! beyond that (a number once in the inventory, an e-mail address once) is held by the store's own identities.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use dialplane_core::id::{CompanyId, UserId};
use sha2::{Digest, Sha256};

use super::guard::Identity;
use super::input::{JSON_MAX, read_body};
use crate::problem::Problem;
use crate::state::Shared;

/// How long an answer is kept.
const LIFE: Duration = Duration::from_secs(24 * 3_600);
/// The most answers kept.
const ENTRIES_MAX: usize = 10_000;
/// The most bytes of answers kept.
const BYTES_MAX: usize = 64 << 20;
/// The largest answer kept; a larger one cannot be repeated and its key stays free.
const ANSWER_MAX: usize = 4 << 20;

static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Whose key it is, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    user: UserId,
    company: Option<CompanyId>,
    path: String,
    key: String,
}

#[derive(Debug, Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Debug)]
struct Entry {
    began: Instant,
    request: [u8; 32],
    /// `None` while the first request is still being answered.
    answer: Option<Answer>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<Key, Entry>,
    order: VecDeque<(Instant, Key)>,
    bytes: usize,
}

/// The answers that can be repeated.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    kept: Mutex<Kept>,
}

enum Begun {
    First,
    Again(Answer),
}

impl Replays {
    fn begin(&self, now: Instant, key: &Key, request: [u8; 32]) -> Result<Begun, Problem> {
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.expire(now);
        match kept.entries.get(key) {
            Some(entry) if entry.request != request => {
                Err(Problem::conflict("idempotency_key_reused", "this Idempotency-Key was used for another request"))
            }
            Some(Entry { answer: Some(answer), .. }) => Ok(Begun::Again(answer.clone())),
            Some(_) => {
                Err(Problem::conflict("idempotency_in_progress", "the first request with this key is not answered yet"))
            }
            None => {
                kept.entries.insert(key.clone(), Entry { began: now, request, answer: None });
                kept.order.push_back((now, key.clone()));
                Ok(Begun::First)
            }
        }
    }

    /// Keeps the answer, or frees the key when there is none worth keeping.
    fn end(&self, key: &Key, answer: Option<Answer>) {
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match answer {
            Some(answer) => {
                let size = answer.body.len();
                if let Some(entry) = kept.entries.get_mut(key) {
                    entry.answer = Some(answer);
                    kept.bytes += size;
                }
            }
            None => kept.remove(key),
        }
    }
}

impl Kept {
    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.answer.map_or(0, |answer| answer.body.len());
        }
    }

    /// Drops what is too old, and the oldest when there is too much.
    fn expire(&mut self, now: Instant) {
        while let Some((began, key)) = self.order.front().cloned() {
            let full = self.entries.len() >= ENTRIES_MAX || self.bytes > BYTES_MAX;
            if now.duration_since(began) < LIFE && !full {
                break;
            }
            self.order.pop_front();
            // A key that was freed and taken again has a younger place in the line.
            if self.entries.get(&key).is_some_and(|entry| entry.began == began) {
                self.remove(&key);
            }
        }
    }
}

/// Frees the key when the request is dropped before it is answered: the client hung up, or the handler panicked.
struct Release<'a> {
    replays: &'a Replays,
    key: Option<Key>,
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.replays.end(&key, None);
        }
    }
}

fn key_of(request: &Request) -> Result<Option<Key>, Problem> {
    let Some(value) = request.headers().get("idempotency-key").filter(|_| request.method() == Method::POST) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > 255 {
        return Err(Problem::field("Idempotency-Key", "expected 1 to 255 visible characters"));
    }
    // Without an account there is nobody whose answer it is; sign-in and registration are protected by their own rules.
    let Some(Identity::Known(authed)) = request.extensions().get::<Identity>() else { return Ok(None) };
    let path = request.uri().path_and_query().map_or_else(|| request.uri().path().to_owned(), ToString::to_string);
    let key = text.to_owned();
    Ok(Some(Key { user: authed.user.id, company: authed.actor.company(), path, key }))
}

/// Answers a repeated request from memory.
pub(crate) async fn layer(State(app): State<Shared>, request: Request, next: Next) -> Response {
    match key_of(&request) {
        Ok(None) => next.run(request).await,
        Ok(Some(key)) => once(&app, key, request, next).await.unwrap_or_else(IntoResponse::into_response),
        Err(problem) => problem.into_response(),
    }
}

async fn once(app: &Shared, key: Key, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let limit = if parts.uri.path().ends_with("/bulk-upload") {
        app.settings.max_upload_bytes.saturating_add(64 * 1024)
    } else {
        JSON_MAX
    };
    let body = read_body(body, limit).await?;
    match app.replays.begin(Instant::now(), &key, Sha256::digest(&body).into())? {
        Begun::Again(answer) => {
            let mut response = (answer.status, answer.headers, answer.body).into_response();
            response.headers_mut().insert(REPLAYED.clone(), HeaderValue::from_static("true"));
            Ok(response)
        }
        Begun::First => {
            let mut release = Release { replays: &app.replays, key: Some(key) };
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            let (response, answer) = copied(response).await?;
            if let (Some(answer), Some(key)) = (answer, release.key.take()) {
                app.replays.end(&key, Some(answer));
            }
            Ok(response)
        }
    }
}

/// Splits an answer into the one to send and the one to keep. Failures of the moment are not kept: the client is to try again.
async fn copied(response: Response) -> Result<(Response, Option<Answer>), Problem> {
    let (parts, body) = response.into_parts();
    let passing = parts.status.is_server_error()
        || matches!(parts.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| Problem::internal(&error))?;
    let keep = (!passing && body.len() <= ANSWER_MAX).then(|| {
        let kept = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];
        let headers =
            kept.into_iter().filter_map(|name| parts.headers.get(&name).map(|value| (name, value.clone()))).collect();
        Answer { status: parts.status, headers, body: body.clone() }
    });
    Ok((Response::from_parts(parts, Body::from(body)), keep))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialplane_core::id::{IdSource, SystemIds};

    fn key(name: &str) -> Key {
        let ids = SystemIds::default();
        let ids: &dyn IdSource = &ids;
        Key { user: ids.id(chrono::DateTime::UNIX_EPOCH), company: None, path: "/".into(), key: name.into() }
    }

    fn answer(size: usize) -> Answer {
        Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::from(vec![0; size]) }
    }

    #[test]
    fn a_key_answers_again_and_refuses_another_body() {
        let (replays, key, now) = (Replays::default(), key("a"), Instant::now());
        assert!(matches!(replays.begin(now, &key, [1; 32]), Ok(Begun::First)));
        assert!(replays.begin(now, &key, [1; 32]).is_err(), "not answered yet");
        replays.end(&key, Some(answer(3)));
        assert!(matches!(replays.begin(now, &key, [1; 32]), Ok(Begun::Again(_))));
        assert!(replays.begin(now, &key, [2; 32]).is_err());
        assert!(matches!(replays.begin(now + LIFE, &key, [2; 32]), Ok(Begun::First)));
    }

    #[test]
    fn a_failed_request_frees_its_key_and_memory_is_bounded() {
        let (replays, now) = (Replays::default(), Instant::now());
        let failed = key("b");
        assert!(replays.begin(now, &failed, [1; 32]).is_ok());
        replays.end(&failed, None);
        assert!(matches!(replays.begin(now, &failed, [1; 32]), Ok(Begun::First)));
        for n in 0..40 {
            let key = key(&n.to_string());
            assert!(replays.begin(now, &key, [1; 32]).is_ok());
            replays.end(&key, Some(answer(2 << 20)));
        }
        assert!(replays.kept.lock().unwrap().bytes <= BYTES_MAX + (2 << 20));
    }
}
