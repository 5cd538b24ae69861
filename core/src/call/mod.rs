//! Calls: the record, its legs and its timeline. The record is a fold over what happened: [`Call::apply`] takes one
//! [`Change`] after another and refuses those that cannot follow.

pub mod account;
pub mod carrier;
mod change;
pub mod entry;
pub mod hangup;
mod lifecycle;
mod record;
pub mod recording;
pub mod stats;

pub use change::{Change, LeaveReason, OfferFailure, TransferTarget};
pub use entry::{CallEntry, EntryRefused};
pub use hangup::{Hangup, HangupCause, ResultBucket, Side};
pub use lifecycle::{CallStatus, IllegalTransition};
pub use record::{Call, CallEvent, Direction, EVENTS_MAX, LEGS_MAX, Leg, LegKind, LegState, NewCall, Origin};
pub use stats::{CallDay, CallFact, CallSums};

use crate::error::{Kind, Refusal};

/// Why something could not be done with a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallRefused {
    /// The destination is not a telephone number.
    #[error("{0}")]
    Number(#[from] crate::phone::BadNumber),
    /// The allowance rule said no.
    #[error("{0}")]
    Allowance(#[from] crate::phone::AllowanceRefused),
    /// The change cannot follow what happened before.
    #[error("{0}")]
    Illegal(#[from] IllegalTransition),
    /// No such call, or it is somebody else's.
    #[error("there is no such call")]
    NotFound,
    /// What was entered cannot be.
    #[error("{0}")]
    Entry(#[from] EntryRefused),
    /// The number at the other end of a call that is entered is not a telephone number.
    #[error("{0}")]
    OtherEnd(crate::phone::BadNumber),
    /// There is no such agent.
    #[error("there is no such user in this company")]
    UnknownAgent,
    /// There is no such lead, or it is somebody else's.
    #[error("there is no such lead")]
    UnknownLead,
    /// The lead asked not to be called.
    #[error("this lead asked not to be called")]
    DoNotCall,
    /// Neither a number nor a lead that has one was named.
    #[error("name a number to call, or a lead that has one")]
    NoDestination,
    /// A carrier's service rings the agent's own telephone, and their profile has none that can be called.
    #[error("the agent's profile has no telephone number that can be rung")]
    NoTelephone,
    /// There is no such client.
    #[error("there is no such client")]
    UnknownClient,
    /// The call has not ended.
    #[error("the call goes on")]
    GoesOn,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
    /// A text is too long.
    #[error("this has at most 10000 characters")]
    TooLong,
}

impl Refusal for CallRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::Allowance(refused) => refused.kind(),
            Self::Entry(refused) => refused.kind(),
            Self::Number(_) | Self::OtherEnd(_) | Self::NoDestination => Kind::Invalid,
            Self::TooLong | Self::UnknownAgent | Self::UnknownClient => Kind::Invalid,
            Self::DoNotCall | Self::NoTelephone => Kind::Refused,
            Self::NotFound | Self::UnknownLead => Kind::NotFound,
            Self::Illegal(_) | Self::GoesOn | Self::Stale => Kind::Conflict,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Allowance(refused) => refused.code(),
            Self::Entry(refused) => refused.code(),
            Self::Number(_) | Self::OtherEnd(_) => "invalid_number",
            Self::TooLong | Self::UnknownAgent | Self::UnknownClient => "invalid_input",
            Self::NoDestination => "invalid_input",
            Self::DoNotCall => "do_not_call",
            Self::NoTelephone => "agent_without_telephone",
            Self::GoesOn => "call_in_progress",
            Self::Stale => "stale_version",
            Self::NotFound | Self::UnknownLead => "not_found",
            Self::Illegal(_) => "illegal_transition",
        }
    }
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Allowance(refused) => refused.field(),
            Self::Entry(refused) => refused.field(),
            Self::Number(_) | Self::NoDestination => Some("to"),
            Self::OtherEnd(_) => Some("number"),
            Self::DoNotCall => Some("leadId"),
            Self::NoTelephone => Some("agentId"),
            Self::UnknownAgent => Some("telecaller"),
            Self::UnknownClient => Some("clientId"),
            Self::TooLong => Some("notes"),
            _ => None,
        }
    }
}
