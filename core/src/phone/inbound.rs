//! Inbound routes: where a call to one of the company's numbers leads.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::E164;
use crate::error::refusal;
use crate::id::{CompanyId, ExtensionId, FlowId, InboundRouteId, QueueId, UserId};

/// A called number and where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundRoute {
    /// Its id.
    pub id: InboundRouteId,
    /// The company.
    pub company: CompanyId,
    /// The called number. Unique over all companies.
    pub number: E164,
    /// Where it leads.
    pub target: InboundTarget,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Where an inbound call leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "id")]
pub enum InboundTarget {
    /// The agents of a queue, one after another.
    Queue(QueueId),
    /// One agent, on all their phones.
    Agent(UserId),
    /// One extension.
    Extension(ExtensionId),
    /// The active version of a flow.
    Flow(FlowId),
}

/// Why an inbound route was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InboundRefused {
    /// The text is not a number.
    #[error("{0}")]
    Number(#[from] super::BadNumber),
    /// The number has a route already.
    #[error("this number has a route already")]
    Duplicate,
    /// The target does not exist in the company.
    #[error("there is no such target in this company")]
    NoSuchTarget,
    /// The flow does not exist in the company, or no version of it is active.
    #[error("there is no such flow with an active version in this company")]
    NoActiveFlow,
    /// The kind of target is not available.
    #[error("a target is a queue, an agent, an extension or a flow")]
    UnsupportedTarget,
    /// No such route.
    #[error("there is no such inbound route")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

refusal!(InboundRefused {
    Self::Number(_) => Invalid, "invalid_number", "number";
    Self::Duplicate => Conflict, "duplicate_route", "number";
    Self::NoSuchTarget => NotFound, "target_not_found", "target";
    Self::NoActiveFlow => Refused, "flow_not_active", "target";
    Self::UnsupportedTarget => Invalid, "unsupported", "target";
    Self::NotFound => NotFound, "not_found";
    Self::Stale => Conflict, "stale_version";
});
