//! `/ivr/signing-secret`: what web services check requests of flows by.

use axum::Json;
use axum::extract::State;
use dialplane_core::Permission;

use crate::http::answer::answer;
use crate::http::guard::Authed;
use crate::outgoing::SigningKey;
use crate::problem::Reply;
use crate::state::Shared;

answer! {
    /// What requests of the company's flows are signed with.
    SigningSecretAnswer {
        /// The secret in the form of the Standard Webhooks specification: `whsec_` and Base64.
        secret: String,
    }
}

/// The secret that requests of the company's flows to web services are signed with (Standard Webhooks 1.0). It changes with the server's
/// `jwt_secret`. For admins and managers.
#[utoipa::path(get, path = "/ivr/signing-secret", tag = "ivr", responses((status = 200, body = SigningSecretAnswer)))]
pub(crate) async fn signing_secret(State(app): State<Shared>, authed: Authed) -> Reply<Json<SigningSecretAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    Ok(Json(SigningSecretAnswer::new(SigningKey::of_company(&app, authed.company_id()).shown())))
}
