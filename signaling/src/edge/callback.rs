//! Callbacks: they wait with the router like calls, under their own id. When one is offered to an agent, the host begins it in the
//! store, the agent is rung, and once they have answered, the person. Where a queue rings its customers first, the offer only says
//! that it is their turn: the agent is let go, the person is rung, and once they have answered they wait in the queue as a call like
//! others, in the place of the callback.
//!
//! The store says whose turn is over: what the router is told of comes from the [`Directory`], and one that was dialled comes back
//! with it. So nothing here has to outlive the process.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use dialplane_core::call::{Change, Hangup, HangupCause, OfferFailure, Side};
use dialplane_core::command::call::CallReport;
use dialplane_core::id::{CallId, CallbackId, CompanyId, QueueId, UserId};
use dialplane_core::queue::router;
use dialplane_core::queue::waiting::CallbackFirst;
use dialplane_core::queue::{Callback, Decision};

use super::call_entry::{CallEntry, Plan};
use super::desk::Desk;
use super::directory::{CallbackEntry, Directory};
use super::run::Edge;
use super::{CallbackGrant, Order, Origination, OutboundGrant};

/// How long a callback is left alone after its person was in a call: by then the store has noted what came of it.
const SETTLE: Duration = Duration::from_secs(30);

/// A callback that is known.
#[derive(Debug)]
pub(super) struct Known {
    company: CompanyId,
    queue: QueueId,
    standing: Standing,
}

/// How a callback stands with this edge.
#[derive(Debug, Clone, Copy)]
enum Standing {
    /// Waits with the router.
    Queued,
    /// The host is asked to begin it.
    Asked,
    /// Is being dialled.
    Dialled,
    /// The person was called first and has answered: they wait for an agent, or talk.
    Answered,
    /// The person waits in a call of their own, or talks in it.
    Present,
    /// Left alone until then, and until the next directory.
    Settling(Instant),
}

/// An agent who is to make a callback.
#[derive(Debug)]
pub(super) struct Chosen {
    agent: UserId,
    /// How long their phones ring.
    pub(super) ring: Duration,
    /// Why they are.
    decision: Box<Decision>,
}

/// A callback whose call is being made by an agent.
#[derive(Debug)]
pub(super) struct CallbackCall {
    /// As the router calls it.
    callback: CallId,
    queue: QueueId,
    pub(super) chosen: Chosen,
}

impl Edge {
    /// Tells the routers which callbacks are new and which are gone.
    pub(super) fn replace_callbacks(&mut self, now: Instant, directory: &Directory) {
        let gone = |id: &CallId, known: &Known| {
            directory.callback(*id).is_none() && matches!(known.standing, Standing::Queued)
        };
        let gone: Vec<CallId> =
            self.callbacks.iter().filter(|(id, known)| gone(id, known)).map(|(id, _)| *id).collect();
        for call in gone {
            self.take_out(now, call);
        }
        self.callbacks.retain(|_, known| !matches!(known.standing, Standing::Settling(until) if until <= now));
        for (call, entry) in directory.callbacks() {
            if self.first_rung(entry.queue) == CallbackFirst::Agent {
                self.put_in_line(now, call, entry);
            }
        }
        let customers_first =
            |(queue, _): (QueueId, _)| (self.first_rung(queue) != CallbackFirst::Agent).then_some(queue);
        for queue in directory.queues().filter_map(customers_first).collect::<Vec<_>>() {
            self.next_customer(now, queue);
        }
    }

    fn first_rung(&self, queue: QueueId) -> CallbackFirst {
        self.directory.queue(queue).map_or_else(CallbackFirst::default, |queue| queue.settings.waiting.callback_first)
    }

    /// Lets a callback wait with the router, unless it is known. Nobody is called back by a queue that is closed.
    fn put_in_line(&mut self, now: Instant, call: CallId, entry: &CallbackEntry) {
        let CallbackEntry { company, queue, since, .. } = *entry;
        if !self.callbacks.contains_key(&call) && !self.is_closed(queue) {
            self.callbacks.insert(call, Known { company, queue, standing: Standing::Queued });
            let since = self.waiting_since(now, since);
            let arrival = router::Arrival { since, on_line: false, ..router::Arrival::new(call, queue) };
            self.tell_router(now, company, router::Input::CallQueued(arrival));
        }
    }

    /// Forgets a callback, and lets the agent go to whom it is offered, as if they had not been asked.
    fn take_out(&mut self, now: Instant, callback: CallId) {
        if let Some(Known { company, .. }) = self.callbacks.remove(&callback) {
            self.tell_router(now, company, router::Input::CallGone { call: callback });
        }
    }

    /// Where customers are rung first their callbacks wait with the router one by one, and the next not before there may be an agent for
    /// whoever is being rung: as no agent is held for them, all would be rung at once.
    fn next_customer(&mut self, now: Instant, queue: QueueId) {
        let waits = |known: &Known| known.queue == queue && matches!(known.standing, Standing::Queued);
        if self.first_rung(queue) == CallbackFirst::Agent
            || self.callbacks.values().any(waits)
            || !self.may_ring_first(queue, 0)
        {
            return;
        }
        let directory = self.directory.clone();
        let new = directory.callbacks().filter(|(id, entry)| entry.queue == queue && !self.callbacks.contains_key(id));
        if let Some((call, entry)) = new.min_by_key(|(id, entry)| (entry.since, *id)) {
            self.put_in_line(now, call, entry);
        }
    }

    /// Whether one more customer of the queue may be rung, with so many agents free whom the router does not count.
    fn may_ring_first(&self, queue: QueueId, besides: usize) -> bool {
        let rings =
            |known: &&Known| known.queue == queue && matches!(known.standing, Standing::Asked | Standing::Dialled);
        let ringing = self.callbacks.values().filter(rings).count();
        let company = self.directory.queue(queue).map(|queue| queue.company);
        let free = company.and_then(|company| self.routers.get(&company)).map_or(0, |router| router.free(queue));
        Callback::may_ring_first(ringing, free + besides)
    }

    /// Whether the router speaks of a callback.
    pub(super) fn is_callback(&self, call: CallId) -> bool {
        self.callbacks.contains_key(&call)
    }

    /// The router wants an agent rung for a callback.
    pub(super) fn offer_callback(
        &mut self,
        now: Instant,
        callback: CallId,
        agent: UserId,
        ring: Duration,
        decision: Decision,
    ) {
        // One agent makes a callback, also where all ring: the others are let go with what becomes of it.
        let waits = |known: &&Known| matches!(known.standing, Standing::Queued);
        let Some(Known { company, queue, .. }) = self.callbacks.get(&callback).filter(waits) else { return };
        let (company, queue) = (*company, *queue);
        let chosen = match self.first_rung(queue) {
            CallbackFirst::Agent => Some(Chosen { agent, ring, decision: Box::new(decision) }),
            CallbackFirst::Customer => {
                let may_ring = self.may_ring_first(queue, 1);
                self.take_out(now, callback);
                if !may_ring {
                    return;
                }
                None
            }
        };
        self.callbacks.insert(callback, Known { company, queue, standing: Standing::Asked });
        // The host may still have to hear that the agent's last call is over.
        if self.has_reports() {
            self.report_due = Some(now);
        }
        let (host, call) = (self.surroundings.host.clone(), self.new_id());
        self.ask(async move {
            let (id, agent) = (CallbackId::from_uuid(callback.as_uuid()), chosen.as_ref().map(|chosen| chosen.agent));
            let grant = host.call_back(company, id, call, agent).await;
            Order::CallBack { callback, call, chosen, grant }
        });
        self.next_customer(now, queue);
    }

    /// The router has nobody for a callback now. It is brought to its queue again with the next directory.
    pub(super) fn callback_overflowed(&mut self, callback: CallId) {
        self.callbacks.remove(&callback);
    }

    /// The host has begun a callback, or not.
    pub(super) fn callback_begun(
        &mut self,
        now: Instant,
        callback: CallId,
        call: CallId,
        chosen: Option<Chosen>,
        grant: Option<CallbackGrant>,
    ) {
        let Some(known) = self.callbacks.get_mut(&callback) else { return };
        let company = known.company;
        let Some(CallbackGrant { queue, since, caller, destination, trunk }) = grant else {
            // Somebody else calls already, or it was called off: the directory will say.
            known.standing = Standing::Settling(now);
            return chosen.into_iter().for_each(|chosen| {
                self.callback_lost(now, company, callback, chosen.agent, OfferFailure::Rescinded);
            });
        };
        known.standing = Standing::Dialled;
        let grant = OutboundGrant { caller, number: None, destination, trunk: Some(trunk) };
        let agent = chosen.as_ref().map(|chosen| chosen.agent);
        let begun = match chosen {
            Some(chosen) => {
                let origination = Origination { call, company, agent: chosen.agent, grant };
                self.originate_for(now, origination, Some(CallbackCall { callback, queue, chosen }))
            }
            None => {
                let plan = Plan::CallBack { queue, since: self.waiting_since(now, since) };
                self.call_first(now, (call, company), &grant, plan, callback)
            }
        };
        if begun.is_err() {
            // The host has opened its record: it ends here.
            let hangup = Hangup { side: Side::System, cause: HangupCause::TemporaryFailure, sip_status: None };
            let changes = vec![(self.surroundings.clock.now(), Change::Ended { hangup })];
            self.last_reports.push(CallReport { changes, ..CallReport::nothing(call) });
            self.report_soon(now);
        }
        if begun.is_ok() && self.calls.contains_key(&call) {
            return;
        }
        match (agent, self.callbacks.get_mut(&callback)) {
            (Some(agent), Some(_)) => self.callback_lost(now, company, callback, agent, OfferFailure::Unreachable),
            // No agent is let rest for it, so it is itself: or it would be tried as fast as it fails.
            (None, Some(known)) => known.standing = Standing::Settling(now + SETTLE),
            (_, None) => {}
        }
    }

    /// The customer who was called first has answered: they wait in the queue from now on, and hear its music in any case.
    pub(super) fn customer_answered(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        queue: QueueId,
        since: Option<Instant>,
    ) {
        let known = entry.returned.and_then(|callback| self.callbacks.get_mut(&callback));
        known.into_iter().for_each(|known| known.standing = Standing::Answered);
        let steps = self.directory.queue(queue).map(|queue| queue.settings.waiting.overflow.clone());
        let desk = Desk::of_called(now, since, queue, &steps.unwrap_or_default());
        entry.plan = Plan::Queue(Box::new(desk));
        self.enter_desk(now, id, entry);
        self.next_customer(now, queue);
    }

    /// The agent of a callback could not be had.
    pub(super) fn callback_lost(
        &mut self,
        now: Instant,
        company: CompanyId,
        callback: CallId,
        agent: UserId,
        reason: OfferFailure,
    ) {
        self.callbacks.remove(&callback);
        self.tell_router(now, company, router::Input::OfferFailed { call: callback, agent, reason });
        self.tell_router(now, company, router::Input::CallGone { call: callback });
    }

    /// Since when a caller waits who is to be called back in the queue: they have the place of the callback, which waits for what becomes
    /// of their call.
    pub(super) fn place_of_callback(&mut self, now: Instant, entry: &mut CallEntry, queue: QueueId) -> Option<Instant> {
        let directory = self.directory.clone();
        if !directory.has_callbacks() {
            return None;
        }
        let number = self.number_of(entry)?;
        let (callback, waiting) = directory.callback_to(entry.company, queue, &number)?;
        let queued = Known { company: entry.company, queue, standing: Standing::Queued };
        // One that is not in the line yet because of others has its place all the same.
        let known = self.callbacks.entry(callback).or_insert(queued);
        if !matches!(known.standing, Standing::Queued) {
            return None;
        }
        known.standing = Standing::Present;
        entry.returned = Some(callback);
        self.tell_router(now, entry.company, router::Input::CallGone { call: callback });
        self.next_customer(now, queue);
        self.waiting_since(now, waiting.since)
    }

    fn waiting_since(&self, now: Instant, since: DateTime<Utc>) -> Option<Instant> {
        let waited = (self.surroundings.clock.now() - since).to_std().unwrap_or_default();
        now.checked_sub(waited)
    }

    /// A call has ended by which somebody was called back, or in which they were themselves.
    pub(super) fn callback_call_ended(&mut self, now: Instant, entry: &CallEntry) {
        // The store knows who is dialled, and brings it back by itself.
        entry.callback.map(|callback| self.callbacks.remove(&callback));
        let Some(known) = entry.returned.and_then(|callback| self.callbacks.get_mut(&callback)) else { return };
        let is_called = matches!(known.standing, Standing::Dialled | Standing::Answered);
        known.standing = Standing::Settling(if is_called { now } else { now + SETTLE });
        let queue = known.queue;
        self.next_customer(now, queue);
    }

    /// Notes that a call is a callback: it counts for the queue. `key` is that of the agent's offer.
    pub(super) fn note_callback(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        key: u64,
        made: CallbackCall,
    ) {
        // The host claimed them as it began the callback.
        entry.claimed.push(made.chosen.agent);
        entry.callback = Some(made.callback);
        entry.decided = Some((key, made.chosen.decision));
        self.note_queued(now, id, entry, made.queue);
    }
}
