//! Agents with one number each, and the command run for them.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use dialplane_core::command::number::ConsumeAllowance;
use dialplane_core::company::Company;
use dialplane_core::engine::Engine;
use dialplane_core::id::{CompanyId, IdSource, SystemIds, UserId};
use dialplane_core::phone::{Assignment, Capabilities, E164, NumberStatus, PhoneNumber, Rotation};
use dialplane_core::scope::{Actor, Scope};
use dialplane_core::store::{Access, Store};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Commands of one repetition, shared by the writers: enough for every writer to have several.
pub(crate) const UNITS: u64 = 320;
/// Where everybody calls.
pub(crate) const DESTINATION: &str = "+442071838750";
/// The company's time zone.
pub(crate) const ZONE: Tz = chrono_tz::Europe::Berlin;
/// More calls than any bench makes; 100,000 is the most that people can set.
const LIMIT: u32 = 2_000_000_000;

/// Runs `n` repetitions of [`UNITS`] units of work by `writers` tasks. `unit` makes one for a writer.
pub(crate) fn concurrently<F, U>(runtime: &Runtime, writers: usize, n: u64, unit: U) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
    U: Fn(usize) -> F + Clone + Send + 'static,
{
    let (units, tasks) = (n * UNITS, writers as u64);
    runtime.block_on(async move {
        let start = Instant::now();
        let mut running = JoinSet::new();
        for writer in 0..writers {
            let share = units / tasks + u64::from((writer as u64) < units % tasks);
            let unit = unit.clone();
            running.spawn(async move {
                for _ in 0..share {
                    unit(writer).await;
                }
            });
        }
        while let Some(ended) = running.join_next().await {
            ended.expect("no writer panics");
        }
        start.elapsed()
    })
}

/// A company with agents.
pub(crate) struct Fleet {
    engine: Engine,
    company: CompanyId,
    agents: Arc<[UserId]>,
}

impl Fleet {
    /// Fills an empty store.
    pub(crate) async fn seed(store: Arc<dyn Store>, agents: usize) -> Self {
        let source = SystemIds::default();
        let ids: &dyn IdSource = &source;
        let at = now();
        let company = Company {
            id: ids.id(at),
            name: "Bench".to_owned(),
            timezone: ZONE,
            default_country: "US".parse().expect("a country"),
            is_active: true,
            version: 1,
            created_at: at,
            updated_at: at,
        };
        let mut tx = store.begin(Scope::System, Access::Write).await.expect("a unit of work");
        tx.insert_company(&company).await.expect("inserted");
        let mut all = Vec::new();
        for n in 0..agents {
            let number = number(ids, company.id, n, at);
            let agent: UserId = ids.id(at);
            tx.insert_number(&number).await.expect("inserted");
            tx.insert_assignment(&assignment(ids, &number, agent, at)).await.expect("inserted");
            all.push(agent);
        }
        tx.commit().await.expect("committed");
        Self { engine: Engine::on(store), company: company.id, agents: all.into() }
    }

    /// Counts calls: `n` repetitions by `writers` agents.
    pub(crate) fn consume(&self, runtime: &Runtime, writers: usize, n: u64) -> Duration {
        let (engine, actor, agents) = (self.engine.clone(), Actor::host(self.company), Arc::clone(&self.agents));
        let unit = move |writer: usize| {
            let engine = engine.clone();
            let agent = agents.get(writer).copied().expect("an agent for each writer");
            let command = ConsumeAllowance { agent, to: DESTINATION.to_owned(), rotation: Rotation::LeastUsed };
            async move {
                engine.execute(&actor, &command).await.expect("admitted");
            }
        };
        concurrently(runtime, writers, n, unit)
    }
}

/// An assignment that stands in no store.
pub(crate) fn assignment_alone() -> Assignment {
    let source = SystemIds::default();
    let ids: &dyn IdSource = &source;
    let at = now();
    assignment(ids, &number(ids, ids.id(at), 0, at), ids.id(at), at)
}

fn now() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}

fn number(ids: &dyn IdSource, company: CompanyId, n: usize, at: DateTime<Utc>) -> PhoneNumber {
    PhoneNumber {
        id: ids.id(at),
        company,
        number: E164::from_stored(&format!("+1202555{n:04}")).expect("a number"),
        raw: String::new(),
        provider: "manual".to_owned(),
        country: "US".parse().expect("a country"),
        capabilities: Capabilities::default(),
        status: NumberStatus::Active,
        version: 1,
        created_at: at,
        updated_at: at,
    }
}

fn assignment(ids: &dyn IdSource, number: &PhoneNumber, agent: UserId, at: DateTime<Utc>) -> Assignment {
    Assignment {
        id: ids.id(at),
        company: number.company,
        number: number.id,
        agent,
        daily_limit: LIMIT,
        allowed_countries: Vec::new(),
        day: NaiveDate::default(),
        used: 0,
        last_used_at: None,
        version: 1,
        created_at: at,
        updated_at: at,
    }
}
