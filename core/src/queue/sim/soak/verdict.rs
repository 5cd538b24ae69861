//! What can be found wrong.

use std::any::Any;
use std::fmt;

use super::Fault;

/// What the router promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Promise {
    /// A call is in exactly one place.
    OnePlace,
    /// An agent holds at most as many calls as they take, and is rung for one at a time.
    Capacity,
    /// Nobody absent is offered a call.
    Presence,
    /// No offer within the wrap-up, or another rest.
    WrapUp,
    /// Only who is a member and fits is offered a call, unless it was meant for them.
    Fit,
    /// No caller waits while somebody fitting idles.
    NobodyIdles,
    /// The earlier turn goes first.
    Turn,
    /// Nobody is passed by calls that came more than [`CREDIT_MAX`](crate::queue::router::CREDIT_MAX) later.
    Credit,
    /// Everybody who rings in vain is told before the call goes on.
    Rescind,
    /// A call leaves its queue for a reason, and when there is one.
    Overflow,
    /// A break is for a reason, and when there is one.
    Pause,
    /// Every call ends, and leaves nothing behind.
    Ends,
    /// What the router says of itself is so.
    SelfImage,
    /// Its own assertions hold.
    Assertion,
}

/// A broken promise.
#[derive(Debug, Clone)]
pub struct Broken {
    /// The seed of the world.
    pub seed: u64,
    /// The planted bug.
    pub fault: Option<Fault>,
    /// What was promised.
    pub promise: Promise,
    /// What happened instead.
    pub what: String,
    /// What happened last, the latest at the end.
    pub events: Vec<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {:?} is broken: {}", self.seed, self.promise, self.what)?;
        self.events.iter().try_for_each(|event| writeln!(f, "  {event}"))
    }
}

impl std::error::Error for Broken {}

/// Whether all is well; else what is not.
pub(super) type Verdict<T = ()> = Result<T, (Promise, String)>;

/// Fails unless it holds.
pub(super) fn ensure(holds: bool, promise: Promise, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err((promise, what())) }
}

pub(super) fn panicked(panic: &(dyn Any + Send)) -> (Promise, String) {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    (Promise::Assertion, text.unwrap_or_else(|| "a panic without words".to_owned()))
}
