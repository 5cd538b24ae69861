//! Requests that have their effect once, however often they are sent.
//!
//! A caller that did not hear the answer sends its request again. To tell the second from the first, a request carries a [`Claim`]:
//! a unit of work that changes something takes the claim together with its changes, so they are committed together or not at
//! all, and nobody else can take it afterwards. Whoever executes the request a second time, in this process or another, finds
//! it taken ([`StoreError::Claimed`](crate::store::StoreError::Claimed)) and changes nothing.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What a request is known by: a hash of who sent it, to which company, to where, and under which name of their choice. Nobody can
/// make the key of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey(pub [u8; 32]);

/// One execution of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Which request.
    pub key: RequestKey,
    /// The hash of its content: the same name for another content is a mistake of the sender.
    pub content: [u8; 32],
    /// Which execution: an execution of several commands takes its claim with the first and keeps it.
    pub holder: Uuid,
}

/// A request that was executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedRequest {
    /// The execution that has it.
    pub claim: Claim,
    /// When it was taken.
    pub at: DateTime<Utc>,
    /// What was answered, as whoever executed it wrote it down; `None` until then.
    pub answer: Option<Vec<u8>>,
}
