//! `/analytics`: what calls add up to (document 002). Read from the sums that are kept by day and officer, so that an answer costs as
//! much as the days it covers; for another time zone than the company's they are counted from the log.

mod performance;
mod staffing;
mod view;

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use chrono::NaiveDate;
use dialplane_core::Permission;
use dialplane_core::call::stats::{self, ByDay};
use dialplane_core::call::{CallDay, CallSums};
use dialplane_core::command::figures;
use dialplane_core::id::UserId;
use dialplane_core::store::Tx;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::view::{
    CallTimeAnswer, DayView, MonthView, OfficerDay, OfficerDaysAnswer, OfficerRef, OfficerTime, Period, SumsView,
    VolumesAnswer,
};
use crate::http::days::{DayQuery, DayRange};
use crate::http::guard::Authed;
use crate::http::input::Params;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// The longest range in another time zone, in days: those are counted from the log.
const COUNTED_DAYS_MAX: i64 = 92;
/// The longest range by day and officer, in days.
const OFFICER_DAYS_MAX: i64 = 366;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(volumes))
        .routes(routes!(call_time_per_officer))
        .routes(routes!(calls_per_officer_per_day))
        .routes(routes!(performance::agents_performance))
        .routes(routes!(staffing::staffing))
}

/// Whose calls.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Whose {
    /// One officer; all when absent. An agent sees their own calls only.
    #[serde(alias = "officer_id", alias = "telecaller", alias = "agentId", alias = "userId")]
    #[param(value_type = Option<Uuid>)]
    officer_id: Option<UserId>,
}

/// What a report is about.
#[derive(Debug, Clone, Copy)]
struct Asked {
    range: DayRange,
    officer: Option<UserId>,
    /// Whether the days are the company's own, whose sums are kept.
    kept: bool,
}

impl Asked {
    fn by(app: &App, authed: &Authed, days: &DayQuery, whose: &Whose) -> Reply<Self> {
        authed.demand(Permission::TakeCalls)?;
        let officer = if authed.actor.may(Permission::ViewAllCalls) {
            whose.officer_id
        } else if whose.officer_id.is_none_or(|id| id == authed.user.id) {
            Some(authed.user.id)
        } else {
            return Err(Problem::forbidden());
        };
        let home = authed.company.timezone;
        let range = days.range(home, app.engine.now())?;
        let kept = range.zone == home;
        if !kept && range.days() > COUNTED_DAYS_MAX {
            let message =
                format!("in another time zone than the company's a range has at most {COUNTED_DAYS_MAX} days");
            return Err(Problem::field("dateFrom", message));
        }
        Ok(Self { range, officer, kept })
    }

    /// The same in words, to find a kept answer by.
    fn words(&self, report: &str) -> String {
        let DayRange { zone, from, to } = self.range;
        let officer = self.officer.map(|id| id.to_string()).unwrap_or_default();
        format!("{report} {zone} {from} {to} {officer}")
    }

    fn period(&self) -> Period {
        Period { timezone: self.range.zone.name(), date_from: self.range.from, date_to: self.range.to }
    }

    async fn counted(&self, tx: &mut Box<dyn Tx + '_>) -> Reply<ByDay> {
        let (from, to) = self.range.instants();
        Ok(figures::fold(&mut **tx, self.range.zone, from, to).await?)
    }

    async fn volumes(&self, tx: &mut Box<dyn Tx + '_>) -> Reply<Vec<(NaiveDate, CallSums)>> {
        if self.kept {
            return Ok(tx.call_volumes(self.officer, self.range.from, self.range.to).await?);
        }
        Ok(self.counted(tx).await?.volumes(self.officer))
    }

    async fn by_officer(&self, tx: &mut Box<dyn Tx + '_>) -> Reply<Vec<(Option<UserId>, CallSums)>> {
        if let Some(officer) = self.officer {
            let sums = self.volumes(tx).await?.into_iter().map(|(_, sums)| sums).sum();
            return Ok(vec![(Some(officer), sums)]);
        }
        if self.kept {
            return Ok(tx.call_sums(self.range.from, self.range.to).await?);
        }
        Ok(self.counted(tx).await?.by_agent())
    }

    async fn days(&self, tx: &mut Box<dyn Tx + '_>, authed: &Authed) -> Reply<Vec<CallDay>> {
        if self.kept {
            return Ok(tx.call_days(self.officer, self.range.from, self.range.to).await?);
        }
        let counted = self.counted(tx).await?;
        let rows = counted.rows(authed.company_id());
        Ok(rows.filter(|row| self.officer.is_none() || row.agent == self.officer).collect())
    }
}

/// Officers by name; those whose account is gone by id only.
async fn officers(tx: &mut Box<dyn Tx + '_>, ids: impl Iterator<Item = UserId>) -> Reply<BTreeMap<UserId, OfficerRef>> {
    let mut officers: BTreeMap<UserId, OfficerRef> = ids.map(|id| (id, OfficerRef::new(id, None))).collect();
    let known: Vec<UserId> = officers.keys().copied().collect();
    for user in tx.users_by_ids(&known).await? {
        officers.insert(user.id, OfficerRef::new(user.id, Some(user.name.into_inner())));
    }
    Ok(officers)
}

/// Calls by day and by month.
#[utoipa::path(get, path = "/analytics/volumes", tag = "analytics", params(DayQuery, Whose),
    responses((status = 200, body = VolumesAnswer)))]
pub(crate) async fn volumes(
    State(app): State<Shared>,
    authed: Authed,
    Params(days): Params<DayQuery>,
    Params(whose): Params<Whose>,
) -> Reply<Response> {
    let asked = Asked::by(&app, &authed, &days, &whose)?;
    let made = async {
        let mut tx = app.engine.read(&authed.actor).await?;
        let some = asked.volumes(&mut tx).await?;
        let by_day: BTreeMap<NaiveDate, CallSums> = some.iter().copied().collect();
        let day = |date| DayView { date, sums: SumsView::of(&by_day.get(&date).copied().unwrap_or_default()) };
        let month = |(month, sums): &(NaiveDate, CallSums)| MonthView {
            month: month.format("%Y-%m").to_string(),
            sums: SumsView::of(sums),
        };
        let daily = asked.range.iter().map(day).collect();
        let monthly = stats::monthly(&some).iter().map(month).collect();
        let total: CallSums = some.iter().map(|(_, sums)| *sums).sum();
        Ok(VolumesAnswer::new(asked.period(), daily, monthly, SumsView::of(&total)))
    };
    app.answers.get(authed.company_id(), asked.words("volumes"), made).await
}

/// Calls and time by officer, who talked longest first.
#[utoipa::path(get, path = "/analytics/call-time-per-officer", tag = "analytics", params(DayQuery, Whose),
    responses((status = 200, body = CallTimeAnswer)))]
pub(crate) async fn call_time_per_officer(
    State(app): State<Shared>,
    authed: Authed,
    Params(days): Params<DayQuery>,
    Params(whose): Params<Whose>,
) -> Reply<Response> {
    let asked = Asked::by(&app, &authed, &days, &whose)?;
    let made = async {
        let mut tx = app.engine.read(&authed.actor).await?;
        let sums = asked.by_officer(&mut tx).await?;
        let names = officers(&mut tx, sums.iter().filter_map(|(officer, _)| *officer)).await?;
        let total: CallSums = sums.iter().map(|(_, sums)| *sums).sum();
        let unassigned = sums.iter().find(|(officer, _)| officer.is_none()).map(|(_, sums)| *sums).unwrap_or_default();
        let mut by_time: Vec<(&OfficerRef, CallSums)> =
            sums.iter().filter_map(|(officer, sums)| Some((names.get(officer.as_ref()?)?, *sums))).collect();
        by_time.sort_by_key(|(_, sums)| std::cmp::Reverse((sums.talk_seconds, sums.calls())));
        let officers = by_time
            .into_iter()
            .map(|(officer, sums)| OfficerTime { officer: officer.clone(), sums: SumsView::of(&sums) })
            .collect();
        Ok(CallTimeAnswer::new(asked.period(), officers, SumsView::of(&unassigned), SumsView::of(&total)))
    };
    app.answers.get(authed.company_id(), asked.words("call-time"), made).await
}

/// Calls by day and officer.
#[utoipa::path(get, path = "/analytics/calls-per-officer-per-day", tag = "analytics", params(DayQuery, Whose),
    responses((status = 200, body = OfficerDaysAnswer)))]
pub(crate) async fn calls_per_officer_per_day(
    State(app): State<Shared>,
    authed: Authed,
    Params(days): Params<DayQuery>,
    Params(whose): Params<Whose>,
) -> Reply<Response> {
    let asked = Asked::by(&app, &authed, &days, &whose)?;
    if asked.range.days() > OFFICER_DAYS_MAX {
        return Err(Problem::field("dateFrom", format!("a range has at most {OFFICER_DAYS_MAX} days here")));
    }
    let made = async {
        let mut tx = app.engine.read(&authed.actor).await?;
        let rows = asked.days(&mut tx, &authed).await?;
        let names = officers(&mut tx, rows.iter().filter_map(|row| row.agent)).await?;
        let day = |row: &CallDay| {
            let officer = names.get(&row.agent?)?.clone();
            Some(OfficerDay { date: row.day, officer, sums: SumsView::of(&row.sums) })
        };
        Ok(OfficerDaysAnswer::new(asked.period(), rows.iter().filter_map(day).collect()))
    };
    app.answers.get(authed.company_id(), asked.words("officer-days"), made).await
}
