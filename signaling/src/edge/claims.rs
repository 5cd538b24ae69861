//! Agents are claimed in the store before their phones ring, so that nobody is rung twice, whichever processes believe to route
//! the company's calls.
//!
//! A claim goes out with the report of its call and at once; its answer comes back when the batch is written. So it costs no commit of
//! its own, and cannot overtake what the call and the agent did before: whoever has just hung up is free again in the batch that claims
//! them. Accepting and releasing go with the reports of what they follow from, and nobody waits for them: a call is carried by one
//! process, which alone can claim for it, so of those it rings the call machine picks the one who has it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dialplane_core::call::{Change, OfferFailure};
use dialplane_core::id::{CallId, UserId};
use dialplane_core::queue::Decision;
use dialplane_core::queue::claim::{ClaimAnswer, OfferStep};
use dialplane_core::queue::router;

use super::call_entry::CallEntry;
use super::run::Edge;
use crate::call::{Input, Offer};

/// How long a claim may take. When the store does not answer, the caller waits on, as long as the queue says.
const PATIENCE: Duration = Duration::from_secs(5);

/// A claim that waits for its answer.
#[derive(Debug)]
pub(super) struct Asked {
    agent: UserId,
    /// How long to ring.
    ring: Duration,
    /// Why they are asked.
    decision: Box<Decision>,
    /// When it is given up.
    until: Instant,
}

impl CallEntry {
    /// When the next claim is given up.
    pub(super) fn claims_due(&self) -> Option<Instant> {
        self.asked.iter().map(|asked| asked.until).min()
    }

    /// Whoever is asked for the call need not be any more.
    pub(super) fn ask_no_more(&mut self) {
        for Asked { agent, .. } in std::mem::take(&mut self.asked) {
            self.report.offers.push(OfferStep::Release { agent });
        }
    }

    /// An agent who was claimed has no part in the call any more.
    pub(super) fn release(&mut self, agent: UserId) {
        if let Some(place) = self.claimed.iter().position(|claimed| *claimed == agent) {
            self.claimed.swap_remove(place);
            self.report.offers.push(OfferStep::Release { agent });
        }
    }

    /// The agent has the call, and nobody else is asked or rung.
    pub(super) fn accept(&mut self, agent: UserId) {
        self.asked.clear();
        self.claimed.retain(|claimed| *claimed == agent);
        self.report.offers.push(OfferStep::Accept { agent });
    }
}

impl Edge {
    /// Asks for an agent whom the router offers a call.
    pub(super) fn claim(&mut self, now: Instant, call: CallId, agent: UserId, ring: Duration, decision: Box<Decision>) {
        let Some(mut entry) = self.calls.remove(&call) else { return };
        let capacity = self.routers.get(&entry.company).map_or(1, |router| router.capacity(agent));
        entry.asked.push(Asked { agent, ring, decision, until: now + PATIENCE });
        entry.report.offers.push(OfferStep::Claim { agent, capacity });
        self.drive(now, call, entry);
        // The caller waits for it: it is not gathered with others.
        self.report_due = Some(now);
    }

    /// The store has said whom it gives.
    pub(super) fn claims_answered(&mut self, now: Instant, answers: Vec<ClaimAnswer>) {
        for ClaimAnswer { call, agent, result } in answers {
            // What ended a call has released its claims.
            let Some(mut entry) = self.calls.remove(&call) else { continue };
            if let Some(place) = entry.asked.iter().position(|asked| asked.agent == agent) {
                let Asked { ring, decision, .. } = entry.asked.swap_remove(place);
                match result {
                    Ok(()) => self.ring_claimed(now, call, &mut entry, (agent, ring), decision),
                    Err(refused) => {
                        // One router routes a company's calls. Where the log has this, there are two.
                        tracing::warn!(%call, %agent, %refused, "an agent could not be claimed");
                        self.gauges.claims_refused_total.fetch_add(1, Ordering::Relaxed);
                        self.offer_in_vain(now, &mut entry, call, agent, OfferFailure::Unclaimed, decision);
                    }
                }
            }
            self.drive(now, call, entry);
        }
    }

    fn ring_claimed(
        &mut self,
        now: Instant,
        call: CallId,
        entry: &mut CallEntry,
        (agent, ring): (UserId, Duration),
        decision: Box<Decision>,
    ) {
        entry.claimed.push(agent);
        match self.offer_to_agent(agent) {
            Some(offer) => {
                let key = entry.key(Some(agent));
                entry.decided = Some((key, decision));
                Self::tell(entry, now, Input::Ring(Offer { key, ring, ..offer }));
            }
            None => {
                entry.release(agent);
                self.offer_in_vain(now, entry, call, agent, OfferFailure::Unreachable, decision);
            }
        }
    }

    /// Gives up claims that were not answered in time.
    pub(super) fn claims_late(&mut self, now: Instant, call: CallId, entry: &mut CallEntry) {
        let late = entry.asked.extract_if(.., |asked| asked.until <= now);
        for Asked { agent, decision, .. } in late.collect::<Vec<_>>() {
            entry.report.offers.push(OfferStep::Release { agent });
            tracing::error!(%call, %agent, "the store did not say whether an agent may be rung");
            self.offer_in_vain(now, entry, call, agent, OfferFailure::Unclaimed, decision);
        }
    }

    /// Nothing rang: it is noted, and the router told.
    pub(super) fn offer_in_vain(
        &mut self,
        now: Instant,
        entry: &mut CallEntry,
        call: CallId,
        agent: UserId,
        reason: OfferFailure,
        decision: Box<Decision>,
    ) {
        self.report(now, call, entry, Change::Offered { agent, decision: Some(decision) });
        self.report(now, call, entry, Change::OfferFailed { agent, reason });
        self.tell_router(now, entry.company, router::Input::OfferFailed { call, agent, reason });
    }
}
