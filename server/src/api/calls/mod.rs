//! `/calls`: the call log, placing and ending calls (document 003).

mod control;
mod list;
mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use list::instant;

use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list::list_calls))
        .routes(routes!(control::initiate_call))
        .routes(routes!(list::get_call, list::annotate_call))
        .routes(routes!(control::hang_up))
}
