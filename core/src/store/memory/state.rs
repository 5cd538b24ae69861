//! The tables and their indexes.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::map::Map;
use crate::call::account::TwilioSettings;
use crate::call::carrier::{CarrierCall, Service};
use crate::call::recording::Recording;
use crate::call::{Call, CallEvent, CallSums};
use crate::client::{Client, ClientNote};
use crate::company::Company;
use crate::event::Envelope;
use crate::flow::{Calendar, Flow, FlowTrace, FlowVersion, Prompt, Voicemail};
use crate::id::{
    AssignmentId, CalendarId, CallId, CallbackId, CallerId, ClientId, ClientNoteId, CompanyId, DispositionId, EventId,
    ExtensionId, FlowId, InboundRouteId, JobId, LeadId, LeadNoteId, NumberId, PromptId, QueueId, RecordingId, ReportId,
    SessionId, TrunkId, UserId, VoicemailId,
};
use crate::job::{Job, JobFault};
use crate::lead::{CampaignKey, CountBy, Disposition, Lead, LeadDecision, LeadNote, LeadProfile, LeadRouting, Source};
use crate::meta::{MetaLead, MetaSettings};
use crate::once::{ClaimedRequest, RequestKey};
use crate::people::{Caller, Session, User};
use crate::phone::{Assignment, E164, Extension, InboundRoute, PhoneNumber, Trunk};
use crate::queue::claim::Offer;
use crate::queue::{AgentProfile, Callback, Queue};
use crate::report::{Period, Report};

/// Everything that is stored. A copy shares all rows with its original.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) companies: Map<CompanyId, Arc<Company>>,

    pub(super) users: Map<UserId, Arc<User>>,
    pub(super) emails: Map<String, UserId>,

    pub(super) callers: Map<UserId, Arc<Caller>>,
    pub(super) caller_ids: Map<CallerId, UserId>,

    /// By the hash of the token.
    pub(super) sessions: Map<[u8; 32], Arc<Session>>,
    pub(super) session_ids: Map<SessionId, [u8; 32]>,

    pub(super) numbers: Map<NumberId, Arc<PhoneNumber>>,
    pub(super) number_texts: Map<E164, NumberId>,

    /// A number has at most one.
    pub(super) assignments: Map<NumberId, Arc<Assignment>>,
    pub(super) assignment_ids: Map<AssignmentId, NumberId>,
    pub(super) agent_assignments: Map<(UserId, AssignmentId), NumberId>,
    /// By day, number and agent. Kept when the number goes, so it knows its company.
    pub(super) usage: Map<(NaiveDate, NumberId, UserId), (CompanyId, u32)>,

    pub(super) extensions: Map<ExtensionId, Arc<Extension>>,
    pub(super) extension_numbers: Map<(CompanyId, String), ExtensionId>,
    pub(super) usernames: Map<String, ExtensionId>,

    pub(super) trunks: Map<TrunkId, Arc<Trunk>>,
    pub(super) trunk_names: Map<(CompanyId, String), TrunkId>,

    pub(super) routes: Map<InboundRouteId, Arc<InboundRoute>>,
    pub(super) routed: Map<E164, InboundRouteId>,

    pub(super) queues: Map<QueueId, Arc<Queue>>,
    pub(super) queue_names: Map<(CompanyId, String), QueueId>,
    pub(super) agent_profiles: Map<UserId, Arc<AgentProfile>>,
    pub(super) callbacks: Map<CallbackId, Arc<Callback>>,

    pub(super) flows: Map<FlowId, Arc<Flow>>,
    pub(super) flow_names: Map<(CompanyId, String), FlowId>,
    pub(super) flow_drafts: Map<FlowId, Arc<str>>,
    pub(super) flow_versions: Map<(FlowId, u32), Arc<FlowVersion>>,
    pub(super) flow_documents: Map<(FlowId, u32), Arc<str>>,
    pub(super) calendars: Map<CalendarId, Arc<Calendar>>,
    pub(super) calendar_names: Map<(CompanyId, String), CalendarId>,
    pub(super) prompts: Map<PromptId, Arc<Prompt>>,
    /// By name and language.
    pub(super) prompt_names: Map<(CompanyId, String, String), PromptId>,
    pub(super) flow_traces: Map<CallId, Arc<FlowTrace>>,
    pub(super) voicemails: Map<VoicemailId, Arc<Voicemail>>,

    pub(super) calls: Map<CallId, Arc<Call>>,
    pub(super) open_calls: Map<CallId, ()>,
    pub(super) timelines: Map<(CallId, u32), Arc<CallEvent>>,
    pub(super) call_days: Map<(CompanyId, NaiveDate, Option<UserId>), CallSums>,

    /// By agent and slot.
    pub(super) offers: Map<(CompanyId, UserId, u8), Arc<Offer>>,

    pub(super) carrier_calls: Map<CallId, Arc<CarrierCall>>,
    pub(super) carrier_sids: Map<(CompanyId, Service, String), CallId>,
    pub(super) recordings: Map<RecordingId, Arc<Recording>>,
    pub(super) recording_sids: Map<(CompanyId, Service, String), RecordingId>,
    pub(super) twilio_settings: Map<CompanyId, Arc<TwilioSettings>>,

    pub(super) clients: Map<ClientId, Arc<Client>>,
    pub(super) client_numbers: Map<(CompanyId, E164, ClientId), ()>,
    pub(super) client_notes: Map<(ClientId, ClientNoteId), Arc<ClientNote>>,
    pub(super) client_note_ids: Map<ClientNoteId, ()>,

    pub(super) leads: Map<LeadId, Arc<Lead>>,
    pub(super) lead_notes: Map<(LeadId, LeadNoteId), Arc<LeadNote>>,
    pub(super) lead_note_ids: Map<LeadNoteId, LeadId>,
    pub(super) lead_decisions: Map<(LeadId, u64), Arc<LeadDecision>>,
    /// The place of the last decision.
    pub(super) last_decision: u64,
    pub(super) lead_routings: Map<CompanyId, Arc<LeadRouting>>,
    pub(super) lead_profiles: Map<UserId, Arc<LeadProfile>>,
    pub(super) lead_passes: Map<(UserId, CompanyId), u64>,
    pub(super) lead_counts: Map<(CompanyId, CountBy, String), i64>,
    pub(super) agent_leads: Map<(UserId, CompanyId), [i64; 3]>,
    pub(super) lead_days: Map<(CompanyId, NaiveDate, Option<UserId>, Source), [i64; 3]>,

    pub(super) lead_campaigns: Map<(CompanyId, NaiveDate, CampaignKey), [i64; 4]>,

    pub(super) meta_settings: Map<CompanyId, Arc<MetaSettings>>,
    pub(super) meta_pages: Map<String, CompanyId>,
    pub(super) meta_leads: Map<(CompanyId, String), Arc<MetaLead>>,

    pub(super) dispositions: Map<DispositionId, Arc<Disposition>>,
    pub(super) disposition_codes: Map<(CompanyId, String), DispositionId>,

    pub(super) jobs: Map<JobId, Arc<Job>>,
    pub(super) job_inputs: Map<JobId, Arc<Vec<u8>>>,
    pub(super) job_faults: Map<(JobId, u32), Arc<JobFault>>,

    pub(super) reports: Map<ReportId, Arc<Report>>,
    pub(super) report_periods: Map<(CompanyId, UserId, Period), ReportId>,
    pub(super) requests: Map<RequestKey, Arc<ClaimedRequest>>,

    pub(super) events: Map<u64, Arc<Envelope>>,
    pub(super) event_ids: Map<EventId, u64>,
    /// Undelivered events, with the end of their lease.
    pub(super) waiting: Map<u64, Option<DateTime<Utc>>>,
    /// The `seq` that was given last.
    pub(super) last_seq: u64,
}

/// A row that belongs to a company.
pub(super) trait Row: Clone {
    /// The noun, as ids name it.
    const ENTITY: &'static str;
    /// Its company.
    fn company(&self) -> CompanyId;
}

/// A row that counts its changes.
pub(super) trait Versioned: Row {
    /// How often it has changed.
    fn version(&self) -> u32;
}

macro_rules! rows {
    ($($row:ty: $entity:literal, $company:ident $(, $version:ident)?;)*) => {$(
        impl Row for $row {
            const ENTITY: &'static str = $entity;
            fn company(&self) -> CompanyId { self.$company }
        }
        $(impl Versioned for $row {
            fn version(&self) -> u32 { self.$version }
        })?
    )*};
}

rows! {
    Company: "company", id, version;
    User: "user", company, version;
    Caller: "caller", company;
    Session: "session", company;
    PhoneNumber: "phone_number", company, version;
    Assignment: "assignment", company, version;
    Extension: "extension", company, version;
    Trunk: "trunk", company, version;
    InboundRoute: "inbound_route", company, version;
    Queue: "queue", company, version;
    AgentProfile: "agent_profile", company, version;
    Callback: "callback", company, version;
    Flow: "flow", company, version;
    FlowVersion: "flow_version", company;
    Calendar: "calendar", company, version;
    Prompt: "prompt", company;
    FlowTrace: "flow_trace", company;
    Voicemail: "voicemail", company, version;
    Call: "call", company, version;
    CarrierCall: "carrier_call", company, version;
    Recording: "recording", company, version;
    TwilioSettings: "twilio_settings", company, version;
    Client: "client", company, version;
    ClientNote: "client_note", company;
    Lead: "lead", company, version;
    LeadNote: "lead_note", company;
    LeadRouting: "lead_routing", company, version;
    LeadProfile: "lead_profile", company, version;
    Disposition: "disposition", company, version;
    Job: "job", company, version;
    JobFault: "job_fault", company;
    MetaSettings: "meta_settings", company, version;
    MetaLead: "meta_lead", company;
    Report: "report", company, version;
}
