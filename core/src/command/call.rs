//! Calls: placing them, recording what happens to them, closing those whose process died.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::figures::{self, Share};
use super::flow::Left;
use super::lead::{Contact, move_by_outcome, move_contact, touch_leads};
use super::number::{Allowed, ConsumeAllowance};
use super::offer;
use super::{company_of, fresh};
use crate::call::carrier::{CarrierCall, HandOver};
use crate::call::{
    Call, CallEntry, CallEvent, CallRefused, CallStatus, Change, Direction, EVENTS_MAX, Hangup, HangupCause, LegKind,
    NewCall, Origin, Side,
};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::{CallId, CompanyId, LeadId, NodeId, UserId};
use crate::lead::LeadStatus;
use crate::phone::{E164, Rotation, Trunk};
use crate::pii::Pii;
use crate::queue::claim::{ClaimAnswer, OfferStep};
use crate::queue::router::Occasion;
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// Places a call of an agent to the outside: counts it against the allowance and opens its record, in one step.
#[derive(Debug, Clone)]
pub struct InitiateCall {
    /// The id of the call; a fresh one when nobody has named the call yet.
    pub call: Option<CallId>,
    /// Who calls.
    pub agent: UserId,
    /// Where to, as it was typed; the lead's number when absent.
    pub to: Option<String>,
    /// The lead it is about.
    pub lead: Option<LeadId>,
    /// Which way it leaves.
    pub via: Via,
    /// How the number is chosen.
    pub rotation: Rotation,
    /// The process that will carry it.
    pub node: Option<NodeId>,
}

/// Which way a call leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Via {
    /// By the company's default trunk.
    #[default]
    Trunk,
    /// Handed over to a carrier's service, which rings the agent's own telephone first.
    Service(HandOver),
}

/// How long after a call was handed over to a service the service is asked about it, when nothing was heard of it.
pub const SILENCE_SECONDS_MAX: i64 = 15;

/// A call that may be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initiated {
    /// Its record.
    pub call: Call,
    /// What the allowance gave.
    pub allowed: Allowed,
    /// The trunk to call out by; without one the call will fail, and the log says so.
    pub trunk: Option<Trunk>,
    /// The agent's own telephone, when a service rings it.
    pub telephone: Option<E164>,
    /// The number that is shown: the agent's, or what the service shows in its place.
    pub caller: E164,
}

#[async_trait]
impl Command for InitiateCall {
    type Output = Initiated;
    type Refused = CallRefused;
    const NAME: &'static str = "initiate_call";

    fn permission(&self) -> Permission {
        Permission::TakeCalls
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Initiated, Failure<CallRefused>> {
        let to = self.destination(cx, repo).await?;
        let allowed = allow(cx, repo, ConsumeAllowance { agent: self.agent, to, rotation: self.rotation }).await?;
        let (trunk, telephone) = match &self.via {
            Via::Trunk => (default_trunk(repo).await?, None),
            Via::Service(_) => (None, Some(self.telephone(cx, repo).await?)),
        };
        let mut call = Call::begin(NewCall {
            id: self.call.unwrap_or_else(|| cx.id()),
            company: company_of(cx)?,
            direction: Direction::Outbound,
            from: Pii::new(allowed.number.number.as_str().to_owned()),
            to: Pii::new(allowed.destination.as_str().to_owned()),
            agent: Some(self.agent),
            number: Some(allowed.number.id),
            trunk: trunk.as_ref().map(|trunk| trunk.id),
            lead: self.lead,
            node: self.node,
            at: cx.now(),
        });
        find_parties(repo, std::slice::from_mut(&mut call)).await?;
        let rung = telephone.as_ref().map(|telephone| agent_rung(&mut call, telephone)).transpose()?.flatten();
        repo.insert_calls(std::slice::from_ref(&call)).await?;
        let mut caller = allowed.number.number.clone();
        if let Via::Service(to) = &self.via {
            let shown = to.caller_for(&allowed.number).cloned();
            repo.append_call_events(rung.as_slice()).await?;
            repo.insert_carrier_call(&handed_over(&call, to, shown.clone())).await?;
            caller = shown.unwrap_or(caller);
        }
        cx.emit(call.company, started(&call));
        Ok(Initiated { call, allowed, trunk, telephone, caller })
    }
}

/// Counts a call against the allowance, unless whoever has the number asked not to be called.
async fn allow(
    cx: &mut Context<'_>,
    repo: &mut dyn Repo,
    allowance: ConsumeAllowance,
) -> Result<Allowed, Failure<CallRefused>> {
    let allowed = allowance.run(cx, repo).await.map_err(Failure::widen)?;
    let same = repo.leads_by_contact(Some(&allowed.destination), None).await?;
    if same.iter().any(|lead| lead.status == LeadStatus::DoNotCall) {
        return Err(CallRefused::DoNotCall.into());
    }
    Ok(allowed)
}

async fn default_trunk(repo: &mut dyn Repo) -> Result<Option<Trunk>, Failure<CallRefused>> {
    Ok(repo.trunks().await?.into_iter().find(|trunk| trunk.is_default))
}

/// Admits that an agent transfers a call to a number outside: it is counted as a call of the agent, by the same rules. The call has its
/// record already.
#[derive(Debug, Clone)]
pub struct AdmitTransfer {
    /// Who transfers.
    pub agent: UserId,
    /// Where to, as it was typed.
    pub to: String,
}

/// A transfer that may be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmittedTransfer {
    /// What the allowance gave.
    pub allowed: Allowed,
    /// The trunk to call out by.
    pub trunk: Option<Trunk>,
}

#[async_trait]
impl Command for AdmitTransfer {
    type Output = AdmittedTransfer;
    type Refused = CallRefused;
    const NAME: &'static str = "admit_transfer";

    fn permission(&self) -> Permission {
        Permission::TakeCalls
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<AdmittedTransfer, Failure<CallRefused>> {
        let to = self.to.clone();
        let allowance = ConsumeAllowance { agent: self.agent, to, rotation: Rotation::default() };
        let allowed = allow(cx, repo, allowance).await?;
        Ok(AdmittedTransfer { allowed, trunk: default_trunk(repo).await? })
    }
}

impl InitiateCall {
    /// The number to call. Whoever asked not to be called is not, whichever number is given with the lead.
    async fn destination(&self, cx: &Context<'_>, repo: &mut dyn Repo) -> Result<String, Failure<CallRefused>> {
        let mut own = None;
        if let Some(id) = self.lead {
            let lead =
                repo.lead(id).await?.filter(|lead| super::lead::own(cx, lead)).ok_or(CallRefused::UnknownLead)?;
            if lead.status == LeadStatus::DoNotCall {
                return Err(CallRefused::DoNotCall.into());
            }
            own = lead.phone.map(|phone| phone.as_str().to_owned());
        }
        self.to.clone().or(own).ok_or(Failure::Refused(CallRefused::NoDestination))
    }

    /// The agent's own telephone, which a service rings.
    async fn telephone(&self, cx: &Context<'_>, repo: &mut dyn Repo) -> Result<E164, Failure<CallRefused>> {
        let home = super::own_company(cx, repo).await?.default_country;
        let phone = repo.user(self.agent).await?.and_then(|user| user.phone);
        let phone = phone.and_then(|phone| E164::parse(phone.expose(), home).ok());
        phone.ok_or(Failure::Refused(CallRefused::NoTelephone))
    }
}

/// The agent's telephone is the first that a service rings.
fn agent_rung(call: &mut Call, telephone: &E164) -> Result<Option<CallEvent>, CallRefused> {
    let party = telephone.as_str().to_owned();
    let change = Change::LegAdded { leg: 0, kind: LegKind::Carrier, party, agent: call.agent };
    call.apply(call.started_at, &change).map_err(CallRefused::from)
}

fn handed_over(call: &Call, to: &HandOver, caller: Option<E164>) -> CarrierCall {
    CarrierCall {
        call: call.id,
        company: call.company,
        service: to.service,
        account: to.account.clone(),
        caller,
        sid: None,
        due_at: Some(call.started_at + TimeDelta::seconds(SILENCE_SECONDS_MAX)),
        attempts: 0,
        version: 1,
        created_at: call.started_at,
        updated_at: call.started_at,
    }
}

/// What happened to one call since it was last recorded.
#[derive(Debug, Clone)]
pub struct CallReport {
    /// The call.
    pub call: CallId,
    /// How it began, when it was not recorded before.
    pub begin: Option<NewCall>,
    /// What happened, in order.
    pub changes: Vec<(DateTime<Utc>, Change)>,
    /// What the call leaves behind: voicemails, recordings, the trace of its flow.
    pub left: Vec<Left>,
    /// Who is to be offered it, has it, or has no part in it any more, in order.
    pub offers: Vec<OfferStep>,
}

impl CallReport {
    /// A report of nothing, to fill in.
    #[must_use]
    pub const fn nothing(call: CallId) -> Self {
        Self { call, begin: None, changes: Vec::new(), left: Vec::new(), offers: Vec::new() }
    }
}

/// Records what call control reports: legs, timeline, status, offers, and the figures of the agent, in one unit of work for all the
/// calls of the batch. Whoever a call frees is free for the claims of the same batch, and a call that has ended holds nobody.
///
/// A change that cannot follow is logged and passed over: it must not keep the rest of the log from being written.
#[derive(Debug, Clone)]
pub struct RecordCalls {
    /// The reports, at most one a call, all of the actor's company.
    pub reports: Vec<CallReport>,
}

#[async_trait]
impl Command for RecordCalls {
    /// What became of the claims.
    type Output = Vec<ClaimAnswer>;
    type Refused = CallRefused;
    const NAME: &'static str = "record_calls";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Vec<ClaimAnswer>, Failure<CallRefused>> {
        // Everybody locks calls in order of id, then callers in order of id: nobody waits in a circle.
        let mut reports: Vec<&CallReport> = self.reports.iter().collect();
        reports.sort_unstable_by_key(|report| report.call);
        let (mut begun, mut timeline, mut ended, mut left) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut offers = offer::Batch::default();
        for report in reports {
            let (mut call, is_new) = match &report.begin {
                Some(new) => (Call::begin(new.clone()), true),
                None => match repo.call_for_update(report.call).await? {
                    Some(call) => (call, false),
                    None => {
                        tracing::error!(call = ?report.call, "changes of an unknown call are passed over");
                        offers.refuse(report.call, &report.offers);
                        continue;
                    }
                },
            };
            let before = Told::of(&call);
            for (at, change) in &report.changes {
                super::callback::keep(cx, repo, &call, change).await?;
                match call.apply(*at, change) {
                    Ok(event) => timeline.extend(event),
                    Err(error) => {
                        tracing::warn!(call = ?call.id, change = change.name(), %error, "a change is passed over");
                    }
                }
            }
            announce(cx, &call, is_new, before);
            report
                .changes
                .iter()
                .filter_map(|(_, change)| assigned(&call, change))
                .for_each(|event| cx.emit(call.company, event));
            left.extend(report.left.iter().map(|left| (call.id, call.company, left)));
            if !report.offers.is_empty() || call.ended_at.is_some() {
                offers.add(cx, &call, &report.offers);
            }
            if is_new {
                begun.push(call);
            } else if !report.changes.is_empty() {
                if !before.ended && call.ended_at.is_some() {
                    ended.push(call.clone());
                }
                call.version += 1;
                repo.update_call(&call).await?;
            }
        }
        if !begun.is_empty() {
            find_parties(repo, &mut begun).await?;
            repo.insert_calls(&begun).await?;
            // Calls that are over within their first batch count for the lead that was just found.
            ended.extend(begun.into_iter().filter(|call| call.ended_at.is_some()));
        }
        if !timeline.is_empty() {
            repo.append_call_events(&timeline).await?;
        }
        for (call, company, left) in left {
            left.keep(cx, repo, call, company).await?;
        }
        let answers = offers.settle(cx, repo).await?;
        record_ended(cx, repo, &ended).await?;
        Ok(answers)
    }
}

/// What follows from calls that have ended: the figures they add up to, and the leads they were about.
async fn record_ended(cx: &mut Context<'_>, repo: &mut dyn Repo, ended: &[Call]) -> Result<(), Failure<CallRefused>> {
    let shares: Vec<Share> = ended.iter().map(Share::added).collect();
    figures::record(repo, &shares).await?;
    touch_leads(cx, repo, ended.iter().filter_map(Contact::of).collect()).await?;
    super::callback::settle(cx, repo, ended).await?;
    Ok(())
}

/// Finds who is at the other end of calls that begin: the clients, and the leads where nobody said which. One read for each.
pub(super) async fn find_parties(repo: &mut dyn Repo, calls: &mut [Call]) -> Result<(), StoreError> {
    let asked: Vec<_> = calls.iter().filter_map(|call| Some((call.company, call.outside()?))).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let clients = repo.number_owners(&asked).await?.into_iter();
    let clients: BTreeMap<_, _> = clients.map(|found| ((found.company, found.number), found.client)).collect();
    let mut numbers: BTreeMap<CompanyId, Vec<E164>> = BTreeMap::new();
    for (company, number) in asked {
        numbers.entry(company).or_default().push(number);
    }
    let mut leads = BTreeMap::new();
    for (company, numbers) in numbers {
        leads.insert(company, repo.known_contacts(company, &numbers, &[]).await?.phones);
    }
    for call in calls {
        let party = call.outside().map(|number| (call.company, number));
        call.client = party.as_ref().and_then(|party| clients.get(party).copied());
        let lead = party.and_then(|(company, number)| leads.get(&company)?.get(&number));
        call.lead = call.lead.or(lead.map(|lead| lead.newest));
    }
    Ok(())
}

/// What listeners know of a call.
#[derive(Debug, Clone, Copy)]
struct Told {
    status: CallStatus,
    answered: bool,
    ended: bool,
}

impl Told {
    const fn of(call: &Call) -> Self {
        Self { status: call.status, answered: call.answered_at.is_some(), ended: call.ended_at.is_some() }
    }
}

fn started(call: &Call) -> Event {
    let status =
        if call.answered_at.is_some() || call.ended_at.is_some() { CallStatus::Initiated } else { call.status };
    Event::CallStarted { call: call.id, status, agent: call.agent, rung: call.rung(), queue: call.queue }
}

/// Tells what a batch of changes has come to. Waiting and ringing are told of when the batch ends in them, once, so that an
/// ordinary call is three to five events however many steps it takes; a call whose timeline is full tells no more of them.
fn announce(cx: &mut Context<'_>, call: &Call, is_new: bool, before: Told) {
    let (agent, rung, queue) = (call.agent, call.rung(), call.queue);
    let now = Told::of(call);
    if is_new {
        cx.emit(call.company, started(call));
    } else if now.status != before.status && !now.answered && !now.ended && call.events < EVENTS_MAX {
        cx.emit(call.company, Event::CallStatusChanged { call: call.id, status: now.status, agent, rung, queue });
    }
    if now.answered && !before.answered {
        cx.emit(call.company, Event::CallAnswered { call: call.id, agent, rung, queue });
    }
    if now.ended && !before.ended {
        let (status, talk_seconds) = (call.status, call.talk_seconds());
        cx.emit(call.company, Event::CallEnded { call: call.id, agent, status, talk_seconds, rung, queue });
    }
}

/// Tells of a call that was given to an agent by hand.
fn assigned(call: &Call, change: &Change) -> Option<Event> {
    let Change::Offered { agent, decision: Some(decision) } = change else { return None };
    let by_hand = decision.occasion == Occasion::Assigned;
    by_hand.then_some(Event::CallAssigned { call: call.id, agent: *agent, queue: decision.queue, by: decision.by })
}

/// Closes the calls that a process left open when it died, and frees the agents who were offered them or had them. The calls end when the
/// process or they themselves were last heard of: what was said after that is not known.
#[derive(Debug, Clone, Copy)]
pub struct CloseLostCalls {
    /// The process; `None` closes the open calls of all.
    pub node: Option<NodeId>,
    /// When the process last gave a sign of life, where that is known.
    pub last_seen: Option<DateTime<Utc>>,
}

#[async_trait]
impl Command for CloseLostCalls {
    /// How many were closed; the command is repeated until it closes none.
    type Output = usize;
    type Refused = CallRefused;
    const NAME: &'static str = "close_lost_calls";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<usize, Failure<CallRefused>> {
        let hangup = Hangup { side: Side::System, cause: HangupCause::NodeLost, sip_status: None };
        let (mut timeline, mut ended) = (Vec::new(), Vec::new());
        for found in repo.open_calls(self.node).await? {
            let Some(mut call) = repo.call_for_update(found.id).await?.filter(|call| call.ended_at.is_none()) else {
                continue;
            };
            let before = Told::of(&call);
            let at = self.last_seen.map_or(call.updated_at, |seen| call.updated_at.max(seen.min(cx.now())));
            timeline.extend(call.apply(at, &Change::Ended { hangup }).map_err(CallRefused::from)?);
            announce(cx, &call, false, before);
            call.version += 1;
            repo.update_call(&call).await?;
            ended.push(call);
        }
        if !timeline.is_empty() {
            repo.append_call_events(&timeline).await?;
        }
        // Nobody else claims for the process, so what is left of its claims has no call that goes on.
        repo.release_offers_of_node(self.node).await?;
        record_ended(cx, repo, &ended).await?;
        Ok(ended.len())
    }
}

/// Writes notes and the outcome of a call, and corrects one that was entered by hand: one's own calls, or any with the right to
/// see all. Of a call that was carried, status, times and parties follow from signalling; what is said of them is passed over.
#[derive(Debug, Clone)]
pub struct AnnotateCall {
    /// Which.
    pub call: CallId,
    /// Notes; `Some(None)` clears them.
    pub notes: Option<Option<String>>,
    /// The outcome; `Some(None)` clears it.
    pub outcome: Option<Option<String>>,
    /// Corrections.
    pub entry: CallEntry,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

impl AnnotateCall {
    /// A change of nothing, to fill in.
    #[must_use]
    pub fn nothing(call: CallId) -> Self {
        Self { call, notes: None, outcome: None, entry: CallEntry::default(), expected_version: None }
    }
}

#[async_trait]
impl Command for AnnotateCall {
    type Output = Call;
    type Refused = CallRefused;
    const NAME: &'static str = "annotate_call";

    fn permission(&self) -> Permission {
        Permission::TakeCalls
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Call, Failure<CallRefused>> {
        let before = visible_for_update(cx, repo, self.call).await?;
        if !fresh(self.expected_version, before.version) {
            return Err(CallRefused::Stale.into());
        }
        for text in [&self.notes, &self.outcome].into_iter().flatten().flatten() {
            text_fits(text)?;
        }
        let mut call = before.clone();
        let entry = super::call_log::checked(cx, repo, &self.entry, before.lead).await?;
        if call.origin == Origin::Entered {
            call.amend(&entry, cx.now()).map_err(CallRefused::from)?;
            if call.outside() != before.outside() {
                let mut corrected = [Call { lead: None, ..call }];
                find_parties(repo, &mut corrected).await?;
                [call] = corrected;
                call.lead = call.lead.or(before.lead);
                call.concern(&entry);
            }
        } else {
            call.concern(&entry);
        }
        if let Some(notes) = &self.notes {
            call.notes.clone_from(notes);
        }
        if let Some(outcome) = &self.outcome {
            call.outcome.clone_from(outcome);
        }
        call.version += 1;
        call.updated_at = cx.now();
        repo.update_call(&call).await?;
        figures::record(repo, &[Share::edited(&before, &call)]).await?;
        move_contact(cx, repo, &before, Some(&call)).await?;
        cx.emit(call.company, Event::CallEdited { call: call.id, agent: call.agent });
        if self.outcome.is_some() {
            move_by_outcome(cx, repo, &call).await?;
        }
        Ok(call)
    }
}

/// Locks a call that the actor may see: to everybody else it does not exist.
pub(super) async fn visible_for_update(
    cx: &Context<'_>,
    repo: &mut dyn Repo,
    call: CallId,
) -> Result<Call, Failure<CallRefused>> {
    let call = repo.call_for_update(call).await?.ok_or(CallRefused::NotFound)?;
    let own = call.agent.is_some() && call.agent == cx.actor().user_id();
    if own || cx.actor().may(Permission::ViewAllCalls) { Ok(call) } else { Err(CallRefused::NotFound.into()) }
}

/// Checks the length of a note or an outcome.
pub(super) fn text_fits(text: &str) -> Result<(), CallRefused> {
    if text.chars().count() <= 10_000 { Ok(()) } else { Err(CallRefused::TooLong) }
}
