//! Phone numbers as clients see them, in document 001's spelling.

use chrono::{DateTime, NaiveDate, Utc};
use dialplane_core::phone::{Assignment, Capabilities, Country, PhoneNumber};
use dialplane_core::store::NumberRow;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::answer::answer;
use crate::http::paging::Pagination;

/// What a number can carry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CapabilitiesView {
    voice: bool,
    sms: bool,
}

impl From<Capabilities> for CapabilitiesView {
    fn from(capabilities: Capabilities) -> Self {
        Self { voice: capabilities.voice, sms: capabilities.sms }
    }
}

/// A number of the inventory.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NumberView {
    id: Uuid,
    organization_id: Uuid,
    /// The number in E.164.
    phone_number: String,
    /// The text that came in.
    #[serde(rename = "rawPhone")]
    raw_phone: String,
    provider: String,
    country_code: String,
    capabilities: CapabilitiesView,
    /// active or inactive.
    status: &'static str,
    /// The agent who has it.
    assigned_to: Option<Uuid>,
    /// The terms on which they have it.
    assignment: Option<NumberAssignmentView>,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// The terms of an assignment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NumberAssignmentView {
    id: Uuid,
    agent_id: Uuid,
    phone_number_id: Uuid,
    /// Calls a local day, at most.
    daily_limit: u32,
    /// Where it may call; empty means everywhere.
    allowed_countries: Vec<String>,
    /// Calls counted today.
    calls_made_today: u32,
    /// The local day that was last counted.
    last_reset_date: NaiveDate,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A number in the hands of an agent, with its terms beside it (document 001's answer for one agent).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentNumberView {
    id: Uuid,
    phone_number: String,
    provider: String,
    country_code: String,
    /// active or inactive.
    status: &'static str,
    daily_limit: u32,
    allowed_countries: Vec<String>,
    calls_made_today: u32,
    /// Calls left today.
    #[serde(rename = "remainingToday")]
    remaining_today: u32,
    #[serde(rename = "assignmentId")]
    assignment_id: Uuid,
}

fn codes(countries: &[Country]) -> Vec<String> {
    countries.iter().map(ToString::to_string).collect()
}

impl NumberAssignmentView {
    fn of(assignment: &Assignment, today: NaiveDate) -> Self {
        Self {
            id: assignment.id.as_uuid(),
            agent_id: assignment.agent.as_uuid(),
            phone_number_id: assignment.number.as_uuid(),
            daily_limit: assignment.daily_limit,
            allowed_countries: codes(&assignment.allowed_countries),
            calls_made_today: assignment.used_on(today),
            last_reset_date: assignment.day.max(today),
            version: assignment.version,
            created_at: assignment.created_at,
            updated_at: assignment.updated_at,
        }
    }
}

impl NumberView {
    /// A number with its assignment, counted on `today`.
    pub(crate) fn of(row: &NumberRow, today: NaiveDate) -> Self {
        let assignment = row.assignment.as_ref();
        Self {
            assigned_to: assignment.map(|assignment| assignment.agent.as_uuid()),
            assignment: assignment.map(|assignment| NumberAssignmentView::of(assignment, today)),
            ..Self::unassigned(&row.number)
        }
    }

    /// A number that nobody has.
    pub(crate) fn unassigned(number: &PhoneNumber) -> Self {
        Self {
            id: number.id.as_uuid(),
            organization_id: number.company.as_uuid(),
            phone_number: number.number.as_str().to_owned(),
            raw_phone: number.raw.clone(),
            provider: number.provider.clone(),
            country_code: number.country.to_string(),
            capabilities: number.capabilities.into(),
            status: number.status.as_str(),
            assigned_to: None,
            assignment: None,
            version: number.version,
            created_at: number.created_at,
            updated_at: number.updated_at,
        }
    }
}

impl AgentNumberView {
    /// A number of an agent's; `None` when nobody has it.
    pub(crate) fn of(row: &NumberRow, today: NaiveDate) -> Option<Self> {
        let (number, assignment) = (&row.number, row.assignment.as_ref()?);
        let used = assignment.used_on(today);
        Some(Self {
            id: number.id.as_uuid(),
            phone_number: number.number.as_str().to_owned(),
            provider: number.provider.clone(),
            country_code: number.country.to_string(),
            status: number.status.as_str(),
            daily_limit: assignment.daily_limit,
            allowed_countries: codes(&assignment.allowed_countries),
            calls_made_today: used,
            remaining_today: assignment.daily_limit.saturating_sub(used),
            assignment_id: assignment.id.as_uuid(),
        })
    }
}

answer! { /** One number. */ NumberAnswer { phone_number: NumberView } }
answer! { /** A page of numbers. */ NumbersAnswer { phone_numbers: Vec<NumberView>, pagination: Pagination } }
answer! { /** The numbers of an agent. */ AgentNumbersAnswer { phone_numbers: Vec<AgentNumberView>, pagination: Pagination } }
answer! {
    /// What an upload did.
    Uploaded {
        /// Numbers added.
        created: u32,
        /// Numbers that were there already.
        skipped: u32,
        /// The lines that could not be read; the good ones are kept.
        errors: Vec<LineFault>,
    }
}

/// A line that could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineFault {
    /// Its number in the text, from 1.
    pub(crate) line: usize,
    /// What is wrong with it.
    pub(crate) message: String,
}
