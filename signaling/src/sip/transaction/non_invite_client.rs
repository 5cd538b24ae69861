//! The non-INVITE client transaction (RFC 3261 §17.1.2).

use super::timers::{Backoff, T2, TIMER_E, TIMER_F, TIMER_K, earliest, passed};
use super::{Command, Queue, Transport};
use bytes::Bytes;
use std::time::Instant;

/// Where a non-INVITE client transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonInviteClientState {
    /// Sent, nothing heard yet.
    Trying,
    /// A provisional response came.
    Proceeding,
    /// A final response came; its copies are absorbed.
    Completed,
    /// Over.
    Terminated,
}

/// What may happen to a non-INVITE client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonInviteClientInput {
    /// A 1xx response.
    Provisional,
    /// Any final response.
    Final,
    /// The transport could not send.
    TransportError,
}

/// The machine; see the [module](super).
#[derive(Debug)]
pub struct NonInviteClient {
    state: NonInviteClientState,
    transport: Transport,
    request: Bytes,
    resend: Option<Backoff>,
    deadline: Option<Instant>,
    commands: Queue,
}

impl NonInviteClient {
    /// Sends `request` and starts Timers E and F.
    #[must_use]
    pub fn new(now: Instant, request: Bytes, transport: Transport) -> Self {
        let mut commands = Queue::default();
        commands.push(Command::Send(request.clone()));
        Self {
            state: NonInviteClientState::Trying,
            transport,
            request,
            resend: (transport == Transport::Unreliable).then(|| Backoff::start(now, TIMER_E, T2)),
            deadline: Some(now + TIMER_F),
            commands,
        }
    }

    /// The state the machine is in.
    #[must_use]
    pub fn state(&self) -> NonInviteClientState {
        self.state
    }

    /// Takes one input at `now`.
    pub fn handle(&mut self, now: Instant, input: NonInviteClientInput) {
        use NonInviteClientState as State;
        match (self.state, input) {
            (State::Trying | State::Proceeding, NonInviteClientInput::Provisional) => {
                self.state = State::Proceeding;
                if let Some(resend) = &mut self.resend {
                    resend.slow_down();
                }
                self.commands.push(Command::Deliver);
            }
            (State::Trying | State::Proceeding, NonInviteClientInput::Final) => {
                self.commands.push(Command::Deliver);
                self.settle(State::Completed, Some(now + self.transport.linger(TIMER_K)));
                if self.transport == Transport::Reliable {
                    self.terminate();
                }
            }
            (State::Trying | State::Proceeding, NonInviteClientInput::TransportError) => {
                self.commands.push(Command::TransportFailed);
                self.terminate();
            }
            _ => {}
        }
    }

    /// Lets due timers fire.
    pub fn handle_timeout(&mut self, now: Instant) {
        if passed(self.deadline, now) {
            if matches!(self.state, NonInviteClientState::Trying | NonInviteClientState::Proceeding) {
                self.commands.push(Command::Timeout);
            }
            self.terminate();
        } else if let Some(resend) = self.resend.as_mut().filter(|resend| resend.due(now)) {
            resend.advance(now);
            self.commands.push(Command::Send(self.request.clone()));
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

    fn settle(&mut self, state: NonInviteClientState, deadline: Option<Instant>) {
        self.state = state;
        self.resend = None;
        self.deadline = deadline;
        self.request = Bytes::new();
    }

    fn terminate(&mut self) {
        self.settle(NonInviteClientState::Terminated, None);
        self.commands.push(Command::Terminated);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::transaction::timers::{T1, T4};

    const REQUEST: Bytes = Bytes::from_static(b"bye");

    fn drain(tx: &mut NonInviteClient) -> Vec<Command> {
        std::iter::from_fn(|| tx.poll_command()).collect()
    }

    fn started(transport: Transport) -> (Instant, NonInviteClient) {
        let now = Instant::now();
        let mut tx = NonInviteClient::new(now, REQUEST, transport);
        assert_eq!(drain(&mut tx), [Command::Send(REQUEST)]);
        (now, tx)
    }

    fn run(tx: &mut NonInviteClient, start: Instant) -> Vec<(u128, Command)> {
        let mut done = vec![];
        while let Some(at) = tx.poll_timeout() {
            tx.handle_timeout(at);
            done.extend(drain(tx).into_iter().map(|command| ((at - start).as_millis(), command)));
        }
        done
    }

    #[test]
    fn an_unanswered_request_is_sent_eleven_times_and_times_out_after_64_t1() {
        let (now, mut tx) = started(Transport::Unreliable);
        let done = run(&mut tx, now);
        let times: Vec<_> = done.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500, 32_000, 32_000]);
        assert_eq!(done[10..], [(32_000, Command::Timeout), (32_000, Command::Terminated)]);
    }

    #[test]
    fn after_a_provisional_it_is_repeated_every_t2() {
        let (now, mut tx) = started(Transport::Unreliable);
        tx.handle(now, NonInviteClientInput::Provisional);
        assert_eq!(drain(&mut tx), [Command::Deliver]);
        let times: Vec<_> = run(&mut tx, now).iter().map(|(at, _)| *at).collect();
        assert_eq!(times[..3], [500, 4_500, 8_500]);
        assert_eq!(times.last(), Some(&32_000));
    }

    #[test]
    fn a_final_response_is_delivered_once_and_copies_are_absorbed_for_t4() {
        let (now, mut tx) = started(Transport::Unreliable);
        tx.handle(now + T1 / 2, NonInviteClientInput::Final);
        tx.handle(now + T1 / 2, NonInviteClientInput::Final);
        assert_eq!(drain(&mut tx), [Command::Deliver]);
        assert_eq!(run(&mut tx, now + T1 / 2), [(T4.as_millis(), Command::Terminated)]);
    }

    #[test]
    fn on_a_reliable_transport_the_final_response_ends_it() {
        let (now, mut tx) = started(Transport::Reliable);
        tx.handle(now, NonInviteClientInput::Final);
        assert_eq!(drain(&mut tx), [Command::Deliver, Command::Terminated]);
        assert_eq!(tx.poll_timeout(), None);
    }

    #[test]
    fn a_transport_error_ends_it() {
        let (now, mut tx) = started(Transport::Reliable);
        tx.handle(now, NonInviteClientInput::TransportError);
        assert_eq!(drain(&mut tx), [Command::TransportFailed, Command::Terminated]);
    }
}
