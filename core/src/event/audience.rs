//! Who may see which event. Every live transport asks here, and nobody decides it again.

use std::collections::BTreeSet;

use super::{Envelope, Event};
use crate::id::{CompanyId, QueueId, UserId};
use crate::job::JobKind;
use crate::people::RoleKind;

/// Somebody who follows a company's events.
#[derive(Debug, Clone, Copy)]
pub struct Viewer<'a> {
    /// Who.
    pub user: UserId,
    /// The company followed.
    pub company: CompanyId,
    /// With which kind of role.
    pub kind: RoleKind,
    /// The queues they are a member of.
    pub queues: &'a BTreeSet<QueueId>,
}

/// Whom an event concerns, besides those who see everything of the company.
#[derive(Debug, Default)]
struct Audience {
    users: [Option<UserId>; 2],
    queue: Option<QueueId>,
    /// Whether it is about leads, all of which marketing sees.
    of_leads: bool,
    /// Whether it is about what everybody in the company uses.
    everybody: bool,
}

impl Envelope {
    /// Whether `viewer` may see the event. Admins and managers see everything of their company, marketing sees all leads, and
    /// everybody what happens to clients, what concerns themselves, and the calls and changes of the queues they are a member of.
    #[must_use]
    pub fn visible_to(&self, viewer: &Viewer<'_>) -> bool {
        if self.company != viewer.company {
            return false;
        }
        if matches!(viewer.kind, RoleKind::Admin | RoleKind::Manager) {
            return true;
        }
        let audience = self.event.audience();
        audience.everybody
            || audience.users.contains(&Some(viewer.user))
            || (audience.of_leads && viewer.kind == RoleKind::Marketing)
            || audience.queue.is_some_and(|queue| viewer.queues.contains(&queue))
    }
}

impl Event {
    /// A new kind of event is for admins and managers alone only where it is written so.
    fn audience(&self) -> Audience {
        let of = |user: UserId| Audience { users: [Some(user), None], ..Audience::default() };
        let lead = |users| Audience { users, of_leads: true, ..Audience::default() };
        match self {
            Self::UserCreated { user, .. }
            | Self::UserUpdated { user, .. }
            | Self::RoleChanged { user, .. }
            | Self::PasswordChanged { user }
            | Self::UserDeleted { user }
            | Self::AvailabilityChanged { user, .. }
            | Self::SessionOpened { user }
            | Self::SessionRefused { user }
            | Self::SessionClosed { user }
            | Self::SessionReused { user }
            | Self::ReportCreated { user, .. }
            | Self::ReportUpdated { user, .. } => of(*user),
            Self::AgentUpdated { agent }
            | Self::NumberAssigned { agent, .. }
            | Self::NumberUnassigned { agent, .. }
            | Self::AllowanceConsumed { agent, .. } => of(*agent),
            Self::QueueUpdated { queue } => Audience { queue: Some(*queue), ..Audience::default() },
            Self::CallAssigned { agent, queue, by, .. } => {
                Audience { users: [Some(*agent), *by], queue: Some(*queue), ..Audience::default() }
            }
            Self::CallStarted { agent, rung, queue, .. }
            | Self::CallStatusChanged { agent, rung, queue, .. }
            | Self::CallAnswered { agent, rung, queue, .. }
            | Self::CallEnded { agent, rung, queue, .. } => {
                Audience { users: [*agent, *rung], queue: *queue, ..Audience::default() }
            }
            Self::CallbackUpdated { queue, agent, .. } => {
                Audience { users: [*agent, None], queue: Some(*queue), ..Audience::default() }
            }
            Self::CallEntered { agent, .. } | Self::CallEdited { agent, .. } | Self::CallDeleted { agent, .. } => {
                Audience { users: [*agent, None], ..Audience::default() }
            }
            Self::ClientCreated { .. } | Self::ClientUpdated { .. } | Self::ClientDeleted { .. } => {
                Audience { everybody: true, ..Audience::default() }
            }
            Self::LeadAssigned { user, previous, .. } => lead([*user, *previous]),
            Self::LeadConverted { user, owner, .. } => lead([*user, *owner]),
            Self::LeadCreated { owner, .. }
            | Self::LeadUpdated { owner, .. }
            | Self::LeadStatusChanged { owner, .. }
            | Self::LeadDeleted { owner, .. } => lead([*owner, None]),
            Self::LeadSettingsUpdated {} | Self::MetaSettingsUpdated {} => lead([None; 2]),
            Self::JobQueued { kind, .. } | Self::JobProgress { kind, .. } | Self::JobFinished { kind, .. } => {
                match kind {
                    JobKind::LeadImport => lead([None; 2]),
                }
            }
            Self::CompanyCreated {}
            | Self::CompanyUpdated {}
            | Self::CallersSynced { .. }
            | Self::NumbersAdded { .. }
            | Self::NumberUpdated { .. }
            | Self::NumberDeleted { .. }
            | Self::AllowanceReset { .. }
            | Self::TelephonyUpdated { .. }
            | Self::FlowUpdated { .. }
            | Self::FlowActivated { .. }
            | Self::CalendarUpdated { .. }
            | Self::PromptUpdated { .. }
            | Self::VoicemailLeft { .. }
            | Self::VoicemailUpdated { .. }
            | Self::VoicemailDeleted { .. }
            | Self::TwilioSettingsUpdated { .. } => Audience::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::CallStatus;
    use crate::event::TelephonyPart;
    use crate::id::{Id, IdSource, SeededIds};
    use crate::job::{JobCounts, JobState};
    use crate::lead::LeadStatus;
    use crate::people::{Availability, Role};
    use crate::queue::CallbackState;
    use crate::scope::ActorName;
    use chrono::DateTime;

    fn id<K>(seed: u64) -> Id<K> {
        (&SeededIds::new(seed) as &dyn IdSource).id(DateTime::UNIX_EPOCH)
    }

    const ME: u64 = 1;
    const COLLEAGUE: u64 = 2;
    const QUEUE: u64 = 3;
    const ALPHA: u64 = 4;
    const BETA: u64 = 5;

    /// One of each kind, about `user` and the queue.
    fn one_of_each(user: UserId) -> Vec<Event> {
        let (call, number, queue) = (id(9), id(9), Some(id(QUEUE)));
        let (agent, rung) = (Some(user), None);
        vec![
            Event::CompanyCreated {},
            Event::CompanyUpdated {},
            Event::UserCreated { user, role: Role::Agent },
            Event::UserUpdated { user, role: Role::Agent, active: true },
            Event::RoleChanged { user, from: Role::Agent, to: Role::Manager },
            Event::PasswordChanged { user },
            Event::UserDeleted { user },
            Event::AvailabilityChanged { user, availability: Availability::Break, reason: None },
            Event::AgentUpdated { agent: user },
            Event::CallersSynced { created: 0, deleted: 0 },
            Event::SessionOpened { user },
            Event::SessionRefused { user },
            Event::SessionClosed { user },
            Event::SessionReused { user },
            Event::NumbersAdded { numbers: vec![number] },
            Event::NumberUpdated { number },
            Event::NumberDeleted { number },
            Event::NumberAssigned { number, agent: user, daily_limit: 1 },
            Event::NumberUnassigned { number, agent: user },
            Event::AllowanceConsumed { number, agent: user, used: 1, limit: 1 },
            Event::AllowanceReset { assignments: 1 },
            Event::TelephonyUpdated { what: TelephonyPart::Trunk, id: None },
            Event::QueueUpdated { queue: id(QUEUE) },
            Event::FlowUpdated { flow: id(9) },
            Event::FlowActivated { flow: id(9), number: Some(1) },
            Event::CalendarUpdated { calendar: id(9) },
            Event::PromptUpdated { prompt: id(9) },
            Event::VoicemailLeft { voicemail: id(9), call, mailbox: "sales".to_owned() },
            Event::VoicemailUpdated { voicemail: id(9) },
            Event::VoicemailDeleted { voicemail: id(9) },
            Event::CallbackUpdated {
                callback: id(9),
                queue: id(QUEUE),
                state: CallbackState::Dialling,
                agent: Some(user),
            },
            Event::ClientCreated { client: id(9) },
            Event::ClientUpdated { client: id(9) },
            Event::ClientDeleted { client: id(9) },
            Event::CallStarted { call, status: CallStatus::Queued, agent, rung, queue },
            Event::CallStatusChanged { call, status: CallStatus::Ringing, agent: None, rung: agent, queue },
            Event::CallAssigned { call, agent: user, queue: id(QUEUE), by: None },
            Event::CallAnswered { call, agent, rung, queue },
            Event::CallEnded { call, agent, status: CallStatus::Completed, talk_seconds: 1, rung, queue },
            Event::CallEntered { call, agent },
            Event::CallEdited { call, agent },
            Event::CallDeleted { call, agent },
            Event::LeadCreated { lead: id(9), source: "website".parse().unwrap(), owner: agent },
            Event::LeadUpdated { lead: id(9), owner: agent },
            Event::LeadAssigned { lead: id(9), user: None, previous: Some(user), at: DateTime::UNIX_EPOCH },
            Event::LeadStatusChanged { lead: id(9), from: LeadStatus::New, to: LeadStatus::Contacted, owner: agent },
            Event::LeadConverted { lead: id(9), user: agent, client: None, owner: None },
            Event::LeadDeleted { lead: id(9), merged_into: None, owner: agent },
            Event::ReportCreated { report: id(9), user },
            Event::ReportUpdated { report: id(9), user },
            Event::LeadSettingsUpdated {},
            Event::JobQueued { job: id(9), kind: JobKind::LeadImport },
            Event::JobProgress {
                job: id(9),
                kind: JobKind::LeadImport,
                total: 2,
                done: 1,
                counts: JobCounts::default(),
            },
            Event::JobFinished {
                job: id(9),
                kind: JobKind::LeadImport,
                state: JobState::Done,
                total: 2,
                done: 2,
                counts: JobCounts::default(),
            },
            Event::MetaSettingsUpdated {},
            Event::TwilioSettingsUpdated { connected: true },
        ]
    }

    /// An event of the company.
    fn envelope(event: Event) -> Envelope {
        let (at, actor, version) = (DateTime::UNIX_EPOCH, ActorName::System, Event::VERSION);
        Envelope { id: id(8), company: id(ALPHA), seq: 1, at, actor, version, event }
    }

    /// The names of the events about `about` that `me` with these queues sees.
    fn seen(kind: RoleKind, company: u64, queues: &[u64], about: u64) -> Vec<&'static str> {
        let queues: BTreeSet<QueueId> = queues.iter().map(|seed| id(*seed)).collect();
        let viewer = Viewer { user: id(ME), company: id(company), kind, queues: &queues };
        let visible = one_of_each(id(about)).into_iter().map(envelope).filter(|event| event.visible_to(&viewer));
        visible.map(|envelope| envelope.event.name()).collect()
    }

    const OWN: [&str; 31] = [
        "user.created",
        "user.updated",
        "user.role_changed",
        "user.password_changed",
        "user.deleted",
        "agent.availability_changed",
        "agent.updated",
        "session.opened",
        "session.refused",
        "session.closed",
        "session.reused",
        "phone_number.assigned",
        "phone_number.unassigned",
        "allowance.consumed",
        "callback.updated",
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
    ];
    const OF_A_QUEUE: [&str; 7] = [
        "queue.updated",
        "callback.updated",
        "call.started",
        "call.status_changed",
        "call.assigned",
        "call.answered",
        "call.ended",
    ];
    const OF_CLIENTS: [&str; 3] = ["client.created", "client.updated", "client.deleted"];

    /// The same without what everybody sees.
    fn seen_besides_clients(kind: RoleKind, queues: &[u64], about: u64) -> Vec<&'static str> {
        let mut names = seen(kind, ALPHA, queues, about);
        assert_eq!(
            names.iter().filter(|name| OF_CLIENTS.contains(name)).count(),
            3,
            "everybody sees clients: {names:?}"
        );
        names.retain(|name| !OF_CLIENTS.contains(name));
        names
    }

    #[test]
    fn the_samples_are_one_of_each_kind() {
        let names: Vec<_> = one_of_each(id(ME)).iter().map(Event::name).collect();
        assert_eq!(names, Event::NAMES);
    }

    #[test]
    fn managers_see_everything_of_their_company_and_nothing_of_another() {
        for kind in RoleKind::ALL {
            assert_eq!(seen(kind, BETA, &[QUEUE], ME), [""; 0], "{kind:?}");
        }
        for kind in [RoleKind::Manager, RoleKind::Admin] {
            assert_eq!(seen(kind, ALPHA, &[], COLLEAGUE), Event::NAMES, "{kind:?}");
        }
    }

    #[test]
    fn agents_see_what_concerns_themselves_and_their_queues() {
        assert_eq!(seen_besides_clients(RoleKind::Agent, &[], ME), OWN);
        assert_eq!(seen_besides_clients(RoleKind::Agent, &[], COLLEAGUE), [""; 0]);
        assert_eq!(seen_besides_clients(RoleKind::Agent, &[QUEUE], COLLEAGUE), OF_A_QUEUE);
    }

    /// Whether an agent sees an event of their company.
    fn is_told(event: Event) -> bool {
        let viewer = Viewer { user: id(ME), company: id(ALPHA), kind: RoleKind::Agent, queues: &BTreeSet::new() };
        envelope(event).visible_to(&viewer)
    }

    #[test]
    fn whoever_gets_or_loses_a_lead_is_told_and_then_hears_only_of_their_own() {
        let (me, other, lead, at) = (Some(id(ME)), Some(id(COLLEAGUE)), id(9), DateTime::UNIX_EPOCH);
        assert!(is_told(Event::LeadAssigned { lead, user: me, previous: other, at }));
        assert!(is_told(Event::LeadAssigned { lead, user: other, previous: me, at }));
        assert!(is_told(Event::LeadUpdated { lead, owner: me }));
        assert!(!is_told(Event::LeadUpdated { lead, owner: other }));
        // Who is credited hears of it even when somebody else works on it by then.
        assert!(is_told(Event::LeadConverted { lead, user: me, client: None, owner: other }));
        assert!(is_told(Event::LeadConverted { lead, user: other, client: None, owner: me }));
    }

    #[test]
    fn events_from_before_owners_were_told_are_still_read() {
        let lead = "01890a5d-ac96-774b-bcce-b302099a8057";
        for rest in [
            r#""type": "lead.created", "source": "website""#,
            r#""type": "lead.updated""#,
            r#""type": "lead.status_changed", "from": "new", "to": "contacted""#,
            r#""type": "lead.converted", "user": null, "client": null"#,
            r#""type": "lead.deleted", "mergedInto": null"#,
        ] {
            let old = format!(r#"{{"lead": "{lead}", {rest}}}"#);
            let event: Event = serde_json::from_str(&old).unwrap();
            assert!(!is_told(event.clone()), "{old}");
            let again: Event = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
            assert_eq!(again, event);
        }
    }

    #[test]
    fn marketing_sees_all_leads_and_otherwise_what_concerns_themselves() {
        let is_of_leads = |name: &&str| ["lead", "job.", "meta_settings"].iter().any(|start| name.starts_with(start));
        let of_leads: Vec<_> = Event::NAMES.into_iter().filter(is_of_leads).collect();
        assert_eq!(seen_besides_clients(RoleKind::Marketing, &[], COLLEAGUE), of_leads);
        let mut own = seen_besides_clients(RoleKind::Marketing, &[], ME);
        own.retain(|name| !of_leads.contains(name));
        assert_eq!(own, OWN.into_iter().filter(|name| !is_of_leads(name)).collect::<Vec<_>>());
    }
}
