//! What lists can be narrowed by, and how they are paged.

use chrono::{DateTime, NaiveDate, Utc};

use crate::call::{CallStatus, Direction};
use crate::id::{CallId, ClientId, LeadId, NumberId, QueueId, UserId};
use crate::lead::{LeadStatus, Priority, Quality, Source};
use crate::people::{Role, RoleKind};
use crate::phone::{Country, E164, NumberStatus};
use crate::report::ReportType;
use crate::scope::ActorName;
use crate::search::Search;

/// A page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Rows to pass over.
    pub offset: u64,
    /// Rows to give, at most.
    pub limit: u32,
}

impl Page {
    /// The most rows of a page.
    pub const LIMIT_MAX: u32 = 200;
    /// Rows of a page when nothing is said.
    pub const LIMIT_DEFAULT: u32 = 50;

    /// The first page of the default size.
    pub const FIRST: Self = Self { offset: 0, limit: Self::LIMIT_DEFAULT };

    /// Page `number` (from 1) of `limit` rows; both are brought into range.
    #[must_use]
    pub fn number(number: u64, limit: u32) -> Self {
        let limit = limit.clamp(1, Self::LIMIT_MAX);
        // Offsets beyond what any database takes would overflow there.
        let offset = number.max(1).saturating_sub(1).saturating_mul(u64::from(limit)).min(i64::MAX as u64 / 2);
        Self { offset, limit }
    }
}

/// A page of rows, with the count of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// The rows of the page.
    pub items: Vec<T>,
    /// How many rows the filter matches in all.
    pub total: u64,
}

/// Narrows a list of users. `None` narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// The role word.
    pub role: Option<Role>,
    /// The kind of role.
    pub kind: Option<RoleKind>,
    /// The department, exactly.
    pub department: Option<String>,
    /// Whether they are active.
    pub active: Option<bool>,
    /// Whom they report to.
    pub reporting_to: Option<UserId>,
    /// What their name and e-mail address hold.
    pub search: Option<Search>,
}

/// Narrows a list of clients. `None` narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFilter {
    /// Who looks after them.
    pub owner: Option<UserId>,
    /// A tag, compared by its words ([`crate::search::label`]). A tag without any matches nobody.
    pub tag: Option<String>,
    /// What their names, addresses, tags, numbers and own fields hold.
    pub search: Option<Search>,
    /// Only clients with an id below this one: the cursor of a deep list.
    pub before: Option<ClientId>,
}

/// Narrows a list of phone numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberFilter {
    /// The status.
    pub status: Option<NumberStatus>,
    /// Whether they are assigned.
    pub assigned: Option<bool>,
    /// The country.
    pub country: Option<Country>,
    /// The provider, exactly.
    pub provider: Option<String>,
    /// The agent they are assigned to.
    pub agent: Option<UserId>,
}

/// Narrows a list of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Who did it.
    pub actor: Option<ActorName>,
    /// The event's name, such as `user.created`.
    pub name: Option<String>,
    /// Happened at or after.
    pub from: Option<DateTime<Utc>>,
    /// Happened before.
    pub to: Option<DateTime<Utc>>,
    /// Only events with a `seq` below this one: the cursor.
    pub before: Option<u64>,
}

/// Narrows a list of calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// The agent.
    pub agent: Option<UserId>,
    /// The status.
    pub status: Option<CallStatus>,
    /// The direction.
    pub direction: Option<Direction>,
    /// The number of ours.
    pub number: Option<NumberId>,
    /// The queue.
    pub queue: Option<QueueId>,
    /// The lead.
    pub lead: Option<LeadId>,
    /// The client.
    pub client: Option<ClientId>,
    /// The outcome, exactly.
    pub outcome: Option<String>,
    /// The number at either end.
    pub party: Option<E164>,
    /// What the names of its agent and its client, its numbers, its notes and its outcome hold. The total then ends at
    /// [`crate::search::TOTAL_MAX`].
    pub search: Option<Search>,
    /// Begun at or after.
    pub from: Option<DateTime<Utc>>,
    /// Begun before.
    pub to: Option<DateTime<Utc>>,
    /// Only calls with an id below this one: the cursor of a deep list.
    pub before: Option<CallId>,
}

/// Narrows a list of leads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadFilter {
    /// The status.
    pub status: Option<LeadStatus>,
    /// The source.
    pub source: Option<Source>,
    /// The priority.
    pub priority: Option<Priority>,
    /// The quality.
    pub quality: Option<Quality>,
    /// Who works on them.
    pub agent: Option<UserId>,
    /// Whether somebody works on them.
    pub assigned: Option<bool>,
    /// Created at or after.
    pub from: Option<DateTime<Utc>>,
    /// Created before.
    pub to: Option<DateTime<Utc>>,
    /// What their names, addresses, numbers, requirements and own fields hold.
    pub search: Option<Search>,
    /// Only leads with an id below this one: the cursor of a deep list.
    pub before: Option<LeadId>,
}

/// Narrows a list of reports. `None` narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportFilter {
    /// Whom they are about.
    pub user: Option<UserId>,
    /// Of which kind.
    pub kind: Option<ReportType>,
    /// Whose period begins on this day or later.
    pub from: Option<NaiveDate>,
    /// Whose period begins on this day or earlier.
    pub to: Option<NaiveDate>,
}
