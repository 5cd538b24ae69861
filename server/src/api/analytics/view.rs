//! Analytics as clients see them.

use chrono::NaiveDate;
use dialplane_core::call::CallSums;
use dialplane_core::id::UserId;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::answer::answer;

/// What calls add up to.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SumsView {
    /// Ended calls.
    calls: i64,
    inbound: i64,
    outbound: i64,
    internal: i64,
    /// Calls in which somebody was talked to.
    connected: i64,
    /// Calls in which nobody was.
    not_connected: i64,
    /// Seconds talked.
    talk_seconds: i64,
    /// Seconds of a connected call on average.
    average_seconds: i64,
}

impl SumsView {
    pub(super) fn of(sums: &CallSums) -> Self {
        Self {
            calls: sums.calls(),
            inbound: sums.inbound,
            outbound: sums.outbound,
            internal: sums.internal,
            connected: sums.connected,
            not_connected: sums.calls() - sums.connected,
            talk_seconds: sums.talk_seconds,
            average_seconds: sums.talk_seconds / sums.connected.max(1),
        }
    }
}

/// The calls of a day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DayView {
    pub(super) date: NaiveDate,
    #[serde(flatten)]
    pub(super) sums: SumsView,
}

/// The calls of a month, as far as it lies in the range.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MonthView {
    /// Such as 2026-03.
    pub(super) month: String,
    #[serde(flatten)]
    pub(super) sums: SumsView,
}

/// An officer by name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct OfficerRef {
    id: Uuid,
    /// The same as `id`.
    #[serde(rename = "_id")]
    crm_id: Uuid,
    /// Null when the account is gone; the calls stay.
    name: Option<String>,
}

impl OfficerRef {
    pub(super) fn new(id: UserId, name: Option<String>) -> Self {
        Self { id: id.as_uuid(), crm_id: id.as_uuid(), name }
    }
}

/// The calls of an officer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OfficerTime {
    pub(super) officer: OfficerRef,
    #[serde(flatten)]
    pub(super) sums: SumsView,
}

/// The calls of an officer on a day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OfficerDay {
    pub(super) date: NaiveDate,
    pub(super) officer: OfficerRef,
    #[serde(flatten)]
    pub(super) sums: SumsView,
}

/// The days that a report covers.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Period {
    /// The IANA time zone of the days.
    pub(super) timezone: &'static str,
    pub(super) date_from: NaiveDate,
    pub(super) date_to: NaiveDate,
}

answer! {
    /// Calls by day and by month.
    VolumesAnswer {
        #[serde(flatten)]
        period: Period,
        /// Every day of the range, also those without calls.
        daily: Vec<DayView>,
        monthly: Vec<MonthView>,
        total: SumsView,
    }
}
answer! {
    /// Calls and time by officer, who talked longest first.
    CallTimeAnswer {
        #[serde(flatten)]
        period: Period,
        officers: Vec<OfficerTime>,
        /// Calls that no officer took part in.
        unassigned: SumsView,
        total: SumsView,
    }
}
answer! {
    /// Calls by day and officer; days and officers without calls are left out.
    OfficerDaysAnswer {
        #[serde(flatten)]
        period: Period,
        days: Vec<OfficerDay>,
    }
}
