//! The HTTP interface: its routes, its layers and its description.

mod agents;
mod analytics;
mod audit;
mod auth;
mod callbacks;
mod callers;
mod calls;
mod clients;
mod companies;
mod dashboard;
mod dispositions;
mod extensions;
mod inbound_routes;
pub(crate) mod ivr;
mod jobs;
mod lead_files;
mod leads;
mod officers;
mod openapi;
mod operations;
mod pages;
mod phone_numbers;
pub(crate) mod queue_log;
mod queue_waiting;
mod queues;
mod reports;
mod setup;
mod states;
mod trunks;
mod users;
mod voicemails;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _, SizeAbove};
use utoipa_axum::router::OpenApiRouter;

pub(crate) use openapi::document;

use crate::http::{etag, guard, headers, idempotency, load, measure, methods, request_id};
use crate::integrations::{meta, twilio};
use crate::live;
use crate::problem::Problem;
use crate::state::Shared;

/// Answers below this size, in bytes, fit a packet anyway.
const COMPRESSED_MIN: u64 = 1_024;

/// The routes below `/api`, with their description.
fn resources() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .merge(setup::routes())
        .merge(auth::routes())
        .merge(companies::routes())
        .merge(clients::routes())
        .merge(users::routes())
        .merge(callers::routes())
        .merge(agents::routes())
        .merge(phone_numbers::routes())
        .merge(extensions::routes())
        .merge(trunks::routes())
        .merge(inbound_routes::routes())
        .merge(queues::routes())
        .merge(states::routes())
        .merge(queue_log::routes())
        .merge(ivr::routes())
        .merge(voicemails::routes())
        .merge(callbacks::routes())
        .merge(calls::routes())
        .merge(audit::routes())
        .merge(leads::routes())
        .merge(lead_files::routes())
        .merge(jobs::routes())
        .merge(dispositions::routes())
        .merge(officers::routes())
        .merge(analytics::routes())
        .merge(meta::routes())
        .merge(twilio::routes())
        .merge(reports::routes())
        .merge(dashboard::routes())
        .merge(live::routes())
}

/// Where services of others deliver, with its description. They have no account, so that nothing is counted against one: each proves
/// itself by its signature.
fn webhooks() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().merge(meta::webhooks())
}

/// Everything that is served. Each resource is there twice: below `/api` and, for clients that name a version, `/api/v1`.
pub(crate) fn router(app: &Shared) -> Router {
    let (resources, _) = resources().split_for_parts();
    let resources = resources
        .layer(from_fn_with_state(Shared::clone(app), settled))
        .layer(from_fn_with_state(Shared::clone(app), idempotency::layer))
        .layer(from_fn_with_state(Shared::clone(app), guard::layer))
        .layer(from_fn(etag::layer));
    let resources = resources.merge(webhooks().split_for_parts().0);
    // Health and metrics are outside: they must answer when nothing else does.
    let resources = load::shedding(resources, load::REQUESTS_MAX);
    let (operations, _) = operations::routes().split_for_parts();
    let description = document();
    let mut router = Router::new()
        .nest("/api", resources.clone())
        .nest("/api/v1", resources)
        .merge(operations)
        .merge(pages::routes())
        .merge(utoipa_swagger_ui::SwaggerUi::new("/docs").url("/api/openapi.json", description.clone()))
        .route("/api/v1/openapi.json", axum::routing::get(move || async move { Json(description) }))
        .fallback(|| async { Problem::no_route() })
        .method_not_allowed_fallback(methods::other)
        .layer(from_fn(load::deadline))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(compression())
        .layer(live::sockets(app))
        .layer(from_fn_with_state(Shared::clone(app), live::handshakes))
        .layer(from_fn(measure::layer));
    if let Some(cors) = headers::cors(&app.settings.cors_origins) {
        router = router.layer(cors);
    }
    let router = router.layer(from_fn(headers::layer)).layer(from_fn(request_id::layer)).with_state(Shared::clone(app));
    // `Allow` is added by the router, outside of all its layers.
    Router::new().fallback_service(router).layer(from_fn(methods::layer))
}

/// Compression of texts that are worth it. Streams of events, audio and what is compressed already are left alone.
fn compression() -> CompressionLayer<impl tower_http::compression::Predicate> {
    let texts = DefaultPredicate::new().and(NotForContentType::const_new("audio/"));
    CompressionLayer::new().compress_when(texts.and(SizeAbove::new(COMPRESSED_MIN)))
}

/// Answers a change once call control knows of it: a phone may register in the instant after its extension was made.
async fn settled(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let reads = request.method().is_safe();
    let response = next.run(request).await;
    if !reads && response.status().is_success() {
        app.directory.settle().await;
    }
    response
}

/// A panic is a fault of ours: it is logged with its text, and the client learns nothing but that.
fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Problem::internal(&text.as_deref().unwrap_or("a panic")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower::ServiceExt as _;

    use super::*;

    async fn explode() {
        panic!("the secret is 42");
    }

    #[tokio::test]
    async fn a_panic_is_a_plain_internal_error() {
        let router: Router = Router::new()
            .route("/", axum::routing::get(explode))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn(request_id::layer));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), axum::http::StatusCode::INTERNAL_SERVER_ERROR);
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 4_096).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["code"], body["requestId"].as_str()), (&"internal".into(), Some(id.as_str())));
        assert!(!body.to_string().contains("secret"), "{body}");
    }
}
