//! `/phone-numbers`: the inventory, assignments and usage (document 001).

mod assignment;
mod bulk;
mod inventory;
mod usage;
mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(inventory::list_numbers, inventory::add_number))
        .routes(routes!(bulk::bulk_upload))
        .routes(routes!(usage::usage))
        .routes(routes!(assignment::reset_daily_counts))
        .routes(routes!(assignment::agent_numbers))
        .routes(routes!(inventory::get_number, inventory::update_number, inventory::delete_number))
        .routes(routes!(assignment::assign))
        .routes(routes!(assignment::unassign))
        .routes(routes!(assignment::update_assignment))
}
