//! `/dashboard`: a team at a glance (document 003). Read from the sums of calls and the figures of leads, never from the logs
//! themselves, and kept for a while like every report.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use chrono::NaiveDate;
use dialplane_core::Permission;
use dialplane_core::call::CallSums;
use dialplane_core::id::UserId;
use dialplane_core::lead::{CountBy, LeadCount, LeadStatus};
use dialplane_core::people::RoleKind;
use dialplane_core::store::{Page, UserFilter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::users::{Person, percentage};
use crate::http::answer::answer;
use crate::http::days::DayQuery;
use crate::http::guard::Authed;
use crate::http::input::Params;
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// Performers that are shown, at most.
const PERFORMERS_MAX: usize = 10;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(overview)).routes(routes!(performance)).routes(routes!(lead_distributions))
}

/// How a team stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    total_leads: u64,
    /// Leads that are new now.
    new_leads: u64,
    /// Leads that are contacted now.
    contacted_leads: u64,
    converted_leads: u64,
    /// Ended calls.
    total_calls: i64,
    /// Ended calls in which somebody was talked to.
    completed_calls: i64,
    /// Active people of kind agent.
    active_telecallers: u64,
    /// Converted leads of a hundred, with two decimals.
    conversion_rate: f64,
    /// Completed calls of a hundred, with two decimals.
    success_rate: f64,
}

/// What happened on a day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DayStats {
    date: NaiveDate,
    calls: i64,
    /// Leads that came.
    leads: u64,
    /// Leads that were converted.
    conversions: u64,
}

/// Somebody's calls and conversions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Performer {
    user: Person,
    calls: i64,
    conversions: u64,
    /// Conversions of a hundred calls, with two decimals.
    conversion_rate: f64,
}

/// What came of a source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceStats {
    source: String,
    /// Leads that came.
    count: u64,
    /// Leads that were converted.
    conversions: u64,
}

/// How a team did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PerformanceView {
    /// Every day of the range.
    daily_stats: Vec<DayStats>,
    /// At most ten, who converted most first.
    top_performers: Vec<Performer>,
    /// By leads that came, most first.
    lead_sources: Vec<SourceStats>,
}

/// Leads by status.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatusCount {
    status: String,
    count: u64,
}

/// Leads by source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceCount {
    source: String,
    count: u64,
}

/// Leads by quality.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QualityCount {
    quality: String,
    count: u64,
}

/// How the leads are spread.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeadDistributions {
    status_distribution: Vec<StatusCount>,
    source_distribution: Vec<SourceCount>,
    quality_distribution: Vec<QualityCount>,
}

answer! { /** How a team stands. */ OverviewAnswer { overview: Overview } }
answer! { /** How a team did. */ PerformanceAnswer { performance: PerformanceView } }
answer! { /** How the leads are spread. */ LeadDistributionsAnswer { leads: LeadDistributions } }

/// How the team stands now: all its leads and calls. For admins, managers and marketing.
#[utoipa::path(get, path = "/dashboard/overview", tag = "dashboard", responses((status = 200, body = OverviewAnswer)))]
pub(crate) async fn overview(State(app): State<Shared>, authed: Authed) -> Reply<Response> {
    authed.demand(Permission::ViewDashboards)?;
    let made = async {
        let mut tx = app.engine.read(&authed.actor).await?;
        let counts = tx.lead_counts().await?;
        let of = |status: LeadStatus| total(counts.iter().filter(|count| is(count, status)));
        let total_leads = total(counts.iter().filter(|count| count.by == CountBy::Status));
        let calls: CallSums =
            tx.call_sums(NaiveDate::MIN, NaiveDate::MAX).await?.into_iter().map(|(_, sums)| sums).sum();
        let agents = UserFilter { kind: Some(RoleKind::Agent), active: Some(true), ..UserFilter::default() };
        let active = tx.users(&agents, Page { offset: 0, limit: 1 }).await?.total;
        Ok(OverviewAnswer::new(Overview {
            total_leads,
            new_leads: of(LeadStatus::New),
            contacted_leads: of(LeadStatus::Contacted),
            converted_leads: of(LeadStatus::Converted),
            total_calls: calls.calls(),
            completed_calls: calls.connected,
            active_telecallers: active,
            conversion_rate: percentage(of(LeadStatus::Converted), total_leads),
            success_rate: percentage(calls.connected.unsigned_abs(), calls.calls().unsigned_abs()),
        }))
    };
    app.answers.get(authed.company_id(), "overview".to_owned(), made).await
}

fn is(count: &LeadCount, status: LeadStatus) -> bool {
    count.by == CountBy::Status && count.word == status.as_str()
}

fn total<'c>(counts: impl Iterator<Item = &'c LeadCount>) -> u64 {
    counts.map(|count| count.leads).sum()
}

/// Whose performance.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Whose {
    /// One person; everybody when absent. An agent sees their own only.
    #[serde(alias = "user_id", alias = "telecaller")]
    #[param(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
}

/// How the team did day by day, who did best, and what came of which source. An agent sees how they did themself.
#[utoipa::path(get, path = "/dashboard/performance", tag = "dashboard", params(DayQuery, Whose),
    responses((status = 200, body = PerformanceAnswer)))]
pub(crate) async fn performance(
    State(app): State<Shared>,
    authed: Authed,
    Params(days): Params<DayQuery>,
    Params(whose): Params<Whose>,
) -> Reply<Response> {
    let user = if authed.actor.may(Permission::ViewDashboards) {
        whose.user_id
    } else if whose.user_id.is_none_or(|id| id == authed.user.id) {
        Some(authed.user.id)
    } else {
        return Err(Problem::forbidden());
    };
    let range = days.range(authed.company.timezone, app.engine.now())?;
    if range.zone != authed.company.timezone {
        return Err(Problem::field("timezone", "the dashboard shows the days of the company's time zone"));
    }
    let asked =
        format!("performance {} {} {}", range.from, range.to, user.map(|id| id.to_string()).unwrap_or_default());
    let made = async {
        let mut tx = app.engine.read(&authed.actor).await?;
        let calls: BTreeMap<NaiveDate, CallSums> =
            tx.call_volumes(user, range.from, range.to).await?.into_iter().collect();
        let leads = tx.lead_days(range.from, range.to, user).await?;
        let mut by_day: BTreeMap<NaiveDate, (u64, u64)> = BTreeMap::new();
        let mut by_source: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        let mut by_user: BTreeMap<UserId, (i64, u64)> = BTreeMap::new();
        for row in &leads {
            for sums in [by_day.entry(row.day).or_default(), by_source.entry(row.source.as_str()).or_default()] {
                *sums = (sums.0 + row.created, sums.1 + row.converted);
            }
            if let Some(user) = row.user {
                by_user.entry(user).or_default().1 += row.converted;
            }
        }
        let callers = match user {
            Some(user) => vec![(Some(user), calls.values().copied().sum())],
            None => tx.call_sums(range.from, range.to).await?,
        };
        for (caller, sums) in callers {
            if let Some(caller) = caller {
                by_user.entry(caller).or_default().0 += sums.calls();
            }
        }
        let mut best: Vec<(UserId, (i64, u64))> = by_user.into_iter().filter(|(_, did)| *did != (0, 0)).collect();
        best.sort_by_key(|(_, (calls, conversions))| std::cmp::Reverse((*conversions, *calls)));
        // Somebody whose account is gone is no performer any more: a few more are looked at.
        best.truncate(2 * PERFORMERS_MAX);
        let ids: Vec<UserId> = best.iter().map(|(id, _)| *id).collect();
        let people: BTreeMap<UserId, Person> =
            tx.users_by_ids(&ids).await?.iter().map(|user| (user.id, Person::of(user))).collect();
        let performer = |(id, (calls, conversions)): &(UserId, (i64, u64))| {
            let rate = percentage(*conversions, calls.unsigned_abs());
            let user = people.get(id)?.clone();
            Some(Performer { user, calls: *calls, conversions: *conversions, conversion_rate: rate })
        };
        let day = |date: NaiveDate| {
            let (leads, conversions) = by_day.get(&date).copied().unwrap_or_default();
            DayStats { date, calls: calls.get(&date).map_or(0, CallSums::calls), leads, conversions }
        };
        let mut lead_sources: Vec<SourceStats> = by_source
            .into_iter()
            .map(|(source, (count, conversions))| SourceStats { source: source.to_owned(), count, conversions })
            .collect();
        lead_sources.sort_by_key(|source| std::cmp::Reverse(source.count));
        Ok(PerformanceAnswer::new(PerformanceView {
            daily_stats: range.iter().map(day).collect(),
            top_performers: best.iter().filter_map(performer).take(PERFORMERS_MAX).collect(),
            lead_sources,
        }))
    };
    app.answers.get(authed.company_id(), asked, made).await
}

/// How the leads are spread over statuses, sources and qualities. For admins, managers and marketing.
#[utoipa::path(get, path = "/dashboard/leads", tag = "dashboard", responses((status = 200, body = LeadDistributionsAnswer)))]
pub(crate) async fn lead_distributions(State(app): State<Shared>, authed: Authed) -> Reply<Response> {
    authed.demand(Permission::ViewDashboards)?;
    let made = async {
        let mut leads = LeadDistributions {
            status_distribution: Vec::new(),
            source_distribution: Vec::new(),
            quality_distribution: Vec::new(),
        };
        for LeadCount { by, word, leads: count } in app.engine.read(&authed.actor).await?.lead_counts().await? {
            match by {
                CountBy::Status => leads.status_distribution.push(StatusCount { status: word, count }),
                CountBy::Source => leads.source_distribution.push(SourceCount { source: word, count }),
                CountBy::Quality => leads.quality_distribution.push(QualityCount { quality: word, count }),
            }
        }
        Ok(LeadDistributionsAnswer::new(leads))
    };
    app.answers.get(authed.company_id(), "lead-distributions".to_owned(), made).await
}
