//! Where callers go whom no agent takes: the overflow chain of a queue, keys that leave it, and the way of a call from queue to queue.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::id::{ExtensionId, FlowId, QueueId, UserId};
use crate::pii::Pii;

/// The most steps of a chain.
pub const CHAIN_MAX: usize = 10;
/// The most queues that a call goes through.
pub const HOPS_MAX: usize = 8;
/// The latest step of a chain, in seconds of waiting.
pub const AFTER_MAX: u32 = 7_200;

/// Where a caller goes from a queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "id")]
pub enum OverflowTarget {
    /// Another queue; the caller keeps the time of arrival.
    Queue(QueueId),
    /// The active version of a flow.
    Flow(FlowId),
    /// A message is taken in this mailbox.
    Voicemail(String),
    /// A number outside, in international form.
    Number(Pii<String>),
    /// One agent, on all their phones.
    Agent(UserId),
    /// One extension.
    Extension(ExtensionId),
    /// The caller is told to be called back by the agents of the queue.
    Callback,
}

impl OverflowTarget {
    /// The words for the kinds of targets.
    pub const KINDS: [&'static str; 7] = ["queue", "flow", "voicemail", "number", "agent", "extension", "callback"];

    /// The word for its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        let [queue, flow, voicemail, number, agent, extension, callback] = Self::KINDS;
        match self {
            Self::Queue(_) => queue,
            Self::Flow(_) => flow,
            Self::Voicemail(_) => voicemail,
            Self::Number(_) => number,
            Self::Agent(_) => agent,
            Self::Extension(_) => extension,
            Self::Callback => callback,
        }
    }
}

/// A step of an overflow chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverflowStep {
    /// After so many seconds in the queue: 0 to 7,200.
    pub after_seconds: u32,
    /// Where to.
    pub target: OverflowTarget,
}

/// A key that takes a waiting caller elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExitKey {
    /// The key: a digit, `*` or `#`.
    pub key: char,
    /// Where to.
    pub target: OverflowTarget,
}

/// Whether the steps are in the order of their times, and not too many.
pub(super) fn are_in_order(steps: &[OverflowStep]) -> bool {
    let within = steps.len() <= CHAIN_MAX && steps.iter().all(|step| step.after_seconds <= AFTER_MAX);
    within && steps.windows(2).all(|pair| pair[0].after_seconds <= pair[1].after_seconds)
}

/// Whether each key is one that phones have, and leads to one place.
pub(super) fn are_keys(keys: &[ExitKey]) -> bool {
    let is_key = |key: char| key.is_ascii_digit() || matches!(key, '*' | '#');
    let once = |(n, key): (usize, &ExitKey)| keys.iter().take(n).all(|other| other.key != key.key);
    keys.iter().all(|key| is_key(key.key)) && keys.iter().enumerate().all(once)
}

/// The way of a call from queue to queue: where it was, and what is left of the chain it follows.
///
/// No queue is entered twice and at most [`HOPS_MAX`] are, so that queues which overflow into each other end somewhere.
#[derive(Debug, Clone)]
pub struct Journey {
    /// The queues, the present one last.
    visited: Vec<QueueId>,
    steps: Vec<OverflowStep>,
    /// The step that is next.
    next: usize,
    /// When the chain began.
    began: Instant,
}

impl Journey {
    /// A call comes into its first queue.
    #[must_use]
    pub fn new(now: Instant, queue: QueueId, steps: &[OverflowStep]) -> Self {
        Self { visited: vec![queue], steps: steps.to_vec(), next: 0, began: now }
    }

    /// The queue it is in, or was in last.
    #[must_use]
    pub fn queue(&self) -> Option<QueueId> {
        self.visited.last().copied()
    }

    /// The queue it came to at first.
    #[must_use]
    pub fn first_queue(&self) -> Option<QueueId> {
        self.visited.first().copied()
    }

    /// Whether the call may go there: not into a queue that it has been in, nor into more than [`HOPS_MAX`].
    #[must_use]
    pub fn may_go(&self, target: &OverflowTarget) -> bool {
        match target {
            OverflowTarget::Queue(queue) => self.visited.len() < HOPS_MAX && !self.visited.contains(queue),
            _ => true,
        }
    }

    /// The call goes into another queue. A chain of that queue takes the place of what is left of the one before; without one the
    /// call goes on by that.
    pub fn enter(&mut self, now: Instant, queue: QueueId, steps: &[OverflowStep]) {
        self.visited.push(queue);
        if !steps.is_empty() {
            (self.steps, self.next, self.began) = (steps.to_vec(), 0, now);
        }
    }

    /// When the next step that may lead somewhere is due: nobody is taken out of a queue for nothing.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let step = self.steps.get(self.next..)?.iter().find(|step| self.may_go(&step.target))?;
        Some(self.began + Duration::from_secs(step.after_seconds.into()))
    }

    /// Takes the next step that leads somewhere new, whether its time has come or not; `None` when the chain is at its end.
    pub fn step(&mut self) -> Option<OverflowTarget> {
        while let Some(step) = self.steps.get(self.next) {
            self.next += 1;
            if self.may_go(&step.target) {
                return Some(step.target.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};

    #[expect(
        clippy::disallowed_methods,
        reason = "an instant cannot be made in another way; only distances from it matter"
    )]
    fn begin() -> Instant {
        Instant::now()
    }

    fn queues(count: usize) -> Vec<QueueId> {
        let ids: &dyn IdSource = &SeededIds::new(1);
        (0..count).map(|_| ids.id(chrono::DateTime::UNIX_EPOCH)).collect()
    }

    fn to_queue(after_seconds: u32, queue: QueueId) -> OverflowStep {
        OverflowStep { after_seconds, target: OverflowTarget::Queue(queue) }
    }

    fn mail(after_seconds: u32) -> OverflowStep {
        OverflowStep { after_seconds, target: OverflowTarget::Voicemail("sales".to_owned()) }
    }

    #[test]
    fn steps_are_taken_in_order_and_counted_from_the_queue_whose_chain_it_is() {
        let (now, ids) = (begin(), queues(3));
        let at = |seconds| Some(now + Duration::from_secs(seconds));
        let mut journey = Journey::new(now, ids[0], &[to_queue(30, ids[1]), mail(90)]);
        assert_eq!(journey.due(), at(30));
        assert_eq!(journey.step(), Some(OverflowTarget::Queue(ids[1])));
        // A queue without a chain of its own leaves the call to the one it came with.
        journey.enter(now + Duration::from_secs(30), ids[1], &[]);
        assert_eq!((journey.queue(), journey.due()), (Some(ids[1]), at(90)));
        journey.enter(now + Duration::from_secs(40), ids[2], &[mail(5)]);
        assert_eq!(journey.due(), at(45));
        assert_eq!(journey.step(), Some(mail(0).target));
        assert_eq!((journey.due(), journey.step()), (None, None));
    }

    #[test]
    fn queues_that_overflow_into_each_other_end() {
        let (now, ids) = (begin(), queues(2));
        let chains = [[to_queue(0, ids[1]), mail(0)], [to_queue(0, ids[0]), mail(0)]];
        let mut journey = Journey::new(now, ids[0], &chains[0]);
        assert_eq!(journey.step(), Some(OverflowTarget::Queue(ids[1])));
        journey.enter(now, ids[1], &chains[1]);
        assert_eq!(journey.step(), Some(mail(0).target), "the first queue was left for good");
        let mut journey = Journey::new(now, ids[0], &[to_queue(0, ids[1])]);
        journey.step();
        journey.enter(now, ids[1], &[to_queue(5, ids[0])]);
        assert_eq!(journey.due(), None, "nobody is taken out of a queue for nothing");
        let ids = queues(HOPS_MAX + 1);
        let mut journey = Journey::new(now, ids[0], &[]);
        for queue in &ids[1..HOPS_MAX] {
            assert!(journey.may_go(&OverflowTarget::Queue(*queue)));
            journey.enter(now, *queue, &[]);
        }
        assert!(!journey.may_go(&OverflowTarget::Queue(ids[HOPS_MAX])));
        assert!(journey.may_go(&OverflowTarget::Callback));
    }

    #[test]
    fn chains_are_in_order_and_keys_lead_to_one_place() {
        assert!(are_in_order(&[mail(0), mail(0), mail(AFTER_MAX)]));
        assert!(!are_in_order(&[mail(10), mail(5)]));
        assert!(!are_in_order(&[mail(AFTER_MAX + 1)]));
        assert!(!are_in_order(&vec![mail(1); CHAIN_MAX + 1]));
        let key = |key| ExitKey { key, target: OverflowTarget::Callback };
        assert!(are_keys(&[key('0'), key('*'), key('#')]));
        assert!(!are_keys(&[key('1'), key('1')]));
        assert!(!are_keys(&[key('A')]) && !are_keys(&[key('x')]));
    }
}
