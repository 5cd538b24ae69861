//! Recordings of calls: where one stands on its way from the carrier to our own storage.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::carrier::Service;
use crate::clock::doubled;
use crate::id::{CallId, CompanyId, RecordingId};

/// After how many failed attempts a recording is given up: about nine hours with the pauses of [`Recording::failed`].
pub const ATTEMPTS_MAX: u32 = 20;
/// The longest pause between two attempts.
const PAUSE_MAX: TimeDelta = TimeDelta::hours(1);

/// Where a recording stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// The carrier has it; it is to be fetched.
    Waiting,
    /// It is in our storage.
    Stored,
    /// It could not be fetched.
    Failed,
}

impl RecordingState {
    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Stored => "stored",
            Self::Failed => "failed",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Stored, Self::Failed].into_iter().find(|state| state.as_str() == word)
    }
}

/// A recording of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Its id.
    pub id: RecordingId,
    /// The company.
    pub company: CompanyId,
    /// The call.
    pub call: CallId,
    /// Who made it.
    pub service: Service,
    /// The service's own name for it.
    pub sid: String,
    /// Where it stands.
    pub state: RecordingState,
    /// What it is, such as `audio/wav`; known once it is stored.
    pub media_type: Option<String>,
    /// Its size in bytes, once it is stored.
    pub bytes: u64,
    /// Its length in seconds, as the service says.
    pub seconds: u32,
    /// When it is to be fetched; `None` when there is nothing left to do.
    pub due_at: Option<DateTime<Utc>>,
    /// Attempts to fetch it so far.
    pub attempts: u32,
    /// Counts the changes.
    pub version: u32,
    /// When we heard of it.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Recording {
    /// The recording once it is in our storage.
    #[must_use]
    pub fn stored(self, now: DateTime<Utc>, media_type: String, bytes: u64) -> Self {
        let next = Self { state: RecordingState::Stored, media_type: Some(media_type), bytes, due_at: None, ..self };
        next.changed(now)
    }

    /// The recording after an attempt that failed: tried again after a pause that doubles from one second to an hour, or given up
    /// when it `is_lost` or was tried often enough.
    #[must_use]
    pub fn failed(self, now: DateTime<Utc>, is_lost: bool) -> Self {
        let over = is_lost || self.attempts >= ATTEMPTS_MAX;
        let pause = doubled(TimeDelta::seconds(1), self.attempts.saturating_sub(1), PAUSE_MAX);
        let state = if over { RecordingState::Failed } else { RecordingState::Waiting };
        let due_at = (!over).then(|| now + pause);
        Self { state, due_at, ..self }.changed(now)
    }

    /// The recording while somebody fetches it: nobody else does before `until`.
    #[must_use]
    pub fn claimed(self, now: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        Self { attempts: self.attempts.saturating_add(1), due_at: Some(until), ..self }.changed(now)
    }

    fn changed(self, now: DateTime<Utc>) -> Self {
        Self { version: self.version + 1, updated_at: now, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};

    fn heard_of(now: DateTime<Utc>) -> Recording {
        let source = SeededIds::new(3);
        let ids: &dyn IdSource = &source;
        Recording {
            id: ids.id(now),
            company: ids.id(now),
            call: ids.id(now),
            service: Service::Twilio,
            sid: "RE1".to_owned(),
            state: RecordingState::Waiting,
            media_type: None,
            bytes: 0,
            seconds: 3,
            due_at: Some(now),
            attempts: 0,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn pauses_double_up_to_an_hour_and_end_in_failure() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let mut recording = heard_of(now);
        let mut pauses = Vec::new();
        while recording.state == RecordingState::Waiting {
            recording = recording.claimed(now, now).failed(now, false);
            pauses.extend(recording.due_at.map(|due| (due - now).num_seconds()));
        }
        assert_eq!(pauses.iter().take(5).copied().collect::<Vec<_>>(), [1, 2, 4, 8, 16]);
        assert_eq!((pauses.len(), pauses.iter().max()), (19, Some(&3_600)));
        assert_eq!((recording.state, recording.due_at), (RecordingState::Failed, None));
    }

    #[test]
    fn what_is_lost_is_not_asked_for_again() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let lost = heard_of(now).claimed(now, now).failed(now, true);
        assert_eq!((lost.state, lost.due_at, lost.version), (RecordingState::Failed, None, 3));
    }
}
