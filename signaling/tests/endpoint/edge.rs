//! Endpoint, dialogs and sockets in one task each, talking over the loopback interface.

use crate::support::*;
use dialplane_signaling::net::{Event, Options, Sockets};
use dialplane_signaling::sip::dialog::{Dialog, DialogId};
use dialplane_signaling::sip::endpoint::{Command, Config, Endpoint, Incoming};
use dialplane_signaling::sip::flow::{Flow, Protocol, TxId};
use dialplane_signaling::sip::wire::{Builder, Message, Method};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What an edge does with what the endpoint tells it.
trait User {
    fn handle(&mut self, now: Instant, endpoint: &mut Endpoint, command: Command);
    fn is_done(&self) -> bool;
}

/// The loop as a server has it.
struct Edge<U> {
    sockets: Sockets,
    endpoint: Endpoint,
    user: U,
}

impl<U: User> Edge<U> {
    async fn run(mut self) -> (Endpoint, U) {
        self.settle();
        while !self.user.is_done() {
            let deadline = self.endpoint.poll_timeout().unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
            tokio::select! {
                event = self.sockets.recv() => {
                    let mut next = Some(event);
                    for _ in 0..64 {
                        let Some(event) = next else { break };
                        self.take(event);
                        next = self.sockets.try_recv();
                    }
                    if let Some(event) = next {
                        self.take(event);
                    }
                }
                () = tokio::time::sleep_until(deadline.into()) => {}
            }
            self.endpoint.handle_timeout(Instant::now());
            self.settle();
        }
        (self.endpoint, self.user)
    }

    fn take(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Received(received) => self.endpoint.receive(now, received.flow, received.bytes),
            Event::SendFailed(tx) => self.endpoint.transport_failed(now, tx),
            Event::Closed(_) => {}
        }
        self.settle();
    }

    fn settle(&mut self) {
        let now = Instant::now();
        while let Some(command) = self.endpoint.poll_command() {
            match command {
                Command::Transmit(transmit) => {
                    let tx = transmit.tx;
                    if self.sockets.send(transmit).is_err()
                        && let Some(tx) = tx
                    {
                        self.endpoint.transport_failed(now, tx);
                    }
                }
                command => self.user.handle(now, &mut self.endpoint, command),
            }
        }
    }
}

/// Answers every call.
struct Callee {
    dialogs: HashMap<DialogId, Dialog>,
}

impl Callee {
    fn answer(&mut self, now: Instant, endpoint: &mut Endpoint, incoming: &Incoming) {
        let request = &incoming.message;
        let Ok(tx) = endpoint.accept(now, incoming) else { return };
        let mut status = 200;
        if request.method() == Some(&Method::Invite) {
            let mut dialog = Dialog::uas(request, &incoming.local_tag.to_string()).unwrap();
            dialog.confirm();
            self.dialogs.insert(dialog.id().clone(), dialog);
        } else if DialogId::of_request(request).and_then(|id| self.dialogs.remove(&id)).is_none() {
            status = 481;
        }
        let response = endpoint.response(incoming, status, "").header("Contact", "<sip:callee@127.0.0.1>").finish();
        endpoint.respond(now, tx, response).unwrap();
    }
}

impl User for Callee {
    fn handle(&mut self, now: Instant, endpoint: &mut Endpoint, command: Command) {
        if let Command::Request(incoming) = command {
            self.answer(now, endpoint, &incoming);
        }
    }

    fn is_done(&self) -> bool {
        false
    }
}

/// Calls, and hangs up as soon as a call is answered.
struct Caller {
    flow: Flow,
    invites: HashMap<TxId, Message>,
    byes: usize,
    left: usize,
}

impl Caller {
    fn call(&mut self, now: Instant, endpoint: &mut Endpoint, call: usize) {
        let invite = our_invite(endpoint, &self.flow, &format!("call{call}"));
        let tx = endpoint.send_request(now, invite.clone(), self.flow).unwrap();
        self.invites.insert(tx, parse(&invite));
    }
}

impl User for Caller {
    fn handle(&mut self, now: Instant, endpoint: &mut Endpoint, command: Command) {
        match command {
            Command::Response { tx, message, .. } if message.status().is_some_and(|status| status >= 200) => {
                assert_eq!(message.status(), Some(200));
                let Some(invite) = self.invites.remove(&tx) else {
                    self.left -= 1;
                    return;
                };
                let mut dialog = Dialog::uac(&invite, &message).unwrap();
                let via = endpoint.via(&self.flow);
                let ack = dialog.ack(dialog.local_cseq(), via).finish();
                endpoint.acknowledge(tx, &message, &ack, self.flow);
                let via = endpoint.via(&self.flow);
                let bye: Builder = dialog.request(&Method::Bye, via);
                endpoint.send_request(now, bye.finish(), self.flow).unwrap();
                self.byes += 1;
            }
            Command::Timeout { .. } | Command::TransportError { .. } => panic!("{command:?}"),
            _ => {}
        }
    }

    fn is_done(&self) -> bool {
        self.left == 0
    }
}

async fn calls_over(protocol: Protocol) {
    const CALLS: usize = 200;
    let open = |seed: u8| {
        let mut sockets = Sockets::new(Options::default());
        let address: SocketAddr = match protocol {
            Protocol::Udp => sockets.listen_udp(address("127.0.0.1:0")).unwrap(),
            _ => sockets.listen_tcp(address("127.0.0.1:0")).unwrap(),
        };
        (sockets, Endpoint::new(Config::new([seed; 16])), address)
    };
    let (sockets, endpoint, callee) = open(1);
    let user = Callee { dialogs: HashMap::new() };
    let server = tokio::spawn(Edge { sockets, endpoint, user }.run());
    let (sockets, mut endpoint, local) = open(2);
    let flow = Flow::to(protocol, local, callee);
    let mut user = Caller { flow, invites: HashMap::new(), byes: 0, left: CALLS };
    for call in 0..CALLS {
        user.call(Instant::now(), &mut endpoint, call);
    }
    let (_, user) = Edge { sockets, endpoint, user }.run().await;
    assert_eq!((user.byes, user.left), (CALLS, 0));
    server.abort();
}

#[tokio::test]
async fn two_hundred_calls_at_once_over_udp() {
    calls_over(Protocol::Udp).await;
}

#[tokio::test]
async fn two_hundred_calls_at_once_over_one_tcp_connection() {
    calls_over(Protocol::Tcp).await;
}
