//! Signing in and out, and refreshing.

use axum::Json;
use axum::extract::State;
use dialplane_core::Actor;
use dialplane_core::command::session::{CloseSession, OpenSession, RefreshSession, Refreshed, RefuseSession};
use dialplane_core::error::Failure;
use dialplane_core::id::{CompanyId, UserId};
use dialplane_core::people::password::TokenHash;
use dialplane_core::people::session::SessionRefused;
use dialplane_core::people::{User, user};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::users::UserView;
use crate::http::answer::{Done, answer};
use crate::http::guard::{Authed, ClientAddress};
use crate::http::input::{Input, MaybeInput};
use crate::http::rate_limit::Key;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// What proves who somebody is.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Login {
    /// The e-mail address.
    email: String,
    /// The password.
    password: String,
}

answer! {
    /// Somebody is signed in.
    SignedIn {
        /// The access token, for `Authorization: Bearer`.
        token: String,
        /// The refresh token: works once, for the next pair.
        refresh_token: String,
        /// Seconds until the access token ends.
        expires_in: u64,
        /// Who.
        user: UserView,
    }
}

/// The tokens of a session that has just been opened or refreshed.
pub(crate) struct Pair {
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

fn fresh_token(app: &App) -> (String, TokenHash) {
    let token = app.engine.ids().token::<32>();
    let hash = TokenHash::of(&token);
    (token, hash)
}

/// Opens a session for a user whose proof was checked.
///
/// # Errors
/// 401 when they may not sign in.
pub(crate) async fn open(app: &App, user: &User) -> Reply<(Pair, User)> {
    let (refresh_token, hash) = fresh_token(app);
    let command = OpenSession { user: user.id, token: hash, life: app.session_life() };
    let user = app.engine.execute(&Actor::system_for(user.company), &command).await?;
    Ok((Pair { token: app.tokens.issue(&user, app.engine.now()), refresh_token }, user))
}

fn signed_in(app: &App, pair: Pair, user: &User) -> Json<SignedIn> {
    Json(SignedIn::new(pair.token, pair.refresh_token, app.tokens.life_seconds(), UserView::of(user)))
}

/// Sign in.
///
/// Only failed attempts count against the limit of sign-ins; the answer and its time are the same for an unknown address and a
/// wrong password.
#[utoipa::path(post, path = "/auth/login", tag = "auth", security(()), request_body = Login,
    responses((status = 200, body = SignedIn)))]
pub(crate) async fn login(
    State(app): State<Shared>,
    ClientAddress(address): ClientAddress,
    Input(login): Input<Login>,
) -> Reply<Json<SignedIn>> {
    let key = Key::SignInFailure(address);
    app.limiter.check(key)?;
    let found = find(&app, &login.email).await?;
    let fits = app.passwords.verify(login.password, found.as_ref().map(|user| user.password.clone())).await?;
    // Guesses that ran side by side are told nothing once the limit is reached, not even that one was right.
    app.limiter.check(key)?;
    let guessed_at = found.as_ref().map(|user| (user.id, user.company));
    let opened = match found.filter(|_| fits) {
        Some(user) => open(&app, &user).await,
        None => Err(Problem::bad_credentials()),
    };
    match opened {
        Ok((pair, user)) => Ok(signed_in(&app, pair, &user)),
        Err(problem) if problem.status() == axum::http::StatusCode::UNAUTHORIZED => {
            metrics::counter!("dialplane_auth_failures_total").increment(1);
            if let Some((user, company)) = guessed_at {
                // Beside the answer, whose time must not tell whether there is such a user.
                tokio::spawn(remember_refusal(Shared::clone(&app), user, company));
            }
            app.limiter.count(key)?;
            Err(Problem::bad_credentials())
        }
        Err(problem) => Err(problem),
    }
}

async fn remember_refusal(app: Shared, user: UserId, company: CompanyId) {
    if let Err(error) = app.engine.execute(&Actor::system_for(company), &RefuseSession { user }).await {
        tracing::warn!(%error, "a refused sign-in is missing from the audit log");
    }
}

async fn find(app: &App, email: &str) -> Reply<Option<User>> {
    let Ok(email) = user::email(email) else { return Ok(None) };
    let mut tx = app.engine.read(&Actor::system()).await?;
    Ok(tx.user_by_email(&email).await?)
}

/// A refresh token.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefreshToken {
    /// The refresh token.
    #[serde(alias = "refresh_token")]
    refresh_token: Option<String>,
}

/// Exchange a refresh token for the next pair.
///
/// A token that is used twice closes its whole session.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", security(()), request_body = RefreshToken,
    responses((status = 200, body = SignedIn)))]
pub(crate) async fn refresh(State(app): State<Shared>, Input(body): Input<RefreshToken>) -> Reply<Json<SignedIn>> {
    let token = body.refresh_token.ok_or_else(|| Problem::field("refreshToken", "this is required"))?;
    let (refresh_token, next) = fresh_token(&app);
    let command = RefreshSession { token: TokenHash::of(&token), next, life: app.session_life() };
    match app.engine.execute(&Actor::system(), &command).await? {
        Refreshed::Rotated { user } => {
            let pair = Pair { token: app.tokens.issue(&user, app.engine.now()), refresh_token };
            Ok(signed_in(&app, pair, &user))
        }
        Refreshed::Reused => {
            tracing::warn!("a refresh token was used twice, its session is closed");
            Err(Failure::Refused(SessionRefused::Reused).into())
        }
        Refreshed::Invalid => Err(Failure::Refused(SessionRefused::Invalid).into()),
    }
}

/// Sign out.
///
/// Access tokens given out before stop working at once. With a refresh token only its session ends, otherwise all do.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body(content = RefreshToken, description = "optional"),
    responses((status = 200, body = Done)))]
pub(crate) async fn logout(
    State(app): State<Shared>,
    authed: Authed,
    MaybeInput(body): MaybeInput<RefreshToken>,
) -> Reply<Json<Done>> {
    let home = authed.actor.inside(authed.user.company).unwrap_or(authed.actor);
    let token = body.refresh_token.as_deref().map(TokenHash::of);
    app.engine.execute(&home, &CloseSession { token }).await?;
    Ok(Done::say("Logged out successfully"))
}
