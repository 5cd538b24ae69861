//! A company with a row of every noun, and all that can be seen of such rows: for the cases that concern every method.

use chrono::{DateTime, NaiveDate, Utc};

use super::fixtures::{Rows, day, read, write};
use crate::call::{Call, CallDay, CallEvent, CallFact, CallStatus, CallSums};
use crate::client::{Client, ClientNote};
use crate::company::Company;
use crate::event::Envelope;
use crate::id::UserId;
use crate::people::{Caller, Figures, Session, User};
use crate::phone::{Assignment, Extension, InboundRoute, InboundTarget, NumberUsage, PhoneNumber, Trunk};
use crate::queue::Queue;
use crate::scope::Scope;
use crate::store::{CallFilter, ClientFilter, Listing, NumberFilter, NumberRow, Page, Repo, Store, UserFilter};

/// The local day on which a tenant's agent calls.
pub(super) fn busy_day() -> NaiveDate {
    day("2026-03-01")
}

/// A company with a row of every noun.
#[derive(Debug, Clone)]
pub(super) struct Tenant {
    pub(super) company: Company,
    pub(super) boss: User,
    pub(super) agent: User,
    pub(super) caller: Caller,
    pub(super) session: Session,
    pub(super) number: PhoneNumber,
    pub(super) free_number: PhoneNumber,
    pub(super) assignment: Assignment,
    pub(super) extension: Extension,
    pub(super) trunk: Trunk,
    pub(super) route: InboundRoute,
    pub(super) queue: Queue,
    pub(super) call: Call,
    pub(super) call_event: CallEvent,
    pub(super) client: Client,
    pub(super) client_note: ClientNote,
    pub(super) event: Envelope,
}

impl Tenant {
    /// Makes the rows without storing them.
    pub(super) fn new(rows: &Rows) -> Self {
        Self::within(rows, rows.company())
    }

    /// Makes the rows of a company without storing them.
    pub(super) fn within(rows: &Rows, company: Company) -> Self {
        let boss = User { role: crate::people::Role::Admin, ..rows.user(company.id) };
        let agent = User { reporting_to: Some(boss.id), ..rows.user(company.id) };
        let (number, free_number) = (rows.number(company.id), rows.number(company.id));
        let queue = rows.queue(company.id);
        let call =
            Call { agent: Some(agent.id), queue: Some(queue.id), node: Some(rows.id()), ..rows.call(company.id) };
        let client = rows.client(company.id);
        Self {
            client_note: rows.client_note(&client),
            client,
            caller: rows.caller(&agent),
            session: rows.session(&agent),
            assignment: rows.assignment(&number, agent.id),
            extension: rows.extension(&agent),
            trunk: Trunk { is_default: true, ..rows.trunk(company.id) },
            route: rows.route(company.id, InboundTarget::Queue(queue.id)),
            call_event: rows.call_event(&call, 1),
            event: rows.event(company.id),
            company,
            boss,
            agent,
            number,
            free_number,
            queue,
            call,
        }
    }

    /// The company's scope.
    pub(super) fn scope(&self) -> Scope {
        Scope::Company(self.company.id)
    }

    /// The assignment after one call on [`busy_day`].
    pub(super) fn used(&self) -> Assignment {
        Assignment { day: busy_day(), used: 1, last_used_at: Some(self.company.created_at), ..self.assignment.clone() }
    }

    /// The agent's calls on [`busy_day`].
    pub(super) fn call_day(&self) -> CallDay {
        let sums = CallSums { outbound: 1, connected: 1, talk_seconds: 60, ..CallSums::default() };
        CallDay { company: self.company.id, day: busy_day(), agent: Some(self.agent.id), sums }
    }

    /// Stores the company.
    pub(super) async fn found(&self, tx: &mut dyn Repo) {
        tx.insert_company(&self.company).await.unwrap();
    }

    /// Stores all its rows, with a call counted and figures recorded.
    pub(super) async fn settle(&self, tx: &mut dyn Repo) {
        tx.insert_user(&self.boss).await.unwrap();
        tx.insert_user(&self.agent).await.unwrap();
        tx.insert_caller(&self.caller).await.unwrap();
        tx.set_figures(self.agent.id, &Figures { total_calls: 1, ..self.caller.figures }).await.unwrap();
        tx.add_call_days(&[self.call_day()]).await.unwrap();
        tx.insert_session(&self.session).await.unwrap();
        tx.insert_number(&self.number).await.unwrap();
        tx.insert_number(&self.free_number).await.unwrap();
        tx.insert_assignment(&self.assignment).await.unwrap();
        tx.record_use(&self.used()).await.unwrap();
        tx.insert_extension(&self.extension).await.unwrap();
        tx.insert_trunk(&self.trunk).await.unwrap();
        tx.insert_queue(&self.queue).await.unwrap();
        tx.insert_inbound_route(&self.route).await.unwrap();
        tx.insert_calls(std::slice::from_ref(&self.call)).await.unwrap();
        tx.append_call_events(std::slice::from_ref(&self.call_event)).await.unwrap();
        tx.insert_client(&self.client).await.unwrap();
        tx.insert_client_note(&self.client_note).await.unwrap();
        tx.append_events(std::slice::from_ref(&self.event)).await.unwrap();
    }

    /// Changes and removes rows that [`Tenant::settle`] stored, by every method that does.
    pub(super) async fn upset(&self, tx: &mut dyn Repo, rows: &Rows) {
        let at = rows.now();
        tx.update_company(&Company { version: 2, name: "Changed".to_owned(), ..self.company.clone() }).await.unwrap();
        tx.mark_session_used(&self.session.token, at).await.unwrap();
        tx.revoke_family(self.session.family, at).await.unwrap();
        tx.revoke_sessions(self.agent.id, at).await.unwrap();
        tx.purge_sessions(self.session.family_expires_at + chrono::TimeDelta::days(1)).await.unwrap();
        tx.delete_caller(self.agent.id).await.unwrap();
        tx.update_user(&User { version: 2, department: Some("new".to_owned()), ..self.agent.clone() }).await.unwrap();
        tx.delete_user(self.boss.id).await.unwrap();
        tx.update_assignment(&Assignment { version: 2, daily_limit: 1, ..self.assignment.clone() }).await.unwrap();
        tx.reset_counts(busy_day()).await.unwrap();
        tx.update_number(&PhoneNumber { version: 2, provider: "new".to_owned(), ..self.number.clone() }).await.unwrap();
        tx.delete_assignment(self.number.id).await.unwrap();
        tx.delete_number(self.free_number.id).await.unwrap();
        tx.update_trunk(&Trunk { version: 2, is_default: false, ..self.trunk.clone() }).await.unwrap();
        tx.update_inbound_route(&InboundRoute { version: 2, number: rows.e164(), ..self.route.clone() }).await.unwrap();
        tx.delete_inbound_route(self.route.id).await.unwrap();
        tx.update_queue(&Queue { version: 2, ..self.queue.clone() }).await.unwrap();
        tx.update_extension(&Extension { version: 2, ..self.extension.clone() }).await.unwrap();
        tx.delete_extension(self.extension.id).await.unwrap();
        tx.update_call(&Call { version: 2, status: CallStatus::Failed, ..self.call.clone() }).await.unwrap();
        tx.append_call_events(&[CallEvent { seq: 2, ..self.call_event.clone() }]).await.unwrap();
        tx.delete_call(self.call.id).await.unwrap();
        tx.add_call_days(&[CallDay { agent: None, ..self.call_day() }]).await.unwrap();
        tx.append_events(&[rows.event(self.company.id)]).await.unwrap();
    }
}

/// Stores a tenant.
pub(super) async fn settled(store: &dyn Store, rows: &Rows) -> Tenant {
    let tenant = Tenant::new(rows);
    write!(store, Scope::System, tx => {
        tenant.found(&mut *tx).await;
        tenant.settle(&mut *tx).await;
    });
    tenant
}

/// All that lists show in one scope.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) companies: Listing<Company>,
    pub(super) users: Listing<User>,
    pub(super) agent_ids: Vec<UserId>,
    pub(super) any_user: bool,
    pub(super) callers: Listing<Caller>,
    pub(super) caller_users: Vec<UserId>,
    pub(super) call_days: Vec<CallDay>,
    pub(super) call_facts: Vec<CallFact>,
    pub(super) numbers: Listing<NumberRow>,
    pub(super) usage: Vec<NumberUsage>,
    pub(super) extensions: Vec<Extension>,
    pub(super) trunks: Vec<Trunk>,
    pub(super) routes: Vec<InboundRoute>,
    pub(super) queues: Vec<Queue>,
    pub(super) calls: Listing<Call>,
    pub(super) open_calls: Vec<Call>,
    pub(super) timelines: Vec<Vec<CallEvent>>,
    pub(super) clients: Listing<Client>,
    pub(super) client_notes: Vec<Listing<ClientNote>>,
    pub(super) events: Vec<Envelope>,
}

impl Seen {
    /// Looks at everything in a unit of work.
    pub(super) async fn by(tx: &mut dyn Repo) -> Self {
        let page = Page::number(1, Page::LIMIT_MAX);
        let caller_users = tx.caller_users().await.unwrap();
        let calls = tx.calls(&CallFilter::default(), page).await.unwrap();
        let mut timelines = Vec::new();
        for call in &calls.items {
            timelines.push(tx.call_events(call.id).await.unwrap());
        }
        let clients = tx.clients(&ClientFilter::default(), page).await.unwrap();
        let mut client_notes = Vec::new();
        for client in &clients.items {
            client_notes.push(tx.client_notes(client.id, page).await.unwrap());
        }
        Self {
            clients,
            client_notes,
            companies: tx.companies(page).await.unwrap(),
            users: tx.users(&UserFilter::default(), page).await.unwrap(),
            agent_ids: tx.agent_ids().await.unwrap(),
            any_user: tx.any_user().await.unwrap(),
            callers: tx.callers(page).await.unwrap(),
            caller_users,
            call_days: tx.call_days(None, NaiveDate::MIN, NaiveDate::MAX).await.unwrap(),
            call_facts: tx.call_facts(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC, None, 1_000).await.unwrap(),
            numbers: tx.numbers(&NumberFilter::default(), page).await.unwrap(),
            usage: tx.usage(None, day("1970-01-01"), day("2999-12-31")).await.unwrap(),
            extensions: tx.extensions().await.unwrap(),
            trunks: tx.trunks().await.unwrap(),
            routes: tx.inbound_routes().await.unwrap(),
            queues: tx.queues().await.unwrap(),
            calls,
            open_calls: tx.open_calls(None).await.unwrap(),
            timelines,
            events: tx.events_after(0, 1_000).await.unwrap(),
        }
    }

    /// What a scope in which nothing is stored shows.
    pub(super) fn nothing() -> Self {
        const fn none<T>() -> Listing<T> {
            Listing { items: Vec::new(), total: 0 }
        }
        Self {
            companies: none(),
            users: none(),
            agent_ids: Vec::new(),
            any_user: false,
            callers: none(),
            caller_users: Vec::new(),
            call_days: Vec::new(),
            call_facts: Vec::new(),
            numbers: none(),
            usage: Vec::new(),
            extensions: Vec::new(),
            trunks: Vec::new(),
            routes: Vec::new(),
            queues: Vec::new(),
            calls: none(),
            open_calls: Vec::new(),
            timelines: Vec::new(),
            clients: none(),
            client_notes: Vec::new(),
            events: Vec::new(),
        }
    }
}

/// Looks at everything in a scope.
pub(super) async fn seen(store: &dyn Store, scope: Scope) -> Seen {
    read!(store, scope, tx => Seen::by(&mut *tx).await)
}
