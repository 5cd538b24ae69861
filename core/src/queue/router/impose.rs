//! What happened elsewhere, for a router that looks on: see [`crate::queue::shadow`].

use std::time::Instant;

use super::Router;
use super::call::CallState;
use super::io::Occasion;
use crate::call::OfferFailure;
use crate::id::{CallId, QueueId, UserId};
use crate::queue::QueueSettings;

impl Router {
    /// Makes a call ring at an agent because it does, whatever this router wanted with the two of them: it goes on ringing where it rang, and
    /// what else rang at the agent looks for somebody else. Nothing for calls that are not known or have an agent.
    pub(crate) fn impose(&mut self, now: Instant, call: CallId, agent: UserId) {
        let Some(at) = self.call_ix.get(&call).copied() else { return };
        let agent_at = self.agent_at(now, agent);
        let found = &self.calls[at as usize];
        if matches!(found.state, CallState::Taken { .. }) || found.offers.contains(&agent_at) {
            return;
        }
        if found.state == CallState::Waiting {
            self.leave_line(at);
            if self.calls[at as usize].wish.take().is_some() {
                self.calls[at as usize].pool = self.pool_for(now, at);
            }
        }
        if self.queues.contains(self.calls[at as usize].queue as usize) {
            self.offer(now, at, agent_at, Occasion::Assigned);
        } else {
            // It rings on although its queue is gone.
            self.withdraw(agent_at);
            self.calls[at as usize].offers.push(agent_at);
            self.agents[agent_at as usize].offers.push(at);
        }
        let others = self.agents[agent_at as usize].offers.iter().filter(|other| **other != at);
        let others: Vec<CallId> = others.map(|other| self.calls[*other as usize].id).collect();
        for other in others {
            self.failed(now, other, agent, OfferFailure::Rescinded);
        }
    }

    /// The calls that have no agent: their queue, since when they wait, and whose phones ring.
    pub(crate) fn without_agent(&self) -> impl Iterator<Item = (CallId, QueueId, Instant, Vec<UserId>)> {
        let open = self.calls.iter().filter(|(_, call)| !matches!(call.state, CallState::Taken { .. }));
        open.filter_map(|(_, call)| {
            let ringing = call.offers.iter().map(|agent| self.agents[*agent as usize].id).collect();
            Some((call.id, self.queues.get(call.queue as usize)?.id, call.since, ringing))
        })
    }

    /// The settings of a queue.
    pub(crate) fn settings(&self, queue: QueueId) -> Option<&QueueSettings> {
        self.queue(queue).map(|queue| &queue.settings)
    }

    /// Forgets what it wanted done.
    pub(crate) fn forget_commands(&mut self) {
        self.commands.clear();
    }
}
