//! The steps of a job.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{Job, JobCounts, JobKind, JobRefused, JobState};
use crate::id::{CompanyId, JobId, UserId};

/// How long whoever runs a job may be silent before others take it over. A step takes a fraction of it.
pub const LEASE: TimeDelta = TimeDelta::seconds(15);
/// The shortest time between two announcements of progress.
pub const ANNOUNCE: TimeDelta = TimeDelta::seconds(1);
/// How often a job is taken over without coming forward before it is given up.
pub const TAKEOVERS_MAX: u32 = 3;

impl Job {
    /// A job that waits for its turn.
    #[must_use]
    pub fn queued(
        id: JobId,
        company: CompanyId,
        kind: JobKind,
        (params, total): (Value, u64),
        created_by: Option<UserId>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            company,
            kind,
            state: JobState::Queued,
            params,
            total,
            counts: JobCounts::default(),
            result: None,
            reason: None,
            created_by,
            is_cancelling: false,
            attempt: 0,
            takeovers: 0,
            lease_until: None,
            announced_at: None,
            version: 1,
            created_at: now,
            started_at: None,
            ended_at: None,
            updated_at: now,
        }
    }

    fn next(&self, now: DateTime<Utc>) -> Self {
        Self { version: self.version + 1, updated_at: now, ..self.clone() }
    }

    fn ended(&self, state: JobState, now: DateTime<Utc>) -> Self {
        Self { state, ended_at: Some(now), lease_until: None, is_cancelling: false, ..self.next(now) }
    }

    /// Whether somebody who may still be alive runs it.
    #[must_use]
    pub fn is_held(&self, now: DateTime<Utc>) -> bool {
        self.state == JobState::Running && self.lease_until.is_some_and(|until| until > now)
    }

    /// Begins to run it, or takes it over from somebody who is gone. The answer may be a job that has ended: one that was to be
    /// cancelled, or was taken over too often.
    ///
    /// # Errors
    /// [`JobRefused::Ended`], [`JobRefused::Taken`].
    pub fn take(&self, now: DateTime<Utc>) -> Result<Self, JobRefused> {
        if !self.state.is_open() {
            return Err(JobRefused::Ended(self.state));
        }
        if self.is_held(now) {
            return Err(JobRefused::Taken);
        }
        if self.is_cancelling {
            return Ok(self.ended(JobState::Cancelled, now));
        }
        let takeovers = self.takeovers + u32::from(self.state == JobState::Running);
        if takeovers > TAKEOVERS_MAX {
            return Ok(self.failed(now, "the work broke off again and again at the same place"));
        }
        Ok(Self {
            state: JobState::Running,
            attempt: self.attempt + 1,
            takeovers,
            lease_until: now.checked_add_signed(LEASE),
            started_at: self.started_at.or(Some(now)),
            ..self.next(now)
        })
    }

    /// Checks that it is still the runner's of this attempt.
    ///
    /// # Errors
    /// [`JobRefused::Ended`], [`JobRefused::Taken`].
    pub fn check_runner(&self, attempt: u32) -> Result<(), JobRefused> {
        match self.state {
            JobState::Running if self.attempt == attempt => Ok(()),
            JobState::Running | JobState::Queued => Err(JobRefused::Taken),
            ended => Err(JobRefused::Ended(ended)),
        }
    }

    /// The job after a step, and whether its progress is to be announced. It may have ended with the step: as cancelled when that
    /// was asked for, as done with `result` when nothing is left.
    #[must_use]
    pub fn advance(
        &self,
        counts: JobCounts,
        result: impl FnOnce(JobCounts) -> Value,
        now: DateTime<Utc>,
    ) -> (Self, bool) {
        let counts = self.counts.plus(counts);
        let mut job = Self { counts, takeovers: 0, lease_until: now.checked_add_signed(LEASE), ..self.next(now) };
        if counts.done() >= self.total {
            job = Self { result: Some(result(counts)), version: job.version, ..job.ended(JobState::Done, now) };
            return (job, false);
        }
        if self.is_cancelling {
            job = Self { version: job.version, ..job.ended(JobState::Cancelled, now) };
            return (job, false);
        }
        let is_due = self.announced_at.is_none_or(|at| now - at >= ANNOUNCE);
        if is_due {
            job.announced_at = Some(now);
        }
        (job, is_due)
    }

    /// The job after it was asked to stop: it ends at once when nobody works on it, and with its next step otherwise.
    ///
    /// # Errors
    /// [`JobRefused::Ended`].
    pub fn cancel(&self, now: DateTime<Utc>) -> Result<Self, JobRefused> {
        if !self.state.is_open() {
            return Err(JobRefused::Ended(self.state));
        }
        if self.is_held(now) {
            return Ok(Self { is_cancelling: true, ..self.next(now) });
        }
        Ok(self.ended(JobState::Cancelled, now))
    }

    /// The job given back by whoever runs it, for others to go on with.
    #[must_use]
    pub fn released(&self, now: DateTime<Utc>) -> Self {
        if self.is_cancelling {
            return self.ended(JobState::Cancelled, now);
        }
        Self { state: JobState::Queued, lease_until: None, ..self.next(now) }
    }

    /// The job after it went wrong for good.
    #[must_use]
    pub fn failed(&self, now: DateTime<Utc>, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self.ended(JobState::Failed, now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_780_000_000 + second, 0).unwrap()
    }

    fn job() -> Job {
        let ids = SeededIds::new(1);
        let ids: &dyn IdSource = &ids;
        Job::queued(ids.id(at(0)), ids.id(at(0)), JobKind::LeadImport, (Value::Null, 10), None, at(0))
    }

    fn created(created: u64) -> JobCounts {
        JobCounts { created, ..JobCounts::default() }
    }

    fn no_result(_: JobCounts) -> Value {
        Value::Null
    }

    #[test]
    fn a_job_runs_from_its_turn_to_its_end() {
        let running = job().take(at(1)).unwrap();
        assert_eq!((running.state, running.attempt, running.started_at), (JobState::Running, 1, Some(at(1))));
        let (half, announced) = running.advance(created(5), no_result, at(2));
        assert_eq!((half.state, half.counts.done(), announced), (JobState::Running, 5, true));
        let (half, announced) = half.advance(created(1), no_result, at(2));
        assert!(!announced, "announced a moment ago");
        let (done, _) = half.advance(created(4), |counts| serde_json::json!(counts.created), at(3));
        assert_eq!((done.state, done.result.clone(), done.lease_until), (JobState::Done, Some(10.into()), None));
        assert_eq!(done.version, half.version + 1);
        assert_eq!(done.take(at(4)), Err(JobRefused::Ended(JobState::Done)));
        assert_eq!(done.cancel(at(4)), Err(JobRefused::Ended(JobState::Done)));
    }

    #[test]
    fn who_lost_a_job_writes_nothing_to_it() {
        let first = job().take(at(0)).unwrap();
        assert_eq!(first.take(at(14)), Err(JobRefused::Taken));
        let second = first.take(at(15)).unwrap();
        assert_eq!((second.attempt, second.takeovers), (2, 1));
        assert_eq!(second.check_runner(1), Err(JobRefused::Taken));
        assert_eq!(second.check_runner(2), Ok(()));
        assert_eq!(second.released(at(16)).check_runner(2), Err(JobRefused::Taken));
    }

    #[test]
    fn a_job_that_breaks_off_at_one_place_is_given_up_and_one_that_goes_on_is_not() {
        let mut job = job().take(at(0)).unwrap();
        for turn in 1..=i64::from(TAKEOVERS_MAX) {
            job = job.take(at(turn * 20)).unwrap();
        }
        let lost = job.take(at(1_000)).unwrap();
        assert_eq!(lost.state, JobState::Failed);
        assert!(lost.reason.is_some() && lost.ended_at == Some(at(1_000)));
        let (forward, _) = job.advance(created(1), no_result, at(1_000));
        assert_eq!(forward.take(at(2_000)).unwrap().state, JobState::Running);
    }

    #[test]
    fn a_job_is_cancelled_at_once_or_with_its_next_step() {
        assert_eq!(job().cancel(at(1)).unwrap().state, JobState::Cancelled);
        let running = job().take(at(1)).unwrap();
        let asked = running.cancel(at(2)).unwrap();
        assert_eq!((asked.state, asked.is_cancelling), (JobState::Running, true));
        assert_eq!(asked.advance(created(1), no_result, at(3)).0.state, JobState::Cancelled);
        assert_eq!(asked.advance(created(10), no_result, at(3)).0.state, JobState::Done, "nothing was left to stop");
        assert_eq!(asked.released(at(3)).state, JobState::Cancelled);
        assert_eq!(asked.take(at(100)).unwrap().state, JobState::Cancelled, "whoever ran it is gone");
        assert_eq!(running.cancel(at(100)).unwrap().state, JobState::Cancelled, "whoever ran it is gone");
    }

    #[test]
    fn words_read_back() {
        for state in JobState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        for kind in JobKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }
}
