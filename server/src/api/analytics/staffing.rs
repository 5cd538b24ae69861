//! `/analytics/company/{companyId}/staffing`: how many agents the calls of a queue need by the half hour, from its own log.

use axum::extract::State;
use axum::response::Response;
use chrono::{Days, NaiveDate};
use dialplane_core::Permission;
use dialplane_core::call::{Call, CallStatus};
use dialplane_core::company::{end_of_day, local_day, start_of_day};
use dialplane_core::id::{CompanyKind, QueueId};
use dialplane_core::queue::demand::{Demand, Demanded, Goal, Needed};
use dialplane_core::store::{CallFilter, Page, Tx};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::companies::inside;
use crate::http::answer::answer;
use crate::http::faults::Faults;
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The most calls that are read for one answer.
const CALLS_MAX: usize = 50_000;
/// The most weeks that a mean is taken over.
const WEEKS_MAX: u32 = 12;

/// What is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct StaffingQuery {
    /// The queue; all queues together when absent.
    #[serde(rename = "queueId", alias = "queue_id", alias = "queue")]
    #[param(value_type = Option<Uuid>)]
    queue: Option<QueueId>,
    /// The day, such as 2026-01-31; today when absent.
    date: Option<NaiveDate>,
    /// The mean over the same weekday of so many weeks up to that day: 1 to 12; 1 when absent.
    weeks: Option<u32>,
    /// The share of calls to answer in time: above 0 and below 1; 0.8 when absent.
    target: Option<f64>,
    /// In time means within so many seconds: 0 to 3,600; what the queue has set when absent, or 20.
    seconds: Option<u32>,
    /// The share of paid time in which agents take no calls: 0 to 0.9; 0.3 when absent.
    shrinkage: Option<f64>,
}

/// Half an hour of a day. Figures are means over the days.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StaffingInterval {
    /// When it begins, such as 08:30, in the company's time zone.
    begins: String,
    /// Calls that came.
    calls: f64,
    answered: f64,
    /// Calls whose callers gave up.
    abandoned: f64,
    /// Seconds of a call in hand, wrap-up included.
    handle_seconds: f64,
    /// Agents who took calls.
    agents_there: f64,
    /// Agents to be there if callers wait for ever.
    agents_erlang_c: Option<u32>,
    /// Agents to be there, as callers give up.
    agents_erlang_a: Option<u32>,
    /// Agents to plan, with shrinkage: for callers who give up, where some did.
    agents_planned: Option<u32>,
}

impl StaffingInterval {
    fn of(needed: &Needed) -> Self {
        let tenth = |value: f64| (value * 10.0).round() / 10.0;
        Self {
            begins: format!("{:02}:{:02}", needed.half_hour / 2, needed.half_hour % 2 * 30),
            calls: tenth(needed.calls),
            answered: tenth(needed.answered),
            abandoned: tenth(needed.abandoned),
            handle_seconds: tenth(needed.handle_seconds),
            agents_there: tenth(needed.there),
            agents_erlang_c: needed.patient,
            agents_erlang_a: needed.impatient,
            agents_planned: needed.planned,
        }
    }
}

answer! {
    /// How many agents are needed.
    StaffingAnswer {
        /// The day.
        date: NaiveDate,
        /// Days that the figures are a mean of.
        days: u32,
        /// The time zone of the day.
        timezone: &'static str,
        /// Seconds that callers are willing to wait on average; absent where nobody gave up.
        patience_seconds: Option<f64>,
        /// The half hours in which calls came, in order.
        intervals: Vec<StaffingInterval>,
    }
}

impl StaffingQuery {
    fn checked(&self) -> Reply<(u32, Goal)> {
        let mut faults = Faults::default();
        let mut within = |holds: bool, field: &str, message: String| {
            if !holds {
                faults.add(field, message);
            }
        };
        let (weeks, share) = (self.weeks.unwrap_or(1), self.target.unwrap_or(0.8));
        let (seconds, shrinkage) = (self.seconds.unwrap_or(20), self.shrinkage.unwrap_or(0.3));
        within((1..=WEEKS_MAX).contains(&weeks), "weeks", format!("a mean is taken over 1 to {WEEKS_MAX} weeks"));
        within(share > 0.0 && share < 1.0, "target", "a share above 0 and below 1".to_owned());
        within(seconds <= 3_600, "seconds", "a call is in time within 0 to 3600 seconds".to_owned());
        within((0.0..=0.9).contains(&shrinkage), "shrinkage", "a share of 0 to 0.9".to_owned());
        faults.done()?;
        Ok((weeks, Goal { share, seconds: seconds.into(), shrinkage }))
    }
}

/// How many agents the calls of a queue need, by the half hour. For admins and managers.
#[utoipa::path(get, path = "/analytics/company/{companyId}/staffing", tag = "analytics",
    params(("companyId" = Uuid, Path, description = "the company"), StaffingQuery),
    responses((status = 200, body = StaffingAnswer)))]
pub(crate) async fn staffing(
    State(app): State<Shared>,
    authed: Authed,
    PathId(company): PathId<CompanyKind>,
    Params(query): Params<StaffingQuery>,
) -> Reply<Response> {
    let actor = inside(&authed, company)?;
    authed.demand(Permission::ViewAllCalls)?;
    let (weeks, mut goal) = query.checked()?;
    let mut tx = app.engine.read(&actor).await?;
    let zone = tx.company(company).await?.ok_or_else(|| Problem::not_found("company"))?.timezone;
    let mut wrap_up = 0;
    if let Some(queue) = query.queue {
        let found = tx.queue(queue).await?.ok_or_else(|| Problem::not_found("queue"))?;
        wrap_up = found.settings.wrap_up_seconds;
        goal.seconds = query.seconds.unwrap_or(found.settings.service_level_seconds).into();
    }
    let date = query.date.unwrap_or_else(|| local_day(zone, app.engine.now()));
    let words = format!("staffing {zone} {date} {weeks} {:?} {goal:?}", query.queue);
    let made = async {
        let (mut demand, mut read, mut days) = (Demand::default(), 0, 0);
        for week in 0..u64::from(weeks) {
            let Some(day) = date.checked_sub_days(Days::new(7 * week)) else { break };
            let (from, to) = (Some(start_of_day(zone, day)), Some(end_of_day(zone, day)));
            let filter = CallFilter { queue: query.queue, from, to, ..CallFilter::default() };
            days += 1;
            let demanded = |call: &Call| demand.add(zone, &demanded(call, wrap_up));
            read_calls(&mut tx, filter, &mut read, demanded).await?;
        }
        let intervals = demand.needs(days, goal).iter().map(StaffingInterval::of).collect();
        let patience = demand.patience_seconds().map(f64::round);
        Ok(StaffingAnswer::new(date, days, zone.name(), patience, intervals))
    };
    app.answers.get(company, words, made).await
}

fn demanded(call: &Call, wrap_up: u32) -> Demanded {
    let talked = call.answered_at.and(call.agent).map(|agent| (agent, call.talk_seconds() + wrap_up));
    let abandoned = call.status == CallStatus::Abandoned;
    Demanded { at: call.started_at, wait_seconds: call.wait_seconds(), handled: talked, abandoned }
}

/// The calls of queues that a filter names, page by page from its cursor on.
async fn read_calls(
    tx: &mut Box<dyn Tx + '_>,
    mut filter: CallFilter,
    read: &mut usize,
    mut each: impl FnMut(&Call),
) -> Reply<()> {
    let page = Page { offset: 0, limit: Page::LIMIT_MAX };
    loop {
        let found = tx.calls(&filter, page).await?.items;
        found.iter().filter(|call| call.queue.is_some()).for_each(&mut each);
        *read += found.len();
        if *read > CALLS_MAX {
            let message =
                format!("there are more than {CALLS_MAX} calls in these days: ask for fewer weeks or one queue");
            return Err(Problem::field("weeks", message));
        }
        match found.last() {
            Some(last) if found.len() >= Page::LIMIT_MAX as usize => filter.before = Some(last.id),
            _ => return Ok(()),
        }
    }
}
