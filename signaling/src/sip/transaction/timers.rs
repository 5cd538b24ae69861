//! The timers of RFC 3261 §17 (Table 4) with the additions of RFC 6026, and the two clocks the machines keep.

use std::time::{Duration, Instant};

/// Estimate of the round trip (RFC 3261 §17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions of non-INVITE requests and INVITE responses (§17.1.2.2).
pub const T2: Duration = Duration::from_secs(4);
/// Longest time a message stays in the network (§17.1.2.2).
pub const T4: Duration = Duration::from_secs(5);
/// First interval of INVITE retransmission, unreliable transports only (§17.1.1.2). Doubles without a cap.
pub const TIMER_A: Duration = T1;
/// An INVITE without any response fails after this (§17.1.1.2).
pub const TIMER_B: Duration = Duration::from_secs(32);
/// Longest wait for a final response after a provisional one (§16.6 item 11). Kept by the call, not by a transaction.
pub const TIMER_C: Duration = Duration::from_secs(180);
/// How long the INVITE client absorbs retransmitted failures, unreliable transports (§17.1.1.2); zero otherwise.
pub const TIMER_D: Duration = Duration::from_secs(32);
/// First interval of non-INVITE retransmission, unreliable transports only (§17.1.2.2). Doubles up to [`T2`].
pub const TIMER_E: Duration = T1;
/// A non-INVITE request without a final response fails after this (§17.1.2.2).
pub const TIMER_F: Duration = Duration::from_secs(32);
/// First interval of retransmission of an INVITE failure response, unreliable only (§17.2.1). Doubles up to [`T2`].
pub const TIMER_G: Duration = T1;
/// How long an INVITE server waits for the ACK of a failure response (§17.2.1).
pub const TIMER_H: Duration = Duration::from_secs(32);
/// How long the INVITE server absorbs retransmitted ACKs, unreliable transports (§17.2.1); zero otherwise.
pub const TIMER_I: Duration = T4;
/// How long the non-INVITE server absorbs retransmitted requests, unreliable transports (§17.2.2); zero otherwise.
pub const TIMER_J: Duration = Duration::from_secs(32);
/// How long the non-INVITE client absorbs retransmitted responses, unreliable transports (§17.1.2.2); zero otherwise.
pub const TIMER_K: Duration = T4;
/// How long the INVITE server stays in Accepted (RFC 6026 §7.1), and how long a 2xx waits for its ACK (RFC 3261 §13.3.1.4).
pub const TIMER_L: Duration = Duration::from_secs(32);
/// How long the INVITE client stays in Accepted for 2xx of other forks (RFC 6026 §7.2).
pub const TIMER_M: Duration = Duration::from_secs(32);
/// An INVITE that its user has not answered within this gets a 100 (§17.2.1).
pub const TRYING_AFTER: Duration = Duration::from_millis(200);

/// A retransmission that doubles its interval at each turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Instant,
    interval: Duration,
    cap: Duration,
}

impl Backoff {
    pub(crate) fn start(now: Instant, first: Duration, cap: Duration) -> Self {
        Self { next: now + first, interval: first, cap }
    }

    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    pub(crate) fn due(&self, now: Instant) -> bool {
        self.next <= now
    }

    /// Sets the next turn. Counts from `now`, so that a process that slept does not send a burst.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.interval = (self.interval * 2).min(self.cap);
        self.next = now + self.interval;
    }

    /// Continues at the longest interval (§17.1.2.2: in Proceeding, Timer E is reset with T2).
    pub(crate) fn slow_down(&mut self) {
        self.interval = self.cap;
    }
}

/// The earlier of a retransmission and a deadline.
pub(crate) fn earliest(resend: Option<Backoff>, deadline: Option<Instant>) -> Option<Instant> {
    match (resend, deadline) {
        (Some(resend), Some(deadline)) => Some(resend.next().min(deadline)),
        (Some(resend), None) => Some(resend.next()),
        (None, deadline) => deadline,
    }
}

/// True when `deadline` is set and has passed.
pub(crate) fn passed(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|at| at <= now)
}
