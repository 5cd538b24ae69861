//! New calls: who sends the INVITE, and where it leads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use dialplane_core::call::{Change, Direction, HangupCause, LegKind, NewCall};
use dialplane_core::command::call::CallReport;
use dialplane_core::id::{CallId, CompanyId, FlowId, NumberId, TrunkId, UserId};
use dialplane_core::phone::InboundTarget;
use dialplane_core::pii::Pii;
use dialplane_core::queue::log::Stays;
use dialplane_ivr::{CallInfo, Machine, Program};

use super::auth::Verdict;
use super::call_entry::{CallEntry, LegEntry, LegSip, Place, Plan, Purpose};
use super::callback::CallbackCall;
use super::desk::Desk;
use super::directory::{ExtensionEntry, RouteEntry, TrunkEntry};
use super::flow::FlowRun;
use super::run::Edge;
use super::sip_text::uri_user;
use super::voice::Hearing;
use super::{EdgeError, Order, Origination, OutboundGrant, OutboundRequest};
use crate::call::{CALLER, Call, Input, Settings};
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::Incoming;
use crate::sip::wire::{Message, Method, Name, Uri};

/// What is known of a call when its INVITE came.
struct Beginning {
    company: CompanyId,
    direction: Direction,
    from: String,
    to: String,
    agent: Option<UserId>,
    number: Option<NumberId>,
    trunk: Option<TrunkId>,
    kind: LegKind,
    /// Who calls, as the called party is shown.
    caller: String,
    settings: Settings,
}

impl Edge {
    pub(super) fn new_call(&mut self, now: Instant, incoming: Incoming) {
        if self.stopping.is_some() || self.calls.len() >= self.config.calls_max {
            return self.refuse(&incoming, 503);
        }
        let message = &incoming.message;
        let source = incoming.flow.remote.ip();
        let claims_line = message.from().ok().and_then(|from| from.uri.user_decoded());
        let claims_line = claims_line.is_some_and(|user| self.directory.by_username(&user).is_some());
        let is_carrier = !self.directory.trunks_from(source).is_empty();
        if is_carrier && !claims_line && message.authorization().next().is_none() {
            return self.carrier_call(now, incoming);
        }
        match self.auth.verify(message, &Method::Invite, source, SystemTime::now(), &self.directory) {
            Verdict::Line(line) => self.phone_call(now, incoming, &line),
            Verdict::Challenge { value, failed } => self.challenge(&incoming, &value, failed),
            Verdict::Malformed => self.refuse(&incoming, 400),
        }
    }

    fn carrier_call(&mut self, now: Instant, incoming: Incoming) {
        let directory = self.directory.clone();
        let trunks = directory.trunks_from(incoming.flow.remote.ip());
        let Some(called) = called_number(&incoming.message) else { return self.refuse(&incoming, 404) };
        // A call to the address that we registered: whom it is for stands elsewhere, unless the account is a number itself.
        let own = trunks.iter().find(|trunk| trunk.account().is_some_and(|account| account.username == called));
        let trunks = own.map_or(trunks, std::slice::from_ref);
        let party = own.and_then(|_| called_party(&incoming.message));
        let found = party.iter().chain([&called]).find_map(|number| Some((number, directory.inbound(number, trunks)?)));
        let Some((called, (trunk, route))) = found else { return self.refuse(&incoming, 404) };
        let from = caller_of(&incoming.message);
        let id = self.new_id();
        let Some((beginning, plan)) = self.inbound_beginning(now, id, trunk, route, from, called) else {
            return self.refuse(&incoming, 404);
        };
        self.begin(now, id, incoming, beginning, plan);
    }

    pub(super) fn new_id(&self) -> CallId {
        self.surroundings.ids.id(self.surroundings.clock.now())
    }

    /// How a call that a route takes begins; `None` when nobody here can take it.
    fn inbound_beginning(
        &self,
        now: Instant,
        id: CallId,
        trunk: &Arc<TrunkEntry>,
        route: RouteEntry,
        from: String,
        called: &str,
    ) -> Option<(Beginning, Plan)> {
        let mut settings = Settings { setup: self.config.setup, ..Settings::default() };
        let plan = match route.target {
            InboundTarget::Queue(queue) => {
                // How long a caller waits is the queue's rule; this bound only catches a router that lost the call.
                settings.setup = std::time::Duration::from_secs(2 * 7_200);
                let steps = self.directory.queue(queue).map(|queue| queue.settings.waiting.overflow.as_slice());
                Plan::Queue(Box::new(Desk::new(now, queue, steps.unwrap_or_default())))
            }
            InboundTarget::Agent(agent) => Plan::Offers(self.offer_to_agent(agent).into_iter().collect()),
            InboundTarget::Extension(id) => {
                let line = self.directory.by_id(id);
                Plan::Offers(line.and_then(|line| self.offer_to_line(line)).into_iter().collect())
            }
            InboundTarget::Flow(flow) => Plan::Flow(Box::new(self.flow_run(id, trunk.company, flow, &from, called)?)),
        };
        let beginning = Beginning {
            company: trunk.company,
            direction: Direction::Inbound,
            caller: from.clone(),
            from,
            to: called.to_owned(),
            agent: None,
            number: route.number,
            trunk: Some(trunk.id),
            kind: LegKind::Carrier,
            settings,
        };
        Some((beginning, plan))
    }

    /// A run of a call through a flow; `None` when the flow is not active.
    pub(super) fn flow_run(
        &self,
        id: CallId,
        company: CompanyId,
        flow: FlowId,
        from: &str,
        called: &str,
    ) -> Option<FlowRun> {
        let entry = self.directory.flow(flow).filter(|entry| entry.company == company)?;
        let machine = self.run_of(id, company, Arc::clone(&entry.program), from, called)?;
        Some(FlowRun::new(Some((flow, entry.version)), machine))
    }

    /// A run through a program, which begins now.
    pub(super) fn run_of(
        &self,
        id: CallId,
        company: CompanyId,
        program: Arc<Program>,
        from: &str,
        called: &str,
    ) -> Option<Machine> {
        let mut seed = [0; 8];
        self.surroundings.ids.fill(&mut seed);
        let began = self.surroundings.clock.now();
        let call = CallInfo {
            id: id.to_string().into(),
            caller: from.into(),
            caller_name: "".into(),
            called: called.into(),
            began,
            timezone: self.directory.company(company)?.timezone,
        };
        Some(Machine::new(program, call, u64::from_be_bytes(seed)))
    }

    fn phone_call(&mut self, now: Instant, incoming: Incoming, line: &Arc<ExtensionEntry>) {
        let Some(dialled) = called_number(&incoming.message) else { return self.refuse(&incoming, 404) };
        let directory = self.directory.clone();
        let named = directory.by_username(&dialled).filter(|other| other.company == line.company);
        let inside = directory.by_number(line.company, &dialled).or(named);
        let plan = match inside {
            Some(other) => Plan::Offers(self.offer_to_line(other).into_iter().collect()),
            None => Plan::Admission,
        };
        let direction = if inside.is_some() { Direction::Internal } else { Direction::Outbound };
        let beginning = Beginning {
            company: line.company,
            direction,
            from: line.number.clone(),
            to: dialled,
            agent: Some(line.user),
            number: None,
            trunk: None,
            kind: LegKind::Sip,
            caller: line.number.clone(),
            settings: Settings { setup: self.config.setup, ..Settings::default() },
        };
        let id = self.new_id();
        self.begin(now, id, incoming, beginning, plan);
    }

    fn begin(&mut self, now: Instant, id: CallId, incoming: Incoming, beginning: Beginning, plan: Plan) {
        let Ok(offer) = Self::description(&incoming.message) else { return self.refuse(&incoming, 400) };
        let tag = incoming.local_tag.to_string();
        let Ok(dialog) = Dialog::uas(&incoming.message, &tag) else { return self.refuse(&incoming, 400) };
        let Ok(tx) = self.endpoint.accept(now, &incoming) else { return };
        let at = self.surroundings.clock.now();
        let held_back = matches!(plan, Plan::Admission);
        let begin = NewCall {
            id,
            company: beginning.company,
            direction: beginning.direction,
            from: Pii::new(beginning.from.clone()),
            to: Pii::new(beginning.to.clone()),
            agent: beginning.agent,
            number: beginning.number,
            trunk: beginning.trunk,
            lead: None,
            node: self.config.node,
            at,
        };
        let mut entry = self.entry(&beginning, plan, CallReport { begin: Some(begin), ..CallReport::nothing(id) });
        entry.held_back = held_back;
        entry.max_forwards = incoming.message.max_forwards().and_then(Result::ok).unwrap_or(70);
        self.dialogs.insert(dialog.id().clone(), (id, CALLER));
        self.places.insert(tx, Place { call: id, leg: CALLER, purpose: Purpose::Invite });
        let added = Change::LegAdded { leg: 0, kind: beginning.kind, party: beginning.from, agent: beginning.agent };
        entry.legs.push(LegEntry {
            kind: beginning.kind,
            party: beginning.to,
            agent: beginning.agent,
            flow: incoming.flow,
            dialog: Some(dialog),
            state: LegSip::Uas { tx, incoming: Box::new(incoming) },
            reoffer: None,
            account: None,
            codec: None,
            over: false,
        });
        self.legs += 1;
        self.note_work(now, id, &mut entry, at, &added);
        entry.report.changes.push((at, added));
        if let Some(agent) = beginning.agent {
            self.engage(now, &mut entry, agent);
        }
        self.enter(now, id, entry, Input::Incoming { offer });
    }

    fn entry(&self, beginning: &Beginning, plan: Plan, report: CallReport) -> Box<CallEntry> {
        let mut seed = [0; 8];
        self.surroundings.ids.fill(&mut seed);
        Box::new(CallEntry {
            company: beginning.company,
            machine: Call::new(beginning.settings, u64::from_be_bytes(seed)),
            plan,
            legs: Vec::with_capacity(2),
            media: None,
            caller: beginning.caller.clone(),
            called: beginning.to.clone(),
            trunk: beginning.trunk,
            max_forwards: 70,
            offered: Vec::new(),
            asked: Vec::new(),
            claimed: Vec::new(),
            decided: None,
            given_by: None,
            taken_by: None,
            stays: Stays::default(),
            engaged: Vec::new(),
            stay: None,
            hearing: Hearing::default(),
            callback: None,
            returned: None,
            next_key: 0,
            hangup: None,
            refused: None,
            on_hold: false,
            transfer: None,
            transfers: 0,
            music: None,
            report,
            held_back: false,
            listed: false,
            due: None,
        })
    }

    fn enter(&mut self, now: Instant, id: CallId, entry: Box<CallEntry>, input: Input<super::call_entry::Target>) {
        self.calls.insert(id, entry);
        self.gauges.calls_total.fetch_add(1, Ordering::Relaxed);
        self.feed(now, id, input);
    }

    /// Asks the host about a call to the outside, away from this task.
    pub(super) fn ask_admission(&self, call: CallId, company: CompanyId, agent: UserId, dialled: String) {
        let host = self.surroundings.host.clone();
        let request = OutboundRequest { call, company, agent, dialled };
        self.ask(async move { Order::Admitted(call, host.admit(request).await) });
    }

    pub(super) fn admitted(&mut self, now: Instant, call: CallId, result: Result<OutboundGrant, HangupCause>) {
        let Some(mut entry) = self.calls.remove(&call) else { return };
        entry.held_back = false;
        let input = match result {
            Ok(grant) => {
                // The host has opened the record.
                entry.report.begin = None;
                entry.caller = grant.caller.as_str().to_owned();
                match self.offer_to_carrier(&mut entry, &grant) {
                    Some(offer) => Input::Ring(offer),
                    None => Input::NoRoute { cause: HangupCause::NoRoute },
                }
            }
            Err(cause) => Input::NoRoute { cause },
        };
        self.list_report(now, call, &mut entry);
        self.calls.insert(call, entry);
        self.feed(now, call, input);
    }

    /// Places a call: the agent's phones first, then the destination.
    pub(super) fn originate(&mut self, now: Instant, origination: Origination) -> Result<(), EdgeError> {
        self.originate_for(now, origination, None)
    }

    /// The same, for a callback when one is given.
    pub(super) fn originate_for(
        &mut self,
        now: Instant,
        origination: Origination,
        callback: Option<CallbackCall>,
    ) -> Result<(), EdgeError> {
        self.takes_calls()?;
        let Origination { call, company, agent, grant } = origination;
        let beginning = Beginning {
            company,
            direction: Direction::Outbound,
            from: grant.caller.as_str().to_owned(),
            to: grant.destination.as_str().to_owned(),
            agent: Some(agent),
            number: grant.number,
            trunk: grant.trunk,
            kind: LegKind::Sip,
            // The agent's phone shows whom the call will reach.
            caller: grant.destination.as_str().to_owned(),
            settings: Settings { setup: self.config.setup, ..Settings::default() },
        };
        let mut entry = self.entry(&beginning, Plan::Offers(VecDeque::new()), CallReport::nothing(call));
        let first = self.offer_to_agent(agent);
        let Some(then) = self.offer_to_carrier(&mut entry, &grant) else {
            return self.fail_at_once(now, call, entry, HangupCause::NoRoute);
        };
        let Some(mut first) = first else {
            return self.fail_at_once(now, call, entry, HangupCause::SubscriberAbsent);
        };
        first.key = entry.key(Some(agent));
        match callback {
            // The router knows that they are on it.
            Some(made) => {
                first.ring = made.chosen.ring;
                self.note_callback(now, call, &mut entry, first.key, made);
            }
            None => self.engage(now, &mut entry, agent),
        }
        self.enter(now, call, entry, Input::Originate { first, then: Some(then) });
        Ok(())
    }

    /// Places a call to a customer before there is an agent for them, by `plan`; they are called back.
    pub(super) fn call_first(
        &mut self,
        now: Instant,
        (call, company): (CallId, CompanyId),
        grant: &OutboundGrant,
        plan: Plan,
        callback: CallId,
    ) -> Result<(), EdgeError> {
        self.takes_calls()?;
        // To agents, flows and whoever else comes to the call they are the caller.
        let beginning = Beginning {
            company,
            direction: Direction::Outbound,
            from: grant.destination.as_str().to_owned(),
            to: grant.caller.as_str().to_owned(),
            agent: None,
            number: grant.number,
            trunk: grant.trunk,
            kind: LegKind::Carrier,
            caller: grant.destination.as_str().to_owned(),
            settings: Settings { setup: self.config.setup, ..Settings::default() },
        };
        let mut entry = self.entry(&beginning, plan, CallReport::nothing(call));
        entry.returned = Some(callback);
        let Some(first) = self.offer_to_carrier(&mut entry, grant) else {
            return self.fail_at_once(now, call, entry, HangupCause::NoRoute);
        };
        self.enter(now, call, entry, Input::Originate { first, then: None });
        Ok(())
    }

    /// Whether there is room for a call of ours.
    fn takes_calls(&self) -> Result<(), EdgeError> {
        match self.stopping {
            Some(_) => Err(EdgeError::Stopped),
            None if self.calls.len() >= self.config.calls_max => Err(EdgeError::Full),
            None => Ok(()),
        }
    }

    /// A call that cannot be placed is over before it began; the log says why.
    fn fail_at_once(
        &mut self,
        now: Instant,
        call: CallId,
        mut entry: Box<CallEntry>,
        cause: HangupCause,
    ) -> Result<(), EdgeError> {
        use dialplane_core::call::{Hangup, Side};
        let hangup = Hangup { side: Side::System, cause, sip_status: None };
        let at = self.surroundings.clock.now();
        entry.report.call = call;
        entry.report.changes.push((at, Change::Ended { hangup }));
        self.last_reports.push(std::mem::replace(&mut entry.report, CallReport::nothing(call)));
        self.report_soon(now);
        Ok(())
    }
}

/// The number or name that is called: the number of a `tel:` URI, or the user part without its parameters.
fn called_number(message: &Message) -> Option<String> {
    number_of(&message.request_uri().ok()?)
}

/// Whom a call to an account is for: P-Called-Party-ID says it after the carrier has put our own address into the request line
/// (RFC 7315 §4.2), and To has said it from the beginning.
fn called_party(message: &Message) -> Option<String> {
    let said = message.addresses(Name::Other("P-Called-Party-ID")).find_map(Result::ok);
    said.or_else(|| message.to().ok()).and_then(|party| number_of(&party.uri))
}

/// The number or name in a URI.
pub(super) fn number_of(uri: &Uri<'_>) -> Option<String> {
    let user = uri.number_decoded()?.trim().to_owned();
    (!user.is_empty() && user.len() <= 128).then_some(user)
}

/// Who calls, by the From header: a carrier is trusted with it.
fn caller_of(message: &Message) -> String {
    let from = message.from().ok();
    let user = from.as_ref().and_then(|from| from.uri.number_decoded());
    uri_user(user.as_deref().unwrap_or_default())
}
