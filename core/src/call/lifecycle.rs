//! The life of a call: which status may follow which.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// It exists; nobody rings yet.
    #[default]
    Initiated,
    /// The caller waits in a queue.
    Queued,
    /// Somebody's phone rings.
    Ringing,
    /// Two people talk, or a flow talks with the caller.
    InProgress,
    /// It ended after two people talked, or while a flow talked with the caller.
    Completed,
    /// Nobody answered.
    NoAnswer,
    /// The called party was busy.
    Busy,
    /// It could not be set up.
    Failed,
    /// Whoever placed it hung up before an answer.
    Cancelled,
    /// The caller hung up while waiting in a queue.
    Abandoned,
}

/// One status cannot follow another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a call that is {from} cannot become {to}")]
pub struct IllegalTransition {
    /// Where the call stands.
    pub from: CallStatus,
    /// What was asked for.
    pub to: CallStatus,
}

impl CallStatus {
    /// Every status.
    pub const ALL: [Self; 10] = [
        Self::Initiated,
        Self::Queued,
        Self::Ringing,
        Self::InProgress,
        Self::Completed,
        Self::NoAnswer,
        Self::Busy,
        Self::Failed,
        Self::Cancelled,
        Self::Abandoned,
    ];

    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initiated => "initiated",
            Self::Queued => "queued",
            Self::Ringing => "ringing",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether the call is over.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::NoAnswer | Self::Busy | Self::Failed | Self::Cancelled | Self::Abandoned)
    }

    /// Moves on to `to`. A phone that stops ringing puts its caller back into the queue, or the call back to where it began;
    /// a flow may let its caller wait in a queue, and a queue may lead to another; a final status is never left, and only a call in progress is completed.
    ///
    /// # Errors
    /// [`IllegalTransition`] names both.
    pub const fn advance(self, to: Self) -> Result<Self, IllegalTransition> {
        let legal = match (self, to) {
            (Self::Initiated, Self::Queued | Self::Ringing | Self::InProgress)
            | (Self::Queued | Self::Ringing, Self::Queued | Self::Ringing | Self::InProgress | Self::Initiated)
            | (Self::InProgress, Self::Completed | Self::InProgress | Self::Queued) => true,
            (Self::Initiated | Self::Queued | Self::Ringing, end) => end.is_final() && !matches!(end, Self::Completed),
            _ => false,
        };
        if legal { Ok(to) } else { Err(IllegalTransition { from: self, to }) }
    }
}

impl fmt::Display for CallStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown call status")]
pub struct UnknownStatus;

impl FromStr for CallStatus {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownStatus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_status_is_never_left() {
        for from in CallStatus::ALL.into_iter().filter(|s| s.is_final()) {
            assert!(CallStatus::ALL.into_iter().all(|to| from.advance(to).is_err()), "{from}");
        }
    }

    #[test]
    fn only_a_call_in_progress_is_completed_and_it_is_not_abandoned() {
        let completes: Vec<_> =
            CallStatus::ALL.into_iter().filter(|s| s.advance(CallStatus::Completed).is_ok()).collect();
        assert_eq!(completes, [CallStatus::InProgress]);
        assert!(CallStatus::InProgress.advance(CallStatus::Abandoned).is_err());
    }
}
