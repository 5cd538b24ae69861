//! Two endpoints and a network that loses, doubles, delays and reorders, on virtual time and from a seed.
//!
//! Whatever the network does, each call ends on both sides and nothing is left in either endpoint.

use crate::support::address;
use dialplane_signaling::sip::dialog::{Dialog, DialogId};
use dialplane_signaling::sip::endpoint::{Command, Config, Endpoint, Incoming};
use dialplane_signaling::sip::flow::{Flow, Protocol, TxId};
use dialplane_signaling::sip::wire::{Builder, Method};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::time::{Duration, Instant};

/// A generator that is good enough to shake a network (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

#[derive(Clone, Copy)]
struct Network {
    loss: u64,
    duplicates: u64,
    delay_ms_max: u64,
    /// TCP keeps the order: packets are delayed by the same time.
    protocol: Protocol,
    /// From this time on nothing gets through.
    dead_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Hungup,
    Rejected,
    Cancelled,
    TimedOut,
}

/// What a side wants to do later.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Plan {
    Answer(u64),
    Cancel(TxId),
    Hangup(u64),
}

struct Side {
    endpoint: Endpoint,
    flow: Flow,
    plans: BinaryHeap<Reverse<(Instant, Plan)>>,
    ends: BTreeMap<u64, End>,
    /// The caller's INVITEs and the callee's, by transaction.
    calls: HashMap<TxId, u64>,
    invites: HashMap<u64, (TxId, Box<Incoming>)>,
    dialogs: HashMap<u64, Dialog>,
    by_dialog: HashMap<DialogId, u64>,
    requests: HashMap<u64, bytes::Bytes>,
}

impl Side {
    fn new(seed: u8, protocol: Protocol, local: &str, remote: &str) -> Self {
        Self {
            endpoint: Endpoint::new(Config::new([seed; 16])),
            flow: Flow::to(protocol, address(local), address(remote)),
            plans: BinaryHeap::new(),
            ends: BTreeMap::new(),
            calls: HashMap::new(),
            invites: HashMap::new(),
            dialogs: HashMap::new(),
            by_dialog: HashMap::new(),
            requests: HashMap::new(),
        }
    }

    fn call(&mut self, now: Instant, call: u64) -> TxId {
        let via = self.endpoint.via(&self.flow);
        let invite = Builder::request(&Method::Invite, "sip:callee@10.0.0.2")
            .header("Via", via)
            .header("Max-Forwards", 70)
            .header("From", format_args!("<sip:caller@10.0.0.1>;tag=caller{call}"))
            .header("To", "<sip:callee@10.0.0.2>")
            .header("Call-ID", call)
            .header("CSeq", "1 INVITE")
            .header("Contact", "<sip:caller@10.0.0.1>")
            .finish();
        self.requests.insert(call, invite.clone());
        let tx = self.endpoint.send_request(now, invite, self.flow).unwrap();
        self.calls.insert(tx, call);
        tx
    }

    fn adopt(&mut self, call: u64, dialog: Dialog) {
        self.by_dialog.insert(dialog.id().clone(), call);
        self.dialogs.insert(call, dialog);
    }

    fn hang_up(&mut self, now: Instant, call: u64) {
        let Some(dialog) = self.dialogs.get_mut(&call) else { return };
        if self.ends.contains_key(&call) {
            return;
        }
        let via = self.endpoint.via(&self.flow);
        let bye = dialog.request(&Method::Bye, via).finish();
        let tx = self.endpoint.send_request(now, bye, self.flow).unwrap();
        self.calls.insert(tx, call);
        self.ends.insert(call, End::Hungup);
    }

    fn respond(&mut self, now: Instant, call: u64, status: u16) {
        let Some((tx, incoming)) = self.invites.get(&call) else { return };
        let response = self.endpoint.response(incoming, status, "").header("Contact", "<sip:callee@10.0.0.2>").finish();
        // A call that was cancelled meanwhile has its final response already.
        self.endpoint.respond(now, *tx, response).ok();
    }

    fn carry_out(&mut self, now: Instant, plan: Plan) {
        match plan {
            Plan::Answer(call) if self.ends.contains_key(&call) => {}
            Plan::Answer(call) => {
                let (_, incoming) = &self.invites[&call];
                let mut dialog = Dialog::uas(&incoming.message, &incoming.local_tag.to_string()).unwrap();
                dialog.confirm();
                self.adopt(call, dialog);
                self.respond(now, call, 200);
            }
            Plan::Cancel(tx) => self.endpoint.cancel(now, tx, None),
            Plan::Hangup(call) => self.hang_up(now, call),
        }
    }

    fn request(&mut self, now: Instant, incoming: Box<Incoming>, random: &mut Random) {
        let tx = self.endpoint.accept(now, &incoming).unwrap();
        let message = &incoming.message;
        if message.method() == Some(&Method::Invite) {
            let call: u64 = message.call_id().unwrap().parse().unwrap();
            self.calls.insert(tx, call);
            self.invites.insert(call, (tx, incoming));
            if random.percent(20) {
                self.ends.insert(call, End::Rejected);
                return self.respond(now, call, 486);
            }
            if random.percent(70) {
                self.respond(now, call, 180);
            }
            let at = now + Duration::from_millis(random.below(5_000));
            return self.plans.push(Reverse((at, Plan::Answer(call))));
        }
        let known = DialogId::of_request(message).and_then(|id| self.by_dialog.get(&id).copied());
        if let Some(call) = known {
            self.dialogs.get_mut(&call).unwrap().receive_request(message).unwrap();
            self.ends.entry(call).or_insert(End::Hungup);
        }
        let response = self.endpoint.response(&incoming, if known.is_some() { 200 } else { 481 }, "").finish();
        self.endpoint.respond(now, tx, response).unwrap();
    }

    fn handle(&mut self, now: Instant, command: Command, random: &mut Random) -> Option<bytes::Bytes> {
        match command {
            Command::Transmit(transmit) => return Some(transmit.bytes),
            Command::Request(incoming) => self.request(now, incoming, random),
            Command::Cancel { tx, .. } => {
                let call = self.calls[&tx];
                self.ends.insert(call, End::Cancelled);
                self.respond(now, call, 487);
            }
            Command::Response { tx, message, .. } if message.cseq().unwrap().method == Method::Invite => {
                let call = self.calls[&tx];
                match message.status().unwrap() {
                    100..=199 => {}
                    200..=299 => {
                        let invite = crate::support::parse(&self.requests[&call]);
                        let dialog = Dialog::uac(&invite, &message).unwrap();
                        let via = self.endpoint.via(&self.flow);
                        let ack = dialog.ack(1, via).finish();
                        self.endpoint.acknowledge(tx, &message, &ack, self.flow);
                        self.adopt(call, dialog);
                        let at = now + Duration::from_millis(random.below(20_000));
                        self.plans.push(Reverse((at, Plan::Hangup(call))));
                    }
                    487 => drop(self.ends.insert(call, End::Cancelled)),
                    _ => drop(self.ends.insert(call, End::Rejected)),
                }
            }
            Command::Timeout { tx } => {
                let call = self.calls[&tx];
                if self.dialogs.contains_key(&call) {
                    self.hang_up(now, call);
                }
                self.ends.insert(call, End::TimedOut);
            }
            _ => {}
        }
        None
    }

    fn next(&self) -> Option<Instant> {
        let plan = self.plans.peek().map(|Reverse((at, _))| *at);
        [self.endpoint.poll_timeout(), plan].into_iter().flatten().min()
    }
}

struct World {
    start: Instant,
    now: Instant,
    random: Random,
    network: Network,
    sides: [Side; 2],
    /// Packets by arrival, then in the order they were sent.
    packets: BinaryHeap<Reverse<(Instant, u64, usize, bytes::Bytes)>>,
    sent: u64,
}

impl World {
    fn new(seed: u64, network: Network) -> Self {
        let now = Instant::now();
        let (one, two, protocol) = ("10.0.0.1:5060", "10.0.0.2:5060", network.protocol);
        let sides = [Side::new(1, protocol, one, two), Side::new(2, protocol, two, one)];
        let random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        Self { start: now, now, random, network, sides, packets: BinaryHeap::new(), sent: 0 }
    }

    fn post(&mut self, to: usize, bytes: bytes::Bytes) {
        let dead = self.network.dead_after.is_some_and(|after| self.now >= self.start + after);
        let copies = 1 + u64::from(self.random.percent(self.network.duplicates));
        for _ in 0..copies {
            if dead || self.random.percent(self.network.loss) {
                continue;
            }
            let jitter = match self.network.protocol {
                Protocol::Udp => self.random.below(self.network.delay_ms_max),
                _ => self.network.delay_ms_max,
            };
            let arrival = self.now + Duration::from_millis(1 + jitter);
            self.sent += 1;
            self.packets.push(Reverse((arrival, self.sent, to, bytes.clone())));
        }
    }

    fn settle(&mut self) {
        for side in 0..2 {
            while let Some(command) = self.sides[side].endpoint.poll_command() {
                if let Some(bytes) = self.sides[side].handle(self.now, command, &mut self.random) {
                    self.post(1 - side, bytes);
                }
            }
        }
    }

    /// Runs until nothing is left to happen.
    fn run(&mut self) {
        self.settle();
        loop {
            let packet = self.packets.peek().map(|Reverse((at, ..))| *at);
            let sides = self.sides.iter().filter_map(Side::next).min();
            let Some(at) = [packet, sides].into_iter().flatten().min() else { return };
            assert!(at - self.start < Duration::from_secs(600), "the world does not come to rest");
            self.now = self.now.max(at);
            while self.packets.peek().is_some_and(|Reverse((at, ..))| *at <= self.now) {
                let Reverse((_, _, to, bytes)) = self.packets.pop().unwrap();
                let flow = self.sides[to].flow;
                self.sides[to].endpoint.receive(self.now, flow, bytes);
                self.settle();
            }
            for side in 0..2 {
                self.sides[side].endpoint.handle_timeout(self.now);
                while self.sides[side].plans.peek().is_some_and(|Reverse((at, _))| *at <= self.now) {
                    let Reverse((_, plan)) = self.sides[side].plans.pop().unwrap();
                    self.sides[side].carry_out(self.now, plan);
                }
            }
            self.settle();
        }
    }
}

const CALLS: u64 = 40;
/// How long the caller lets it ring.
const NO_ANSWER: Duration = Duration::from_secs(30);

fn simulate(seed: u64, network: Network) -> World {
    let mut world = World::new(seed, network);
    for call in 0..CALLS {
        let now = world.now;
        let tx = world.sides[0].call(now, call);
        if world.random.percent(30) {
            let at = now + Duration::from_millis(world.random.below(6_000));
            world.sides[0].plans.push(Reverse((at, Plan::Cancel(tx))));
        }
        // Nobody lets it ring forever: a transaction has no limit of its own once it rings.
        world.sides[0].plans.push(Reverse((now + NO_ANSWER, Plan::Cancel(tx))));
    }
    world.run();
    for side in &world.sides {
        assert_eq!(side.endpoint.gauges(), [0; 4], "seed {seed}");
        assert_eq!(side.endpoint.poll_timeout(), None);
    }
    assert_eq!(world.sides[0].ends.len() as u64, CALLS, "seed {seed}: a call of the caller did not end");
    world
}

#[test]
fn on_a_good_network_every_call_ends_as_it_should() {
    let network = Network { loss: 0, duplicates: 0, delay_ms_max: 20, protocol: Protocol::Udp, dead_after: None };
    for seed in 0..20 {
        let world = simulate(seed, network);
        assert_eq!(world.sides[0].ends, world.sides[1].ends, "seed {seed}");
        assert!(!world.sides[0].ends.values().any(|end| *end == End::TimedOut), "seed {seed}");
    }
}

#[test]
fn over_a_slow_stream_every_call_ends_as_it_should() {
    let network = Network { loss: 0, duplicates: 0, delay_ms_max: 700, protocol: Protocol::Tcp, dead_after: None };
    for seed in 0..20 {
        let world = simulate(seed, network);
        assert_eq!(world.sides[0].ends, world.sides[1].ends, "seed {seed}");
    }
}

#[test]
fn on_a_bad_network_every_call_ends_and_nothing_is_left() {
    let network = Network { loss: 25, duplicates: 15, delay_ms_max: 900, protocol: Protocol::Udp, dead_after: None };
    for seed in 0..60 {
        let world = simulate(seed, network);
        for (call, end) in &world.sides[1].ends {
            let caller = world.sides[0].ends[call];
            let agree = caller == *end || caller == End::TimedOut || *end == End::TimedOut;
            assert!(agree, "seed {seed} call {call}: {caller:?} against {end:?}");
        }
        let answered = world.sides[1].dialogs.keys().filter(|call| !world.sides[1].ends.contains_key(call));
        assert_eq!(answered.count(), 0, "seed {seed}: a call of the callee did not end");
    }
}

#[test]
fn when_the_network_dies_all_transactions_time_out() {
    for seed in 0..20 {
        let dead_after = Some(Duration::from_millis(seed * 400));
        simulate(seed, Network { loss: 10, duplicates: 10, delay_ms_max: 300, protocol: Protocol::Udp, dead_after });
    }
}

#[test]
fn the_same_seed_gives_the_same_day() {
    let network = Network { loss: 25, duplicates: 15, delay_ms_max: 900, protocol: Protocol::Udp, dead_after: None };
    let (one, two) = (simulate(7, network), simulate(7, network));
    assert_eq!((one.sent, one.now - one.start), (two.sent, two.now - two.start));
    assert_eq!(one.sides[0].ends, two.sides[0].ends);
}
