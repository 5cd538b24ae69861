//! What carriers tell us of their calls (document 003). A signature takes the place of a token.

use axum::Json;
use axum::extract::{OriginalUri, Request, State};
use axum::http::Uri;

use crate::http::answer::Done;
use crate::http::guard::ClientAddress;
use crate::http::input::read_body;
use crate::http::rate_limit::Key;
use crate::integrations::twilio::Twilio;
use crate::integrations::twilio::callback::{BODY_MAX, Callback};
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// Reads a callback and checks its signature. Forgeries count as anonymous requests.
async fn verified<'a>(
    app: &'a App,
    ClientAddress(address): ClientAddress,
    uri: &Uri,
    request: Request,
) -> Reply<(&'a Twilio, Callback)> {
    let (parts, body) = request.into_parts();
    let read = async {
        let twilio = app.twilio.get().ok_or_else(|| Problem::untrusted("Twilio is not set up"))?;
        let body = read_body(body, BODY_MAX).await?;
        Ok((twilio, twilio.verified(uri, &parts.headers, &body).await?))
    };
    let verified = read.await;
    if verified.is_err() {
        app.limiter.count(Key::Anonymous(address))?;
    }
    verified
}

/// Twilio says how a call goes. Signed with `X-Twilio-Signature`; what comes twice or late changes nothing.
#[utoipa::path(post, path = "/calls/status-callback", tag = "calls", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Done), (status = 403, description = "the signature is missing or wrong")))]
pub(crate) async fn status_changed(
    State(app): State<Shared>,
    address: ClientAddress,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Reply<Json<Done>> {
    let (twilio, callback) = verified(&app, address, &uri, request).await?;
    twilio.status_changed(&callback).await?;
    Ok(Done::say("Noted"))
}

/// Twilio says that a call was recorded: the recording is fetched. Signed with `X-Twilio-Signature`.
#[utoipa::path(post, path = "/calls/recording-status", tag = "calls", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Done), (status = 403, description = "the signature is missing or wrong")))]
pub(crate) async fn recorded(
    State(app): State<Shared>,
    address: ClientAddress,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Reply<Json<Done>> {
    let (twilio, callback) = verified(&app, address, &uri, request).await?;
    twilio.recorded(&callback).await?;
    Ok(Done::say("Noted"))
}
