//! Socket.IO version 4 at `/socket.io`, with the three events of document 003.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use dialplane_core::event::Envelope;
use dialplane_core::id::UserId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use socketioxide::layer::SocketIoLayer;
use socketioxide::{SendError, SocketError, SocketIo};
use tokio_util::sync::CancellationToken;

use super::choice::Choice;
use super::feed::{Feed, Item};
use super::hub::{End, Transport};
use super::message::{Documented, Ending, EnvelopeView, Position};
use crate::http::guard;
use crate::http::rate_limit::Key;
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// Where Socket.IO is served.
const PATH: &str = "/socket.io";
/// The largest message of a client, in bytes: a token and a few words.
const MESSAGE_MAX: usize = 16 << 10;
/// Packets that wait for the network; behind them events wait in the hub.
const PACKETS_MAX: usize = 256;
/// From the handshake to the token.
const CONNECT: Duration = Duration::from_secs(10);
/// Handshakes in the time of [`CONNECT`]: until they show their token, they are strangers who take up memory.
const HANDSHAKES_MAX: u32 = 4_000;
/// How long to wait for a place in a client's packets.
const FULL_PAUSE: Duration = Duration::from_millis(10);
/// The pause after the store failed.
const PAUSE: Duration = Duration::from_secs(1);

/// What a client says when it connects.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Handshake {
    /// The access token.
    token: Option<String>,
    /// The last `seq` the client was given: it is sent what came after.
    #[serde(rename = "lastSeq", alias = "last_seq")]
    last_seq: Option<u64>,
    /// The company that a platform admin follows.
    #[serde(rename = "companyId", alias = "company_id")]
    company: Option<String>,
    /// Whether every event is sent as `event` with its envelope, too.
    envelopes: bool,
    /// Whether it is told how queues stand, as `queue-state`: once a second for each at most.
    #[serde(rename = "queueStates", alias = "queue_states")]
    queue_states: bool,
}

/// The stream of a socket, from its admission until it is taken up.
type Opened = Arc<Mutex<Option<(Feed, bool)>>>;

/// Serves Socket.IO in front of all other routes.
pub(crate) fn sockets(app: &Shared) -> SocketIoLayer {
    let (layer, io) = SocketIo::builder()
        .req_path(PATH)
        .connect_timeout(CONNECT)
        .max_payload(MESSAGE_MAX as u64)
        .ws_max_message_size(MESSAGE_MAX)
        .ws_max_frame_size(MESSAGE_MAX)
        .max_buffer_size(PACKETS_MAX)
        .build_layer();
    let app_of_all = Shared::clone(app);
    let admission = async move |socket: SocketRef, TryData(auth): TryData<Value>| {
        let (feed, envelopes) = admit(&app_of_all, &socket, auth.unwrap_or_default()).await?;
        socket.extensions.insert::<Opened>(Arc::new(Mutex::new(Some((feed, envelopes)))));
        Ok::<_, Problem>(())
    };
    io.ns("/", connected.with(admission));
    // A second router of the same state would be closed by itself; there is one.
    app.live.sockets.set(io).ok();
    layer
}

/// Refuses handshakes of addresses that have used up their attempts, and of too many strangers at once.
pub(crate) async fn handshakes(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let is_ours = request.uri().path().starts_with(PATH) && request.method() == Method::GET;
    if !is_ours || query(request.uri(), "sid").is_some() {
        return next.run(request).await;
    }
    let address = guard::client_address(&app, request.headers(), request.extensions().get());
    match app.limiter.check(Key::Anonymous(address)).and_then(|()| app.live.strangers.count()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Counts handshakes in a window of [`CONNECT`].
#[derive(Debug)]
pub(super) struct Strangers {
    began: Mutex<Instant>,
    count: AtomicU32,
}

impl Default for Strangers {
    fn default() -> Self {
        Self { began: Mutex::new(Instant::now()), count: AtomicU32::new(0) }
    }
}

impl Strangers {
    fn count(&self) -> Reply<()> {
        let mut began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        if began.elapsed() >= CONNECT {
            *began = Instant::now();
            self.count.store(0, Ordering::Relaxed);
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= HANDSHAKES_MAX {
            return Err(Problem::unavailable("busy", "too many clients connect at once, try again", CONNECT.as_secs()));
        }
        Ok(())
    }
}

fn query<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Checks the token, and begins the stream.
async fn admit(app: &Shared, socket: &SocketRef, auth: Value) -> Reply<(Feed, bool)> {
    let parts = socket.req_parts();
    let address = guard::client_address(app, &parts.headers, parts.extensions.get());
    let auth = if auth.is_object() { auth } else { Value::Object(serde_json::Map::default()) };
    let auth: Handshake = serde_json::from_value(auth)
        .map_err(|_| Problem::field("auth", "expected {token, lastSeq, companyId, envelopes, queueStates}"))?;
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = auth.token.as_deref().or(header).or_else(|| query(&parts.uri, "token")).unwrap_or_default();
    let token = match token.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => token.trim(),
    };
    if token.is_empty() {
        app.limiter.count(Key::Anonymous(address))?;
        return Err(Problem::no_token());
    }
    let (admitted, _) = guard::admit(app, token, auth.company.as_deref(), address).await?;
    let authed = admitted.ok_or_else(Problem::bad_token)?;
    let choice = if auth.envelopes { Choice::All } else { Choice::parse(Documented::SOURCES)? };
    let feed = Feed::open(app, &authed, Transport::SocketIo, auth.last_seq, choice, auth.queue_states).await?;
    Ok((feed, auth.envelopes))
}

/// Takes up a socket that was admitted.
async fn connected(socket: SocketRef) {
    let opened = socket.extensions.remove::<Opened>();
    let taken = opened.and_then(|opened| opened.lock().unwrap_or_else(PoisonError::into_inner).take());
    let Some((feed, envelopes)) = taken else {
        socket.disconnect().ok();
        return;
    };
    let me = feed.user();
    socket.on("join-user-room", async move |TryData(asked): TryData<Value>, ack: AckSender| {
        ack.send(&joined(me, asked.unwrap_or_default())).ok();
    });
    let gone = CancellationToken::new();
    let leaving = gone.clone();
    socket.on_disconnect(async move || leaving.cancel());
    tokio::spawn(async move {
        let mut feed = feed;
        tokio::select! {
            () = gone.cancelled() => {}
            () = forward(&socket, &mut feed, envelopes) => {}
        }
    });
}

/// The answer to `join-user-room`. One is in one's own room from the beginning, by the token; nobody else's is open.
fn joined(me: UserId, asked: Value) -> Value {
    let refused = |problem: Problem| json!({"success": false, "code": problem.code(), "message": problem.message()});
    match asked.as_str().map(str::parse::<UserId>) {
        Some(Ok(id)) if id == me => json!({"success": true, "userId": id}),
        Some(Ok(_)) => refused(Problem::forbidden()),
        _ => refused(Problem::field("userId", "expected an id, which is a UUID")),
    }
}

/// Sends a stream to its socket until either is over.
async fn forward(socket: &SocketRef, feed: &mut Feed, envelopes: bool) {
    loop {
        let going_on = match feed.next().await {
            Item::Event(envelope) => {
                let documented = match documented(feed, &envelope).await {
                    Some(known) => emit(socket, feed, known.name(), &(&known, envelope.seq)).await,
                    None => true,
                };
                documented
                    && (!envelopes || emit(socket, feed, "event", &(EnvelopeView::of(&envelope), envelope.seq)).await)
            }
            Item::Cursor(seq) => emit(socket, feed, "cursor", &Position { seq }).await,
            Item::Reset(seq) => emit(socket, feed, "replay-reset", &Position { seq }).await,
            Item::State(numbers) => emit(socket, feed, "queue-state", &numbers).await,
            Item::Beat => true,
            Item::End(reason) => return leave(socket, reason).await,
        };
        if !going_on {
            return;
        }
    }
}

/// The documented form of an event, read until the store answers: what was not told would not be told again.
async fn documented(feed: &Feed, envelope: &Envelope) -> Option<Documented> {
    loop {
        match Documented::of(feed.app(), feed.user(), envelope).await {
            Ok(form) => return form,
            Err(_) if feed.is_over() => return None,
            Err(error) => {
                tracing::warn!(%error, "a live event could not be read, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Sends an event, waiting for a place among the packets. Whether to go on: not when the socket is gone.
async fn emit(socket: &SocketRef, feed: &Feed, name: &str, data: &impl Serialize) -> bool {
    loop {
        match socket.emit(name, data) {
            Ok(()) => return true,
            // Ends by itself: the hub gives up on a client that stays behind, and the transport on one that is silent.
            Err(SendError::Socket(SocketError::InternalChannelFull)) if !feed.is_over() => {
                tokio::time::sleep(FULL_PAUSE).await;
            }
            Err(SendError::Socket(SocketError::InternalChannelFull)) => return true,
            Err(SendError::Socket(SocketError::Closed)) => return false,
            Err(error) => {
                tracing::error!(%error, name, "a live event could not be written");
                return true;
            }
        }
    }
}

/// Says why, and disconnects. A server that stops closes the transport instead, after which clients come again by themselves.
async fn leave(socket: &SocketRef, reason: End) {
    socket.emit("end", &Ending { reason: reason.as_str() }).ok();
    if reason == End::Stopping {
        return;
    }
    // The packet that says so needs a place, too.
    while matches!(socket.clone().disconnect(), Err(SocketError::InternalChannelFull)) {
        tokio::time::sleep(FULL_PAUSE).await;
    }
}
