//! The few pages that a browser is shown: where things are, and the set-up form. Nothing of them comes from elsewhere.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::state::Shared;

/// The routes.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(|| async { html(include_str!("../pages/index.html")) }))
        .route("/setup", get(|| async { html(include_str!("../pages/setup.html")) }))
        .route("/assets/page.css", get(|| async { file("text/css; charset=utf-8", include_str!("../pages/page.css")) }))
        .route(
            "/assets/setup.js",
            get(|| async { file("text/javascript; charset=utf-8", include_str!("../pages/setup.js")) }),
        )
}

fn html(text: &'static str) -> impl IntoResponse {
    file("text/html; charset=utf-8", text)
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text)
}
