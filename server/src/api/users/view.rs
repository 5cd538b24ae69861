//! Users as clients see them. The spelling is the documents': `country_code` and `reporting_to` of 000, `_id` and `isActive` of 003.

use chrono::{DateTime, Utc};
use dialplane_core::lead::AgentLeads;
use dialplane_core::people::{Figures, User};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::answer::answer;
use crate::http::paging::Pagination;

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserView {
    id: Uuid,
    /// The same as `id`.
    #[serde(rename = "_id")]
    crm_id: Uuid,
    name: String,
    email: String,
    initials: String,
    /// The role word.
    role: &'static str,
    /// The kind of role: admin, manager, marketing or agent.
    kind: &'static str,
    phone: Option<String>,
    #[serde(rename = "country_code")]
    country_code: Option<String>,
    department: Option<String>,
    is_active: bool,
    #[serde(rename = "reporting_to")]
    reporting_to: Option<Uuid>,
    /// One of available, on_demand, break, offline.
    availability: &'static str,
    /// Why they chose that.
    availability_reason: Option<String>,
    /// Since when.
    availability_since: DateTime<Utc>,
    /// Whether they act on all companies.
    is_platform_admin: bool,
    company_id: Uuid,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PerformanceOfSome)]
    performance: Option<Performance>,
}

/// What somebody's calls and leads add up to (document 003).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Performance {
    /// Ended calls.
    total_calls: u64,
    /// Ended calls in which somebody was talked to.
    successful_calls: u64,
    /// Leads that are theirs.
    total_leads: u64,
    /// Of those, converted ones.
    converted_leads: u64,
    /// Successful calls of a hundred, with two decimals.
    success_rate: f64,
    /// Converted leads of a hundred, with two decimals.
    conversion_rate: f64,
}

/// [`Performance`] as the description has it within a user: of lists only.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)]
struct PerformanceOfSome {
    /// Ended calls.
    total_calls: Option<u64>,
    /// Ended calls in which somebody was talked to.
    successful_calls: Option<u64>,
    /// Leads that are theirs.
    total_leads: Option<u64>,
    /// Of those, converted ones.
    converted_leads: Option<u64>,
    /// Successful calls of a hundred, with two decimals.
    success_rate: Option<f64>,
    /// Converted leads of a hundred, with two decimals.
    conversion_rate: Option<f64>,
}

impl Performance {
    /// The performance that figures show.
    pub(crate) fn of(calls: &Figures, leads: &AgentLeads) -> Self {
        Self {
            total_calls: calls.total_calls,
            successful_calls: calls.connected_calls,
            total_leads: leads.total,
            converted_leads: leads.converted,
            success_rate: percentage(calls.connected_calls, calls.total_calls),
            conversion_rate: percentage(leads.converted, leads.total),
        }
    }
}

/// How many of a hundred, with two decimals; nothing of nothing.
pub(crate) fn percentage(part: u64, whole: u64) -> f64 {
    let rate = part as f64 / whole.max(1) as f64 * 100.0;
    (rate * 100.0).round() / 100.0
}

impl UserView {
    /// The user, without figures.
    pub(crate) fn of(user: &User) -> Self {
        Self {
            id: user.id.as_uuid(),
            crm_id: user.id.as_uuid(),
            name: user.name.expose().clone(),
            email: user.email.expose().clone(),
            initials: user.initials.clone(),
            role: user.role.as_str(),
            kind: user.role.kind().as_str(),
            phone: user.phone.as_ref().map(|phone| phone.expose().clone()),
            country_code: user.country_code.clone(),
            department: user.department.clone(),
            is_active: user.is_active,
            reporting_to: user.reporting_to.map(|id| id.as_uuid()),
            availability: user.availability.as_str(),
            availability_reason: user.availability_reason.clone(),
            availability_since: user.availability_since,
            is_platform_admin: user.is_platform,
            company_id: user.company.as_uuid(),
            version: user.version,
            created_at: user.created_at,
            updated_at: user.updated_at,
            performance: None,
        }
    }

    /// The user with how they did.
    pub(crate) fn with(user: &User, performance: Performance) -> Self {
        Self { performance: Some(performance), ..Self::of(user) }
    }
}

/// A person by name, as other resources refer to them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Person {
    id: Uuid,
    /// The same as `id`.
    #[serde(rename = "_id")]
    crm_id: Uuid,
    name: String,
}

impl Person {
    /// The user by name.
    pub(crate) fn of(user: &User) -> Self {
        Self { id: user.id.as_uuid(), crm_id: user.id.as_uuid(), name: user.name.expose().clone() }
    }
}

/// A user with whom they work with and how their calls went.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserDetail {
    #[serde(flatten)]
    pub(crate) user: UserView,
    /// Whom they report to.
    pub(crate) supervisor: Option<Person>,
    /// Who reports to them; at most 200.
    pub(crate) team_members: Vec<Person>,
    /// How their calls went.
    pub(crate) performance: Performance,
}

answer! { /** One user. */ UserAnswer { user: UserView } }
answer! { /** One user, in full. */ UserDetailAnswer { user: UserDetail } }
answer! { /** One user, and what was done. */ UserChanged { message: &'static str, user: UserView } }
answer! { /** A page of users. */ UsersAnswer { users: Vec<UserView>, pagination: Pagination } }
answer! {
    /// What the repair of the caller records did (document 000).
    Synced {
        message: &'static str,
        /// Records made.
        created: u32,
        /// Records removed.
        deleted: u32,
    }
}
