//! Callbacks: they wait with the router like calls, under their own id. When one is offered to an agent, the host begins it in the
//! store, the agent is rung, and once they have answered, the person.
//!
//! The store says whose turn is over: what the router is told of comes from the [`Directory`], and one that was dialled comes back
//! with it. So nothing here has to outlive the process.

use std::time::{Duration, Instant};

use dialplane_core::call::{Change, Hangup, HangupCause, OfferFailure, Side};
use dialplane_core::command::call::CallReport;
use dialplane_core::id::{CallId, CallbackId, CompanyId, QueueId, UserId};
use dialplane_core::queue::Decision;
use dialplane_core::queue::router;

use super::call_entry::CallEntry;
use super::directory::{CallbackEntry, Directory};
use super::run::Edge;
use super::{CallbackGrant, Order, Origination, OutboundGrant};

/// How long a callback is left alone after its person was in a call: by then the store has noted what came of it.
const SETTLE: Duration = Duration::from_secs(30);

/// How a callback stands with this edge.
#[derive(Debug, Clone, Copy)]
pub(super) enum Standing {
    /// Waits with the router.
    Queued,
    /// The host is asked to begin it.
    Asked,
    /// Is being dialled.
    Dialled,
    /// The person waits in a call of their own, or talks in it.
    Present,
    /// Left alone until then.
    Settling(Instant),
}

/// A callback whose call is being made.
#[derive(Debug)]
pub(super) struct CallbackCall {
    /// As the router calls it.
    callback: CallId,
    queue: QueueId,
    /// How long the agent's phones ring.
    pub(super) ring: Duration,
    /// Why this agent.
    decision: Box<Decision>,
}

impl Edge {
    /// Tells the routers which callbacks are new and which are gone.
    pub(super) fn replace_callbacks(&mut self, now: Instant, directory: &Directory) {
        let gone: Vec<(CallId, CompanyId)> = self
            .callbacks
            .iter()
            .filter(|(id, (_, standing))| directory.callback(**id).is_none() && matches!(standing, Standing::Queued))
            .map(|(id, (company, _))| (*id, *company))
            .collect();
        for (call, company) in gone {
            self.callbacks.remove(&call);
            self.tell_router(now, company, router::Input::CallGone { call });
        }
        self.callbacks.retain(|_, (_, standing)| !matches!(standing, Standing::Settling(until) if *until <= now));
        for (call, entry) in directory.callbacks() {
            // Nobody is called back by a queue that is closed.
            if !self.callbacks.contains_key(&call) && !self.is_closed(entry.queue) {
                self.callbacks.insert(call, (entry.company, Standing::Queued));
                let since = self.waiting_since(now, entry);
                let arrival = router::Arrival { since, ..router::Arrival::new(call, entry.queue) };
                self.tell_router(now, entry.company, router::Input::CallQueued(arrival));
            }
        }
    }

    /// Whether the router speaks of a callback.
    pub(super) fn is_callback(&self, call: CallId) -> bool {
        self.callbacks.contains_key(&call)
    }

    /// The router wants an agent rung for a callback.
    pub(super) fn offer_callback(&mut self, callback: CallId, agent: UserId, ring: Duration, decision: Box<Decision>) {
        let Some((company, standing)) = self.callbacks.get_mut(&callback) else { return };
        *standing = Standing::Asked;
        let company = *company;
        let (host, orders) = (self.surroundings.host.clone(), self.own_orders.clone());
        let call = self.new_id();
        tokio::spawn(async move {
            let id = CallbackId::from_uuid(callback.as_uuid());
            let grant = host.call_back(company, id, call, agent).await;
            orders.send(Order::CallBack { callback, call, agent, ring, grant, decision }).await.ok();
        });
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
        (call, agent, ring): (CallId, UserId, Duration),
        grant: Option<CallbackGrant>,
        decision: Box<Decision>,
    ) {
        let Some((company, standing)) = self.callbacks.get_mut(&callback) else { return };
        let company = *company;
        let Some(grant) = grant else {
            // Somebody else calls already, or it was called off: the directory will say.
            return self.callback_lost(now, company, callback, agent, OfferFailure::Rescinded);
        };
        *standing = Standing::Dialled;
        let queue = grant.queue;
        let outbound = OutboundGrant {
            caller: grant.caller,
            number: None,
            destination: grant.destination,
            trunk: Some(grant.trunk),
        };
        let origination = Origination { call, company, agent, grant: outbound };
        let begun = self.originate_for(now, origination, Some(CallbackCall { callback, queue, ring, decision }));
        if begun.is_err() {
            // The host has opened its record: it ends here.
            let hangup = Hangup { side: Side::System, cause: HangupCause::TemporaryFailure, sip_status: None };
            let changes = vec![(self.surroundings.clock.now(), Change::Ended { hangup })];
            self.last_reports.push(CallReport { changes, ..CallReport::nothing(call) });
            self.report_soon(now);
        }
        let lives = self.calls.get(&call).is_some_and(|entry| entry.callback.is_some());
        if begun.is_err() || (!lives && self.is_callback(callback)) {
            self.callback_lost(now, company, callback, agent, OfferFailure::Unreachable);
        }
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
        let (_, standing) = self.callbacks.get_mut(&callback)?;
        if !matches!(standing, Standing::Queued) {
            return None;
        }
        *standing = Standing::Present;
        entry.returned = Some(callback);
        self.tell_router(now, entry.company, router::Input::CallGone { call: callback });
        self.waiting_since(now, waiting)
    }

    fn waiting_since(&self, now: Instant, callback: &CallbackEntry) -> Option<Instant> {
        let waited = (self.surroundings.clock.now() - callback.since).to_std().unwrap_or_default();
        now.checked_sub(waited)
    }

    /// A call has ended by which somebody was called back, or in which they were themselves.
    pub(super) fn callback_call_ended(&mut self, now: Instant, entry: &CallEntry) {
        // The store knows who is dialled, and brings it back by itself.
        entry.callback.map(|callback| self.callbacks.remove(&callback));
        let returned = entry.returned.and_then(|callback| self.callbacks.get_mut(&callback));
        if let Some((_, standing)) = returned {
            *standing = Standing::Settling(now + SETTLE);
        }
    }

    /// Notes that a call is a callback: it counts for the queue. `key` is that of the agent's offer.
    pub(super) fn note_callback(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        (agent, key): (UserId, u64),
        made: CallbackCall,
    ) {
        // The host claimed them as it began the callback.
        entry.claimed.push(agent);
        entry.callback = Some(made.callback);
        entry.decided = Some((key, made.decision));
        self.note_queued(now, id, entry, made.queue);
    }
}
