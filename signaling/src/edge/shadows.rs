//! Shadows of queues: what their routers would decide with other settings, told what the live router is told.

use std::time::{Duration, Instant};

use dialplane_core::id::{CompanyId, QueueId};
use dialplane_core::queue::QueueSettings;
use dialplane_core::queue::router::{Command, Input};
use dialplane_core::queue::shadow::{Report, Shadow};
use tokio::sync::oneshot;

use super::live::QueueOrder;
use super::run::Edge;
use super::{EdgeError, EdgeHandle, Order};

/// Queues of a company that may have a shadow at once: each costs as much as the company's router.
pub const SHADOWS_MAX: usize = 4;

/// As many queues of the company have a shadow as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {SHADOWS_MAX} queues have a shadow at once")]
pub struct TooManyShadows;

/// A shadow of a queue, and what it has seen.
#[derive(Debug, Clone)]
pub struct ShadowState {
    /// How long it has been there.
    pub age: Duration,
    /// The settings that the queue has in it.
    pub settings: Option<QueueSettings>,
    /// What it has seen.
    pub report: Report,
}

/// A shadow that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    since: Instant,
    shadow: Shadow,
}

#[derive(Debug)]
pub(super) enum ShadowOrder {
    Cast(Box<QueueSettings>, oneshot::Sender<Result<(), TooManyShadows>>),
    Report(oneshot::Sender<Option<ShadowState>>),
    End(oneshot::Sender<bool>),
}

impl EdgeHandle {
    /// Gives a queue a shadow with these settings, in place of the one it has. It ends with the process.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`], and within it [`TooManyShadows`].
    pub async fn cast_shadow(
        &self,
        company: CompanyId,
        queue: QueueId,
        settings: QueueSettings,
    ) -> Result<Result<(), TooManyShadows>, EdgeError> {
        let order = |reply| QueueOrder::Shadow(queue, ShadowOrder::Cast(Box::new(settings), reply));
        self.ask(|reply| Order::Queues(company, order(reply))).await
    }

    /// What the shadow of a queue has seen; `None` where it has none.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`].
    pub async fn shadow(&self, company: CompanyId, queue: QueueId) -> Result<Option<ShadowState>, EdgeError> {
        self.ask(|reply| Order::Queues(company, QueueOrder::Shadow(queue, ShadowOrder::Report(reply)))).await
    }

    /// Takes the shadow of a queue away; whether it had one.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`].
    pub async fn end_shadow(&self, company: CompanyId, queue: QueueId) -> Result<bool, EdgeError> {
        self.ask(|reply| Order::Queues(company, QueueOrder::Shadow(queue, ShadowOrder::End(reply)))).await
    }
}

impl Edge {
    pub(super) fn obey_shadow(&mut self, now: Instant, company: CompanyId, queue: QueueId, order: ShadowOrder) {
        // Whoever asked may have gone; then nobody wants the answer.
        match order {
            ShadowOrder::Cast(settings, reply) => drop(reply.send(self.cast_shadow(now, company, queue, *settings))),
            ShadowOrder::Report(reply) => {
                let own = self.shadows.get(&company).and_then(|own| own.iter().find(|own| own.shadow.queue() == queue));
                let state = own.map(|own| ShadowState {
                    age: now.saturating_duration_since(own.since),
                    settings: own.shadow.settings().cloned(),
                    report: own.shadow.report(),
                });
                reply.send(state).ok();
            }
            ShadowOrder::End(reply) => drop(reply.send(self.end_shadow(company, queue))),
        }
    }

    fn cast_shadow(
        &mut self,
        now: Instant,
        company: CompanyId,
        queue: QueueId,
        settings: QueueSettings,
    ) -> Result<(), TooManyShadows> {
        self.end_shadow(company, queue);
        if self.shadows.get(&company).is_some_and(|own| own.len() >= SHADOWS_MAX) {
            return Err(TooManyShadows);
        }
        let shadow = Shadow::of(self.router_of(company), now, queue, settings);
        self.shadows.entry(company).or_default().push(Kept { since: now, shadow });
        Ok(())
    }

    fn end_shadow(&mut self, company: CompanyId, queue: QueueId) -> bool {
        let Some(own) = self.shadows.get_mut(&company) else { return false };
        let before = own.len();
        own.retain(|own| own.shadow.queue() != queue);
        let ended = own.len() < before;
        if own.is_empty() {
            self.shadows.remove(&company);
        }
        ended
    }

    /// The company's router is told something.
    pub(super) fn shadows_hear(&mut self, now: Instant, company: CompanyId, input: &Input) {
        if let Input::QueueRemoved { queue } = input {
            self.end_shadow(company, *queue);
        }
        self.shadows.get_mut(&company).into_iter().flatten().for_each(|own| own.shadow.handle(now, input));
    }

    /// The company's router wants something done.
    pub(super) fn shadows_see(&mut self, now: Instant, company: CompanyId, command: &Command) {
        self.shadows.get_mut(&company).into_iter().flatten().for_each(|own| own.shadow.observe(now, command));
    }

    pub(super) fn shadows_due(&mut self, now: Instant) {
        for own in self.shadows.values_mut().flatten() {
            if own.shadow.poll_timeout().is_some_and(|at| at <= now) {
                own.shadow.handle_timeout(now);
            }
        }
    }

    /// When a shadow has something to do.
    pub(super) fn next_shadow(&self) -> Option<Instant> {
        self.shadows.values().flatten().filter_map(|own| own.shadow.poll_timeout()).min()
    }
}
