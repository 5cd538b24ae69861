//! `/users`: the company's people (documents 000, 003 and 004).

mod change;
mod list;
mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use change::UserPatch;
pub(crate) use list::{UserQuery, listed, recorded};
pub(crate) use view::{Person, UserView, UsersAnswer, percentage};

use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list::list_users, change::create_user))
        .routes(routes!(change::sync_callers))
        .routes(routes!(list::list_company_users))
        .routes(routes!(list::get_user, change::update_user, change::delete_user))
        .routes(routes!(change::set_role))
        .routes(routes!(change::set_password))
}
