//! `Idempotency-Key` on POST: the same key and body within 24 hours has its effect once, and answers the first response again.
//!
//! The promise must hold on several processes and when one dies at any instant, so it cannot rest on anything in memory. It rests
//! on one row, which the store's own transactions make true:
//!
//! 1. The actor of such a request carries a [`Claim`], and the engine takes it in the unit of work of the command, before the
//!    command reads anything. The claim is committed with the change or not at all, and a second execution of the request,
//!    here or elsewhere, waits for the first and then finds it taken. So it is never the layer that decides who may go on.
//! 2. When the answer is known it is written into the same row, sealed. Answers of requests that changed nothing (a refusal)
//!    are written with a claim of their own; failures of the moment are not, and leave the key free.
//! 3. Whoever sends the key again gets that answer. Where there is none, the first execution is still on its way (409
//!    `idempotency_in_progress`), or, once no request can be that old, its process died between the commit and the answer: 409
//!    `idempotency_answer_lost` says that the request was carried out and is not carried out again.
//!
//! An answer beyond 1 MiB is not kept, only that the request was carried out.
//!
//! What a request does besides the store (ringing a phone) follows a command, and so happens at most once. Requests without
//! the header pay nothing.

mod seal;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use dialplane_core::Actor;
use dialplane_core::once::{Claim, ClaimedRequest, RequestKey};
use dialplane_core::store::Access;
use sha2::{Digest, Sha256};
use tracing::Instrument as _;

use self::seal::{Answer, Seal};
use super::guard::{Authed, Identity};
use super::input::{FLOW_MAX, JSON_MAX, read_body};
use super::request_id;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// How long an answer is kept.
pub(crate) const LIFE: TimeDelta = TimeDelta::hours(24);
/// After this no request is on its way any more: longer than any may take.
const LEASE: TimeDelta = TimeDelta::seconds(90);
/// Seconds after which it is worth asking again for the answer of a request that is on its way.
const AGAIN_SECONDS: u64 = 1;
/// The largest answer kept, in bytes; of a larger one only that the request was carried out.
const ANSWER_MAX: usize = 1 << 20;
/// The longest key, in bytes.
const KEY_MAX: usize = 255;

static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A request with a key.
struct Keyed {
    key: RequestKey,
    seal: Seal,
}

fn keyed(request: &Request) -> Reply<Option<(Keyed, std::sync::Arc<Authed>)>> {
    let Some(value) = request.headers().get("idempotency-key").filter(|_| request.method() == Method::POST) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > KEY_MAX {
        return Err(Problem::field("Idempotency-Key", "expected 1 to 255 visible characters"));
    }
    // Without an account there is nobody whose answer it is; sign-in and registration are protected by their own rules.
    let Some(Identity::Known(authed)) = request.extensions().get::<Identity>() else { return Ok(None) };
    let company = authed.company.id.as_uuid();
    let user = authed.user.id.as_uuid();
    let path = request.uri().path_and_query().map_or_else(|| request.uri().path(), |path| path.as_str());
    let parts = [company.as_bytes().as_slice(), user.as_bytes(), path.as_bytes(), text.as_bytes()];
    let mut hash = Sha256::new_with_prefix(b"dialplane idempotency key");
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let seal = Seal::of(&parts).ok_or_else(|| Problem::internal(&"no seal"))?;
    Ok(Some((Keyed { key: RequestKey(hash.finalize().into()), seal }, std::sync::Arc::clone(authed))))
}

/// Carries a request with a key out once, and answers it as often as it is sent.
pub(crate) async fn layer(State(app): State<Shared>, request: Request, next: Next) -> Response {
    match keyed(&request) {
        Ok(None) => next.run(request).await,
        Ok(Some((keyed, authed))) => {
            once(app, keyed, &authed, request, next).await.unwrap_or_else(IntoResponse::into_response)
        }
        Err(problem) => problem.into_response(),
    }
}

async fn once(app: Shared, keyed: Keyed, authed: &Authed, request: Request, next: Next) -> Reply<Response> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path();
    let limit = if ["/bulk-upload", "/leads/import", "/ivr/prompts"].iter().any(|upload| path.ends_with(upload)) {
        app.settings.max_upload_bytes.saturating_add(64 * 1024)
    } else if path.contains("/ivr") {
        FLOW_MAX
    } else {
        JSON_MAX
    };
    let body = read_body(body, limit).await?;
    let now = app.engine.now();
    let claim = Claim { key: keyed.key, content: Sha256::digest(&body).into(), holder: app.engine.ids().uuid(now) };
    if let Some(known) = find(&app, &claim.key).await? {
        return again(&app, &keyed.seal, &claim, known);
    }
    let actor = authed.actor.once(claim);
    parts.extensions.insert(Identity::Known(std::sync::Arc::new(Authed { actor, ..authed.clone() })));
    let request = Request::from_parts(parts, Body::from(body));
    // In a task of its own: whoever hangs up now is the one who will ask again, and the answer should be there then.
    let work = async move {
        let response = next.run(request).await;
        kept(&app, &keyed, &claim, response).await
    };
    let work = request_id::inherited(work).in_current_span();
    tokio::spawn(work).await.map_err(|error| Problem::internal(&error))?
}

async fn find(app: &App, key: &RequestKey) -> Reply<Option<ClaimedRequest>> {
    let known = app.engine.read(&Actor::system()).await?.request(key).await?;
    let before = app.engine.now() - LIFE;
    if known.as_ref().is_none_or(|known| known.at > before) {
        return Ok(known);
    }
    // Its time is over, and it stands in the way of the next.
    let mut tx = app.engine.store().begin(Actor::system().scope(), Access::Write).await?;
    tx.purge_requests(before).await?;
    tx.commit().await?;
    Ok(None)
}

/// The answer to a request that was sent before.
fn again(app: &App, seal: &Seal, claim: &Claim, known: ClaimedRequest) -> Reply<Response> {
    if known.claim.content != claim.content {
        return Err(Problem::conflict("idempotency_key_reused", "this Idempotency-Key was used for another request"));
    }
    match known.answer.and_then(|sealed| seal.open(&sealed)) {
        Some(answer) => {
            let mut response = (answer.status, answer.headers, answer.body).into_response();
            response.headers_mut().insert(REPLAYED.clone(), HeaderValue::from_static("true"));
            Ok(response)
        }
        None if app.engine.now() - known.at < LEASE => Err(in_progress()),
        None => Err(Problem::conflict(
            "idempotency_answer_lost",
            "this request was carried out and is not carried out again, but its answer was lost: read what it made",
        )),
    }
}

fn in_progress() -> Problem {
    let message = "the first request with this key is not answered yet";
    Problem::conflict("idempotency_in_progress", message).after(AGAIN_SECONDS)
}

/// Writes the answer down, and gives what is to be sent: when another execution had the request, its answer.
async fn kept(app: &App, keyed: &Keyed, claim: &Claim, response: Response) -> Reply<Response> {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| Problem::internal(&error))?;
    let answer = Answer { status: parts.status, headers: parts.headers.clone(), body: body.clone() };
    match write_down(app, keyed, claim, &answer).await {
        Ok(Written::Ours) => Ok(Response::from_parts(parts, Body::from(body))),
        Ok(Written::Theirs) => match find(app, &claim.key).await? {
            Some(known) => again(app, &keyed.seal, claim, known),
            None => Err(in_progress()),
        },
        // The request was carried out: its answer is worth more than the failure to keep it.
        Err(problem) => {
            tracing::warn!(status = %problem.status(), "an answer could not be kept for its key");
            Ok(Response::from_parts(parts, Body::from(body)))
        }
    }
}

/// Whose the request is after all.
enum Written {
    Ours,
    Theirs,
}

async fn write_down(app: &App, keyed: &Keyed, claim: &Claim, answer: &Answer) -> Reply<Written> {
    let sealed = if answer.body.len() <= ANSWER_MAX { keyed.seal.close(answer) } else { None };
    let mut tx = app.engine.store().begin(Actor::system().scope(), Access::Write).await?;
    let ours = match (&sealed, is_passing(answer.status)) {
        (Some(sealed), false) => {
            tx.claim_request(claim, app.engine.now()).await? && tx.answer_request(claim, sealed).await?
        }
        // A failure of the moment is kept only for a request that had an effect before it failed.
        (Some(sealed), true) => {
            tx.answer_request(claim, sealed).await?;
            true
        }
        (None, _) => true,
    };
    tx.commit().await?;
    Ok(if ours { Written::Ours } else { Written::Theirs })
}

/// Failures of the moment: the client is to try again.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}
