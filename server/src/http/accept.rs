//! Taking connections in: how many, and how long a client may take to say what it wants.
//!
//! A client that sends half a request and waits holds a descriptor, and a thousand of them hold a server: headers have a time
//! limit, bodies fall under the deadline of the request, and there is an end to the number of connections.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// From the first byte, or the end of the request before, to the end of the headers.
const HEADERS: Duration = Duration::from_secs(20);
/// Connections at once; further ones wait in the backlog of the system.
const CONNECTIONS_MAX: u32 = 8_192;
/// The pause after the system refused a connection, as when it is out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until told to stop, then lets requests that have begun end.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEADERS);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    loop {
        let next = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        let (stream, peer, place) = tokio::select! {
            () = stop.cancelled() => break,
            (accepted, place) = next => match accepted {
                Ok((stream, peer)) => (stream, peer, place),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        // Without it answers wait for acknowledgements; a socket that refuses works all the same.
        stream.set_nodelay(true).ok();
        let router = router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
            router.clone().oneshot(request)
        });
        // A connection that becomes a WebSocket is over here, and counted among the live streams from then on.
        let connection = protocol.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let stop = stop.clone();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let served = tokio::select! {
                served = connection.as_mut() => served,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    // All places are free when the last connection has ended; the semaphore is never closed.
    places.acquire_many(CONNECTIONS_MAX).await.ok();
}
