//! A company's log of calls over a year, and entries added to it.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use dialplane_core::call::stats::ByDay;
use dialplane_core::call::{Call, CallEntry, CallFact, Direction};
use dialplane_core::command::call_log::EnterCall;
use dialplane_core::company::Company;
use dialplane_core::engine::Engine;
use dialplane_core::id::{CompanyId, IdSource, SystemIds, UserId};
use dialplane_core::people::{Availability, Caller, Figures, PasswordHash, Role, User};
use dialplane_core::pii::Pii;
use dialplane_core::scope::{Actor, Scope};
use dialplane_core::store::{Access, Store};
use tokio::task::JoinSet;

/// The people who call.
pub(crate) const AGENTS: usize = 50;
/// The days that the log covers, to today.
pub(crate) const DAYS: i64 = 365;
/// The company's time zone.
const ZONE: Tz = chrono_tz::Europe::Berlin;
/// Calls written in one unit of work.
const BATCH: usize = 2_000;
/// What is noted of calls, in turn: one of these words is in a tenth of the log, and beside it a word that few calls have.
const NOTES: [&str; 10] =
    ["promised", "voicemail", "contract", "later", "price", "holiday", "refund", "delivery", "address", "manager"];

/// A log, and who asks it.
pub(crate) struct Log {
    pub(crate) engine: Engine,
    pub(crate) actor: Actor,
    pub(crate) agents: Arc<[UserId]>,
    /// The newest instant of it.
    pub(crate) end: DateTime<Utc>,
}

impl Log {
    /// Fills an empty store with `calls`, spread evenly over people and days, as commands would have left them.
    pub(crate) async fn fill(store: Arc<dyn Store>, calls: usize) -> Self {
        let source = SystemIds::default();
        let ids: &dyn IdSource = &source;
        let end: DateTime<Utc> = std::time::SystemTime::now().into();
        let begin = end - TimeDelta::days(DAYS);
        let (company, agents) = people(&*store, ids, begin).await;
        let actor = Actor::host(company);
        let step = TimeDelta::days(DAYS).as_seconds_f64() / calls as f64;
        let mut written = 0;
        while written < calls {
            let batch: Vec<Call> = (written..calls.min(written + BATCH))
                .map(|n| {
                    let at = begin + TimeDelta::milliseconds((step * 1e3 * n as f64) as i64);
                    let agent = agents.get(n % AGENTS).copied();
                    let call = Call::entered(ids.id(at), company, &entry(n, agent), at).expect("a good entry");
                    let notes = NOTES.get(n % NOTES.len()).map(|word| format!("{word} reference{}", n % 5_000));
                    Call { notes, ..call }
                })
                .collect();
            let mut days = ByDay::default();
            batch.iter().filter_map(CallFact::of).for_each(|fact| days.add(ZONE, &fact));
            let mut tx = store.begin(actor.scope(), Access::Write).await.expect("a unit of work");
            tx.insert_calls(&batch).await.expect("written");
            tx.add_call_days(&days.rows(company).collect::<Vec<_>>()).await.expect("added");
            tx.commit().await.expect("committed");
            written += batch.len();
        }
        Self { engine: Engine::on(store), actor, agents: agents.into(), end }
    }

    /// Enters `count` calls by `writers` at once: the seconds that one took.
    pub(crate) async fn enter(&self, writers: usize, count: usize) -> f64 {
        let start = Instant::now();
        let mut running = JoinSet::new();
        for writer in 0..writers {
            let (engine, actor, agents) = (self.engine.clone(), self.actor, Arc::clone(&self.agents));
            running.spawn(async move {
                for n in 0..count / writers {
                    let entry = entry(n * 31 + writer, agents.get(writer).copied());
                    let notes = Some("asked for a quote by mail".to_owned());
                    engine.execute(&actor, &EnterCall { entry, outcome: None, notes }).await.expect("entered");
                }
            });
        }
        while let Some(ended) = running.join_next().await {
            ended.expect("no writer panics");
        }
        start.elapsed().as_secs_f64() / (count / writers * writers) as f64
    }
}

fn entry(n: usize, agent: Option<UserId>) -> CallEntry {
    CallEntry {
        direction: Some(if n.is_multiple_of(3) { Direction::Inbound } else { Direction::Outbound }),
        talk_seconds: Some((n % 600) as u32),
        number: Some(Pii::new(format!("+1202555{:04}", n % 10_000))),
        agent,
        ..CallEntry::default()
    }
}

/// A company and its people, each with a caller record.
async fn people(store: &dyn Store, ids: &dyn IdSource, at: DateTime<Utc>) -> (CompanyId, Vec<UserId>) {
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
    let mut agents = Vec::with_capacity(AGENTS);
    for n in 0..AGENTS {
        let user = user(ids, company.id, n, at);
        let figures = Figures::default();
        tx.insert_user(&user).await.expect("inserted");
        let caller = Caller { id: ids.id(at), user: user.id, company: company.id, figures, created_at: at };
        tx.insert_caller(&caller).await.expect("inserted");
        agents.push(user.id);
    }
    tx.commit().await.expect("committed");
    (company.id, agents)
}

fn user(ids: &dyn IdSource, company: CompanyId, n: usize, at: DateTime<Utc>) -> User {
    User {
        id: ids.id(at),
        company,
        name: format!("Agent Number{n}").as_str().into(),
        email: Pii::new(format!("agent{n}@example.com")),
        password: PasswordHash::from_stored("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".to_owned()),
        initials: "A".to_owned(),
        role: Role::Agent,
        phone: None,
        country_code: None,
        department: None,
        reporting_to: None,
        is_active: true,
        is_platform: false,
        availability: Availability::Available,
        availability_reason: None,
        availability_since: at,
        token_version: 0,
        version: 1,
        created_at: at,
        updated_at: at,
    }
}
