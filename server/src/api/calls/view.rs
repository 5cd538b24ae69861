//! Calls as clients see them.

use chrono::{DateTime, Utc};
use dialplane_core::call::recording::RecordingState;
use dialplane_core::call::{Call, CallEvent, Direction, Hangup, Leg, LegKind, LegState, Origin, Side};
use dialplane_core::flow::FlowTrace;
use dialplane_core::id::{CallId, ClientId, LeadId, RecordingId, UserId};
use dialplane_core::lead::Lead;
use dialplane_core::store::Tx;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::clients::ClientRef;
use crate::api::users::Person;
use crate::api::voicemails::VoicemailView;
use crate::http::answer::answer;
use crate::http::paging::Pagination;
use crate::problem::Reply;

/// Something that is known by its id only.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reference {
    id: Uuid,
    /// The same as `id`.
    #[serde(rename = "_id")]
    crm_id: Uuid,
}

impl Reference {
    fn to(id: Uuid) -> Self {
        Self { id, crm_id: id }
    }
}

/// A lead by name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LeadRef {
    id: Uuid,
    /// The same as `id`.
    #[serde(rename = "_id")]
    crm_id: Uuid,
    /// Null when the lead is gone; the call stays.
    name: Option<String>,
    /// In international form.
    phone: Option<String>,
}

impl LeadRef {
    fn of(id: LeadId, lead: Option<&Lead>) -> Self {
        let name = lead.map(|lead| lead.name.expose().clone());
        let phone = lead.and_then(|lead| lead.phone.as_ref()).map(|phone| phone.as_str().to_owned());
        Self { id: id.as_uuid(), crm_id: id.as_uuid(), name, phone }
    }
}

/// The people of some calls by name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) people: BTreeMap<UserId, Person>,
    pub(crate) clients: BTreeMap<ClientId, ClientRef>,
    leads: BTreeMap<LeadId, Lead>,
    /// What the service that carries a call names it.
    sids: BTreeMap<CallId, String>,
    /// What can be listened to.
    recordings: BTreeMap<CallId, RecordingId>,
}

impl Names {
    /// Reads them, as far as they are still there: one read for the agents, one for the clients and one for the leads.
    pub(crate) async fn of(tx: &mut dyn Tx, calls: &[Call]) -> Reply<Self> {
        let agents: Vec<UserId> = calls.iter().filter_map(|call| call.agent).collect();
        let clients: Vec<ClientId> = calls.iter().filter_map(|call| call.client).collect();
        let leads: Vec<LeadId> = calls.iter().filter_map(|call| call.lead).collect();
        let mut names = Self::default();
        if !agents.is_empty() {
            let users = tx.users_by_ids(&agents).await?;
            names.people = users.iter().map(|user| (user.id, Person::of(user))).collect();
        }
        if !clients.is_empty() {
            let clients = tx.clients_by_ids(&clients).await?;
            names.clients = clients.iter().map(|client| (client.id, ClientRef::of(client))).collect();
        }
        if !leads.is_empty() {
            names.leads = tx.leads_by_ids(&leads).await?.into_iter().map(|lead| (lead.id, lead)).collect();
        }
        let carried = || calls.iter().filter(|call| call.origin == Origin::Carried);
        // Only calls that no process of ours carries can be a service's.
        let handed_over = |call: &&Call| call.node.is_none() && call.direction == Direction::Outbound;
        let services: Vec<CallId> = carried().filter(handed_over).map(|call| call.id).collect();
        if !services.is_empty() {
            let rows = tx.carrier_calls(&services).await?;
            names.sids = rows.into_iter().filter_map(|row| Some((row.call, row.sid?))).collect();
        }
        let carried: Vec<CallId> = carried().map(|call| call.id).collect();
        if !carried.is_empty() {
            let recordings = tx.recordings(&carried).await?.into_iter();
            let stored = recordings.filter(|recording| recording.state == RecordingState::Stored);
            names.recordings = stored.map(|recording| (recording.call, recording.id)).collect();
        }
        Ok(names)
    }
}

/// Why a call ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HangupView {
    /// caller, callee or system.
    side: &'static str,
    /// The cause in one word, such as normal_clearing.
    cause: &'static str,
    /// The cause by ITU-T Q.850.
    q850: u8,
    sip_status: Option<u16>,
}

/// One end of a call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LegView {
    id: u32,
    /// sip, webrtc or carrier.
    kind: &'static str,
    party: String,
    agent_id: Option<Uuid>,
    /// calling, ringing, answered, held or ended.
    state: &'static str,
    codec: Option<String>,
    sip_status: Option<u16>,
}

/// One entry of a call's timeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    seq: u32,
    at: DateTime<Utc>,
    #[serde(rename = "type")]
    kind: String,
    data: serde_json::Value,
}

/// A call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallView {
    id: Uuid,
    /// The same as `id`.
    #[serde(rename = "_id")]
    crm_id: Uuid,
    /// inbound, outbound or internal.
    direction: &'static str,
    /// The same as `direction`.
    call_type: &'static str,
    status: &'static str,
    from: String,
    to: String,
    /// The agent.
    telecaller: Option<Person>,
    /// The lead it is about.
    lead: Option<LeadRef>,
    /// The client at its other end.
    client: Option<ClientRef>,
    queue: Option<Reference>,
    phone_number_id: Option<Uuid>,
    start_time: DateTime<Utc>,
    answer_time: Option<DateTime<Utc>>,
    end_time: Option<DateTime<Utc>>,
    /// Seconds talked.
    duration: u32,
    wait_seconds: u32,
    hangup: Option<HangupView>,
    outcome: Option<String>,
    /// The same as `notes`, in document 002's word.
    comments: Option<String>,
    notes: Option<String>,
    /// Where it can be listened to, with a token.
    recording_url: Option<String>,
    /// Twilio's name for it; of calls that Twilio carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    twilio_call_sid: Option<String>,
    version: u32,
}

/// A call with its ends and its timeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallDetail {
    #[serde(flatten)]
    pub(crate) call: CallView,
    pub(crate) legs: Vec<LegView>,
    pub(crate) events: Vec<EventView>,
    /// What was left in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) voicemails: Vec<VoicemailView>,
    /// The flow it went through; once it has left it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flow: Option<PassedFlow>,
}

/// A flow that a call went through.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PassedFlow {
    id: Uuid,
    /// The number of the version.
    version: u32,
    /// How it ended there.
    ended: String,
    /// Where every step is told, to admins and managers.
    trace_url: String,
}

impl PassedFlow {
    pub(crate) fn of(trace: FlowTrace) -> Self {
        let trace_url = format!("/api/ivr/{}/trace/{}", trace.flow, trace.call);
        Self { id: trace.flow.as_uuid(), version: trace.number, ended: trace.ended, trace_url }
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Caller => "caller",
        Side::Callee => "callee",
        Side::System => "system",
    }
}

impl HangupView {
    fn of(hangup: &Hangup) -> Self {
        let cause = hangup.cause;
        Self { side: side(hangup.side), cause: cause.as_str(), q850: cause.q850(), sip_status: hangup.sip_status }
    }
}

impl LegView {
    pub(crate) fn of(leg: &Leg) -> Self {
        Self {
            id: leg.id,
            kind: match leg.kind {
                LegKind::Sip => "sip",
                LegKind::Webrtc => "webrtc",
                LegKind::Carrier => "carrier",
            },
            party: leg.party.clone(),
            agent_id: leg.agent.map(|id| id.as_uuid()),
            state: match leg.state {
                LegState::Calling => "calling",
                LegState::Ringing => "ringing",
                LegState::Answered => "answered",
                LegState::Held => "held",
                LegState::Ended => "ended",
            },
            codec: leg.codec.clone(),
            sip_status: leg.sip_status,
        }
    }
}

impl EventView {
    pub(crate) fn of(event: CallEvent) -> Self {
        let mut event = event;
        // Why somebody was chosen among others, and why nobody was, has an answer of its own.
        if let Some(data) = event.data.as_object_mut() {
            data.remove("decision");
            data.remove("stood");
        }
        Self { seq: event.seq, at: event.at, kind: event.kind, data: event.data }
    }
}

impl CallView {
    /// The call, with its agent by name when they are still there.
    pub(crate) fn of(call: &Call, names: &Names) -> Self {
        Self {
            id: call.id.as_uuid(),
            crm_id: call.id.as_uuid(),
            direction: call.direction.as_str(),
            call_type: call.direction.as_str(),
            status: call.status.as_str(),
            from: call.from.expose().clone(),
            to: call.to.expose().clone(),
            telecaller: call.agent.and_then(|id| names.people.get(&id).cloned()),
            lead: call.lead.map(|id| LeadRef::of(id, names.leads.get(&id))),
            client: call.client.and_then(|id| names.clients.get(&id).cloned()),
            queue: call.queue.map(|id| Reference::to(id.as_uuid())),
            phone_number_id: call.number.map(|id| id.as_uuid()),
            start_time: call.started_at,
            answer_time: call.answered_at,
            end_time: call.ended_at,
            duration: call.talk_seconds(),
            wait_seconds: call.wait_seconds(),
            hangup: call.hangup.as_ref().map(HangupView::of),
            outcome: call.outcome.clone(),
            comments: call.notes.clone(),
            notes: call.notes.clone(),
            recording_url: names.recordings.get(&call.id).map(|id| format!("/api/recordings/{id}")),
            twilio_call_sid: names.sids.get(&call.id).cloned(),
            version: call.version,
        }
    }
}

/// A call as Twilio knows it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TwilioCall {
    /// Its name; null while it is not known whether Twilio has the call.
    pub(crate) sid: Option<String>,
    /// initiated, a later status of Twilio's, or unconfirmed.
    pub(crate) status: String,
}

answer! { /** One call. */ CallAnswer { call: CallView } }
answer! { /** One call, in full. */ CallDetailAnswer { call: CallDetail } }
answer! {
    /// A page of calls.
    CallsAnswer {
        calls: Vec<CallView>,
        pagination: Pagination,
        /// What to give as `cursor` for the calls after these; absent at the end.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
}
answer! {
    /// A call that has been placed.
    CallPlaced {
        call: CallView,
        /// Calls left on the number today.
        remaining_today: u32,
        /// The call as Twilio knows it; of calls that Twilio carries.
        #[serde(skip_serializing_if = "Option::is_none")]
        twilio_call: Option<TwilioCall>,
    }
}
