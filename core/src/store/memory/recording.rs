//! Recordings in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::state::State;
use super::unit::{Unit, unless_taken};
use crate::call::recording::Recording;
use crate::id::{CallId, RecordingId};
use crate::store::{RecordingStore, StoreError};

#[async_trait]
impl RecordingStore for Unit<'_> {
    async fn insert_recording(&mut self, recording: &Recording) -> Result<(), StoreError> {
        self.admits(recording)?;
        self.has_call(recording.company, recording.call)?;
        unless_taken::<Recording>(self.state().recordings.contains(&recording.id), "id")?;
        let sid = (recording.company, recording.service, recording.sid.clone());
        unless_taken::<Recording>(self.state().recording_sids.contains(&sid), "sid")?;
        let state = self.change()?;
        state.recording_sids.insert(sid, recording.id);
        state.recordings.insert(recording.id, Arc::new(recording.clone()));
        Ok(())
    }

    async fn update_recording(&mut self, recording: &Recording) -> Result<(), StoreError> {
        let stored = self.follows(self.state().recordings.get(&recording.id), recording)?;
        let next = Recording { service: stored.service, sid: stored.sid.clone(), ..recording.clone() };
        self.change()?.recordings.insert(recording.id, Arc::new(next));
        Ok(())
    }

    async fn recording(&mut self, id: RecordingId) -> Result<Option<Recording>, StoreError> {
        Ok(self.visible(self.state().recordings.get(&id)))
    }

    async fn recordings(&mut self, calls: &[CallId]) -> Result<Vec<Recording>, StoreError> {
        let calls: BTreeSet<&CallId> = calls.iter().collect();
        let rows = self.state().recordings.values().filter(|row| calls.contains(&row.call));
        let mut found: Vec<Recording> = rows.filter_map(|row| self.visible(Some(row))).collect();
        found.sort_by_key(|row| (row.call, row.id));
        Ok(found)
    }

    async fn due_recordings(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Recording>, StoreError> {
        let rows = self.state().recordings.values().filter(|row| row.due_at.is_some_and(|due| due <= now));
        let mut due: Vec<Recording> = rows.filter_map(|row| self.visible(Some(row))).collect();
        due.sort_by_key(|row| (row.due_at, row.id));
        due.truncate(limit as usize);
        Ok(due)
    }
}

/// Removes the recordings of a call that is deleted.
pub(super) fn forget(state: &mut State, call: CallId) {
    let own: Vec<Arc<Recording>> = state.recordings.values().filter(|row| row.call == call).map(Arc::clone).collect();
    for recording in own {
        state.recordings.remove(&recording.id);
        state.recording_sids.remove(&(recording.company, recording.service, recording.sid.clone()));
    }
}
