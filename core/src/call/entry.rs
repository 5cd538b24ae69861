//! Calls that people enter by hand: made from a desk telephone or a mobile, and logged afterwards (document 002).
//!
//! What was carried by us is known from signalling and stays; what was entered can be corrected in every field.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Call, CallStatus, Direction, NewCall, Origin};
use crate::error::refusal;
use crate::id::{CallId, ClientId, CompanyId, LeadId, UserId};
use crate::pii::Pii;

/// The longest call that can be entered, in seconds: a day.
pub const TALK_SECONDS_MAX: u32 = 86_400;
/// How far ahead of ours the clock of whoever enters a call may be.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(5);
/// Nobody enters calls of before 2000-01-01.
const EARLIEST: i64 = 946_684_800;

/// What somebody says of a call; what is `None` stays as it is, and has a usual value in a new entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallEntry {
    /// Which way it went; usually outbound.
    pub direction: Option<Direction>,
    /// How it ended; usually completed.
    pub status: Option<CallStatus>,
    /// When it began; usually so that it ends now.
    pub started_at: Option<DateTime<Utc>>,
    /// Seconds talked, from 0 to [`TALK_SECONDS_MAX`]. Of a completed call only.
    pub talk_seconds: Option<u32>,
    /// Who talked.
    pub agent: Option<UserId>,
    /// The number at the other end; in a new entry usually the main one of its client, or else that of its lead.
    pub number: Option<Pii<String>>,
    /// The lead it was about; `Some(None)` for none.
    pub lead: Option<Option<LeadId>>,
    /// The client at the other end; `Some(None)` for none. Usually whoever has the number.
    pub client: Option<Option<ClientId>>,
}

/// Why an entry was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryRefused {
    /// The status is one of a call that goes on.
    #[error("a call that is entered has ended: completed, no_answer, busy, failed, cancelled or abandoned")]
    NotFinal,
    /// The duration is longer than a day.
    #[error("a call has at most 86400 seconds")]
    TooLong,
    /// Seconds talked in a call that nobody answered.
    #[error("only a completed call has a duration")]
    NotAnswered,
    /// The beginning lies in the future or before 2000.
    #[error("a call that is entered began after 1999 and not in the future")]
    BadStart,
    /// From its beginning on it would last into the future.
    #[error("a call that is entered has ended: with this duration it would end in the future")]
    EndsLater,
}

refusal!(EntryRefused {
    Self::NotFinal => Invalid, "invalid_input", "status";
    Self::TooLong | Self::NotAnswered | Self::EndsLater => Invalid, "invalid_input", "duration";
    Self::BadStart => Invalid, "invalid_input", "startTime";
});

impl Call {
    /// A call that somebody enters.
    ///
    /// # Errors
    /// [`EntryRefused`].
    pub fn entered(
        id: CallId,
        company: CompanyId,
        entry: &CallEntry,
        now: DateTime<Utc>,
    ) -> Result<Self, EntryRefused> {
        let talk = TimeDelta::seconds(i64::from(entry.talk_seconds.unwrap_or(0)));
        let begun = Self::begin(NewCall {
            id,
            company,
            direction: Direction::Outbound,
            from: Pii::new(String::new()),
            to: Pii::new(String::new()),
            agent: entry.agent,
            number: None,
            trunk: None,
            lead: None,
            node: None,
            at: now - talk,
        });
        let mut call = Self { status: CallStatus::Completed, origin: Origin::Entered, ..begun };
        call.amend(entry, now)?;
        Ok(call)
    }

    /// Takes over whom a call is about: of any call, as signalling does not know it.
    pub fn concern(&mut self, entry: &CallEntry) {
        self.lead = entry.lead.unwrap_or(self.lead);
        self.client = entry.client.unwrap_or(self.client);
    }

    /// Corrects a call that was entered.
    ///
    /// # Errors
    /// [`EntryRefused`]; the record is as it was.
    pub fn amend(&mut self, entry: &CallEntry, now: DateTime<Utc>) -> Result<(), EntryRefused> {
        let status = entry.status.unwrap_or(self.status);
        let answered = status == CallStatus::Completed;
        let talk = entry.talk_seconds.unwrap_or(if answered { self.talk_seconds() } else { 0 });
        let start = entry.started_at.unwrap_or(self.started_at);
        if !status.is_final() {
            return Err(EntryRefused::NotFinal);
        }
        if talk > TALK_SECONDS_MAX {
            return Err(EntryRefused::TooLong);
        }
        if talk > 0 && !answered {
            return Err(EntryRefused::NotAnswered);
        }
        if start > now + AHEAD_MAX || start.timestamp() < EARLIEST {
            return Err(EntryRefused::BadStart);
        }
        let end = start + TimeDelta::seconds(i64::from(talk));
        if end > now + AHEAD_MAX {
            return Err(EntryRefused::EndsLater);
        }
        let direction = entry.direction.unwrap_or(self.direction);
        let (ours, theirs) = match self.direction {
            Direction::Inbound => (self.to.clone(), self.from.clone()),
            Direction::Outbound | Direction::Internal => (self.from.clone(), self.to.clone()),
        };
        let theirs = entry.number.clone().unwrap_or(theirs);
        (self.from, self.to) = match direction {
            Direction::Inbound => (theirs, ours),
            Direction::Outbound | Direction::Internal => (ours, theirs),
        };
        self.direction = direction;
        self.status = status;
        self.started_at = start;
        self.answered_at = answered.then_some(start);
        self.ended_at = Some(end);
        self.agent = entry.agent.or(self.agent);
        self.concern(entry);
        self.updated_at = now;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};

    fn now() -> DateTime<Utc> {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn enter(entry: &CallEntry) -> Result<Call, EntryRefused> {
        let source = SeededIds::new(4);
        let ids: &dyn IdSource = &source;
        Call::entered(ids.id(now()), ids.id(now()), entry, now())
    }

    #[test]
    fn an_entry_without_particulars_is_a_completed_call_that_ends_now() {
        let call = enter(&CallEntry { talk_seconds: Some(90), ..CallEntry::default() }).unwrap();
        assert_eq!(
            (call.status, call.direction, call.talk_seconds()),
            (CallStatus::Completed, Direction::Outbound, 90)
        );
        assert_eq!((call.ended_at, call.origin), (Some(now()), Origin::Entered));
        assert!(call.was_connected());
    }

    #[test]
    fn what_cannot_have_happened_is_refused_and_changes_nothing() {
        let refused = |entry: CallEntry| enter(&entry).unwrap_err();
        let at = |text: &str| Some(text.parse().unwrap());
        let entry = CallEntry::default;
        assert_eq!(refused(CallEntry { status: Some(CallStatus::Ringing), ..entry() }), EntryRefused::NotFinal);
        assert_eq!(refused(CallEntry { talk_seconds: Some(86_401), ..entry() }), EntryRefused::TooLong);
        let busy = CallEntry { status: Some(CallStatus::Busy), talk_seconds: Some(1), ..entry() };
        assert_eq!(refused(busy), EntryRefused::NotAnswered);
        for start in ["2026-03-01T12:06:00Z", "1999-12-31T23:59:59Z", "9999-01-01T00:00:00Z"] {
            assert_eq!(refused(CallEntry { started_at: at(start), ..entry() }), EntryRefused::BadStart);
        }
        let long = |start: &str| CallEntry { started_at: at(start), talk_seconds: Some(600), ..entry() };
        assert_eq!(refused(long("2026-03-01T12:00:00Z")), EntryRefused::EndsLater);
        assert_eq!(crate::error::Refusal::field(&EntryRefused::EndsLater), Some("duration"));
        // A clock that is ahead of ours is no fault.
        assert_eq!(enter(&long("2026-03-01T11:55:00Z")).unwrap().ended_at, at("2026-03-01T12:05:00Z"));
        let mut call = enter(&entry()).unwrap();
        let before = call.clone();
        let half = CallEntry { number: Some("+1".into()), status: Some(CallStatus::Queued), ..entry() };
        assert!(call.amend(&half, now()).is_err());
        assert_eq!(call, before);
    }

    #[test]
    fn the_other_end_stays_the_other_end_when_the_direction_is_corrected() {
        let number = Pii::new("+12025550123".to_owned());
        let mut call = enter(&CallEntry { number: Some(number.clone()), ..CallEntry::default() }).unwrap();
        assert_eq!(call.to, number);
        call.amend(&CallEntry { direction: Some(Direction::Inbound), ..CallEntry::default() }, now()).unwrap();
        assert_eq!((call.from.clone(), call.to.expose().as_str()), (number, ""));
    }

    #[test]
    fn a_call_that_turns_out_unanswered_loses_its_duration() {
        let mut call = enter(&CallEntry { talk_seconds: Some(60), ..CallEntry::default() }).unwrap();
        call.amend(&CallEntry { status: Some(CallStatus::NoAnswer), ..CallEntry::default() }, now()).unwrap();
        assert_eq!((call.talk_seconds(), call.was_connected(), call.ended_at), (0, false, Some(call.started_at)));
    }
}
