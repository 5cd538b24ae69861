//! One's own account.

use axum::Json;
use axum::extract::State;
use dialplane_core::Actor;
use dialplane_core::command::people::{SetPassword, UpdateUser};
use dialplane_core::error::Failure;
use dialplane_core::people::{UserChange, UserRefused};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::session;
use crate::api::companies::CompanyView;
use crate::api::users::UserView;
use crate::http::answer::answer;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::Draft;
use crate::http::guard::{Authed, ClientAddress};
use crate::http::input::{Input, nullable};
use crate::http::rate_limit::Key;
use crate::problem::Reply;
use crate::state::Shared;

answer! {
    /// One's own account and company.
    Profile {
        /// The account.
        user: UserView,
        /// The company.
        company: CompanyView,
    }
}

/// The actor in their own company, wherever they are acting.
fn at_home(authed: &Authed) -> Actor {
    authed.actor.inside(authed.user.company).unwrap_or(authed.actor)
}

/// One's own account.
#[utoipa::path(get, path = "/auth/profile", tag = "auth", responses((status = 200, body = Profile)))]
pub(crate) async fn profile(authed: Authed) -> Versioned<Profile> {
    versioned(authed.user.version, Profile::new(UserView::of(&authed.user), CompanyView::of(&authed.company)))
}

/// What people change about themselves.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ProfileChange {
    /// A new name.
    name: Option<String>,
    /// A new e-mail address.
    email: Option<String>,
    /// New initials.
    initials: Option<String>,
    /// A new telephone; null clears it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    /// A new dialling prefix; null clears it.
    #[serde(default, deserialize_with = "nullable", alias = "countryCode")]
    #[schema(value_type = Option<String>)]
    country_code: Option<Option<String>>,
}

/// Change one's own account.
#[utoipa::path(put, path = "/auth/profile", tag = "auth", request_body = ProfileChange,
    responses((status = 200, body = Profile)))]
pub(crate) async fn update_profile(
    State(app): State<Shared>,
    authed: Authed,
    IfMatch(expected_version): IfMatch,
    draft: Draft<ProfileChange>,
) -> Reply<Versioned<Profile>> {
    let change = draft.checked(|body, faults| {
        let change = UserChange {
            name: body.name,
            email: body.email,
            initials: body.initials,
            phone: body.phone,
            country_code: body.country_code,
            expected_version,
            ..UserChange::default()
        };
        faults.rules(change.faults());
        Some(change)
    })?;
    let user = app.engine.execute(&at_home(&authed), &UpdateUser { user: authed.user.id, change }).await?;
    Ok(versioned(user.version, Profile::new(UserView::of(&user), CompanyView::of(&authed.company))))
}

/// The present password and the next one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PasswordChange {
    /// The present password.
    #[serde(alias = "current_password")]
    current_password: String,
    /// The next password, 8 to 128 characters.
    #[serde(alias = "new_password")]
    new_password: String,
}

/// Somebody has a new password, and new tokens: all others are void.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PasswordChanged {
    /// Always true.
    success: bool,
    /// What was done.
    message: &'static str,
    /// The access token.
    token: String,
    /// The refresh token.
    refresh_token: String,
    /// Seconds until the access token ends.
    expires_in: u64,
}

/// Change one's own password.
///
/// Every session ends, this one too; the answer holds the tokens of a new one.
#[utoipa::path(put, path = "/auth/password", tag = "auth", request_body = PasswordChange,
    responses((status = 200, body = PasswordChanged)))]
pub(crate) async fn change_password(
    State(app): State<Shared>,
    authed: Authed,
    ClientAddress(address): ClientAddress,
    Input(body): Input<PasswordChange>,
) -> Reply<Json<PasswordChanged>> {
    let key = Key::SignInFailure(address);
    app.limiter.check(key)?;
    let fits = app.passwords.verify(body.current_password, Some(authed.user.password.clone())).await?;
    app.limiter.check(key)?;
    if !fits {
        app.limiter.count(key)?;
        return Err(Failure::Refused(UserRefused::WrongPassword).into());
    }
    let password = app.passwords.hash(body.new_password).await?;
    let user = app.engine.execute(&at_home(&authed), &SetPassword { user: authed.user.id, password }).await?;
    let (pair, _) = session::open(&app, &user).await?;
    Ok(Json(PasswordChanged {
        success: true,
        message: "Password changed successfully",
        token: pair.token,
        refresh_token: pair.refresh_token,
        expires_in: app.tokens.life_seconds(),
    }))
}
