//! Random programs of good, damaged and shuffled messages: nothing panics, and all that was stored goes away again.

use crate::support::*;
use bytes::{Bytes, BytesMut};
use dialplane_signaling::sip::endpoint::{Command, Config, Endpoint};
use dialplane_signaling::sip::flow::{Flow, TxId};
use dialplane_signaling::sip::wire::Builder;
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// One step of a program.
#[derive(Clone, Debug)]
enum Step {
    /// A message from a small set of calls, branches and sequence numbers, so that they meet.
    Message { method: u8, call: u8, branch: u8, cseq: u32, tagged: bool, over_tcp: bool },
    /// The last message again, damaged.
    Damaged { at: usize, byte: u8, keep: usize },
    /// An answer to something we sent, with this status.
    Answer { nth: usize, status: u16 },
    /// The user answers a request.
    Respond { nth: usize, status: u16 },
    /// The user calls.
    Call,
    /// The user cancels.
    Cancel { nth: usize },
    /// A send fails.
    Fail { nth: usize },
    /// Time goes by.
    Wait { ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..7u8, 0..3u8, 0..3u8, 1..3u32, any::<bool>(), any::<bool>()).prop_map(
            |(method, call, branch, cseq, tagged, over_tcp)| Step::Message { method, call, branch, cseq, tagged, over_tcp }
        ),
        2 => (any::<usize>(), any::<u8>(), any::<usize>()).prop_map(|(at, byte, keep)| Step::Damaged { at, byte, keep }),
        4 => (any::<usize>(), 100..700u16).prop_map(|(nth, status)| Step::Answer { nth, status }),
        4 => (any::<usize>(), 100..700u16).prop_map(|(nth, status)| Step::Respond { nth, status }),
        2 => Just(Step::Call),
        1 => any::<usize>().prop_map(|nth| Step::Cancel { nth }),
        1 => any::<usize>().prop_map(|nth| Step::Fail { nth }),
        3 => (0..5_000u64).prop_map(|ms| Step::Wait { ms }),
    ]
}

struct Program {
    now: Instant,
    endpoint: Endpoint,
    last: Bytes,
    sent: Vec<Bytes>,
    servers: Vec<(TxId, Bytes)>,
    ours: Vec<TxId>,
}

impl Program {
    fn run(&mut self, step: Step) {
        match step {
            Step::Message { method, call, branch, cseq, tagged, over_tcp } => {
                let via = ["SIP/2.0/UDP h;branch=z9hG4bKa", "SIP/2.0/UDP h:1;rport;branch=z9hG4bKb", "SIP/2.0/UDP h"];
                let method = ["INVITE", "ACK", "CANCEL", "BYE", "REGISTER", "OPTIONS", "MAGIC"][usize::from(method)];
                let mut peer = Peer::new(call.to_string()).via(via[usize::from(branch)]).cseq(cseq);
                if tagged {
                    peer = peer.tagged("tag");
                }
                self.last = peer.request(method);
                self.endpoint.receive(self.now, if over_tcp { tcp() } else { udp() }, self.last.clone());
            }
            Step::Damaged { at, byte, keep } => {
                let mut bytes = BytesMut::from(&self.last[..]);
                let length = bytes.len().max(1);
                if let Some(place) = bytes.get_mut(at % length) {
                    *place = byte;
                }
                bytes.truncate(if keep % 3 == 0 { keep % length } else { length });
                self.endpoint.receive(self.now, udp(), bytes.freeze());
            }
            Step::Answer { nth, status } => {
                if let Some(request) = pick(&self.sent, nth) {
                    let response = Builder::response_to(&parse(request), status, "").to_tag("them").finish();
                    self.last = response.clone();
                    self.endpoint.receive(self.now, udp(), response);
                }
            }
            Step::Respond { nth, status } => {
                if let Some((tx, request)) = pick(&self.servers, nth) {
                    let response = Builder::response_to(&parse(request), status, "").to_tag("us").finish();
                    // Refused when it has been answered; that must do no harm.
                    self.endpoint.respond(self.now, *tx, response).ok();
                }
            }
            Step::Call => {
                let flow: Flow = udp();
                let invite = our_invite(&mut self.endpoint, &flow, "ours");
                self.ours.push(self.endpoint.send_request(self.now, invite, flow).unwrap());
            }
            Step::Cancel { nth } => {
                if let Some(tx) = pick(&self.ours, nth) {
                    self.endpoint.cancel(self.now, *tx, None);
                }
            }
            Step::Fail { nth } => {
                let all = self.ours.iter().copied().chain(self.servers.iter().map(|(tx, _)| *tx));
                if let Some(tx) = pick(&all.collect::<Vec<_>>(), nth) {
                    self.endpoint.transport_failed(self.now, *tx);
                }
            }
            Step::Wait { ms } => {
                self.now += Duration::from_millis(ms);
                self.endpoint.handle_timeout(self.now);
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(command) = self.endpoint.poll_command() {
            match command {
                Command::Transmit(transmit) if parse(&transmit.bytes).is_request() => self.sent.push(transmit.bytes),
                Command::Request(incoming) => {
                    if let Ok(tx) = self.endpoint.accept(self.now, &incoming) {
                        self.servers.push((tx, incoming.message.bytes().clone()));
                    }
                }
                _ => {}
            }
        }
    }

    /// The user answers everything, and time runs out.
    fn end(&mut self) {
        for index in 0..self.servers.len() {
            self.run(Step::Respond { nth: index, status: 500 });
        }
        for index in 0..self.ours.len() {
            self.run(Step::Cancel { nth: index });
        }
        for _ in 0..4 {
            self.run(Step::Wait { ms: 40_000 });
        }
    }
}

fn pick<T>(items: &[T], nth: usize) -> Option<&T> {
    if items.is_empty() { None } else { items.get(nth % items.len()) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_program_of_messages_panics_or_leaves_anything(steps in proptest::collection::vec(step(), 1..120)) {
        let (now, endpoint) = (Instant::now(), Endpoint::new(Config::new([5; 16])));
        let mut program =
            Program { now, endpoint, last: Bytes::new(), sent: vec![], servers: vec![], ours: vec![] };
        for step in steps {
            program.run(step);
            let [transactions, keys, origins, deadlines] = program.endpoint.gauges();
            prop_assert_eq!(transactions, keys);
            prop_assert!(origins <= transactions);
            prop_assert!(deadlines <= 4 * transactions + 64);
        }
        program.end();
        prop_assert_eq!(program.endpoint.gauges(), [0; 4]);
    }
}
