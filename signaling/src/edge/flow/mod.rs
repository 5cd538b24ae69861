//! Calls in flows: the machine of `dialplane_ivr` decides, the edge plays, listens, records, queues and dials for it.
//!
//! A call that a route leads to a flow is answered at once, and a voice of ours is attached to its side of the relay session. It is taken
//! off when somebody else is connected, and put back when they have left. What needs the world outside (speech, web services) is asked of
//! the [`Host`](super::Host) and comes back as an order.

mod connect;
mod record;
mod run;

use std::time::{Duration, Instant};

use dialplane_core::call::{HangupCause, LeaveReason};
use dialplane_core::id::{FlowId, QueueId};
use dialplane_ivr::machine::Machine;

pub(super) use record::Take;

/// A call's run through its flow.
#[derive(Debug)]
pub(super) struct FlowRun {
    /// The flow of the company and its version; `None` for one of ours, which nobody wrote.
    pub(super) flow: Option<(FlowId, u32)>,
    pub(super) machine: Machine,
    /// When the caller entered the flow; `None` before it was answered.
    pub(super) began: Option<Instant>,
    pub(super) phase: Phase,
    /// The recording of the call that runs.
    pub(super) recording: Option<u64>,
    /// Why the call ends after it, in place of the flow's word.
    pub(super) ends: Option<HangupCause>,
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
    pub(super) fn new(flow: Option<(FlowId, u32)>, machine: Machine) -> Self {
        Self { flow, machine, began: None, phase: Phase::Alone, recording: None, ends: None }
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
