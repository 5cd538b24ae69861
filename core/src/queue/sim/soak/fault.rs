//! The router as the world reaches it, and bugs that can be planted between the two.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::id::{CallId, UserId};
use crate::people::Availability;
use crate::queue::router::{AssignRefused, Command, Input, Router};

/// A bug between the router and the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Two processes share the agents and not the knowledge of whom the other rings.
    SkippedClaim,
    /// Who rings in vain is not told.
    DroppedRescind,
    /// Wrap-up is forgotten.
    ForgottenWrapUp,
    /// Nobody hears that a call left its queue.
    DroppedOverflow,
    /// Nobody hears that a phone is gone.
    MissedAbsence,
    /// Nobody hears that an agent chose a break.
    MissedBreak,
    /// What agents can do is not told.
    ForgottenSkills,
    /// Callers lose their priority.
    LostPriority,
    /// An agent's other calls never end.
    MissedRelease,
    /// A break that the router ordered is not carried out.
    DroppedPause,
}

impl Fault {
    /// Every fault.
    pub const ALL: &'static [Self] = &[
        Self::SkippedClaim,
        Self::DroppedRescind,
        Self::ForgottenWrapUp,
        Self::DroppedOverflow,
        Self::MissedAbsence,
        Self::MissedBreak,
        Self::ForgottenSkills,
        Self::LostPriority,
        Self::MissedRelease,
        Self::DroppedPause,
    ];
}

/// See the module. Without a fault it passes everything on.
#[derive(Debug)]
pub(super) struct Desk {
    /// One, or with [`Fault::SkippedClaim`] two.
    nodes: Vec<Router>,
    fault: Option<Fault>,
    /// Which node has which call.
    node_of: BTreeMap<CallId, usize>,
    /// With [`Fault::ForgottenWrapUp`], who talks to whom.
    talks: BTreeMap<CallId, UserId>,
}

impl Desk {
    pub(super) fn new(seed: u64, fault: Option<Fault>) -> Self {
        let nodes = if fault == Some(Fault::SkippedClaim) { 2 } else { 1 };
        let nodes = (0..nodes).map(|node| Router::with_seed(seed + node).explaining(64)).collect();
        Self { nodes, fault, node_of: BTreeMap::new(), talks: BTreeMap::new() }
    }

    /// The router, as long as it is alone and told the truth.
    pub(super) fn sole(&self) -> Option<&Router> {
        self.nodes.first().filter(|_| self.fault.is_none())
    }

    /// How many calls are known.
    pub(super) fn calls(&self) -> usize {
        self.nodes.iter().map(Router::calls).sum()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.nodes.iter().filter_map(Router::poll_timeout).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.nodes.iter_mut().for_each(|node| node.handle_timeout(now));
    }

    pub(super) fn poll_command(&mut self) -> Option<Command> {
        loop {
            let command = self.nodes.iter_mut().find_map(Router::poll_command)?;
            let dropped = matches!(
                (self.fault, &command),
                (Some(Fault::DroppedRescind), Command::Rescind { .. })
                    | (Some(Fault::DroppedOverflow), Command::Overflow { .. })
                    | (Some(Fault::DroppedPause), Command::Pause { .. })
            );
            if !dropped {
                return Some(command);
            }
        }
    }

    pub(super) fn assign(&mut self, now: Instant, call: CallId, agent: UserId) -> Result<(), AssignRefused> {
        let node = self.node(call);
        self.nodes.get_mut(node).map_or(Err(AssignRefused::NotWaiting), |node| node.assign(now, call, agent))
    }

    fn node(&self, call: CallId) -> usize {
        self.node_of.get(&call).copied().unwrap_or_default()
    }

    pub(super) fn handle(&mut self, now: Instant, mut input: Input) {
        let mut wraps = None;
        match (self.fault, &mut input) {
            (Some(Fault::MissedAbsence), Input::AgentReachable { reachable: false, .. })
            | (Some(Fault::MissedBreak), Input::AgentChose { availability: Availability::Break, .. })
            | (Some(Fault::MissedRelease), Input::AgentReleased { .. }) => return,
            (Some(Fault::ForgottenSkills), Input::AgentConfigured { settings, .. }) => settings.skills.clear(),
            (Some(Fault::LostPriority), Input::CallQueued(arrival)) => arrival.priority = 0,
            (Some(Fault::ForgottenWrapUp), Input::OfferAccepted { call, agent }) => {
                self.talks.insert(*call, *agent);
            }
            (Some(Fault::ForgottenWrapUp), Input::CallEnded { call }) => wraps = self.talks.remove(call),
            _ => {}
        }
        if let Input::CallQueued(arrival) = &input {
            let next = self.node_of.len() % self.nodes.len();
            self.node_of.entry(arrival.call).or_insert(next);
        }
        let node = match &input {
            Input::CallQueued(arrival) => Some(self.node(arrival.call)),
            Input::CallGone { call }
            | Input::CallEnded { call }
            | Input::OfferAccepted { call, .. }
            | Input::OfferFailed { call, .. } => Some(self.node(*call)),
            _ => None,
        };
        for (at, router) in self.nodes.iter_mut().enumerate() {
            if node.is_none_or(|node| node == at) {
                router.handle(now, input.clone());
            }
        }
        if let Some(agent) = wraps {
            self.nodes
                .iter_mut()
                .for_each(|node| node.handle(now, Input::WrapUpChanged { agent, left: Duration::ZERO }));
        }
    }
}
