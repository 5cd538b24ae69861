//! What keeps the server on its feet: a cap on requests at once, and a limit of their time. Who comes beyond is told at once when to
//! come back, instead of waiting with all the others until nobody gets an answer.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;

use crate::problem::Problem;

/// Requests at once. What they wait for is the database, whose connections are far fewer; more would only wait longer.
pub(crate) const REQUESTS_MAX: usize = 1_024;
/// The longest time a request may take. Uploads over slow lines need most of it.
const DEADLINE: Duration = Duration::from_secs(60);

/// The same routes, at most `most` requests of which run at once.
pub(crate) fn shedding<S: Clone + Send + Sync + 'static>(routes: Router<S>, most: usize) -> Router<S> {
    // The only error there can be is that of the full house.
    let full = |_: tower::BoxError| async {
        metrics::counter!("dialplane_http_shed_total").increment(1);
        Ok::<_, Infallible>(Problem::unavailable("overloaded", "too many requests at once, try again shortly", 1))
    };
    let layers = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(full))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(most));
    routes.layer(layers)
}

/// Ends a request that takes too long.
pub(crate) async fn deadline(request: Request, next: Next) -> Response {
    within(DEADLINE, next.run(request)).await
}

async fn within(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    let late = |_| Problem::unavailable("timeout", "the request took too long", 1).into_response();
    tokio::time::timeout(limit, answer).await.unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use axum::http::{StatusCode, header};
    use axum::routing::get;
    use tokio::sync::{Barrier, Semaphore};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_full_house_says_so_at_once_and_takes_the_next_when_there_is_room() {
        let (inside, leave) = (Arc::new(Barrier::new(3)), Arc::new(Semaphore::new(0)));
        let handler = {
            let (inside, leave) = (Arc::clone(&inside), Arc::clone(&leave));
            move || async move {
                inside.wait().await;
                drop(leave.acquire().await);
                "done"
            }
        };
        let router = shedding(Router::<()>::new().route("/", get(handler)).route("/b", get(|| async { "b" })), 2);
        let ask =
            |path: &'static str| router.clone().oneshot(Request::builder().uri(path).body(Body::empty()).unwrap());
        let (first, second) = (tokio::spawn(ask("/")), tokio::spawn(ask("/")));
        inside.wait().await;
        // The limit is one for all routes.
        for path in ["/", "/b"] {
            let refused = ask(path).await.unwrap();
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
        }
        leave.add_permits(2);
        for request in [first, second] {
            assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::OK);
        }
        assert_eq!(ask("/b").await.unwrap().status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_told_when_to_come_back() {
        let late = within(Duration::ZERO, std::future::pending()).await;
        assert_eq!(
            (late.status(), &late.headers()[header::RETRY_AFTER]),
            (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap())
        );
    }
}
