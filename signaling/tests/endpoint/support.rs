//! Messages and an endpoint to hand them to.

use bytes::Bytes;
use dialplane_signaling::sip::endpoint::{Command, Config, Endpoint, Incoming};
use dialplane_signaling::sip::flow::{ConnectionId, Flow, Protocol, Transmit, TxId};
use dialplane_signaling::sip::wire::{Limits, Message};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Instant;

pub(crate) const LOCAL: &str = "192.0.2.1:5060";
pub(crate) const PEER: &str = "198.51.100.7:40000";

pub(crate) fn udp() -> Flow {
    Flow::to(Protocol::Udp, LOCAL.parse().unwrap(), PEER.parse().unwrap())
}

pub(crate) fn tcp() -> Flow {
    let connection = Some(ConnectionId(NonZeroU64::MIN));
    Flow { protocol: Protocol::Tcp, connection, ..udp() }
}

pub(crate) fn endpoint() -> (Instant, Endpoint) {
    (Instant::now(), Endpoint::new(Config::new([3; 16])))
}

/// A request as a peer sends it. `extra` are further header lines, each with its line end.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) via: &'static str,
    pub(crate) call: String,
    pub(crate) to_tag: Option<String>,
    pub(crate) cseq: u32,
    pub(crate) extra: &'static str,
}

impl Peer {
    pub(crate) fn new(call: impl Into<String>) -> Self {
        Self {
            via: "SIP/2.0/UDP 10.0.0.5:5070;rport;branch=z9hG4bKpeer",
            call: call.into(),
            to_tag: None,
            cseq: 1,
            extra: "",
        }
    }

    pub(crate) fn request(&self, method: &str) -> Bytes {
        let Self { via, call, cseq, extra, .. } = self;
        let tag = self.to_tag.as_ref().map_or(String::new(), |tag| format!(";tag={tag}"));
        let contact = "Contact: <sip:alice@10.0.0.5:5070>";
        format!(
            "{method} sip:1000@192.0.2.1 SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=alice\r\n\
             To: <sip:1000@192.0.2.1>{tag}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n{contact}\r\n{extra}Content-Length: 0\r\n\r\n"
        )
        .into()
    }

    pub(crate) fn tagged(mut self, tag: impl Into<String>) -> Self {
        self.to_tag = Some(tag.into());
        self
    }

    pub(crate) fn via(mut self, via: &'static str) -> Self {
        self.via = via;
        self
    }

    pub(crate) fn cseq(mut self, cseq: u32) -> Self {
        self.cseq = cseq;
        self
    }
}

pub(crate) fn parse(bytes: &Bytes) -> Message {
    Message::parse(bytes.clone(), &Limits::default()).unwrap()
}

/// An INVITE of ours, to be sent.
pub(crate) fn our_invite(endpoint: &mut Endpoint, flow: &Flow, call: &str) -> Bytes {
    let via = endpoint.via(flow);
    format!(
        "INVITE sip:2000@198.51.100.7 SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nRoute: <sip:proxy.example.com;lr>\r\n\
         From: <sip:acd@192.0.2.1>;tag=us\r\nTo: <sip:2000@198.51.100.7>\r\nCall-ID: {call}\r\nCSeq: 4 INVITE\r\n\
         Contact: <sip:acd@192.0.2.1>\r\nContent-Length: 0\r\n\r\n"
    )
    .into()
}

/// The answer of a peer to a request of ours.
pub(crate) fn answer(request: &Bytes, status: u16, tag: &str) -> Bytes {
    let request = parse(request);
    dialplane_signaling::sip::wire::Builder::response_to(&request, status, "")
        .to_tag(tag)
        .header("Contact", "<sip:2000@198.51.100.7>")
        .finish()
}

/// All commands, each as one short line.
pub(crate) fn drain(endpoint: &mut Endpoint) -> Vec<String> {
    std::iter::from_fn(|| endpoint.poll_command()).map(|command| line(&command)).collect()
}

pub(crate) fn line(command: &Command) -> String {
    match command {
        Command::Transmit(transmit) => format!("send {} to {}", title(&transmit.bytes), transmit.flow.remote),
        Command::Request(incoming) => format!("request {}", title(incoming.message.bytes())),
        Command::Cancel { .. } => "cancel".to_owned(),
        Command::Ack { .. } => "ack".to_owned(),
        Command::Response { message, .. } => format!("response {}", title(message.bytes())),
        Command::Timeout { .. } => "timeout".to_owned(),
        Command::TransportError { .. } => "transport error".to_owned(),
        other => format!("{other:?}"),
    }
}

/// `INVITE`, or `200 INVITE`.
pub(crate) fn title(bytes: &Bytes) -> String {
    let message = parse(bytes);
    match message.status() {
        Some(status) => format!("{status} {}", message.cseq().unwrap().method),
        None => message.method().unwrap().to_string(),
    }
}

/// Receives a request and gives what came of it; it must have come up.
pub(crate) fn receive(endpoint: &mut Endpoint, now: Instant, flow: Flow, bytes: Bytes) -> Box<Incoming> {
    endpoint.receive(now, flow, bytes);
    match endpoint.poll_command() {
        Some(Command::Request(incoming)) => incoming,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn respond(endpoint: &mut Endpoint, now: Instant, incoming: &Incoming, tx: TxId, status: u16) {
    let response = endpoint.response(incoming, status, "").finish();
    endpoint.respond(now, tx, response).unwrap();
}

/// The next command, which must be a message to send.
pub(crate) fn sent(endpoint: &mut Endpoint) -> Transmit {
    match endpoint.poll_command() {
        Some(Command::Transmit(transmit)) => transmit,
        other => panic!("{other:?}"),
    }
}

/// Lets all timers run until nothing is left to wait for, dropping what they want sent.
pub(crate) fn run_out(endpoint: &mut Endpoint) -> Vec<String> {
    let mut lines = vec![];
    while let Some(at) = endpoint.poll_timeout() {
        endpoint.handle_timeout(at);
        lines.extend(drain(endpoint));
    }
    lines
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}
