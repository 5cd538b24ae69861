//! `/auth`: registering, signing in, sessions, one's own account.

mod account;
mod register;
mod session;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use register::{FirstCompany, NewPerson, first_account};
pub(crate) use session::open;

use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(session::login))
        .routes(routes!(session::refresh))
        .routes(routes!(session::logout))
        .routes(routes!(account::profile, account::update_profile))
        .routes(routes!(account::change_password))
}
