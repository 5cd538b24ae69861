//! The non-INVITE server transaction (RFC 3261 §17.2.2).

use super::timers::{TIMER_F, TIMER_J, passed};
use super::{Command, Misuse, Queue, Transport};
use bytes::Bytes;
use std::time::Instant;

/// Where a non-INVITE server transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonInviteServerState {
    /// Nothing answered yet.
    Trying,
    /// A provisional response was sent.
    Proceeding,
    /// The final response was sent; copies of the request get it again.
    Completed,
    /// Over.
    Terminated,
}

/// What may happen to a non-INVITE server transaction.
#[derive(Clone, Debug)]
pub enum NonInviteServerInput {
    /// The same request again.
    Retransmission,
    /// The user sends a 1xx.
    Provisional(Bytes),
    /// The user sends the final response.
    Final(Bytes),
    /// The transport could not send.
    TransportError,
}

/// The machine; see the [module](super).
#[derive(Debug)]
pub struct NonInviteServer {
    state: NonInviteServerState,
    transport: Transport,
    response: Bytes,
    deadline: Option<Instant>,
    commands: Queue,
}

impl NonInviteServer {
    /// A new request. A user that never answers is given up when the peer's Timer F has fired: nobody would listen.
    #[must_use]
    pub fn new(now: Instant, transport: Transport) -> Self {
        Self {
            state: NonInviteServerState::Trying,
            transport,
            response: Bytes::new(),
            deadline: Some(now + TIMER_F),
            commands: Queue::default(),
        }
    }

    /// The state the machine is in.
    #[must_use]
    pub fn state(&self) -> NonInviteServerState {
        self.state
    }

    /// Takes one input at `now`.
    ///
    /// # Errors
    /// [`Misuse`] when the user answers a transaction that has had its final response.
    pub fn handle(&mut self, now: Instant, input: NonInviteServerInput) -> Result<(), Misuse> {
        use NonInviteServerState as State;
        match (self.state, input) {
            (State::Trying | State::Proceeding, NonInviteServerInput::Provisional(response)) => {
                self.state = State::Proceeding;
                self.send(response);
            }
            (State::Trying | State::Proceeding, NonInviteServerInput::Final(response)) => {
                self.state = State::Completed;
                self.deadline = Some(now + self.transport.linger(TIMER_J));
                self.send(response);
                if self.transport == Transport::Reliable {
                    self.end();
                }
            }
            (State::Completed, NonInviteServerInput::Provisional(_) | NonInviteServerInput::Final(_)) => {
                return Err(Misuse::AlreadyAnswered);
            }
            (State::Terminated, NonInviteServerInput::Provisional(_) | NonInviteServerInput::Final(_)) => {
                return Err(Misuse::Terminated);
            }
            (State::Proceeding | State::Completed, NonInviteServerInput::Retransmission) => {
                self.commands.push(Command::Send(self.response.clone()));
            }
            (State::Proceeding | State::Completed, NonInviteServerInput::TransportError) => {
                self.commands.push(Command::TransportFailed);
                self.end();
            }
            _ => {}
        }
        Ok(())
    }

    /// Lets due timers fire.
    pub fn handle_timeout(&mut self, now: Instant) {
        if passed(self.deadline, now) {
            if self.state != NonInviteServerState::Completed {
                self.commands.push(Command::Timeout);
            }
            self.end();
        }
    }

    /// The next thing to do.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop()
    }

    /// When [`Self::handle_timeout`] should be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn send(&mut self, response: Bytes) {
        self.response = response.clone();
        self.commands.push(Command::Send(response));
    }

    fn end(&mut self) {
        self.state = NonInviteServerState::Terminated;
        self.deadline = None;
        self.response = Bytes::new();
        self.commands.push(Command::Terminated);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRYING: Bytes = Bytes::from_static(b"100");
    const OK: Bytes = Bytes::from_static(b"200");

    fn drain(tx: &mut NonInviteServer) -> Vec<Command> {
        std::iter::from_fn(|| tx.poll_command()).collect()
    }

    #[test]
    fn copies_of_the_request_get_the_last_response_again() {
        let now = Instant::now();
        let mut tx = NonInviteServer::new(now, Transport::Unreliable);
        tx.handle(now, NonInviteServerInput::Retransmission).unwrap();
        assert_eq!(drain(&mut tx), []);
        tx.handle(now, NonInviteServerInput::Provisional(TRYING)).unwrap();
        tx.handle(now, NonInviteServerInput::Retransmission).unwrap();
        assert_eq!(drain(&mut tx), [Command::Send(TRYING), Command::Send(TRYING)]);
        tx.handle(now, NonInviteServerInput::Final(OK)).unwrap();
        tx.handle(now, NonInviteServerInput::Retransmission).unwrap();
        assert_eq!(drain(&mut tx), [Command::Send(OK), Command::Send(OK)]);
        assert_eq!(tx.handle(now, NonInviteServerInput::Final(OK)), Err(Misuse::AlreadyAnswered));
        assert_eq!(tx.poll_timeout(), Some(now + TIMER_J));
        tx.handle_timeout(now + TIMER_J);
        assert_eq!(drain(&mut tx), [Command::Terminated]);
        assert_eq!(tx.handle(now, NonInviteServerInput::Final(OK)), Err(Misuse::Terminated));
    }

    #[test]
    fn on_a_reliable_transport_the_final_response_ends_it() {
        let now = Instant::now();
        let mut tx = NonInviteServer::new(now, Transport::Reliable);
        tx.handle(now, NonInviteServerInput::Final(OK)).unwrap();
        assert_eq!(drain(&mut tx), [Command::Send(OK), Command::Terminated]);
    }

    #[test]
    fn a_user_that_never_answers_is_given_up_with_the_peer() {
        let now = Instant::now();
        let mut tx = NonInviteServer::new(now, Transport::Reliable);
        tx.handle_timeout(now + TIMER_F);
        assert_eq!(drain(&mut tx), [Command::Timeout, Command::Terminated]);
    }
}
