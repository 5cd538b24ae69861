//! Relaying RTP: processor time of our relay per million packets, against the least a relay without batching does.
//!
//! Calls of G.711, 50 packets a second each way, over loopback; the phones are threads of this process whose time is not counted.
//! `cargo bench -p dialplane-benches --bench relay -- [calls] [seconds] [rounds]`

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it prints its table")]

mod floor;
mod phones;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dialplane_benches::figures::median;
use dialplane_benches::{is_measuring, processor};
use dialplane_signaling::media::relay::{Relay, RelayConfig, RelayError, RelayHandle, Remote, Side};

use phones::{Phones, Target};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Relays started so far.
static ROUND: AtomicU64 = AtomicU64::new(1);
/// Below the ports that the system gives to the phones.
const RELAY_PORTS: RangeInclusive<u16> = 20_000..=29_999;
/// The most of each argument: the bench is bounded in time and sockets.
const CALLS_MAX: usize = 1_000;
const SECONDS_MAX: u64 = 60;
const ROUNDS_MAX: usize = 50;

#[derive(Debug, Clone, Copy)]
enum Way {
    Floor,
    Ours(Duration),
}

impl Way {
    fn name(self) -> String {
        match self {
            Self::Floor => "floor: epoll, one recvfrom and one sendto a packet".to_owned(),
            Self::Ours(gather) => format!("relay, gathering {} µs", gather.as_micros()),
        }
    }

    /// The beginning of the names of its threads.
    const fn threads(self) -> &'static str {
        match self {
            Self::Floor => floor::THREAD,
            Self::Ours(_) => "rtp-relay",
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Outcome {
    seconds_a_million: f64,
    lost: u64,
    late: Duration,
}

fn open(relay: &RelayHandle, phones: &Phones) -> Result<Vec<[Target; 2]>, RelayError> {
    let mut targets = Vec::new();
    for [a, b] in phones.addresses() {
        let session = relay.open()?;
        relay.set_remote(session.id, Side::A, Some(Remote::at(*a)))?;
        relay.set_remote(session.id, Side::B, Some(Remote::at(*b)))?;
        targets.push([session.a, session.b]);
    }
    Ok(targets)
}

fn measure(way: Way, calls: usize, time: Duration) -> io::Result<Outcome> {
    let phones = Phones::new(calls)?;
    // Both are kept until the end of the measurement: dropping them ends their threads.
    let (mut floor, mut relay) = (None, None);
    let targets = match way {
        Way::Floor => {
            let running = floor::Floor::start(phones.addresses())?;
            let targets = running.targets().to_vec();
            floor = Some(running);
            targets
        }
        Way::Ours(gather) => {
            let config = RelayConfig {
                bind: LOCALHOST,
                ports: RELAY_PORTS,
                gather,
                quarantine: Duration::ZERO,
                // The relay of the round before may still be closing its ports.
                first_port_seed: ROUND.fetch_add(1, Ordering::Relaxed).wrapping_mul(2_654_435_761),
                ..RelayConfig::default()
            };
            let running = Relay::start(config, None).map_err(io::Error::other)?;
            let targets = open(&running, &phones).map_err(io::Error::other)?;
            relay = Some(running);
            targets
        }
    };
    phones.talk(&targets, Duration::from_millis(500))?;
    let before = processor::of_threads(way.threads());
    let heard = phones.talk(&targets, time)?;
    let used = processor::of_threads(way.threads()) - before;
    drop((floor, relay));
    Ok(Outcome {
        seconds_a_million: used / heard.sent as f64 * 1e6,
        lost: heard.sent.saturating_sub(heard.received),
        late: heard.latest,
    })
}

fn run() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let mut number = |otherwise: u64| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let calls = usize::try_from(number(200)).unwrap_or(CALLS_MAX).clamp(1, CALLS_MAX);
    let time = Duration::from_secs(number(3).clamp(1, SECONDS_MAX));
    let rounds = usize::try_from(number(5)).unwrap_or(ROUNDS_MAX).clamp(1, ROUNDS_MAX);
    let ways = [Way::Floor, Way::Ours(RelayConfig::default().gather), Way::Ours(Duration::ZERO)];
    let mut outcomes = [(); 3].map(|()| Vec::with_capacity(rounds));
    for _ in 0..rounds {
        for (way, outcomes) in ways.iter().zip(&mut outcomes) {
            outcomes.push(measure(*way, calls, time)?);
        }
    }
    println!("{calls} calls, {} packets a second, {rounds} rounds of {} s in turn", calls * 100, time.as_secs());
    println!("{:52} {:>14} {:>8} {:>8} {:>10}", "", "CPU s/million", "÷ floor", "lost", "latest");
    let floor: Vec<f64> = outcomes[0].iter().map(|outcome| outcome.seconds_a_million).collect();
    for (way, outcomes) in ways.iter().zip(&outcomes) {
        let own: Vec<f64> = outcomes.iter().map(|outcome| outcome.seconds_a_million).collect();
        let ratio = median(own.iter().zip(&floor).map(|(own, floor)| own / floor).collect());
        let lost: u64 = outcomes.iter().map(|outcome| outcome.lost).sum();
        let late = median(outcomes.iter().map(|outcome| outcome.late.as_secs_f64() * 1e3).collect());
        println!("{:52} {:>14.2} {ratio:>8.2} {lost:>8} {late:>7.1} ms", way.name(), median(own));
    }
    Ok(())
}

fn main() -> io::Result<()> {
    if is_measuring() { run() } else { Ok(()) }
}
