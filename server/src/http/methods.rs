//! `OPTIONS` and methods that a path does not take. `HEAD` is answered as `GET`, without the body, by the router itself.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// What a path says to a method that no handler takes. The router adds `Allow`.
pub(crate) async fn other(method: Method) -> Response {
    if method == Method::OPTIONS { StatusCode::NO_CONTENT.into_response() } else { Problem::method().into_response() }
}

/// Completes `Allow`: every path that is there takes `OPTIONS`.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let allow = response.headers().get(header::ALLOW).and_then(|allow| allow.to_str().ok());
    let with_options = allow.filter(|allow| !allow.contains("OPTIONS")).map(|allow| format!("{allow},OPTIONS"));
    if let Some(value) = with_options.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}
