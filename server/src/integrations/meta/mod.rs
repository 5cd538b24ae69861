//! Meta: its webhook, what is asked of its Graph API, how companies are connected, and what came of their campaigns.

mod body;
mod fetch;
mod figures;
mod graph;
mod settings;
mod signature;
mod tenant;
mod webhook;

use std::sync::OnceLock;

use dialplane_core::id::CompanyId;
use tokio::sync::{Notify, Semaphore};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use fetch::run;

use self::graph::Graph;
use crate::settings::MetaServer;
use crate::state::Shared;

/// Deliveries that are handled at once: a part of the connections to the database.
const DELIVERIES_MAX: usize = 8;

/// What the handlers and the job share.
#[derive(Debug)]
pub(crate) struct Meta {
    graph: Graph,
    /// Wakes the job.
    wake: Notify,
    /// Lets deliveries in: a burst waits here, and not for the database's connections, which everybody needs.
    turns: Semaphore,
    /// The company that the server's own settings are for, once it is there.
    first: OnceLock<CompanyId>,
}

impl Meta {
    pub(crate) fn new(settings: &MetaServer) -> Self {
        Self {
            graph: Graph::new(&settings.graph_url),
            wake: Notify::new(),
            turns: Semaphore::new(DELIVERIES_MAX),
            first: OnceLock::new(),
        }
    }
}

/// The routes for people.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(settings::get_meta_settings, settings::update_meta_settings))
        .routes(routes!(figures::meta_stats))
        .routes(routes!(figures::meta_campaigns))
        .routes(routes!(figures::meta_pending))
}

/// The routes for Meta, which has no account: a signature proves who it is.
pub(crate) fn webhooks() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(webhook::subscribe_meta, webhook::receive_meta))
        .routes(routes!(webhook::subscribe_meta_of, webhook::receive_meta_of))
}
