//! The INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2).

use super::timers::{Backoff, TIMER_A, TIMER_B, TIMER_D, TIMER_M, earliest, passed};
use super::{Command, Queue, Transport};
use bytes::Bytes;
use std::time::{Duration, Instant};

/// Where an INVITE client transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteClientState {
    /// Sent, nothing heard yet.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A failure came and was acknowledged; its retransmissions are acknowledged again.
    Completed,
    /// A 2xx came; 2xx of other forks and retransmissions go to the user (RFC 6026).
    Accepted,
    /// Over.
    Terminated,
}

/// What may happen to an INVITE client transaction.
#[derive(Clone, Debug)]
pub enum InviteClientInput {
    /// A 1xx response.
    Provisional,
    /// A 2xx response.
    Success,
    /// A 3xx-6xx response, with the ACK that answers it (§17.1.1.3). The first ACK is kept and sent again.
    Failure(Bytes),
    /// The user sent a CANCEL: a peer that never answers the INVITE is given up after 64*T1 (§9.1).
    Cancelled,
    /// The transport could not send.
    TransportError,
}

/// The machine; see the [module](super).
#[derive(Debug)]
pub struct InviteClient {
    state: InviteClientState,
    transport: Transport,
    /// The INVITE while Calling, the ACK while Completed, else empty: it is what would be sent again.
    again: Bytes,
    resend: Option<Backoff>,
    deadline: Option<Instant>,
    commands: Queue,
}

impl InviteClient {
    /// Sends `invite` and starts Timers A and B.
    #[must_use]
    pub fn new(now: Instant, invite: Bytes, transport: Transport) -> Self {
        let mut commands = Queue::default();
        commands.push(Command::Send(invite.clone()));
        let resend = (transport == Transport::Unreliable).then(|| Backoff::start(now, TIMER_A, Duration::MAX / 4));
        Self {
            state: InviteClientState::Calling,
            transport,
            again: invite,
            resend,
            deadline: Some(now + TIMER_B),
            commands,
        }
    }

    /// The state the machine is in.
    #[must_use]
    pub fn state(&self) -> InviteClientState {
        self.state
    }

    /// Takes one input at `now`.
    pub fn handle(&mut self, now: Instant, input: InviteClientInput) {
        use InviteClientState as State;
        match (self.state, input) {
            (State::Calling, InviteClientInput::Provisional) => {
                self.settle(State::Proceeding, None);
                self.commands.push(Command::Deliver);
            }
            (State::Proceeding, InviteClientInput::Provisional) => self.commands.push(Command::Deliver),
            (State::Calling | State::Proceeding, InviteClientInput::Success) => {
                self.settle(State::Accepted, Some(now + TIMER_M));
                self.commands.push(Command::Deliver);
            }
            (State::Accepted, InviteClientInput::Success) => self.commands.push(Command::Deliver),
            (State::Calling | State::Proceeding, InviteClientInput::Failure(ack)) => self.fail(now, ack),
            (State::Completed, InviteClientInput::Failure(_)) => {
                self.commands.push(Command::Send(self.again.clone()));
            }
            (State::Calling | State::Proceeding, InviteClientInput::Cancelled) => self.deadline = Some(now + TIMER_B),
            (State::Calling | State::Completed, InviteClientInput::TransportError) => {
                self.commands.push(Command::TransportFailed);
                self.terminate();
            }
            _ => {}
        }
    }

    /// Lets due timers fire.
    pub fn handle_timeout(&mut self, now: Instant) {
        if passed(self.deadline, now) {
            if matches!(self.state, InviteClientState::Calling | InviteClientState::Proceeding) {
                self.commands.push(Command::Timeout);
            }
            self.terminate();
        } else if let Some(resend) = self.resend.as_mut().filter(|resend| resend.due(now)) {
            resend.advance(now);
            self.commands.push(Command::Send(self.again.clone()));
        }
    }

    /// The next thing to do.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop()
    }

    /// When [`Self::handle_timeout`] should be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        earliest(self.resend, self.deadline)
    }

    fn fail(&mut self, now: Instant, ack: Bytes) {
        self.settle(InviteClientState::Completed, Some(now + self.transport.linger(TIMER_D)));
        self.commands.push(Command::Send(ack.clone()));
        self.commands.push(Command::Deliver);
        if self.transport == Transport::Reliable {
            self.terminate();
        } else {
            self.again = ack;
        }
    }

    fn settle(&mut self, state: InviteClientState, deadline: Option<Instant>) {
        self.state = state;
        self.resend = None;
        self.deadline = deadline;
        // The INVITE is never sent again from here on; its memory need not wait for the end of the transaction.
        self.again = Bytes::new();
    }

    fn terminate(&mut self) {
        self.settle(InviteClientState::Terminated, None);
        self.commands.push(Command::Terminated);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::transaction::timers::T1;

    const INVITE: Bytes = Bytes::from_static(b"invite");
    const ACK: Bytes = Bytes::from_static(b"ack");

    fn drain(tx: &mut InviteClient) -> Vec<Command> {
        std::iter::from_fn(|| tx.poll_command()).collect()
    }

    fn started(transport: Transport) -> (Instant, InviteClient) {
        let now = Instant::now();
        let mut tx = InviteClient::new(now, INVITE, transport);
        assert_eq!(drain(&mut tx), [Command::Send(INVITE)]);
        (now, tx)
    }

    #[test]
    fn an_unanswered_invite_is_sent_seven_times_and_times_out_after_64_t1() {
        let (start, mut tx) = started(Transport::Unreliable);
        let mut sent = vec![];
        while let Some(at) = tx.poll_timeout() {
            tx.handle_timeout(at);
            let commands = drain(&mut tx);
            if commands == [Command::Timeout, Command::Terminated] {
                assert_eq!(at - start, 64 * T1);
                break;
            }
            assert_eq!(commands, [Command::Send(INVITE)]);
            sent.push((at - start).as_millis());
        }
        assert_eq!(sent, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
        assert_eq!(tx.state(), InviteClientState::Terminated);
        assert_eq!(tx.poll_timeout(), None);
    }

    #[test]
    fn reliable_transports_do_not_retransmit() {
        let (start, tx) = started(Transport::Reliable);
        assert_eq!(tx.poll_timeout(), Some(start + TIMER_B));
    }

    #[test]
    fn a_provisional_stops_all_timers() {
        let (now, mut tx) = started(Transport::Unreliable);
        tx.handle(now, InviteClientInput::Provisional);
        assert_eq!(drain(&mut tx), [Command::Deliver]);
        assert_eq!(tx.poll_timeout(), None);
        tx.handle_timeout(now + TIMER_B);
        assert_eq!(drain(&mut tx), []);
    }

    #[test]
    fn a_failure_is_acknowledged_each_time_with_the_same_bytes_and_delivered_once() {
        let (now, mut tx) = started(Transport::Unreliable);
        tx.handle(now, InviteClientInput::Failure(ACK));
        assert_eq!(drain(&mut tx), [Command::Send(ACK), Command::Deliver]);
        tx.handle(now, InviteClientInput::Failure(Bytes::from_static(b"another")));
        assert_eq!(drain(&mut tx), [Command::Send(ACK)]);
        tx.handle_timeout(now + TIMER_D);
        assert_eq!(drain(&mut tx), [Command::Terminated]);
    }

    #[test]
    fn a_failure_ends_a_reliable_transaction_at_once() {
        let (now, mut tx) = started(Transport::Reliable);
        tx.handle(now, InviteClientInput::Failure(ACK));
        assert_eq!(drain(&mut tx), [Command::Send(ACK), Command::Deliver, Command::Terminated]);
    }

    #[test]
    fn every_2xx_is_delivered_until_timer_m() {
        let (now, mut tx) = started(Transport::Unreliable);
        tx.handle(now, InviteClientInput::Success);
        tx.handle(now + T1, InviteClientInput::Success);
        assert_eq!(drain(&mut tx), [Command::Deliver, Command::Deliver]);
        tx.handle(now + T1, InviteClientInput::Failure(ACK));
        tx.handle(now + T1, InviteClientInput::Provisional);
        assert_eq!(drain(&mut tx), []);
        assert_eq!(tx.poll_timeout(), Some(now + TIMER_M));
        tx.handle_timeout(now + TIMER_M);
        assert_eq!(drain(&mut tx), [Command::Terminated]);
    }

    #[test]
    fn a_cancelled_invite_that_only_rang_times_out() {
        let (now, mut tx) = started(Transport::Unreliable);
        tx.handle(now, InviteClientInput::Provisional);
        tx.handle(now, InviteClientInput::Cancelled);
        assert_eq!(drain(&mut tx), [Command::Deliver]);
        tx.handle_timeout(now + 64 * T1);
        assert_eq!(drain(&mut tx), [Command::Timeout, Command::Terminated]);
    }

    #[test]
    fn a_transport_error_ends_a_call_that_is_not_yet_answered() {
        let (now, mut tx) = started(Transport::Reliable);
        tx.handle(now, InviteClientInput::TransportError);
        assert_eq!(drain(&mut tx), [Command::TransportFailed, Command::Terminated]);
    }
}
