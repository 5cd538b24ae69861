//! What clients are sent: the envelope of every event, and the three events of document 003.

use chrono::{DateTime, Utc};
use dialplane_core::Actor;
use dialplane_core::call::CallStatus;
use dialplane_core::event::{Envelope, Event};
use dialplane_core::id::{CallId, EventId, LeadId, UserId};
use dialplane_core::store::StoreError;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::state::App;

/// An event.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EnvelopeView {
    /// Its id: the same in every delivery.
    #[schema(value_type = uuid::Uuid)]
    id: EventId,
    /// Its place: what a client that comes again gives to be told what it has missed.
    seq: u64,
    /// Its name, such as `call.ended`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it happened.
    at: DateTime<Utc>,
    /// Who did it: `user:` with an id, `host` or `system`.
    actor: String,
    /// The version of the shape of `data`; fields are only ever added.
    version: u16,
    /// The facts.
    data: Value,
}

impl EnvelopeView {
    pub(super) fn of(envelope: &Envelope) -> Self {
        let mut data = serde_json::to_value(&envelope.event).unwrap_or_default();
        if let Some(object) = data.as_object_mut() {
            object.remove("type");
        }
        Self {
            id: envelope.id,
            seq: envelope.seq,
            kind: envelope.event.name(),
            at: envelope.at,
            actor: envelope.actor.to_string(),
            version: envelope.version,
            data,
        }
    }
}

/// An event of document 003, with its fields and no others.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Documented {
    #[serde(rename_all = "camelCase")]
    Call {
        call_id: CallId,
        status: CallStatus,
        /// Seconds talked.
        duration: u32,
    },
    #[serde(rename_all = "camelCase")]
    Lead { lead_id: LeadId, lead_name: String, lead_phone: Option<String>, assigned_at: DateTime<Utc> },
    #[serde(rename_all = "camelCase")]
    User { user_id: UserId, status: &'static str, last_active: DateTime<Utc> },
}

impl Documented {
    /// The names of the events that have a documented form.
    pub(super) const SOURCES: &'static str =
        "agent.availability_changed,call.started,call.status_changed,call.answered,call.ended,lead.assigned";

    /// The documented form of an event for `me`, when it has one.
    ///
    /// # Errors
    /// [`StoreError`], where the form needs more than the event holds.
    pub(super) async fn of(app: &App, me: UserId, envelope: &Envelope) -> Result<Option<Self>, StoreError> {
        let call = |call: CallId, status, duration| Self::Call { call_id: call, status, duration };
        Ok(Some(match &envelope.event {
            // It does not say whose the lead is now: only they are told, and only as long as it is theirs.
            Event::LeadAssigned { lead, user: Some(user), at, .. } if *user == me => {
                let mut tx = app.engine.read(&Actor::system_for(envelope.company)).await?;
                let lead = tx.lead(*lead).await?.filter(|lead| lead.assigned_to == Some(me));
                return Ok(lead.map(|lead| Self::Lead {
                    lead_id: lead.id,
                    lead_name: lead.name.expose().clone(),
                    lead_phone: lead
                        .phone
                        .map(|phone| phone.as_str().to_owned())
                        .or_else(|| lead.raw_phone.map(|raw| raw.expose().clone())),
                    assigned_at: *at,
                }));
            }
            Event::CallStarted { call: id, status, .. } | Event::CallStatusChanged { call: id, status, .. } => {
                call(*id, *status, 0)
            }
            Event::CallAnswered { call: id, .. } => call(*id, CallStatus::InProgress, 0),
            Event::CallEnded { call: id, status, talk_seconds, .. } => call(*id, *status, *talk_seconds),
            Event::AvailabilityChanged { user, availability, .. } => {
                Self::User { user_id: *user, status: availability.as_str(), last_active: envelope.at }
            }
            _ => return Ok(None),
        }))
    }

    /// The documented name.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Call { .. } => "call-status-updated",
            Self::Lead { .. } => "new-lead-assigned",
            Self::User { .. } => "user-status-updated",
        }
    }
}

/// Where a client stands.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Position {
    pub(super) seq: u64,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Ending {
    pub(super) reason: &'static str,
}
