//! How many units of work a second a database takes: `throughput URL [seconds]`. It fills the database it is given, so give it
//! an empty one. Runs are to be compared with each other in one go, not with those of another machine or hour.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dialplane_core::call::{Call, Change, Direction, Hangup, HangupCause, NewCall, Side};
use dialplane_core::clock::{Clock, SystemClock};
use dialplane_core::event::{Envelope, Event};
use dialplane_core::id::{CompanyId, Id, IdSource, SystemIds};
use dialplane_core::phone::{Assignment, Capabilities, E164, NumberStatus, PhoneNumber};
use dialplane_core::scope::{ActorName, Scope};
use dialplane_core::store::{Access, CallFilter, Page, Store, StoreError};
use dialplane_storage_postgres::{Options, PostgresStore};

const WRITERS: usize = 32;
type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Bench {
    store: PostgresStore,
    ids: SystemIds,
    clock: SystemClock,
    next: AtomicU64,
}

impl Bench {
    fn id<K>(&self) -> Id<K> {
        (&self.ids as &dyn IdSource).id(self.clock.now())
    }

    fn event(&self, company: CompanyId, event: Event) -> Envelope {
        Envelope {
            id: self.id(),
            company,
            seq: 0,
            at: self.clock.now(),
            actor: ActorName::System,
            version: Event::VERSION,
            event,
        }
    }

    async fn assignment(&self, company: CompanyId) -> Result<Assignment, Failure> {
        let now = self.clock.now();
        let text = format!("+1{:010}", self.next.fetch_add(1, Ordering::Relaxed) + 2_000_000_000);
        let number = PhoneNumber {
            id: self.id(),
            company,
            number: E164::from_stored(&text).ok_or("a number")?,
            raw: text,
            provider: "bench".to_owned(),
            country: "US".parse()?,
            capabilities: Capabilities::default(),
            status: NumberStatus::Active,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let assignment = Assignment {
            id: self.id(),
            company,
            number: number.id,
            agent: self.id(),
            daily_limit: u32::MAX,
            allowed_countries: Vec::new(),
            day: now.date_naive(),
            used: 0,
            last_used_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.store.begin(Scope::System, Access::Write).await?;
        tx.insert_number(&number).await?;
        tx.insert_assignment(&assignment).await?;
        tx.commit().await?;
        Ok(assignment)
    }

    /// Counts one call against an allowance, with its event.
    async fn consume(&self, of: &Assignment, to: &E164) -> Result<(), Failure> {
        let mut tx = self.store.begin(Scope::Company(of.company), Access::Write).await?;
        let rows = tx.agent_numbers_for_update(of.agent).await?;
        let assignment = rows.into_iter().find_map(|row| row.assignment).ok_or(StoreError::Stale)?;
        let admitted = assignment.consume(NumberStatus::Active, to, chrono_tz::UTC, self.clock.now())?.assignment;
        tx.record_use(&admitted).await?;
        let (number, agent, used, limit) = (admitted.number, admitted.agent, admitted.used, admitted.daily_limit);
        tx.append_events(&[self.event(of.company, Event::AllowanceConsumed { number, agent, used, limit })]).await?;
        Ok(tx.commit().await?)
    }

    /// Logs a call from its beginning to its end: two units of work.
    async fn log_call(&self, of: &Assignment) -> Result<(), Failure> {
        let now = self.clock.now();
        let mut call = Call::begin(NewCall {
            id: self.id(),
            company: of.company,
            direction: Direction::Outbound,
            from: "+12025550101".into(),
            to: "+12025550123".into(),
            agent: Some(of.agent),
            number: Some(of.number),
            trunk: None,
            lead: None,
            node: None,
            at: now,
        });
        let mut tx = self.store.begin(Scope::Company(of.company), Access::Write).await?;
        tx.insert_calls(std::slice::from_ref(&call)).await?;
        let started = Event::CallStarted {
            call: call.id,
            status: call.status,
            agent: call.agent,
            rung: call.rung(),
            queue: call.queue,
        };
        tx.append_events(&[self.event(of.company, started)]).await?;
        tx.commit().await?;
        let mut tx = self.store.begin(Scope::Company(of.company), Access::Write).await?;
        tx.call_for_update(call.id).await?;
        let hangup = Hangup { side: Side::Callee, cause: HangupCause::UserBusy, sip_status: Some(486) };
        let entry = call.apply(self.clock.now(), &Change::Ended { hangup })?;
        call.version += 1;
        tx.update_call(&call).await?;
        tx.append_call_events(entry.as_slice()).await?;
        let ended = Event::CallEnded {
            call: call.id,
            agent: call.agent,
            status: call.status,
            talk_seconds: 0,
            rung: call.rung(),
            queue: call.queue,
        };
        tx.append_events(&[self.event(of.company, ended)]).await?;
        Ok(tx.commit().await?)
    }

    async fn first_page(&self, of: &Assignment) -> Result<(), Failure> {
        let mut tx = self.store.begin(Scope::Company(of.company), Access::Read).await?;
        tx.calls(&CallFilter::default(), Page::FIRST).await?;
        Ok(tx.commit().await?)
    }
}

/// Runs `work` on all of `over` at once, over and over, and prints how often.
async fn measure<F>(
    name: &str,
    time: Duration,
    over: &[Assignment],
    work: impl Fn(Assignment) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Result<(), Failure>> + Send,
{
    let end = Instant::now() + time;
    let tasks: Vec<_> = over
        .iter()
        .cloned()
        .map(|assignment| {
            let work = work.clone();
            tokio::spawn(async move {
                let mut done = 0_u64;
                while Instant::now() < end {
                    work(assignment.clone()).await?;
                    done += 1;
                }
                Ok::<u64, Failure>(done)
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        match task.await {
            Ok(Ok(count)) => done += count,
            other => println!("{name}: {other:?}"),
        }
    }
    println!("{name:<60} {:>9.0} a second", done as f64 / time.as_secs_f64());
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: throughput URL [seconds]")?;
    let time = Duration::from_secs(arguments.next().map_or(Ok(5), |text| text.parse())?);
    let options = Options { max_connections: WRITERS as u32, ..Options::default() };
    let store = PostgresStore::connect_with(&url, options).await?;
    let bench = Arc::new(Bench { store, ids: SystemIds::default(), clock: SystemClock, next: AtomicU64::new(0) });
    let to = E164::from_stored("+12025550123").ok_or("a number")?;
    let (mut one, mut many) = (Vec::new(), Vec::new());
    let company = bench.id();
    for _ in 0..WRITERS {
        one.push(bench.assignment(company).await?);
        many.push(bench.assignment(bench.id()).await?);
    }
    for round in 1..=2 {
        println!("round {round}, {WRITERS} at once");
        for (name, over) in [("of one company", &one), ("each of a company of its own", &many)] {
            let (this, to) = (Arc::clone(&bench), to.clone());
            measure(&format!("consume an allowance, {name}"), time, over, move |of| {
                let (this, to) = (Arc::clone(&this), to.clone());
                async move { this.consume(&of, &to).await }
            })
            .await;
            let this = Arc::clone(&bench);
            measure(&format!("log a call (two units of work), {name}"), time, over, move |of| {
                let this = Arc::clone(&this);
                async move { this.log_call(&of).await }
            })
            .await;
        }
        let this = Arc::clone(&bench);
        measure("first page of the call log with its total", time, &one, move |of| {
            let this = Arc::clone(&this);
            async move { this.first_page(&of).await }
        })
        .await;
    }
    Ok(())
}
