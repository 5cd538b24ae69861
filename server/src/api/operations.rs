//! Health, readiness and metrics: for whoever runs the server.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::{Problem, Reply};
use crate::state::Shared;
use crate::telephony::publish_gauges;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(ready)).routes(routes!(metrics))
}

/// The server runs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// Always true.
    success: bool,
    /// ok.
    status: &'static str,
    version: &'static str,
    uptime_seconds: u64,
}

/// Whether the process runs.
#[utoipa::path(get, path = "/health", tag = "operations", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn health(State(app): State<Shared>) -> Json<Health> {
    let uptime_seconds = app.started.elapsed().as_secs();
    Json(Health { success: true, status: "ok", version: env!("CARGO_PKG_VERSION"), uptime_seconds })
}

/// Whether the server can do its work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ready {
    /// Always true.
    success: bool,
    /// ready.
    status: &'static str,
}

/// Whether requests should be sent here: the database answers and the server is not stopping.
#[utoipa::path(get, path = "/ready", tag = "operations", security(()),
    responses((status = 200, body = Ready), (status = 503, description = "not now")))]
pub(crate) async fn ready(State(app): State<Shared>) -> Reply<Json<Ready>> {
    if app.is_draining() {
        return Err(Problem::unavailable("stopping", "the server is stopping", 5));
    }
    app.engine.store().ping().await?;
    Ok(Json(Ready { success: true, status: "ready" }))
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations", security(()), responses((status = 200, body = String)))]
pub(crate) async fn metrics(State(app): State<Shared>) -> impl IntoResponse {
    if let Some(telephony) = app.calls.get() {
        publish_gauges(telephony.edge());
    }
    app.live.publish_gauges();
    app.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render())
}
