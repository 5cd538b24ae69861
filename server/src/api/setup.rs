//! `/setup`: the first company and its platform admin, by the one-time link that the server printed.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dialplane_core::company;
use dialplane_core::people::password::check_password;
use dialplane_core::people::{NewUser, Role, user};
use dialplane_core::{Actor, Error};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{FirstCompany, first_account, open};
use super::companies::CompanyView;
use super::users::UserView;
use crate::http::answer::answer;
use crate::http::faults::Draft;
use crate::http::guard::ClientAddress;
use crate::http::rate_limit::Key;
use crate::problem::Reply;
use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(setup_status, set_up))
}

/// Whether the server waits to be set up.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetupStatus {
    /// Always true.
    success: bool,
    /// Whether there is no account yet.
    needs_setup: bool,
}

/// Whether the server waits to be set up.
#[utoipa::path(get, path = "/setup", tag = "setup", security(()), responses((status = 200, body = SetupStatus)))]
pub(crate) async fn setup_status(State(app): State<Shared>) -> Reply<Json<SetupStatus>> {
    let needs_setup = !app.engine.read(&Actor::system()).await?.any_user().await?;
    Ok(Json(SetupStatus { success: true, needs_setup }))
}

/// The first company and its admin.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Setup {
    /// The token of the link.
    token: String,
    /// The company's name.
    #[serde(alias = "company_name")]
    company_name: String,
    /// The company's country, by ISO 3166 code.
    country: Option<String>,
    /// The company's IANA time zone.
    timezone: Option<String>,
    /// The admin's name.
    name: String,
    /// The admin's e-mail address.
    email: String,
    /// The admin's password, 8 to 128 characters.
    password: String,
}

answer! {
    /// The server is set up.
    SetUpDone {
        /// The access token of the admin.
        token: String,
        /// The refresh token.
        refresh_token: String,
        /// Seconds until the access token ends.
        expires_in: u64,
        user: UserView,
        company: CompanyView,
    }
}

/// Make the first company and its platform admin. Works once.
#[utoipa::path(post, path = "/setup", tag = "setup", security(()), request_body = Setup,
    responses((status = 201, body = SetUpDone)))]
pub(crate) async fn set_up(
    State(app): State<Shared>,
    ClientAddress(address): ClientAddress,
    draft: Draft<Setup>,
) -> Reply<(StatusCode, Json<SetUpDone>)> {
    let key = Key::SignInFailure(address);
    app.limiter.check(key)?;
    let body = draft.checked(|body, faults| {
        faults.rule(user::person_name(&body.name));
        faults.rule(user::email(&body.email));
        faults.rule(check_password(&body.password));
        faults.rule(company::company_name(&body.company_name));
        faults.rules(body.timezone.as_deref().and_then(|text| company::timezone(text).err()));
        faults.rules(body.country.as_deref().and_then(|text| company::country(text).err()));
        Some(body)
    })?;
    if !app.setup.admits(&body.token) {
        app.limiter.count(key)?;
        return Err(Error::new(
            dialplane_core::Kind::Forbidden,
            "invalid_setup_token",
            "this set-up link is not valid",
        )
        .into());
    }
    let admin = NewUser {
        name: body.name,
        email: body.email,
        password: app.passwords.hash(body.password).await?,
        initials: None,
        role: Role::Admin,
        phone: None,
        country_code: None,
        department: None,
        reporting_to: None,
    };
    let company = FirstCompany { name: Some(body.company_name), timezone: body.timezone, country: body.country };
    let (company, user) = first_account(&app, company, admin).await?;
    let (pair, user) = open(&app, &user).await?;
    let (user, company) = (UserView::of(&user), CompanyView::of(&company));
    let done = SetUpDone::new(pair.token, pair.refresh_token, app.tokens.life_seconds(), user, company);
    Ok((StatusCode::CREATED, Json(done)))
}
