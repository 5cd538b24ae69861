//! One writer at a time, first come first served.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::oneshot;

/// Lets one at a time through, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Gate {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    taken: bool,
    waiting: VecDeque<oneshot::Sender<Pass>>,
}

/// The right to be inside; dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Pass {
    /// `None` in the moment of handing over.
    gate: Option<Arc<Gate>>,
}

impl Gate {
    /// Waits for one's turn. Giving up the wait gives up the place.
    pub(super) async fn enter(self: &Arc<Self>) -> Pass {
        loop {
            let turn = {
                let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
                if !inner.taken {
                    inner.taken = true;
                    return Pass { gate: Some(Arc::clone(self)) };
                }
                let (sender, turn) = oneshot::channel();
                inner.waiting.push_back(sender);
                turn
            };
            // A sender is never dropped without its pass, as the gate outlives those who wait for it.
            if let Ok(pass) = turn.await {
                return pass;
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Some(gate) = self.gate.take() else { return };
        loop {
            let next = {
                let mut inner = gate.inner.lock().unwrap_or_else(PoisonError::into_inner);
                let next = inner.waiting.pop_front();
                inner.taken = next.is_some();
                next
            };
            let Some(next) = next else { return };
            // One who gave up the wait hands the pass back; it must not open the gate by being dropped here.
            match next.send(Self { gate: Some(Arc::clone(&gate)) }) {
                Ok(()) => return,
                Err(mut refused) => refused.gate = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn those_who_wait_come_in_the_order_in_which_they_came() {
        let gate = Arc::new(Gate::default());
        let first = gate.enter().await;
        let mut second = Box::pin(gate.enter());
        let mut third = Box::pin(gate.enter());
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut third).now_or_never().is_none());
        drop(first);
        assert!((&mut third).now_or_never().is_none());
        let second = (&mut second).now_or_never().unwrap();
        drop(second);
        assert!(third.now_or_never().is_some());
    }

    #[tokio::test]
    async fn one_who_gives_up_waiting_holds_nobody_up() {
        let gate = Arc::new(Gate::default());
        let first = gate.enter().await;
        let mut gone = Box::pin(gate.enter());
        assert!((&mut gone).now_or_never().is_none());
        let mut called = Box::pin(gate.enter());
        assert!((&mut called).now_or_never().is_none());
        let mut last = Box::pin(gate.enter());
        assert!((&mut last).now_or_never().is_none());
        drop(gone);
        drop(first);
        // The pass is on its way to one who drops it unread.
        drop(called);
        assert!(last.now_or_never().is_some());
        assert!(gate.enter().now_or_never().is_some());
    }
}
