//! Leads from files and to files.

mod export;
mod import;
mod preview;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(import::import_leads)).routes(routes!(export::export_leads))
}
