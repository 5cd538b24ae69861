//! How numbers are used, by agent, number and day.

use axum::Json;
use axum::extract::State;
use chrono::{Days, NaiveDate};
use dialplane_core::Permission;
use dialplane_core::id::UserId;
use dialplane_core::phone::NumberUsage;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::inventory::today;
use crate::http::answer::answer;
use crate::http::guard::Authed;
use crate::http::input::Params;
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The longest period of a report, in days.
const DAYS_MAX: i64 = 400;
/// The period when none is given, in days.
const DAYS_DEFAULT: u64 = 30;

/// Which usage is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// Of one agent.
    #[serde(alias = "agent_id")]
    #[param(value_type = Option<Uuid>)]
    agent_id: Option<UserId>,
    /// The first local day; 30 days ago when absent.
    #[serde(alias = "from", alias = "date_from")]
    date_from: Option<NaiveDate>,
    /// The last local day; today when absent.
    #[serde(alias = "to", alias = "date_to")]
    date_to: Option<NaiveDate>,
}

/// How often a number was used by an agent on a local day.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageView {
    agent_id: Uuid,
    phone_number_id: Uuid,
    /// The number; absent when it has left the inventory.
    #[serde(rename = "phone_number")]
    phone_number: Option<String>,
    date: NaiveDate,
    /// Calls the allowance admitted.
    calls: u32,
}

answer! {
    /// How numbers were used, newest day first.
    UsageAnswer {
        /// The first local day.
        date_from: NaiveDate,
        /// The last local day.
        date_to: NaiveDate,
        /// Calls in all.
        total_calls: u64,
        usage: Vec<UsageView>,
    }
}

/// Usage by agent, number and day; an agent sees their own.
#[utoipa::path(get, path = "/phone-numbers/usage", tag = "phone numbers", params(UsageQuery),
    responses((status = 200, body = UsageAnswer)))]
pub(crate) async fn usage(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<UsageQuery>,
) -> Reply<Json<UsageAnswer>> {
    let sees_all = authed.actor.may(Permission::ViewNumbers);
    let agent = if sees_all { query.agent_id } else { Some(query.agent_id.unwrap_or(authed.user.id)) };
    if !sees_all && agent != Some(authed.user.id) {
        return Err(Problem::forbidden());
    }
    let to = query.date_to.unwrap_or_else(|| today(&app, &authed));
    let from = query.date_from.or_else(|| to.checked_sub_days(Days::new(DAYS_DEFAULT - 1))).unwrap_or(to);
    if from > to || (to - from).num_days() > DAYS_MAX {
        return Err(Problem::field(
            "dateFrom",
            format!("the period ends after it begins and has at most {DAYS_MAX} days"),
        ));
    }
    let mut tx = app.engine.read(&authed.actor).await?;
    let rows = tx.usage(agent, from, to).await?;
    let mut numbers = std::collections::BTreeMap::new();
    for row in &rows {
        if !numbers.contains_key(&row.number) {
            let number = tx.number(row.number).await?.map(|row| row.number.number.as_str().to_owned());
            numbers.insert(row.number, number);
        }
    }
    let view = |row: &NumberUsage| UsageView {
        agent_id: row.agent.as_uuid(),
        phone_number_id: row.number.as_uuid(),
        phone_number: numbers.get(&row.number).cloned().flatten(),
        date: row.day,
        calls: row.calls,
    };
    let total = rows.iter().map(|row| u64::from(row.calls)).sum();
    Ok(Json(UsageAnswer::new(from, to, total, rows.iter().map(view).collect())))
}
