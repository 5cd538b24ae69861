//! All transactions of one SIP stack (RFC 3261 §17, §8.1.3, §8.2), without I/O.
//!
//! Owns: matching of messages to transactions, their timers, the routing of responses (§18.2.2, RFC 3581), CANCEL and the
//! ACK of failures, repeated ACKs of repeated 2xx, merged requests, the refusal of requests that are invalid or too many.
//! Does not own: sockets, dialogs, authentication, what a request means.
//!
//! A request becomes a transaction only when its user [accepts](Endpoint::accept) it. Until then nothing is stored, so a
//! challenge or a refusal costs no memory: [`Endpoint::reply`] answers without state, and copies of the request get the
//! same To tag. In-dialog requests are served even when the endpoint is full; new ones then get 503 (RFC 3261 §21.5.4).
//!
//! An INVITE that rings has no limit of its own (§13.2): its user cancels ours in time (Timer C is the longest) and answers
//! theirs. Everything else ends by itself. A call that came and went leaves its transactions for 32 s, about 3 KiB.
//!
//! Costs per message: it is parsed once; a transaction is one boxed entry, one or two map entries and one place in the
//! heap of deadlines; keys are hashes and need no memory of their own.
//!
//! ```
//! use bytes::Bytes;
//! use dialplane_signaling::sip::endpoint::{Command, Config, Endpoint};
//! use dialplane_signaling::sip::flow::{Flow, Protocol};
//! use std::time::Instant;
//!
//! let now = Instant::now();
//! let mut endpoint = Endpoint::new(Config::new([7; 16]));
//! let flow = Flow::to(Protocol::Udp, "192.0.2.1:5060".parse().unwrap(), "192.0.2.9:5060".parse().unwrap());
//! let options = Bytes::from_static(
//!     b"OPTIONS sip:1000@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
//!       From: <sip:a@192.0.2.9>;tag=1\r\nTo: <sip:1000@192.0.2.1>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n",
//! );
//! endpoint.receive(now, flow, options);
//! let Some(Command::Request(incoming)) = endpoint.poll_command() else { panic!() };
//! let tx = endpoint.accept(now, &incoming).unwrap();
//! let ok = endpoint.response(&incoming, 200, "").finish();
//! endpoint.respond(now, tx, ok).unwrap();
//! let Some(Command::Transmit(transmit)) = endpoint.poll_command() else { panic!() };
//! assert!(transmit.bytes.starts_with(b"SIP/2.0 200"));
//! ```

mod client;
mod key;
mod receive;
mod route;
mod server;
mod table;

use crate::sip::flow::{ConnectionId, Flow, Transmit, TxId};
use crate::sip::transaction::{self, InviteClientInput, InviteServerInput, NonInviteClientInput, NonInviteServerInput};
use crate::sip::validate::Policy;
use crate::sip::wire::{self, Message, Name};
use bytes::Bytes;
use key::{Key, KeyMap, Keys};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;
use table::{Machine, Part, Table};

pub use client::SendRequestError;
pub use key::{Branch, LocalTag, Seed};
pub use server::{AcceptError, RespondError};

/// How an [`Endpoint`] behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Random bytes, new for each process: branches, tags and keys derive from them.
    pub seed: Seed,
    /// From this number of transactions on, requests outside dialogs get 503.
    pub max_transactions: usize,
    /// Longest Retry-After of that 503 in seconds; the actual one is spread over 1 to this.
    pub retry_after_max: u32,
    /// Sizes of messages.
    pub limits: wire::Limits,
    /// What requests may ask for; others are refused with the status that says so.
    pub policy: Policy<'static>,
    /// The host for Via instead of the flow's local address: behind NAT, or when bound to all addresses.
    pub host: Option<String>,
    /// Server and User-Agent of messages made here.
    pub software: Option<String>,
}

impl Config {
    /// Usual bounds.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            max_transactions: 500_000,
            retry_after_max: 5,
            limits: wire::Limits::default(),
            policy: Policy::default(),
            host: None,
            software: None,
        }
    }
}

/// A request that is not a transaction yet.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The request, with its source.
    pub message: Message,
    /// The way it came.
    pub flow: Flow,
    /// The To tag for answers to it, and for the dialog it may create.
    pub local_tag: LocalTag,
    reply: (Flow, Option<SocketAddr>),
    key: Key,
    origin: Option<Key>,
}

/// What the endpoint wants done or tells, in order.
#[derive(Clone, Debug)]
#[must_use]
#[non_exhaustive]
pub enum Command {
    /// Send a message.
    Transmit(Transmit),
    /// A new request that is valid: accept it, reply to it without state, or drop it (the peer will repeat it).
    Request(Box<Incoming>),
    /// The peer cancels its INVITE that has no final response yet. The CANCEL has been answered; the INVITE wants a 487.
    Cancel {
        /// The INVITE's transaction.
        tx: TxId,
        /// The CANCEL, for its Reason.
        message: Message,
    },
    /// The ACK of a 2xx, once.
    Ack {
        /// The INVITE's transaction.
        tx: TxId,
        /// The ACK, for its body.
        message: Message,
    },
    /// A response to a request of ours; each provisional one, one final one, or one 2xx of each fork of an INVITE.
    Response {
        /// The request's transaction.
        tx: TxId,
        /// The response.
        message: Message,
        /// The way it came.
        flow: Flow,
    },
    /// A request of ours got no final response, or a final response of ours to an INVITE no ACK.
    Timeout {
        /// The transaction; it is over.
        tx: TxId,
    },
    /// A message could not be sent. A client transaction is over, an INVITE from the peer still wants its answer.
    TransportError {
        /// The transaction.
        tx: TxId,
    },
}

/// What an endpoint has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages that could not be parsed and were dropped.
    pub unparsable: u64,
    /// Requests refused as invalid.
    pub invalid: u64,
    /// Requests refused because there were too many transactions.
    pub shed: u64,
    /// Messages that belonged to no transaction and were dropped.
    pub stray: u64,
    /// Copies of requests that were absorbed.
    pub retransmissions: u64,
}

/// The transactions; see the [module](self).
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    keys: Keys,
    table: Table,
    by_key: KeyMap<TxId>,
    /// INVITEs received, by what their copies along other paths and their ACKs have in common.
    by_origin: KeyMap<TxId>,
    commands: VecDeque<Command>,
    stats: Stats,
}

impl Endpoint {
    /// Without any transaction.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            keys: Keys::new(config.seed),
            config,
            table: Table::default(),
            by_key: KeyMap::default(),
            by_origin: KeyMap::default(),
            commands: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// Lets due timers fire. Spurious calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.table.pop_due(now) {
            if let Some(entry) = self.table.get_mut(id) {
                entry.machine.handle_timeout(now);
            }
            self.drive(id, None);
        }
    }

    /// A message that carried `tx` could not be sent.
    pub fn transport_failed(&mut self, now: Instant, tx: TxId) {
        let Some(entry) = self.table.get_mut(tx) else { return };
        match &mut entry.machine {
            Machine::InviteClient(machine) => machine.handle(now, InviteClientInput::TransportError),
            Machine::Client(machine) => machine.handle(now, NonInviteClientInput::TransportError),
            // Only answers of the user can be refused by the state of a server.
            Machine::InviteServer(machine) => {
                machine.handle(now, InviteServerInput::TransportError).ok();
            }
            Machine::Server(machine) => {
                machine.handle(now, NonInviteServerInput::TransportError).ok();
            }
        }
        self.drive(tx, None);
    }

    /// The next thing to do. To be drained after each call that takes a time.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When [`Self::handle_timeout`] should be called; perhaps too early, never too late.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.table.poll_timeout()
    }

    /// Transactions that exist.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.table.len()
    }

    /// Everything that is stored, by kind: transactions, keys, INVITEs awaiting ACK or copies, deadlines. All zero when idle
    /// for long enough.
    #[must_use]
    pub fn gauges(&self) -> [usize; 4] {
        [self.table.len(), self.by_key.len(), self.by_origin.len(), self.table.deadlines()]
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// The connection a transaction's peer is reached over, if any.
    #[must_use]
    pub fn connection(&self, tx: TxId) -> Option<ConnectionId> {
        self.table.get(tx).and_then(|entry| entry.flow.connection)
    }

    /// Carries out what the machine of `id` wants. `message` is what it is handling, and the way that came.
    fn drive(&mut self, id: TxId, message: Option<(&Message, Flow)>) {
        loop {
            let Some(entry) = self.table.get_mut(id) else { return };
            let Some(command) = entry.machine.poll_command() else { break };
            let internal = matches!(entry.part, Part::Cancel);
            match command {
                transaction::Command::Send(bytes) => {
                    let (flow, fallback) = (entry.flow, entry.fallback);
                    self.commands.push_back(Command::Transmit(Transmit { flow, fallback, bytes, tx: Some(id) }));
                }
                transaction::Command::Deliver => {
                    if let Some((message, flow)) = message.filter(|_| !internal) {
                        self.commands.push_back(Command::Response { tx: id, message: message.clone(), flow });
                    }
                }
                transaction::Command::Timeout if !internal => self.commands.push_back(Command::Timeout { tx: id }),
                transaction::Command::TransportFailed if !internal => {
                    self.commands.push_back(Command::TransportError { tx: id });
                }
                transaction::Command::Timeout | transaction::Command::TransportFailed => {}
                transaction::Command::Terminated => {
                    self.forget(id);
                    return;
                }
            }
        }
        self.table.schedule(id);
    }

    fn forget(&mut self, id: TxId) {
        let Some(entry) = self.table.remove(id) else { return };
        self.by_key.remove(&entry.key);
        // A later INVITE of the same origin may have taken the place.
        if let Part::Server { origin: Some(origin), .. } = entry.part
            && self.by_origin.get(&origin) == Some(&id)
        {
            self.by_origin.remove(&origin);
        }
    }

    /// Sends without a transaction.
    fn send(&mut self, (flow, fallback): (Flow, Option<SocketAddr>), bytes: Bytes) {
        self.commands.push_back(Command::Transmit(Transmit { flow, fallback, bytes, tx: None }));
    }

    fn software(&self, builder: wire::Builder, name: Name<'static>) -> wire::Builder {
        match &self.config.software {
            Some(software) => builder.header(name, software),
            None => builder,
        }
    }
}
