//! `/leads`: people who may buy (document 003), who works on them and why.

mod change;
mod input;
pub(crate) mod list;
mod many;
mod profile;
mod routing;
mod settings;
mod view;

pub(crate) use view::{LeadView, views};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list::list_leads, change::create_lead))
        .routes(routes!(many::bulk_leads))
        .routes(routes!(many::list_duplicates))
        .routes(routes!(list::list_assigned_leads))
        .routes(routes!(list::get_lead, change::update_lead, change::delete_lead))
        .routes(routes!(change::assign_lead))
        .routes(routes!(change::convert_lead))
        .routes(routes!(many::merge_leads))
        .routes(routes!(routing::get_lead_routing))
        .routes(routes!(settings::get_lead_settings, settings::update_lead_settings))
        .routes(routes!(profile::get_lead_profile, profile::update_lead_profile))
}
