//! What a call leaves behind, written with what is told of the call: the log has both or neither.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::call::CallRefused;
use crate::call::carrier::Service;
use crate::call::recording::{Recording, RecordingState};
use crate::engine::Context;
use crate::error::Failure;
use crate::event::Event;
use crate::flow::{FlowTrace, TRACE_BYTES_MAX, Voicemail};
use crate::id::{CallId, CompanyId, FlowId, RecordingId, VoicemailId};
use crate::pii::Pii;
use crate::store::{Repo, StoreError};

/// Something a call leaves behind. Told a second time, it changes nothing.
#[derive(Debug, Clone)]
pub enum Left {
    /// A message. Its file is in its place.
    Voicemail {
        /// Its id, by which its file is named.
        id: VoicemailId,
        /// The flow that took it.
        flow: Option<FlowId>,
        /// The mailbox.
        mailbox: String,
        /// The caller's number.
        from: Pii<String>,
        /// How long it plays, in milliseconds.
        length_ms: u64,
        /// The size of the file, in bytes.
        bytes: u64,
        /// When it was left.
        at: DateTime<Utc>,
    },
    /// A recording of both sides. Its file is in its place.
    Recording {
        /// Its id, by which its file is named.
        id: RecordingId,
        /// How long it plays, in whole seconds.
        seconds: u32,
        /// The size of the file, in bytes.
        bytes: u64,
        /// When it was made.
        at: DateTime<Utc>,
    },
    /// What the call did in its flow.
    Trace {
        /// The flow it began in.
        flow: FlowId,
        /// The version of the flow.
        version: u32,
        /// The steps, as the engine writes them.
        steps: Value,
        /// How it ended, in the engine's word.
        ended: String,
        /// When it ended.
        at: DateTime<Utc>,
    },
}

impl Left {
    /// Writes it down for a call whose record is there.
    pub(in crate::command) async fn keep(
        &self,
        cx: &mut Context<'_>,
        repo: &mut dyn Repo,
        call: CallId,
        company: CompanyId,
    ) -> Result<(), Failure<CallRefused>> {
        let written = match self {
            Self::Voicemail { id, flow, mailbox, from, length_ms, bytes, at } => {
                // A name that cannot be is no reason to lose a message.
                let mailbox = Voicemail::mailbox(mailbox).unwrap_or_else(|_| "voicemail".to_owned());
                let voicemail = Voicemail {
                    id: *id,
                    company,
                    call,
                    flow: *flow,
                    mailbox: mailbox.clone(),
                    from: from.clone(),
                    length_ms: *length_ms,
                    media_type: WAV.to_owned(),
                    bytes: *bytes,
                    heard_at: None,
                    heard_by: None,
                    version: 1,
                    created_at: *at,
                    updated_at: *at,
                };
                let written = repo.insert_voicemail(&voicemail).await;
                if written.is_ok() {
                    cx.emit(company, Event::VoicemailLeft { voicemail: *id, call, mailbox });
                }
                written
            }
            Self::Recording { id, seconds, bytes, at } => {
                let recording = Recording {
                    id: *id,
                    company,
                    call,
                    service: Service::Own,
                    sid: id.to_string(),
                    state: RecordingState::Stored,
                    media_type: Some(WAV.to_owned()),
                    bytes: *bytes,
                    seconds: *seconds,
                    due_at: None,
                    attempts: 0,
                    version: 1,
                    created_at: *at,
                    updated_at: *at,
                };
                repo.insert_recording(&recording).await
            }
            Self::Trace { flow, version, steps, ended, at } => {
                let is_long = steps.to_string().len() > TRACE_BYTES_MAX;
                let steps = if is_long { Value::Array(Vec::new()) } else { steps.clone() };
                let (flow, number, ended) = (*flow, *version, ended.clone());
                let trace = FlowTrace { call, company, flow, number, steps, ended, created_at: *at };
                repo.insert_flow_trace(&trace).await
            }
        };
        match written {
            Ok(()) | Err(StoreError::Duplicate { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

const WAV: &str = "audio/wav";
