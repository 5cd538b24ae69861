//! What calls leave behind in flows: traces and voicemails.

use async_trait::async_trait;
use serde_json::Value;

use crate::command::{company_of, fresh};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::flow::{FlowTrace, TRACE_BYTES_MAX, TraceRefused, Voicemail, VoicemailRefused};
use crate::id::{CallId, FlowId, VoicemailId};
use crate::pii::Pii;
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// Keeps the trace of a call once it has left its flow. A second trace of the same call changes nothing.
#[derive(Debug, Clone)]
pub struct RecordFlowTrace {
    /// The call.
    pub call: CallId,
    /// The flow it began in.
    pub flow: FlowId,
    /// The version of the flow.
    pub number: u32,
    /// The steps, as the engine writes them.
    pub steps: Value,
    /// How it ended, in the engine's word.
    pub ended: String,
}

#[async_trait]
impl Command for RecordFlowTrace {
    /// Whether it was kept.
    type Output = bool;
    type Refused = TraceRefused;
    const NAME: &'static str = "record_flow_trace";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<bool, Failure<TraceRefused>> {
        let company = company_of(cx)?;
        if self.steps.to_string().len() > TRACE_BYTES_MAX {
            return Err(TraceRefused::TooLong.into());
        }
        let trace = FlowTrace {
            call: self.call,
            company,
            flow: self.flow,
            number: self.number,
            steps: self.steps.clone(),
            ended: self.ended.clone(),
            created_at: cx.now(),
        };
        match repo.insert_flow_trace(&trace).await {
            Ok(()) => Ok(true),
            Err(StoreError::Duplicate { .. }) => Ok(false),
            Err(StoreError::OutOfScope) => Err(TraceRefused::NoSuchCall.into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Takes a voicemail into the list once its file is in its place. A second time changes nothing.
#[derive(Debug, Clone)]
pub struct LeaveVoicemail {
    /// Its id, by which its file was named.
    pub id: VoicemailId,
    /// The call in which it was left.
    pub call: CallId,
    /// The flow that took it.
    pub flow: Option<FlowId>,
    /// The mailbox.
    pub mailbox: String,
    /// The caller's number.
    pub from: Pii<String>,
    /// How long it plays, in milliseconds.
    pub length_ms: u64,
    /// What the file is, such as `audio/wav`.
    pub media_type: String,
    /// The size of the file, in bytes.
    pub bytes: u64,
}

#[async_trait]
impl Command for LeaveVoicemail {
    type Output = Voicemail;
    type Refused = VoicemailRefused;
    const NAME: &'static str = "leave_voicemail";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Voicemail, Failure<VoicemailRefused>> {
        let voicemail = Voicemail {
            id: self.id,
            company: company_of(cx)?,
            call: self.call,
            flow: self.flow,
            mailbox: Voicemail::mailbox(&self.mailbox)?,
            from: self.from.clone(),
            length_ms: self.length_ms,
            media_type: self.media_type.clone(),
            bytes: self.bytes,
            heard_at: None,
            heard_by: None,
            version: 1,
            created_at: cx.now(),
            updated_at: cx.now(),
        };
        match repo.insert_voicemail(&voicemail).await {
            Ok(()) => {}
            Err(StoreError::Duplicate { .. }) => {
                return repo.voicemail(self.id).await?.ok_or(VoicemailRefused::NotFound.into());
            }
            Err(StoreError::OutOfScope) => return Err(VoicemailRefused::NoSuchCall.into()),
            Err(error) => return Err(error.into()),
        }
        let (id, call, mailbox) = (voicemail.id, voicemail.call, voicemail.mailbox.clone());
        cx.emit(voicemail.company, Event::VoicemailLeft { voicemail: id, call, mailbox });
        Ok(voicemail)
    }
}

/// Notes that a voicemail was heard, or is to be heard again.
#[derive(Debug, Clone, Copy)]
pub struct HearVoicemail {
    /// Which.
    pub voicemail: VoicemailId,
    /// Whether it was heard.
    pub heard: bool,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for HearVoicemail {
    type Output = Voicemail;
    type Refused = VoicemailRefused;
    const NAME: &'static str = "hear_voicemail";

    fn permission(&self) -> Permission {
        Permission::ManageCalls
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Voicemail, Failure<VoicemailRefused>> {
        let old = repo.voicemail(self.voicemail).await?.ok_or(VoicemailRefused::NotFound)?;
        if !fresh(self.expected_version, old.version) {
            return Err(VoicemailRefused::Stale.into());
        }
        // Who heard it first stays.
        if old.heard_at.is_some() == self.heard {
            return Ok(old);
        }
        let voicemail = old.heard(self.heard, cx.actor().user_id(), cx.now());
        repo.update_voicemail(&voicemail).await?;
        cx.emit(voicemail.company, Event::VoicemailUpdated { voicemail: voicemail.id });
        Ok(voicemail)
    }
}

/// Removes a voicemail. Its file is the caller's to remove, once this has been told to have happened.
#[derive(Debug, Clone, Copy)]
pub struct DeleteVoicemail {
    /// Which.
    pub voicemail: VoicemailId,
}

#[async_trait]
impl Command for DeleteVoicemail {
    type Output = Voicemail;
    type Refused = VoicemailRefused;
    const NAME: &'static str = "delete_voicemail";

    fn permission(&self) -> Permission {
        Permission::ManageCalls
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Voicemail, Failure<VoicemailRefused>> {
        let voicemail = repo.voicemail(self.voicemail).await?.ok_or(VoicemailRefused::NotFound)?;
        if !repo.delete_voicemail(voicemail.id).await? {
            return Err(VoicemailRefused::NotFound.into());
        }
        cx.emit(voicemail.company, Event::VoicemailUpdated { voicemail: voicemail.id });
        Ok(voicemail)
    }
}
