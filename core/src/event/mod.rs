//! Domain events: facts that other parts of the world are told. A command emits them; they are stored in its own unit of
//! work (the outbox) and delivered from there, at least once.

mod audience;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::call::CallStatus;
use crate::id::{
    CalendarId, CallId, CallbackId, ClientId, CompanyId, EventId, FlowId, JobId, LeadId, NumberId, PromptId, QueueId,
    ReportId, UserId, VoicemailId,
};
use crate::people::Role;
use crate::queue::CallbackState;
use crate::scope::ActorName;

pub use audience::Viewer;

/// A fact. The body of an event is versioned by [`Event::VERSION`]; fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// A company was created.
    #[serde(rename = "company.created")]
    CompanyCreated {},
    /// A company's settings changed.
    #[serde(rename = "company.updated")]
    CompanyUpdated {},
    /// Somebody was registered.
    #[serde(rename = "user.created")]
    UserCreated {
        /// Who.
        user: UserId,
        /// With which role.
        role: Role,
    },
    /// A user's data, role or activity changed.
    #[serde(rename = "user.updated")]
    UserUpdated {
        /// Who.
        user: UserId,
        /// Their role now.
        role: Role,
        /// Whether they may sign in.
        active: bool,
    },
    /// A user's role became another.
    #[serde(rename = "user.role_changed")]
    RoleChanged {
        /// Whose.
        user: UserId,
        /// What it was.
        from: Role,
        /// What it is.
        to: Role,
    },
    /// A user has a new password; every session of theirs ended.
    #[serde(rename = "user.password_changed")]
    PasswordChanged {
        /// Whose.
        user: UserId,
    },
    /// A user was removed.
    #[serde(rename = "user.deleted")]
    UserDeleted {
        /// Who.
        user: UserId,
    },
    /// An agent chose another availability.
    #[serde(rename = "agent.availability_changed")]
    AvailabilityChanged {
        /// Who.
        user: UserId,
        /// The word.
        availability: crate::people::Availability,
        /// Why, in a word of the company's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// What an agent brings for queues has changed: skills, calls at once, wrap-up.
    #[serde(rename = "agent.updated")]
    AgentUpdated {
        /// Whose.
        agent: UserId,
    },
    /// Caller records were repaired.
    #[serde(rename = "callers.synced")]
    CallersSynced {
        /// Records made.
        created: u32,
        /// Records removed.
        deleted: u32,
    },
    /// Somebody signed in.
    #[serde(rename = "session.opened")]
    SessionOpened {
        /// Who.
        user: UserId,
    },
    /// Somebody tried to sign in as a user, with a wrong password or to a closed account.
    #[serde(rename = "session.refused")]
    SessionRefused {
        /// As whom.
        user: UserId,
    },
    /// Somebody signed out.
    #[serde(rename = "session.closed")]
    SessionClosed {
        /// Who.
        user: UserId,
    },
    /// Somebody's sessions were closed because a refresh token was used twice.
    #[serde(rename = "session.reused")]
    SessionReused {
        /// Whose.
        user: UserId,
    },
    /// Numbers were added to the inventory.
    #[serde(rename = "phone_numbers.added")]
    NumbersAdded {
        /// Which.
        numbers: Vec<NumberId>,
    },
    /// A number's data changed.
    #[serde(rename = "phone_number.updated")]
    NumberUpdated {
        /// Which.
        number: NumberId,
    },
    /// A number left the inventory.
    #[serde(rename = "phone_number.deleted")]
    NumberDeleted {
        /// Which.
        number: NumberId,
    },
    /// A number was given to an agent, or the terms changed.
    #[serde(rename = "phone_number.assigned")]
    NumberAssigned {
        /// Which.
        number: NumberId,
        /// To whom.
        agent: UserId,
        /// Calls a day.
        daily_limit: u32,
    },
    /// A number was taken back.
    #[serde(rename = "phone_number.unassigned")]
    NumberUnassigned {
        /// Which.
        number: NumberId,
        /// From whom.
        agent: UserId,
    },
    /// A call was counted against an allowance.
    #[serde(rename = "allowance.consumed")]
    AllowanceConsumed {
        /// With which number.
        number: NumberId,
        /// By whom.
        agent: UserId,
        /// Calls counted today.
        used: u32,
        /// Calls a day.
        limit: u32,
    },
    /// The day's counts were set back by hand.
    #[serde(rename = "allowance.reset")]
    AllowanceReset {
        /// How many assignments.
        assignments: u32,
    },
    /// Extensions, trunks, inbound routes or queues changed.
    #[serde(rename = "telephony.updated")]
    TelephonyUpdated {
        /// What: `extension`, `trunk`, `inbound_route` or `queue`.
        what: TelephonyPart,
        /// Which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<Uuid>,
    },
    /// A queue changed.
    #[serde(rename = "queue.updated")]
    QueueUpdated {
        /// Which.
        queue: QueueId,
    },
    /// A flow was created, its name or draft changed, or it was deleted.
    #[serde(rename = "flow.updated")]
    FlowUpdated {
        /// Which.
        flow: FlowId,
    },
    /// Calls run through another version of a flow from now on, or through none.
    #[serde(rename = "flow.activated")]
    FlowActivated {
        /// Which.
        flow: FlowId,
        /// The number of the version; none when calls can no longer be led to it.
        number: Option<u32>,
    },
    /// A calendar was created, changed or deleted.
    #[serde(rename = "calendar.updated")]
    CalendarUpdated {
        /// Which.
        calendar: CalendarId,
    },
    /// A prompt was uploaded or deleted.
    #[serde(rename = "prompt.updated")]
    PromptUpdated {
        /// Which.
        prompt: PromptId,
    },
    /// A caller left a voicemail.
    #[serde(rename = "voicemail.left")]
    VoicemailLeft {
        /// Which.
        voicemail: VoicemailId,
        /// In which call.
        call: CallId,
        /// In which mailbox.
        mailbox: String,
    },
    /// A voicemail was heard, or is to be heard again.
    #[serde(rename = "voicemail.updated")]
    VoicemailUpdated {
        /// Which.
        voicemail: VoicemailId,
    },
    /// A voicemail was deleted.
    #[serde(rename = "voicemail.deleted")]
    VoicemailDeleted {
        /// Which.
        voicemail: VoicemailId,
    },
    /// Somebody is to be called back, or how that stands has changed.
    #[serde(rename = "callback.updated")]
    CallbackUpdated {
        /// Which.
        callback: CallbackId,
        /// In which queue.
        queue: QueueId,
        /// How it stands.
        state: CallbackState,
        /// Who calls, or called.
        agent: Option<UserId>,
    },
    /// A client was added.
    #[serde(rename = "client.created")]
    ClientCreated {
        /// Which.
        client: ClientId,
    },
    /// A client's data changed, or a note was written.
    #[serde(rename = "client.updated")]
    ClientUpdated {
        /// Which.
        client: ClientId,
    },
    /// A client was removed.
    #[serde(rename = "client.deleted")]
    ClientDeleted {
        /// Which.
        client: ClientId,
    },
    /// A call began.
    #[serde(rename = "call.started")]
    CallStarted {
        /// Which.
        call: CallId,
        /// Where it stands by the time it is told of.
        #[serde(default)]
        status: CallStatus,
        /// The agent who places it.
        #[serde(default)]
        agent: Option<UserId>,
        /// The other agent whose phone rings.
        #[serde(default)]
        rung: Option<UserId>,
        /// The queue it waits in.
        #[serde(default)]
        queue: Option<QueueId>,
    },
    /// A call that nobody has answered stands elsewhere: it waits, a phone rings, or has stopped ringing.
    #[serde(rename = "call.status_changed")]
    CallStatusChanged {
        /// Which.
        call: CallId,
        /// Where it stands.
        status: CallStatus,
        /// The agent who places it.
        agent: Option<UserId>,
        /// The other agent whose phone rings, or rang last.
        rung: Option<UserId>,
        /// The queue it came through.
        queue: Option<QueueId>,
    },
    /// Somebody gave a waiting call to an agent by hand.
    #[serde(rename = "call.assigned")]
    CallAssigned {
        /// Which.
        call: CallId,
        /// To whom.
        agent: UserId,
        /// The queue it waited in.
        queue: QueueId,
        /// Who did.
        by: Option<UserId>,
    },
    /// Two people began to talk.
    #[serde(rename = "call.answered")]
    CallAnswered {
        /// Which.
        call: CallId,
        /// The agent, when one took part.
        agent: Option<UserId>,
        /// The other agent whose phone was rung last.
        #[serde(default)]
        rung: Option<UserId>,
        /// The queue it came through.
        #[serde(default)]
        queue: Option<QueueId>,
    },
    /// A call ended.
    #[serde(rename = "call.ended")]
    CallEnded {
        /// Which.
        call: CallId,
        /// The agent, when one took part.
        agent: Option<UserId>,
        /// How it is logged.
        status: CallStatus,
        /// Seconds talked.
        talk_seconds: u32,
        /// The other agent whose phone was rung last.
        #[serde(default)]
        rung: Option<UserId>,
        /// The queue it came through.
        #[serde(default)]
        queue: Option<QueueId>,
    },
    /// Somebody entered a call by hand.
    #[serde(rename = "call.entered")]
    CallEntered {
        /// Which.
        call: CallId,
        /// Whose.
        agent: Option<UserId>,
    },
    /// Notes, outcome or, of an entered call, anything else were changed.
    #[serde(rename = "call.edited")]
    CallEdited {
        /// Which.
        call: CallId,
        /// Whose it is now.
        agent: Option<UserId>,
    },
    /// A call was deleted from the log.
    #[serde(rename = "call.deleted")]
    CallDeleted {
        /// Which it was.
        call: CallId,
        /// Whose it was.
        agent: Option<UserId>,
    },
    /// A lead came.
    #[serde(rename = "lead.created")]
    LeadCreated {
        /// Which.
        lead: LeadId,
        /// Where it came from.
        source: crate::lead::Source,
        /// Who works on it; nobody, too, where this was not told yet.
        #[serde(default)]
        owner: Option<UserId>,
    },
    /// What is known of a lead changed.
    #[serde(rename = "lead.updated")]
    LeadUpdated {
        /// Which.
        lead: LeadId,
        /// Who works on it; nobody, too, where this was not told yet.
        #[serde(default)]
        owner: Option<UserId>,
    },
    /// A lead was given to somebody, or taken back.
    #[serde(rename = "lead.assigned")]
    LeadAssigned {
        /// Which.
        lead: LeadId,
        /// To whom; nobody when it was taken back.
        user: Option<UserId>,
        /// Who had it before.
        previous: Option<UserId>,
        /// Since when.
        at: DateTime<Utc>,
    },
    /// A lead came a step further, or back.
    #[serde(rename = "lead.status_changed")]
    LeadStatusChanged {
        /// Which.
        lead: LeadId,
        /// Where it stood.
        from: crate::lead::LeadStatus,
        /// Where it stands.
        to: crate::lead::LeadStatus,
        /// Who works on it; nobody, too, where this was not told yet.
        #[serde(default)]
        owner: Option<UserId>,
    },
    /// A lead was sold.
    #[serde(rename = "lead.converted")]
    LeadConverted {
        /// Which.
        lead: LeadId,
        /// Who is credited with it.
        user: Option<UserId>,
        /// The client it became, when one was made.
        client: Option<ClientId>,
        /// Who works on it; nobody, too, where this was not told yet.
        #[serde(default)]
        owner: Option<UserId>,
    },
    /// A lead is gone.
    #[serde(rename = "lead.deleted")]
    LeadDeleted {
        /// Which.
        lead: LeadId,
        /// The lead that it was merged into.
        merged_into: Option<LeadId>,
        /// Who worked on it; nobody, too, where this was not told yet.
        #[serde(default)]
        owner: Option<UserId>,
    },
    /// A report was written.
    #[serde(rename = "report.created")]
    ReportCreated {
        /// Which.
        report: ReportId,
        /// Whom it is about.
        user: UserId,
    },
    /// What is stated or noted in a report changed.
    #[serde(rename = "report.updated")]
    ReportUpdated {
        /// Which.
        report: ReportId,
        /// Whom it is about.
        user: UserId,
    },
    /// How leads are routed and scored changed, or what can come of a call.
    #[serde(rename = "lead_settings.updated")]
    LeadSettingsUpdated {},
    /// A job waits for its turn.
    #[serde(rename = "job.queued")]
    JobQueued {
        /// Which.
        job: JobId,
        /// What it does.
        kind: crate::job::JobKind,
    },
    /// A job has come forward; told once a second at most.
    #[serde(rename = "job.progress")]
    JobProgress {
        /// Which.
        job: JobId,
        /// What it does.
        kind: crate::job::JobKind,
        /// Items in all.
        total: u64,
        /// Items that are done.
        done: u64,
        /// What became of them.
        counts: crate::job::JobCounts,
    },
    /// A job has ended.
    #[serde(rename = "job.finished")]
    JobFinished {
        /// Which.
        job: JobId,
        /// What it did.
        kind: crate::job::JobKind,
        /// How: done, failed or cancelled.
        state: crate::job::JobState,
        /// Items in all.
        total: u64,
        /// Items that are done.
        done: u64,
        /// What became of them.
        counts: crate::job::JobCounts,
    },
    /// How the company is connected to Meta changed.
    #[serde(rename = "meta_settings.updated")]
    MetaSettingsUpdated {},
    /// The company's own account at Twilio was set, changed or removed.
    #[serde(rename = "twilio_settings.updated")]
    TwilioSettingsUpdated {
        /// Whether there is one now.
        connected: bool,
    },
}

/// A part of the telephone set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TelephonyPart {
    /// An extension.
    Extension,
    /// A trunk.
    Trunk,
    /// An inbound route.
    InboundRoute,
    /// A queue.
    Queue,
}

impl Event {
    /// The version of the body's shape.
    pub const VERSION: u16 = 1;

    /// The names of all events: what a listener may choose from.
    pub const NAMES: [&str; 56] = [
        "company.created",
        "company.updated",
        "user.created",
        "user.updated",
        "user.role_changed",
        "user.password_changed",
        "user.deleted",
        "agent.availability_changed",
        "agent.updated",
        "callers.synced",
        "session.opened",
        "session.refused",
        "session.closed",
        "session.reused",
        "phone_numbers.added",
        "phone_number.updated",
        "phone_number.deleted",
        "phone_number.assigned",
        "phone_number.unassigned",
        "allowance.consumed",
        "allowance.reset",
        "telephony.updated",
        "queue.updated",
        "flow.updated",
        "flow.activated",
        "calendar.updated",
        "prompt.updated",
        "voicemail.left",
        "voicemail.updated",
        "voicemail.deleted",
        "callback.updated",
        "client.created",
        "client.updated",
        "client.deleted",
        "call.started",
        "call.status_changed",
        "call.assigned",
        "call.answered",
        "call.ended",
        "call.entered",
        "call.edited",
        "call.deleted",
        "lead.created",
        "lead.updated",
        "lead.assigned",
        "lead.status_changed",
        "lead.converted",
        "lead.deleted",
        "report.created",
        "report.updated",
        "lead_settings.updated",
        "job.queued",
        "job.progress",
        "job.finished",
        "meta_settings.updated",
        "twilio_settings.updated",
    ];

    /// The event's name, such as `call.ended`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CompanyCreated {} => "company.created",
            Self::CompanyUpdated {} => "company.updated",
            Self::UserCreated { .. } => "user.created",
            Self::UserUpdated { .. } => "user.updated",
            Self::RoleChanged { .. } => "user.role_changed",
            Self::PasswordChanged { .. } => "user.password_changed",
            Self::UserDeleted { .. } => "user.deleted",
            Self::AvailabilityChanged { .. } => "agent.availability_changed",
            Self::AgentUpdated { .. } => "agent.updated",
            Self::CallersSynced { .. } => "callers.synced",
            Self::SessionOpened { .. } => "session.opened",
            Self::SessionRefused { .. } => "session.refused",
            Self::SessionClosed { .. } => "session.closed",
            Self::SessionReused { .. } => "session.reused",
            Self::NumbersAdded { .. } => "phone_numbers.added",
            Self::NumberUpdated { .. } => "phone_number.updated",
            Self::NumberDeleted { .. } => "phone_number.deleted",
            Self::NumberAssigned { .. } => "phone_number.assigned",
            Self::NumberUnassigned { .. } => "phone_number.unassigned",
            Self::AllowanceConsumed { .. } => "allowance.consumed",
            Self::AllowanceReset { .. } => "allowance.reset",
            Self::TelephonyUpdated { .. } => "telephony.updated",
            Self::QueueUpdated { .. } => "queue.updated",
            Self::FlowUpdated { .. } => "flow.updated",
            Self::FlowActivated { .. } => "flow.activated",
            Self::CalendarUpdated { .. } => "calendar.updated",
            Self::PromptUpdated { .. } => "prompt.updated",
            Self::VoicemailLeft { .. } => "voicemail.left",
            Self::VoicemailUpdated { .. } => "voicemail.updated",
            Self::VoicemailDeleted { .. } => "voicemail.deleted",
            Self::CallbackUpdated { .. } => "callback.updated",
            Self::ClientCreated { .. } => "client.created",
            Self::ClientUpdated { .. } => "client.updated",
            Self::ClientDeleted { .. } => "client.deleted",
            Self::CallStarted { .. } => "call.started",
            Self::CallStatusChanged { .. } => "call.status_changed",
            Self::CallAssigned { .. } => "call.assigned",
            Self::CallAnswered { .. } => "call.answered",
            Self::CallEnded { .. } => "call.ended",
            Self::CallEntered { .. } => "call.entered",
            Self::CallEdited { .. } => "call.edited",
            Self::CallDeleted { .. } => "call.deleted",
            Self::LeadCreated { .. } => "lead.created",
            Self::LeadUpdated { .. } => "lead.updated",
            Self::LeadAssigned { .. } => "lead.assigned",
            Self::LeadStatusChanged { .. } => "lead.status_changed",
            Self::LeadConverted { .. } => "lead.converted",
            Self::LeadDeleted { .. } => "lead.deleted",
            Self::ReportCreated { .. } => "report.created",
            Self::ReportUpdated { .. } => "report.updated",
            Self::LeadSettingsUpdated {} => "lead_settings.updated",
            Self::JobQueued { .. } => "job.queued",
            Self::JobProgress { .. } => "job.progress",
            Self::JobFinished { .. } => "job.finished",
            Self::MetaSettingsUpdated {} => "meta_settings.updated",
            Self::TwilioSettingsUpdated { .. } => "twilio_settings.updated",
        }
    }
}

/// An event with all that a receiver needs to place it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The event's id: the idempotency key of every delivery.
    pub id: EventId,
    /// The company it belongs to.
    pub company: CompanyId,
    /// Its place in the store's outbox; 0 until it is stored. Gaps are possible, an order within a company is kept.
    pub seq: u64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: ActorName,
    /// The version of the body's shape.
    pub version: u16,
    /// The fact.
    pub event: Event,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_name_in_the_list() {
        let tags = include_str!("mod.rs").lines().filter_map(|line| line.trim().strip_prefix("#[serde(rename = \""));
        let tags: Vec<&str> = tags.filter_map(|rest| rest.strip_suffix("\")]")).collect();
        assert_eq!(tags, Event::NAMES);
    }

    #[test]
    fn bodies_stored_before_a_field_was_added_are_still_read() {
        let call = "01890000-0000-7000-8000-000000000001";
        let json = serde_json::json!({"type": "call.started", "call": call});
        let event = Event::CallStarted {
            call: call.parse().unwrap(),
            status: CallStatus::Initiated,
            agent: None,
            rung: None,
            queue: None,
        };
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
    }

    #[test]
    fn the_name_is_the_tag_of_the_stored_body() {
        let event = Event::CallersSynced { created: 1, deleted: 2 };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json, serde_json::json!({"type": event.name(), "created": 1, "deleted": 2}));
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
    }
}
