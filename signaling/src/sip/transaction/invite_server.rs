//! The INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1), with the retransmission of 2xx (§13.3.1.4).
//!
//! The RFC gives the retransmission of a 2xx to the user agent core. It is kept here, because its timers and its end
//! coincide with the Accepted state; the core only has to say when the ACK of the dialog came.

use super::timers::{Backoff, T1, T2, TIMER_G, TIMER_H, TIMER_I, TIMER_L, TRYING_AFTER, earliest, passed};
use super::{Command, Misuse, Queue, Transport};
use bytes::Bytes;
use std::time::Instant;

/// Where an INVITE server transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteServerState {
    /// No final response yet.
    Proceeding,
    /// A failure was sent, its ACK is awaited.
    Completed,
    /// The ACK of a failure came; retransmitted ACKs are absorbed.
    Confirmed,
    /// A 2xx was sent; it is repeated until [`InviteServerInput::AckOfSuccess`].
    Accepted,
    /// Over.
    Terminated,
}

/// What may happen to an INVITE server transaction.
#[derive(Clone, Debug)]
pub enum InviteServerInput {
    /// The same INVITE again.
    Retransmission,
    /// The ACK of a failure response: same branch as the INVITE.
    Ack,
    /// The ACK of a 2xx: another branch, matched by the dialog.
    AckOfSuccess,
    /// The user sends a 1xx.
    Provisional(Bytes),
    /// The user sends a 2xx.
    Success(Bytes),
    /// The user sends a 3xx-6xx.
    Failure(Bytes),
    /// The transport could not send.
    TransportError,
}

/// The machine; see the [module](super).
#[derive(Debug)]
pub struct InviteServer {
    state: InviteServerState,
    transport: Transport,
    /// The last response; before any, the 100 that [`TRYING_AFTER`] sends.
    response: Bytes,
    /// True until a response has been sent.
    silent: bool,
    acknowledged: bool,
    resend: Option<Backoff>,
    deadline: Option<Instant>,
    commands: Queue,
}

impl InviteServer {
    /// A new INVITE. `trying` is the 100 to send when the user is silent for 200 ms (§17.2.1).
    #[must_use]
    pub fn new(now: Instant, trying: Bytes, transport: Transport) -> Self {
        Self {
            state: InviteServerState::Proceeding,
            transport,
            response: trying,
            silent: true,
            acknowledged: false,
            resend: None,
            deadline: Some(now + TRYING_AFTER),
            commands: Queue::default(),
        }
    }

    /// The state the machine is in.
    #[must_use]
    pub fn state(&self) -> InviteServerState {
        self.state
    }

    /// Takes one input at `now`.
    ///
    /// # Errors
    /// [`Misuse`] when the user answers a transaction that has had its final response.
    pub fn handle(&mut self, now: Instant, input: InviteServerInput) -> Result<(), Misuse> {
        use InviteServerState as State;
        match (self.state, input) {
            (State::Proceeding, InviteServerInput::Provisional(response)) => {
                self.send(response);
                self.deadline = None;
            }
            (State::Proceeding, InviteServerInput::Success(response)) => {
                self.send(response);
                self.state = State::Accepted;
                self.resend = Some(Backoff::start(now, T1, T2));
                self.deadline = Some(now + TIMER_L);
            }
            (State::Proceeding, InviteServerInput::Failure(response)) => {
                self.send(response);
                self.state = State::Completed;
                self.resend = (self.transport == Transport::Unreliable).then(|| Backoff::start(now, TIMER_G, T2));
                self.deadline = Some(now + TIMER_H);
            }
            (_, InviteServerInput::Provisional(_) | InviteServerInput::Success(_) | InviteServerInput::Failure(_)) => {
                return Err(match self.state {
                    State::Terminated => Misuse::Terminated,
                    _ => Misuse::AlreadyAnswered,
                });
            }
            (State::Proceeding | State::Completed | State::Accepted, InviteServerInput::Retransmission) => {
                self.repeat();
            }
            (State::Completed, InviteServerInput::Ack) => self.confirm(now),
            (State::Accepted, InviteServerInput::AckOfSuccess) => {
                self.acknowledged = true;
                self.resend = None;
                // Timer L still absorbs retransmitted INVITEs, which need no answer any more.
                self.response = Bytes::new();
            }
            (State::Proceeding | State::Completed | State::Accepted, InviteServerInput::TransportError) => {
                // RFC 6026 §7.1: the state stays, since the peer may still be reached or retransmit.
                self.commands.push(Command::TransportFailed);
            }
            _ => {}
        }
        Ok(())
    }

    /// Lets due timers fire.
    pub fn handle_timeout(&mut self, now: Instant) {
        if passed(self.deadline, now) {
            match self.state {
                InviteServerState::Proceeding => {
                    self.deadline = None;
                    self.send(self.response.clone());
                }
                InviteServerState::Completed => self.end(Some(Command::Timeout)),
                InviteServerState::Accepted if !self.acknowledged => self.end(Some(Command::Timeout)),
                _ => self.end(None),
            }
        } else if let Some(resend) = self.resend.as_mut().filter(|resend| resend.due(now)) {
            resend.advance(now);
            self.commands.push(Command::Send(self.response.clone()));
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

    fn send(&mut self, response: Bytes) {
        self.silent = false;
        self.response = response.clone();
        self.commands.push(Command::Send(response));
    }

    fn repeat(&mut self) {
        if !self.silent && !self.acknowledged {
            self.commands.push(Command::Send(self.response.clone()));
        }
    }

    fn confirm(&mut self, now: Instant) {
        self.state = InviteServerState::Confirmed;
        self.resend = None;
        self.response = Bytes::new();
        self.deadline = Some(now + self.transport.linger(TIMER_I));
        if self.transport == Transport::Reliable {
            self.end(None);
        }
    }

    fn end(&mut self, reason: Option<Command>) {
        self.state = InviteServerState::Terminated;
        self.resend = None;
        self.deadline = None;
        self.response = Bytes::new();
        if let Some(reason) = reason {
            self.commands.push(reason);
        }
        self.commands.push(Command::Terminated);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::transaction::timers::T4;

    const TRYING: Bytes = Bytes::from_static(b"100");
    const RINGING: Bytes = Bytes::from_static(b"180");
    const OK: Bytes = Bytes::from_static(b"200");
    const BUSY: Bytes = Bytes::from_static(b"486");

    fn drain(tx: &mut InviteServer) -> Vec<Command> {
        std::iter::from_fn(|| tx.poll_command()).collect()
    }

    /// Runs all timers up to `until`, returning what was done and when (ms after `start`).
    fn run(tx: &mut InviteServer, start: Instant, until: Instant) -> Vec<(u128, Command)> {
        let mut done = vec![];
        while let Some(at) = tx.poll_timeout().filter(|at| *at <= until) {
            tx.handle_timeout(at);
            done.extend(drain(tx).into_iter().map(|command| ((at - start).as_millis(), command)));
        }
        done
    }

    #[test]
    fn a_silent_user_gets_a_100_sent_after_200_ms() {
        let now = Instant::now();
        let mut tx = InviteServer::new(now, TRYING, Transport::Unreliable);
        tx.handle(now, InviteServerInput::Retransmission).unwrap();
        assert_eq!(drain(&mut tx), []);
        assert_eq!(run(&mut tx, now, now + TIMER_H), [(200, Command::Send(TRYING))]);
        tx.handle(now, InviteServerInput::Retransmission).unwrap();
        assert_eq!(drain(&mut tx), [Command::Send(TRYING)]);
    }

    #[test]
    fn an_early_answer_suppresses_the_100() {
        let now = Instant::now();
        let mut tx = InviteServer::new(now, TRYING, Transport::Unreliable);
        tx.handle(now, InviteServerInput::Provisional(RINGING)).unwrap();
        assert_eq!(drain(&mut tx), [Command::Send(RINGING)]);
        assert_eq!(tx.poll_timeout(), None);
        tx.handle(now, InviteServerInput::Retransmission).unwrap();
        assert_eq!(drain(&mut tx), [Command::Send(RINGING)]);
    }

    #[test]
    fn a_failure_is_repeated_until_timer_h() {
        let now = Instant::now();
        let mut tx = InviteServer::new(now, TRYING, Transport::Unreliable);
        tx.handle(now, InviteServerInput::Failure(BUSY)).unwrap();
        assert_eq!(drain(&mut tx), [Command::Send(BUSY)]);
        let done = run(&mut tx, now, now + 2 * TIMER_H);
        let times: Vec<_> = done.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500, 32_000, 32_000]);
        assert!(done[..10].iter().all(|(_, command)| *command == Command::Send(BUSY)));
        assert_eq!(done[10..], [(32_000, Command::Timeout), (32_000, Command::Terminated)]);
    }

    #[test]
    fn an_ack_confirms_a_failure_and_timer_i_absorbs_its_copies() {
        let now = Instant::now();
        let mut tx = InviteServer::new(now, TRYING, Transport::Unreliable);
        tx.handle(now, InviteServerInput::Failure(BUSY)).unwrap();
        tx.handle(now, InviteServerInput::Ack).unwrap();
        tx.handle(now, InviteServerInput::Ack).unwrap();
        tx.handle(now, InviteServerInput::Retransmission).unwrap();
        assert_eq!(drain(&mut tx), [Command::Send(BUSY)]);
        assert_eq!(tx.state(), InviteServerState::Confirmed);
        assert_eq!(run(&mut tx, now, now + TIMER_H), [(T4.as_millis(), Command::Terminated)]);
    }

    #[test]
    fn on_a_reliable_transport_the_ack_ends_it() {
        let now = Instant::now();
        let mut tx = InviteServer::new(now, TRYING, Transport::Reliable);
        tx.handle(now, InviteServerInput::Failure(BUSY)).unwrap();
        assert_eq!(tx.poll_timeout(), Some(now + TIMER_H));
        tx.handle(now, InviteServerInput::Ack).unwrap();
        assert_eq!(drain(&mut tx), [Command::Send(BUSY), Command::Terminated]);
    }

    #[test]
    fn a_2xx_is_repeated_on_every_transport_until_its_ack() {
        for transport in [Transport::Reliable, Transport::Unreliable] {
            let now = Instant::now();
            let mut tx = InviteServer::new(now, TRYING, transport);
            tx.handle(now, InviteServerInput::Success(OK)).unwrap();
            tx.handle(now, InviteServerInput::Retransmission).unwrap();
            assert_eq!(drain(&mut tx), [Command::Send(OK), Command::Send(OK)]);
            assert_eq!(run(&mut tx, now, now + 2 * T1), [(500, Command::Send(OK))]);
            tx.handle(now + 2 * T1, InviteServerInput::AckOfSuccess).unwrap();
            tx.handle(now + 2 * T1, InviteServerInput::Retransmission).unwrap();
            assert_eq!(run(&mut tx, now, now + 2 * TIMER_L), [(32_000, Command::Terminated)]);
        }
    }

    #[test]
    fn a_2xx_without_ack_times_out_after_64_t1() {
        let now = Instant::now();
        let mut tx = InviteServer::new(now, TRYING, Transport::Unreliable);
        tx.handle(now, InviteServerInput::Success(OK)).unwrap();
        let done = run(&mut tx, now, now + 2 * TIMER_L);
        assert_eq!(done[done.len() - 2..], [(32_000, Command::Timeout), (32_000, Command::Terminated)]);
    }

    #[test]
    fn a_second_final_response_is_refused() {
        let now = Instant::now();
        let mut tx = InviteServer::new(now, TRYING, Transport::Unreliable);
        tx.handle(now, InviteServerInput::Success(OK)).unwrap();
        assert_eq!(tx.handle(now, InviteServerInput::Failure(BUSY)), Err(Misuse::AlreadyAnswered));
        tx.handle_timeout(now + TIMER_L);
        assert_eq!(tx.handle(now, InviteServerInput::Provisional(RINGING)), Err(Misuse::Terminated));
    }

    #[test]
    fn a_transport_error_is_told_and_keeps_the_state() {
        let now = Instant::now();
        let mut tx = InviteServer::new(now, TRYING, Transport::Unreliable);
        tx.handle(now, InviteServerInput::TransportError).unwrap();
        assert_eq!(drain(&mut tx), [Command::TransportFailed]);
        assert_eq!(tx.state(), InviteServerState::Proceeding);
    }
}
