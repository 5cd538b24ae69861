//! What the router knows of a call.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::io::OverflowReason;
use super::pool::{AgentIx, Levels};
use crate::id::CallId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallState {
    /// In the line of its pool, or of one agent.
    Waiting,
    /// Rings somewhere.
    Offered,
    /// An agent has taken it.
    Taken { agent: AgentIx, since: Instant },
}

/// An agent the call should go to, if it does not take too long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) agent: AgentIx,
    pub(super) until: Instant,
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) queue: u32,
    /// The pool it waits in, or is offered from.
    pub(super) pool: u32,
    /// Its turn: when it came, less its credit. Lower is earlier.
    pub(super) turn: i64,
    /// Since when it waits, as its place goes.
    pub(super) since: Instant,
    /// When it came into the queue.
    pub(super) entered: Instant,
    pub(super) priority: i8,
    /// Whether somebody is on the line.
    pub(super) on_line: bool,
    /// Seconds of wrap-up after it, once it was taken.
    pub(super) wrap_up: u32,
    pub(super) state: CallState,
    /// Whose phones ring.
    pub(super) offers: SmallVec<[AgentIx; 1]>,
    /// Whom it was offered to in vain, the latest last: they are asked again only when nobody else is free.
    pub(super) tried: SmallVec<[AgentIx; 4]>,
    pub(super) wish: Option<Wish>,
    /// When it leaves the queue, unless it rings.
    pub(super) deadline: Option<Instant>,
    /// The part of that which the call brought with it.
    pub(super) overflow_at: Option<Instant>,
    /// The timer that is set for it.
    pub(super) timer: Option<Instant>,
    /// What it needs besides the queue.
    pub(super) needs: Option<Box<Needs>>,
}

/// What a call needs besides its queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Needs {
    pub(super) required: Levels,
    pub(super) preferred: Levels,
}

/// The most agents that are remembered as tried.
const TRIED_MAX: usize = 16;

impl Call {
    /// Sets when the call leaves the queue: after the queue's longest wait in seconds, 0 for none, or before by its own time.
    pub(super) fn set_deadline(&mut self, max_wait_seconds: u32) {
        let wait = Duration::from_secs(max_wait_seconds.into());
        let longest = (!wait.is_zero()).then(|| self.entered + wait);
        self.deadline = longest.into_iter().chain(self.overflow_at).min();
    }

    /// Why the call leaves the queue, when it is time.
    pub(super) fn overdue(&self, now: Instant) -> Option<OverflowReason> {
        let passed = |at: &Instant| *at <= now;
        self.deadline.filter(passed)?;
        Some(self.overflow_at.filter(passed).map_or(OverflowReason::MaxWait, |_| OverflowReason::Chain))
    }

    pub(super) fn note_tried(&mut self, agent: AgentIx) {
        self.tried.retain(|tried| *tried != agent);
        if self.tried.len() == TRIED_MAX {
            self.tried.remove(0);
        }
        self.tried.push(agent);
    }
}
