//! Calls that a carrier's service carries: what it says of them, when it is asked, and the recordings it makes.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::call::{CallReport, RecordCalls};
use crate::call::carrier::{CarrierCall, End, EndReport, EndStatus, SID_MAX, changes};
use crate::call::recording::{Recording, RecordingState};
use crate::call::{Call, CallRefused, Change};
use crate::clock::doubled;
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::id::{CallId, RecordingId};
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// How long after the last word about a call that goes on the service is asked how it stands.
const LOOK: TimeDelta = TimeDelta::minutes(10);
/// How long the destination's own report may take once the agent has gone.
const FAREWELL: TimeDelta = TimeDelta::seconds(10);
/// The longest pause between two questions that find nobody.
const PAUSE_MAX: TimeDelta = TimeDelta::hours(1);

/// What is learned of a call that a service carries.
#[derive(Debug, Clone)]
pub struct RecordCarrierReport {
    /// The call.
    pub call: CallId,
    /// The service's name for it, as far as this source knows.
    pub sid: Option<String>,
    /// What became of one of its ends.
    pub report: Option<EndReport>,
}

/// What came of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// It said something new.
    News,
    /// It was known, or came after the end.
    Known,
    /// There is no such call, or the report is about another one.
    Foreign,
}

#[async_trait]
impl Command for RecordCarrierReport {
    type Output = Reported;
    type Refused = CallRefused;
    const NAME: &'static str = "record_carrier_report";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Reported, Failure<CallRefused>> {
        let Some((call, row)) = held(repo, self.call).await? else { return Ok(Reported::Foreign) };
        let sid = match (&row.sid, &self.sid) {
            (Some(known), Some(said)) if known != said => return Ok(Reported::Foreign),
            (_, Some(said)) if said.is_empty() || said.len() > SID_MAX => return Ok(Reported::Foreign),
            (known, said) => known.clone().or_else(|| said.clone()),
        };
        let steps = self.report.as_ref().map(|report| changes(&call, report)).unwrap_or_default();
        if steps.is_empty() && sid == row.sid {
            return Ok(Reported::Known);
        }
        let is_over = call.status.is_final() || steps.iter().any(|(_, step)| matches!(step, Change::Ended { .. }));
        let agent_gone = self.report.is_some_and(|r| r.end == End::Agent && r.status == EndStatus::Completed);
        let due_at = (!is_over).then(|| cx.now() + if agent_gone { FAREWELL } else { LOOK });
        let next = CarrierCall { sid, due_at, attempts: 0, version: row.version + 1, updated_at: cx.now(), ..row };
        match repo.update_carrier_call(&next).await {
            // Another call of ours has this name.
            Err(StoreError::Duplicate { .. }) => return Ok(Reported::Foreign),
            done => done?,
        }
        if steps.is_empty() {
            return Ok(Reported::Known);
        }
        let reports = vec![CallReport { changes: steps, ..CallReport::nothing(call.id) }];
        RecordCalls { reports }.run(cx, repo).await?;
        Ok(Reported::News)
    }
}

/// A call that a service carries with how the service knows it, the call locked.
async fn held(repo: &mut dyn Repo, id: CallId) -> Result<Option<(Call, CarrierCall)>, StoreError> {
    let Some(call) = repo.call_for_update(id).await? else { return Ok(None) };
    let row = repo.carrier_calls(&[id]).await?.pop();
    Ok(row.map(|row| (call, row)))
}

/// Takes the calls whose service is to be asked how they stand; nobody else takes them for a while.
#[derive(Debug, Clone, Copy)]
pub struct ClaimCarrierCalls {
    /// At most so many.
    pub limit: u32,
}

#[async_trait]
impl Command for ClaimCarrierCalls {
    /// The calls, each with how the service knows it. A call that ended is not asked about any more.
    type Output = Vec<(Call, CarrierCall)>;
    type Refused = CallRefused;
    const NAME: &'static str = "claim_carrier_calls";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(
        &self,
        cx: &mut Context<'_>,
        repo: &mut dyn Repo,
    ) -> Result<Vec<(Call, CarrierCall)>, Failure<CallRefused>> {
        let now = cx.now();
        let mut due: Vec<CallId> =
            repo.due_carrier_calls(now, self.limit).await?.into_iter().map(|row| row.call).collect();
        due.sort_unstable();
        let mut claimed = Vec::new();
        for id in due {
            let Some((call, row)) = held(repo, id).await?.filter(|(_, row)| is_due(row.due_at, now)) else { continue };
            let is_over = call.status.is_final();
            let attempts = row.attempts.saturating_add(1);
            let pause = doubled(FAREWELL, attempts, PAUSE_MAX);
            let next = CarrierCall {
                due_at: (!is_over).then(|| now + pause),
                attempts,
                version: row.version + 1,
                updated_at: now,
                ..row
            };
            repo.update_carrier_call(&next).await?;
            if !is_over {
                claimed.push((call, next));
            }
        }
        Ok(claimed)
    }
}

fn is_due(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    at.is_some_and(|due| due <= now)
}

/// Takes note of a recording that a service has made of a call, so that it is fetched. A second note of the same changes nothing.
#[derive(Debug, Clone)]
pub struct NoteRecording {
    /// The call.
    pub call: CallId,
    /// The service's name for the recording.
    pub sid: String,
    /// Its length in seconds.
    pub seconds: u32,
}

#[async_trait]
impl Command for NoteRecording {
    type Output = Reported;
    type Refused = CallRefused;
    const NAME: &'static str = "note_recording";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Reported, Failure<CallRefused>> {
        let Some((call, row)) = held(repo, self.call).await? else { return Ok(Reported::Foreign) };
        if self.sid.is_empty() || self.sid.len() > SID_MAX {
            return Ok(Reported::Foreign);
        }
        let recording = Recording {
            id: cx.id(),
            company: call.company,
            call: call.id,
            service: row.service,
            sid: self.sid.clone(),
            state: RecordingState::Waiting,
            media_type: None,
            bytes: 0,
            seconds: self.seconds,
            due_at: Some(cx.now()),
            attempts: 0,
            version: 1,
            created_at: cx.now(),
            updated_at: cx.now(),
        };
        match repo.insert_recording(&recording).await {
            Err(StoreError::Duplicate { .. }) => Ok(Reported::Known),
            done => done.map(|()| Reported::News).map_err(Failure::Store),
        }
    }
}

/// Takes the recordings that are to be fetched; nobody else takes them for a while.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRecordings {
    /// At most so many.
    pub limit: u32,
    /// How long they are one's own.
    pub lease: TimeDelta,
}

#[async_trait]
impl Command for ClaimRecordings {
    type Output = Vec<Recording>;
    type Refused = CallRefused;
    const NAME: &'static str = "claim_recordings";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Vec<Recording>, Failure<CallRefused>> {
        let now = cx.now();
        let mut claimed = Vec::new();
        for recording in repo.due_recordings(now, self.limit).await? {
            let next = recording.claimed(now, now + self.lease);
            match repo.update_recording(&next).await {
                Ok(()) => claimed.push(next),
                // Somebody else has it.
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(claimed)
    }
}

/// What came of fetching a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// It is in our storage.
    Stored {
        /// What it is, such as `audio/wav`.
        media_type: String,
        /// Its size.
        bytes: u64,
    },
    /// Not this time.
    Later,
    /// It will never be.
    Lost,
}

/// Writes down what came of fetching a recording.
#[derive(Debug, Clone)]
pub struct SettleRecording {
    /// Which.
    pub recording: RecordingId,
    /// What came of it.
    pub fetched: Fetched,
}

#[async_trait]
impl Command for SettleRecording {
    /// Whether it is there still: it goes with its call.
    type Output = bool;
    type Refused = CallRefused;
    const NAME: &'static str = "settle_recording";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<bool, Failure<CallRefused>> {
        let Some(recording) = repo.recording(self.recording).await? else { return Ok(false) };
        if recording.state != RecordingState::Waiting {
            return Ok(true);
        }
        let next = match &self.fetched {
            Fetched::Stored { media_type, bytes } => recording.stored(cx.now(), media_type.clone(), *bytes),
            Fetched::Later => recording.failed(cx.now(), false),
            Fetched::Lost => recording.failed(cx.now(), true),
        };
        repo.update_recording(&next).await?;
        Ok(true)
    }
}
