//! Calls in flows: the machine of `dialplane_ivr` decides, the edge plays, listens, records, queues and dials for it.
//!
//! A call that a route leads to a flow is answered at once, and a voice of ours is attached to its side of the relay session. It is taken
//! off when somebody else is connected, and put back when they have left. What needs the world outside (speech, web services) is asked of
//! the [`Host`](super::Host) and comes back as an order.

mod connect;
mod record;
mod run;
mod voice;

use std::time::{Duration, Instant};

use dialplane_core::call::LeaveReason;
use dialplane_core::id::{FlowId, QueueId};
use dialplane_ivr::machine::{Machine, Token};

pub(super) use record::Take;
pub(super) use voice::ringing;

/// A call's run through its flow.
#[derive(Debug)]
pub(super) struct FlowRun {
    pub(super) flow: FlowId,
    pub(super) version: u32,
    pub(super) machine: Machine,
    /// When the caller entered the flow; `None` before it was answered.
    pub(super) began: Option<Instant>,
    pub(super) phase: Phase,
    /// What the flow wants to be heard.
    pub(super) playing: Option<Token>,
    /// The key that came last, whether by INFO, and when.
    pub(super) key: Option<(char, bool, Instant)>,
    /// The recording of the call that runs.
    pub(super) recording: Option<u64>,
}

/// Who is to talk with the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The flow.
    Alone,
    /// An agent of a queue is awaited.
    Queue(QueueId),
    /// Somebody is called.
    Dial,
    /// They talk, found by a queue or called.
    Talking(Partner),
}

/// How the one who talks with the caller was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Partner {
    Queue,
    Called,
}

impl FlowRun {
    pub(super) fn new(flow: FlowId, version: u32, machine: Machine) -> Self {
        Self { flow, version, machine, began: None, phase: Phase::Alone, playing: None, key: None, recording: None }
    }

    /// The time of the flow.
    fn elapsed(&self, now: Instant) -> Duration {
        self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began))
    }

    /// Why it takes its caller out of a queue: what it noted last.
    fn why_it_leaves(&self) -> LeaveReason {
        let trace = self.machine.trace();
        match trace.last().filter(|_| self.machine.omitted() == 0).map(|step| step.event.as_str()) {
            Some("key") => LeaveReason::Key,
            Some("timeout") => LeaveReason::TimedOut,
            _ => LeaveReason::Flow,
        }
    }

    /// When the machine wants to be woken.
    pub(super) fn due(&self) -> Option<Instant> {
        Some(self.began? + self.machine.poll_timeout()?)
    }

    /// Lets due time pass.
    pub(super) fn wake(&mut self, now: Instant) {
        if self.due().is_some_and(|due| due <= now) {
            self.machine.handle_timeout(self.elapsed(now));
        }
    }

    /// Tells the machine something.
    pub(super) fn tell(&mut self, now: Instant, input: dialplane_ivr::machine::Input) {
        if let Err(error) = self.machine.handle(self.elapsed(now), input) {
            tracing::debug!(%error, "a flow was told something too early");
        }
    }
}
