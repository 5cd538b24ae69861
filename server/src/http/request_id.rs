//! Request ids: taken from `X-Request-Id` or made, echoed in the answer and in every error body.

use std::sync::LazyLock;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use dialplane_core::clock::{Clock as _, SystemClock};
use dialplane_core::id::{IdSource as _, SystemIds};
use tracing::Instrument;

/// The header.
pub(crate) static HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that is being answered; empty outside of one.
pub(crate) fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Runs the rest of the request in a task of its own, under the same id.
pub(crate) fn inherited<F: Future>(rest: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(current(), rest)
}

fn acceptable(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn fresh() -> String {
    static IDS: LazyLock<SystemIds> = LazyLock::new(SystemIds::default);
    IDS.uuid(SystemClock.now()).to_string()
}

/// Runs a request under its id.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let given = request.headers().get(&HEADER).and_then(|value| value.to_str().ok()).filter(|text| acceptable(text));
    let id = given.map_or_else(fresh, str::to_owned);
    let span = tracing::info_span!("request", id = %id, method = %request.method());
    let header = HeaderValue::from_str(&id);
    let mut response = CURRENT.scope(id, next.run(request)).instrument(span).await;
    if let Ok(value) = header {
        response.headers_mut().insert(HEADER.clone(), value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::acceptable;

    #[test]
    fn ids_that_could_forge_a_log_line_are_replaced() {
        assert!(acceptable("0193-abc_DEF.1"));
        assert!(!acceptable("") && !acceptable("a b") && !acceptable("a\"b") && !acceptable(&"a".repeat(129)));
    }
}
