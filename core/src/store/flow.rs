//! The storage traits of flows, and of what they use and leave behind.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Listing, Page, StoreError};
use crate::flow::{Calendar, Flow, FlowTrace, FlowVersion, Prompt, Voicemail};
use crate::id::{CalendarId, CallId, FlowId, PromptId, VoicemailId};

/// Narrows a list of voicemails. `None` narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VoicemailFilter {
    /// The mailbox, exactly.
    pub mailbox: Option<String>,
    /// Whether they were heard.
    pub heard: Option<bool>,
    /// Left at or after.
    pub from: Option<DateTime<Utc>>,
    /// Left before.
    pub to: Option<DateTime<Utc>>,
    /// Only voicemails with an id below this one: the cursor of a deep list.
    pub before: Option<VoicemailId>,
}

/// Flows, their drafts and their versions.
#[async_trait]
pub trait FlowStore: Send {
    /// Adds a flow, without a draft. Duplicate: `id`, `name` (in the company).
    async fn insert_flow(&mut self, flow: &Flow) -> Result<(), StoreError>;
    /// Replaces a flow; its draft stays. Duplicate: `name`.
    async fn update_flow(&mut self, flow: &Flow) -> Result<(), StoreError>;
    /// Removes a flow with its draft and all its versions. `false` when there is none.
    async fn delete_flow(&mut self, id: FlowId) -> Result<bool, StoreError>;
    /// Reads a flow.
    async fn flow(&mut self, id: FlowId) -> Result<Option<Flow>, StoreError>;
    /// All flows of the scope, by company and id.
    async fn flows(&mut self) -> Result<Vec<Flow>, StoreError>;
    /// Replaces the draft of a flow, or removes it; the flow's version stays. [`StoreError::Stale`] when there is no such flow.
    async fn write_flow_draft(&mut self, flow: FlowId, document: Option<&str>) -> Result<(), StoreError>;
    /// Reads the draft of a flow.
    async fn flow_draft(&mut self, flow: FlowId) -> Result<Option<String>, StoreError>;
    /// Adds a version with its document. Duplicate: `number` (of the flow). [`StoreError::OutOfScope`] when the flow is not of the
    /// version's company.
    async fn insert_flow_version(&mut self, version: &FlowVersion, document: &str) -> Result<(), StoreError>;
    /// Reads a version of a flow.
    async fn flow_version(&mut self, flow: FlowId, number: u32) -> Result<Option<FlowVersion>, StoreError>;
    /// Reads the document of a version.
    async fn flow_document(&mut self, flow: FlowId, number: u32) -> Result<Option<String>, StoreError>;
    /// Lists the versions of a flow, newest first.
    async fn flow_versions(&mut self, flow: FlowId, page: Page) -> Result<Listing<FlowVersion>, StoreError>;
    /// The versions that calls run through: one of each active flow of the scope, by company and flow.
    async fn active_flow_versions(&mut self) -> Result<Vec<FlowVersion>, StoreError>;
}

/// Calendars.
#[async_trait]
pub trait CalendarStore: Send {
    /// Adds a calendar. Duplicate: `id`, `name` (in the company).
    async fn insert_calendar(&mut self, calendar: &Calendar) -> Result<(), StoreError>;
    /// Replaces a calendar. Duplicate: `name`.
    async fn update_calendar(&mut self, calendar: &Calendar) -> Result<(), StoreError>;
    /// Removes a calendar. `false` when there is none.
    async fn delete_calendar(&mut self, id: CalendarId) -> Result<bool, StoreError>;
    /// Reads a calendar.
    async fn calendar(&mut self, id: CalendarId) -> Result<Option<Calendar>, StoreError>;
    /// All calendars of the scope, by company and id.
    async fn calendars(&mut self) -> Result<Vec<Calendar>, StoreError>;
}

/// Prompts. One never changes.
#[async_trait]
pub trait PromptStore: Send {
    /// Adds a prompt. Duplicate: `id`, `name` (with its language, in the company).
    async fn insert_prompt(&mut self, prompt: &Prompt) -> Result<(), StoreError>;
    /// Removes a prompt. `false` when there is none.
    async fn delete_prompt(&mut self, id: PromptId) -> Result<bool, StoreError>;
    /// Reads a prompt.
    async fn prompt(&mut self, id: PromptId) -> Result<Option<Prompt>, StoreError>;
    /// The prompts of this name, in all their languages, by company and language.
    async fn prompts_named(&mut self, name: &str) -> Result<Vec<Prompt>, StoreError>;
    /// All prompts of the scope, by company, name and language.
    async fn prompts(&mut self) -> Result<Vec<Prompt>, StoreError>;
}

/// Traces of calls through flows. One goes with its call.
#[async_trait]
pub trait FlowTraceStore: Send {
    /// Adds a trace. Duplicate: `call`. [`StoreError::OutOfScope`] when the call is not of the trace's company.
    async fn insert_flow_trace(&mut self, trace: &FlowTrace) -> Result<(), StoreError>;
    /// Reads the trace of a call.
    async fn flow_trace(&mut self, call: CallId) -> Result<Option<FlowTrace>, StoreError>;
}

/// Voicemails. One goes with its call.
#[async_trait]
pub trait VoicemailStore: Send {
    /// Adds a voicemail. Duplicate: `id`. [`StoreError::OutOfScope`] when the call is not of the voicemail's company.
    async fn insert_voicemail(&mut self, voicemail: &Voicemail) -> Result<(), StoreError>;
    /// Replaces who heard a voicemail and when; all else stays.
    async fn update_voicemail(&mut self, voicemail: &Voicemail) -> Result<(), StoreError>;
    /// Removes a voicemail. `false` when there is none.
    async fn delete_voicemail(&mut self, id: VoicemailId) -> Result<bool, StoreError>;
    /// Reads a voicemail.
    async fn voicemail(&mut self, id: VoicemailId) -> Result<Option<Voicemail>, StoreError>;
    /// Lists voicemails, newest first.
    async fn voicemails(&mut self, filter: &VoicemailFilter, page: Page) -> Result<Listing<Voicemail>, StoreError>;
    /// The voicemails of these calls, in order of the call and the voicemail's id.
    async fn voicemails_of(&mut self, calls: &[CallId]) -> Result<Vec<Voicemail>, StoreError>;
}
