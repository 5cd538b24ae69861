//! `/calls`: the call log, placing and ending calls (document 003).

mod callback;
mod control;
mod entry;
mod list;
mod recording;
mod routing;
mod view;
mod waiting;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use list::{CallPage, page_of};
pub(crate) use view::{CallView, Names};

use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list::list_calls, entry::enter_call))
        .routes(routes!(control::initiate_call))
        .routes(routes!(list::get_call, entry::change_call, entry::delete_call))
        .routes(routes!(control::hang_up))
        .routes(routes!(routing::get_routing))
        .routes(routes!(waiting::next_call))
        .routes(routes!(waiting::assign_call))
        .routes(routes!(callback::status_changed))
        .routes(routes!(callback::recorded))
        .routes(routes!(recording::get_recording))
}
