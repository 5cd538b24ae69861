//! The storage traits of calls that a carrier's service carries, and of recordings.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::call::carrier::CarrierCall;
use crate::call::recording::Recording;
use crate::id::{CallId, RecordingId};

/// How calls are known to the service that carries them. A row goes with its call.
#[async_trait]
pub trait CarrierCallStore: Send {
    /// Adds a row. Duplicate: `call`, `sid` (of one service and company: the names come from the companies' own accounts).
    /// [`StoreError::OutOfScope`] when the call is not of the row's company.
    async fn insert_carrier_call(&mut self, row: &CarrierCall) -> Result<(), StoreError>;
    /// Replaces a row. Duplicate: `sid`.
    async fn update_carrier_call(&mut self, row: &CarrierCall) -> Result<(), StoreError>;
    /// The rows of these calls, in order of the call; calls without one are left out.
    async fn carrier_calls(&mut self, calls: &[CallId]) -> Result<Vec<CarrierCall>, StoreError>;
    /// Rows that are due at `now`, the longest due first, at most `limit`.
    async fn due_carrier_calls(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<CarrierCall>, StoreError>;
}

/// Recordings. One goes with its call.
#[async_trait]
pub trait RecordingStore: Send {
    /// Adds a recording. Duplicate: `id`, `sid` (of one service and company). [`StoreError::OutOfScope`] when the call is not of the
    /// recording's company.
    async fn insert_recording(&mut self, recording: &Recording) -> Result<(), StoreError>;
    /// Replaces a recording; its name at the service stays.
    async fn update_recording(&mut self, recording: &Recording) -> Result<(), StoreError>;
    /// Reads a recording.
    async fn recording(&mut self, id: RecordingId) -> Result<Option<Recording>, StoreError>;
    /// The recordings of these calls, in order of the call and the recording's id.
    async fn recordings(&mut self, calls: &[CallId]) -> Result<Vec<Recording>, StoreError>;
    /// Recordings that are due at `now`, the longest due first, at most `limit`.
    async fn due_recordings(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Recording>, StoreError>;
}
