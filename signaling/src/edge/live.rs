//! What others ask of the routers: how queues and agents stand, why a call waits, giving a call to somebody by hand.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dialplane_core::id::{CallId, CompanyId, QueueId, UserId};
use dialplane_core::pii::Pii;
use dialplane_core::queue::decision::Considered;
use dialplane_core::queue::router::{AgentNow, AssignRefused, CallNow, Input, Router, Snapshot};
use tokio::sync::oneshot;

use super::run::Edge;
use super::shadows::ShadowOrder;
use super::{EdgeError, EdgeHandle, Order};

/// How the queues and agents of a company stood at a moment.
#[derive(Debug, Clone)]
pub struct CompanyState {
    /// When.
    pub taken: Instant,
    /// How they stood. Callers who wait, ring and wait longest are those on the line.
    pub snapshot: Snapshot,
    /// How many wait or ring in each queue who are on no line, and are to be called back.
    pub callbacks: BTreeMap<QueueId, u32>,
    /// Who calls, of the calls that are told.
    pub callers: BTreeMap<CallId, Party>,
}

/// Who waits for an agent.
#[derive(Debug, Clone)]
pub struct Party {
    /// Their number, or what else they called themselves.
    pub number: Pii<String>,
    /// Whether they wait on no line, and are to be called back: what waits has the id of the callback.
    pub is_callback: bool,
}

/// A call that has no agent yet, and how members of its queue stand to it.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The queue.
    pub queue: QueueId,
    /// The call.
    pub call: CallNow,
    /// The members in the order of tier and position; none of a large queue.
    pub candidates: Vec<Considered>,
    /// The skills that the call needs now, as a rule reads.
    pub needed: Option<String>,
    /// The agent who was asked about, member or not.
    pub asked: Option<Considered>,
}

/// A call that waits.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The queue.
    pub queue: QueueId,
    /// The call.
    pub call: CallNow,
    /// Who waits.
    pub caller: Party,
}

/// Which call would be next.
#[derive(Debug, Clone, Copy)]
pub enum NextOf {
    /// The one that an agent would be offered.
    Agent(UserId),
    /// The first of a queue.
    Queue(QueueId),
    /// The first of the company.
    Company,
}

/// The callers of a queue who are on the line and have no agent yet.
#[derive(Debug, Clone, Copy, Default)]
struct OnLine {
    waiting: u32,
    ringing: u32,
    /// The one who waits longest, and since when.
    oldest: Option<(Instant, CallId)>,
}

#[derive(Debug)]
pub(super) enum QueueOrder {
    State(oneshot::Sender<CompanyState>),
    Agent(UserId, oneshot::Sender<Option<AgentNow>>),
    Explain { call: CallId, agent: Option<UserId>, reply: oneshot::Sender<Option<Explained>> },
    Next(NextOf, oneshot::Sender<Option<Waiting>>),
    Assign { call: CallId, agent: UserId, by: Option<UserId>, reply: oneshot::Sender<Result<(), AssignRefused>> },
    WrapUp { agent: UserId, left: Duration, reply: oneshot::Sender<Option<AgentNow>> },
    Shadow(QueueId, ShadowOrder),
}

impl EdgeHandle {
    /// How the queues and agents of a company stand. Costs O(agents + calls).
    ///
    /// # Errors
    /// [`EdgeError::Stopped`].
    pub async fn state(&self, company: CompanyId) -> Result<CompanyState, EdgeError> {
        self.ask(|reply| Order::Queues(company, QueueOrder::State(reply))).await
    }

    /// What an agent is doing; `None` for somebody the company's router was not told of.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`].
    pub async fn agent(&self, company: CompanyId, agent: UserId) -> Result<Option<AgentNow>, EdgeError> {
        self.ask(|reply| Order::Queues(company, QueueOrder::Agent(agent, reply))).await
    }

    /// How agents stand to a call that has none yet; `None` for a call that waits in no queue.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`].
    pub async fn explain(
        &self,
        company: CompanyId,
        call: CallId,
        agent: Option<UserId>,
    ) -> Result<Option<Explained>, EdgeError> {
        self.ask(|reply| Order::Queues(company, QueueOrder::Explain { call, agent, reply })).await
    }

    /// The call that would be next, which stays where it is.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`].
    pub async fn next_call(&self, company: CompanyId, of: NextOf) -> Result<Option<Waiting>, EdgeError> {
        self.ask(|reply| Order::Queues(company, QueueOrder::Next(of, reply))).await
    }

    /// Gives a waiting call to an agent by hand: their phones ring.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`], and within it why the call cannot be given.
    pub async fn assign(
        &self,
        company: CompanyId,
        call: CallId,
        agent: UserId,
        by: Option<UserId>,
    ) -> Result<Result<(), AssignRefused>, EdgeError> {
        self.ask(|reply| Order::Queues(company, QueueOrder::Assign { call, agent, by, reply })).await
    }

    /// Lets an agent's wrap-up last so much longer from now on; zero ends it. Gives what the agent is doing then, and `None` when they were
    /// in no wrap-up.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`].
    pub async fn wrap_up(
        &self,
        company: CompanyId,
        agent: UserId,
        left: Duration,
    ) -> Result<Option<AgentNow>, EdgeError> {
        self.ask(|reply| Order::Queues(company, QueueOrder::WrapUp { agent, left, reply })).await
    }
}

impl Edge {
    pub(super) fn obey_queues(&mut self, now: Instant, company: CompanyId, order: QueueOrder) {
        // Whoever asked may have gone; then nobody wants the answer.
        match order {
            QueueOrder::State(reply) => drop(reply.send(self.company_state(now, company))),
            QueueOrder::Agent(agent, reply) => {
                reply.send(self.routers.get(&company).and_then(|router| router.agent(now, agent))).ok();
            }
            QueueOrder::Explain { call, agent, reply } => {
                reply.send(self.routers.get(&company).and_then(|router| explained(router, now, call, agent))).ok();
            }
            QueueOrder::Next(of, reply) => drop(reply.send(self.next_waiting(now, company, of))),
            QueueOrder::Assign { call, agent, by, reply } => {
                reply.send(self.assign(now, company, call, agent, by)).ok();
            }
            QueueOrder::WrapUp { agent, left, reply } => {
                drop(reply.send(self.change_wrap_up(now, company, agent, left)));
            }
            QueueOrder::Shadow(queue, order) => self.obey_shadow(now, company, queue, order),
        }
    }

    fn company_state(&self, now: Instant, company: CompanyId) -> CompanyState {
        let mut snapshot = self.routers.get(&company).map(|router| router.snapshot(now)).unwrap_or_default();
        let on_line = self.on_line(company);
        let mut callbacks = BTreeMap::new();
        for stand in &mut snapshot.queues {
            let OnLine { waiting, ringing, oldest } = on_line.get(&stand.queue).copied().unwrap_or_default();
            let all = stand.now.waiting + stand.ringing;
            callbacks.insert(stand.queue, all.saturating_sub(waiting + ringing));
            (stand.now.waiting, stand.ringing, stand.oldest) = (waiting, ringing, oldest.map(|(_, call)| call));
            stand.now.oldest = oldest.map_or(Duration::ZERO, |(since, _)| now.saturating_duration_since(since));
        }
        let calls = snapshot.queues.iter().flat_map(|queue| &queue.calls).map(|call| call.call);
        let callers = calls.filter_map(|call| Some((call, self.caller_of(call)?))).collect();
        CompanyState { taken: now, snapshot, callbacks, callers }
    }

    /// The callers of each queue who are on the line: for the router those who are to be called back wait like them.
    fn on_line(&self, company: CompanyId) -> BTreeMap<QueueId, OnLine> {
        let mut queues: BTreeMap<QueueId, OnLine> = BTreeMap::new();
        let Some(router) = self.routers.get(&company) else { return queues };
        for (id, entry) in self.calls.iter().filter(|(_, entry)| entry.company == company) {
            let (Some(queue), Some(since)) = (entry.waits_in(), router.since(*id)) else { continue };
            let own = queues.entry(queue).or_default();
            let in_line = router.position(*id, 0).is_some();
            *if in_line { &mut own.waiting } else { &mut own.ringing } += 1;
            own.oldest = own.oldest.into_iter().chain([(since, *id)]).min();
        }
        queues
    }

    fn caller_of(&self, call: CallId) -> Option<Party> {
        if let Some(entry) = self.calls.get(&call) {
            return Some(Party { number: Pii::new(entry.caller.clone()), is_callback: false });
        }
        let callback = self.directory.callback(call)?;
        Some(Party { number: Pii::new(callback.number.as_str().to_owned()), is_callback: true })
    }

    fn next_waiting(&self, now: Instant, company: CompanyId, of: NextOf) -> Option<Waiting> {
        let router = self.routers.get(&company)?;
        let call = match of {
            NextOf::Agent(agent) => router.next_for(agent),
            NextOf::Queue(queue) => router.first_waiting(Some(queue)),
            NextOf::Company => router.first_waiting(None),
        }?;
        let (queue, call) = router.call(now, call)?;
        let caller = self.caller_of(call.call)?;
        Some(Waiting { queue, call, caller })
    }

    fn assign(
        &mut self,
        now: Instant,
        company: CompanyId,
        call: CallId,
        agent: UserId,
        by: Option<UserId>,
    ) -> Result<(), AssignRefused> {
        self.router_of(company).assign(now, call, agent)?;
        if let Some(entry) = self.calls.get_mut(&call) {
            entry.given_by = by;
        }
        self.stirred.push_back(company);
        Ok(())
    }

    fn change_wrap_up(&mut self, now: Instant, company: CompanyId, agent: UserId, left: Duration) -> Option<AgentNow> {
        let wraps = self.routers.get(&company)?.agent(now, agent)?.wraps_up();
        if !wraps {
            return None;
        }
        self.tell_router(now, company, Input::WrapUpChanged { agent, left });
        self.routers.get(&company)?.agent(now, agent)
    }
}

fn explained(router: &Router, now: Instant, call: CallId, agent: Option<UserId>) -> Option<Explained> {
    let (queue, found) = router.call(now, call)?;
    let candidates = router.explained(now, call);
    let asked = agent.and_then(|agent| router.standing(now, call, agent));
    Some(Explained {
        queue,
        call: found,
        candidates: candidates.iter().map(|candidate| Considered::of(candidate, now)).collect(),
        needed: router.needed(now, call),
        asked: asked.map(|candidate| Considered::of(&candidate, now)),
    })
}
