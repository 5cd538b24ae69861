//! What each agent did with the calls of queues (document 004), read from the logs of the queues; all their calls from the sums.

use std::collections::{BTreeMap, HashMap};

use axum::extract::State;
use axum::response::Response;
use dialplane_core::Permission;
use dialplane_core::call::CallSums;
use dialplane_core::id::{CompanyKind, UserId};
use dialplane_core::queue::log::AgentWork;
use dialplane_core::store::{Page, Tx};
use serde::Serialize;
use utoipa::ToSchema;

use super::officers;
use super::view::{OfficerRef, Period, SumsView};
use crate::api::companies::inside;
use crate::api::queue_log;
use crate::http::answer::answer;
use crate::http::days::{DayQuery, DayRange};
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The longest range, in days: it is read from the logs.
const DAYS_MAX: i64 = 31;
/// Callers whose way through the queues is read, at most.
const VISITS_MAX: u64 = 50_000;

/// What an agent did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentQueuePerformance {
    agent: OfficerRef,
    /// Calls of queues that rang at the agent.
    offered: u64,
    /// Those in which they talked with the caller, or with whom they called back.
    taken: u64,
    /// Those that they did not answer, declined, or could not be rung for.
    missed: u64,
    /// Those that stopped ringing before they could: somebody else was faster, or the caller had gone.
    cancelled: u64,
    /// Of a hundred that they took or missed, those they took; with two decimals.
    answer_rate: f64,
    /// Seconds that a call rang which they took, on average, with two decimals.
    average_answer_seconds: f64,
    /// Seconds of these talks, as far as they are over.
    queue_talk_seconds: u64,
    /// Seconds talked in one of them on average.
    average_queue_talk_seconds: u64,
    /// Calls of all kinds that have ended.
    all_calls: SumsView,
}

answer! {
    /// What each agent did; who took most calls of queues first.
    AgentsPerformanceAnswer {
        #[serde(flatten)]
        period: Period,
        agents: Vec<AgentQueuePerformance>,
    }
}

fn average(sum: u64, of: u64) -> f64 {
    (sum as f64 / of.max(1) as f64 / 10.0).round() / 100.0
}

impl AgentQueuePerformance {
    fn of(agent: OfficerRef, work: AgentWork, sums: &CallSums) -> Self {
        Self {
            agent,
            offered: work.offered,
            taken: work.taken,
            missed: work.missed,
            cancelled: work.cancelled,
            answer_rate: crate::api::users::percentage(work.taken, work.taken + work.missed),
            average_answer_seconds: average(work.answer_ms, work.taken),
            queue_talk_seconds: work.talk_ms / 1_000,
            average_queue_talk_seconds: work.talk_ms / 1_000 / work.taken.max(1),
            all_calls: SumsView::of(sums),
        }
    }
}

/// Adds up the logs of all queues.
async fn work(tx: &mut dyn Tx, range: DayRange) -> Reply<HashMap<UserId, AgentWork>> {
    let (mut agents, mut visits) = (HashMap::new(), 0);
    let (from, to) = range.instants();
    for queue in tx.queues().await? {
        visits += tx.queue_visits(queue.id, from, to, Page::number(1, 1)).await?.total;
        if visits > VISITS_MAX {
            let message = format!("more than {VISITS_MAX} callers came in these days: take fewer");
            return Err(Problem::field("dateFrom", message));
        }
        queue_log::add_work(tx, queue.id, (from, to), &mut agents).await?;
    }
    Ok(agents)
}

/// What each agent did with the calls of queues: offered, taken and missed, how fast they answered and how long they talked. Agents see
/// themselves only. At most 31 days.
#[utoipa::path(get, path = "/analytics/company/{companyId}/agents/performance", tag = "analytics",
    params(("companyId" = Uuid, Path, description = "the company"), DayQuery), responses((status = 200, body = AgentsPerformanceAnswer)))]
pub(crate) async fn agents_performance(
    State(app): State<Shared>,
    authed: Authed,
    PathId(company): PathId<CompanyKind>,
    Params(days): Params<DayQuery>,
) -> Reply<Response> {
    authed.demand(Permission::TakeCalls)?;
    let actor = inside(&authed, company)?;
    let only = (!authed.actor.may(Permission::ViewAllCalls)).then_some(authed.user.id);
    let found = app.engine.read(&actor).await?.company(company).await?.ok_or_else(|| Problem::not_found("company"))?;
    let range = days.range(found.timezone, app.engine.now())?;
    if range.zone != found.timezone {
        return Err(Problem::field("timezone", "performance is by the days of the company's time zone"));
    }
    if range.days() > DAYS_MAX {
        return Err(Problem::field("dateFrom", format!("a range has at most {DAYS_MAX} days here")));
    }
    let whose = only.map(|own| own.to_string()).unwrap_or_default();
    let asked = format!("agents-performance {} {} {} {whose}", range.zone, range.from, range.to);
    let made = async {
        let mut tx = app.engine.read(&actor).await?;
        let work = work(&mut *tx, range).await?;
        let sums: BTreeMap<UserId, CallSums> = match only {
            Some(own) => {
                let volumes = tx.call_volumes(Some(own), range.from, range.to).await?;
                BTreeMap::from([(own, volumes.into_iter().map(|(_, sums)| sums).sum())])
            }
            None => {
                let sums = tx.call_sums(range.from, range.to).await?.into_iter();
                sums.filter_map(|(agent, sums)| Some((agent?, sums))).collect()
            }
        };
        let ids = work.keys().chain(sums.keys()).copied().filter(|id| only.is_none_or(|own| own == *id));
        let names = officers(&mut tx, ids).await?;
        let agent = |(id, name): (UserId, OfficerRef)| {
            let (work, sums) = (work.get(&id).copied(), sums.get(&id).copied());
            AgentQueuePerformance::of(name, work.unwrap_or_default(), &sums.unwrap_or_default())
        };
        let mut agents: Vec<AgentQueuePerformance> = names.into_iter().map(agent).collect();
        agents.sort_by_key(|agent| std::cmp::Reverse((agent.taken, agent.offered)));
        let period = Period { timezone: range.zone.name(), date_from: range.from, date_to: range.to };
        Ok(AgentsPerformanceAnswer::new(period, agents))
    };
    app.answers.get(company, asked, made).await
}
