//! SIP load on the real server: sipp calls through it to sipp, with the call log on SQLite, against sipp straight to sipp; and
//! registrations with digest. Processor time of the server process, user and system.
//!
//! `cargo bench -p dialplane-benches --bench calls -- [load] [most] [register] [rate=400] [seconds=5] [rounds=5] [lines=50]`
//!
//! It starts the binary that `DIALPLANE_BIN` names, or `dialplane` of the same target folder (`cargo build --release`).

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it prints its table")]

mod most;
mod product;
mod sipp;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dialplane_benches::figures::median;
use dialplane_benches::is_measuring;
use dialplane_benches::server::{Server, binary};
use dialplane_benches::words::Words;

use product::Line;
use sipp::{CALLER_PORT, Load, Outcome, PHONE_PORT, Scenario, Sipp};

/// The most calls of one run: the bench is bounded in count.
const COUNT_MAX: u32 = 60_000;
/// How often the phones try to register before the bench gives up.
const REGISTRATION_ATTEMPTS: usize = 5;
/// The port that a registrar of sipp's listens on.
const REGISTRAR_PORT: u16 = 11_064;

/// What the command line asks for.
struct Plan {
    words: Words,
    rate: u32,
    seconds: u32,
    rounds: u32,
    lines: u32,
}

impl Plan {
    fn read() -> Self {
        let words = Words::read();
        let number = |key: &str, otherwise: u32, most: u32| words.number(key, otherwise).clamp(1, most);
        Self {
            rate: number("rate", 400, 5_000),
            seconds: number("seconds", 5, 60),
            rounds: number("rounds", 5, 20),
            lines: number("lines", 50, 500),
            words,
        }
    }
}

/// Everything a measurement needs.
struct Bench {
    plan: Plan,
    sipp: Sipp,
    /// The numbers to call, and credentials to register with.
    numbers: PathBuf,
    credentials: PathBuf,
    product: Option<Server>,
}

/// One run at one rate.
struct Measured {
    outcome: Outcome,
    /// Processor seconds of the answering sipp.
    answering: f64,
    /// Processor seconds of the server, when there is one between.
    server: f64,
}

impl Measured {
    fn pair_per_thousand(&self) -> f64 {
        (self.outcome.processor + self.answering) / self.outcome.good as f64 * 1e3
    }

    fn server_per_thousand(&self) -> f64 {
        self.server / self.outcome.good as f64 * 1e3
    }
}

/// Which scenario calls which.
#[derive(Clone, Copy)]
enum Kind {
    Calls,
    Registrations,
}

impl Bench {
    fn new(plan: Plan) -> io::Result<Self> {
        let sipp = Sipp::prepare()?;
        let (product, lines) = match binary() {
            Some(binary) => {
                let product = Server::start(&binary, &[])?;
                let lines = product::set_up(&product, plan.lines as usize)?;
                println!("server process {}, {} lines, {} MB", product.id(), lines.len(), product.memory() >> 20);
                (Some(product), lines)
            }
            None => {
                println!("the server is skipped: set DIALPLANE_BIN or run `cargo build --release` first");
                let line = Line { number: "+12025550100".into(), username: "u".into(), password: "p".into() };
                (None, vec![line])
            }
        };
        let numbers = sipp.fields("numbers.csv", lines.iter().map(|line| line.number.clone()))?;
        // sipp fills its authentication keyword in only where a whole field holds it.
        let credentials = lines.iter().map(|Line { username, password, .. }| {
            format!("{username};[authentication username={username} password={password}]")
        });
        let credentials = sipp.fields("credentials.csv", credentials)?;
        let bench = Self { plan, sipp, numbers, credentials, product };
        bench.register_phones(lines.len())?;
        Ok(bench)
    }

    /// Registers every line once, from the port that the phones answer on.
    fn register_phones(&self, lines: usize) -> io::Result<()> {
        let Some(product) = &self.product else { return Ok(()) };
        let count = u32::try_from(lines).unwrap_or(u32::MAX);
        let load = Load {
            scenario: Scenario::Register,
            fields: &self.credentials,
            target: product.sip.port(),
            rate: 50,
            count,
            from: PHONE_PORT,
        };
        // The server takes a moment to learn of new lines.
        for _ in 0..REGISTRATION_ATTEMPTS {
            let outcome = self.sipp.run(load)?;
            if outcome.good == u64::from(count) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        Err(io::Error::other("not every phone could be registered"))
    }

    /// One run; `through` the server or straight to the other sipp.
    fn measure(&self, kind: Kind, through: Option<&Server>, rate: u32, seconds: u32) -> io::Result<Measured> {
        let (scenario, fields, answers, port) = match kind {
            Kind::Calls => (Scenario::Caller, &self.numbers, Scenario::Phone, PHONE_PORT),
            Kind::Registrations => (Scenario::Register, &self.credentials, Scenario::Registrar, REGISTRAR_PORT),
        };
        // The server is the registrar itself; calls through it still end at the phones.
        let needs_answers = matches!(kind, Kind::Calls) || through.is_none();
        let answering = needs_answers.then(|| self.sipp.answer(answers, port)).transpose()?;
        let target = through.map_or(port, |product| product.sip.port());
        let count = rate.saturating_mul(seconds).min(COUNT_MAX);
        let before = through.map(Server::processor);
        let outcome = self.sipp.run(Load { scenario, fields, target, rate, count, from: CALLER_PORT })?;
        // The log of the last calls is still being written.
        settle(through);
        let server = through.map(Server::processor).zip(before).map_or(0.0, |(after, before)| after - before);
        Ok(Measured { outcome, answering: answering.map_or(0.0, |answering| answering.processor()), server })
    }

    fn load(&self, kind: Kind) -> io::Result<()> {
        let (what, rate, seconds) = match kind {
            Kind::Calls => ("calls", self.plan.rate, self.plan.seconds),
            Kind::Registrations => ("registrations with digest", self.plan.rate, self.plan.seconds),
        };
        let (mut pair, mut server, mut ratio, mut missed) = (Vec::new(), Vec::new(), Vec::new(), (0, 0));
        for _ in 0..self.plan.rounds {
            let straight = self.measure(kind, None, rate, seconds)?;
            pair.push(straight.pair_per_thousand());
            missed.0 += straight.outcome.missed;
            if let Some(product) = &self.product {
                let through = self.measure(kind, Some(product), rate, seconds)?;
                server.push(through.server_per_thousand());
                ratio.push(through.server_per_thousand() / straight.pair_per_thousand());
                missed.1 += through.outcome.missed;
            }
        }
        println!(
            "\n{what}, {rate} a second for {seconds} s, {} rounds in turn; CPU seconds per 1,000",
            self.plan.rounds
        );
        println!("  sipp straight to sipp, both together: {:.3} ({} missed)", median(pair), missed.0);
        if let Some(product) = &self.product {
            println!(
                "  server process:                       {:.3} ({} missed), {:.2} of the sipp pair; {} MB",
                median(server),
                missed.1,
                median(ratio),
                product.memory() >> 20
            );
        }
        Ok(())
    }

    fn most(&self, kind: Kind, what: &str) -> io::Result<()> {
        println!("\n{what}: most sustained (nothing failed, at most 1 % sent again, 95 % of the rate)");
        let straight = most::search(1_000, |rate| self.measure(kind, None, rate, 3))?;
        println!("  sipp straight to sipp: {straight}");
        if let Some(product) = &self.product {
            let through = most::search(500, |rate| self.measure(kind, Some(product), rate, 3))?;
            println!("  through the server:    {through}, {:.2} of the pair's", through.rate() / straight.rate());
        }
        Ok(())
    }
}

/// Waits until the server has stopped working: two looks 200 ms apart with less than 10 ms of processor time between them.
fn settle(through: Option<&Server>) {
    let Some(product) = through else { return };
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut used = product.processor();
    while Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(200));
        let now = product.processor();
        if now - used < 0.01 {
            return;
        }
        used = now;
    }
}

fn run() -> io::Result<()> {
    let bench = Bench::new(Plan::read())?;
    if bench.plan.words.has("load") {
        bench.load(Kind::Calls)?;
        if let Some(product) = &bench.product {
            println!("  calls in the log: {}", product::logged(product)?);
        }
    }
    if bench.plan.words.has("most") {
        bench.most(Kind::Calls, "calls")?;
    }
    if bench.plan.words.has("register") {
        bench.load(Kind::Registrations)?;
        bench.most(Kind::Registrations, "registrations with digest")?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    if is_measuring() { run() } else { Ok(()) }
}
