//! Calling somebody, and having the caller called back.

use std::sync::Arc;

use super::trace::Event;
use super::{
    ANSWER_PATIENCE, CallbackRequest, Command, Destination, Dial, DialEvent, Doing, Finish, Machine, Token, Turn,
};
use crate::program::{CallbackOp, DialKind, DialOp, Op, Program};

impl Machine {
    pub(super) fn enter_dial(&mut self, op: &DialOp) -> Turn {
        let Some(to) = self.text(&op.to).filter(|to| !to.trim().is_empty()) else { return Turn::Fail(op.fail) };
        let caller_id = op.caller_id.as_ref().and_then(|caller| self.text(caller));
        let to = match op.kind {
            DialKind::Agent => Destination::Agent(to),
            DialKind::Extension => Destination::Extension(to),
            DialKind::Number => Destination::Number(to),
        };
        self.command(Command::Dial(Dial { to, timeout: op.timeout, caller_id }));
        self.wait(Doing::Dial, None)
    }

    pub(super) fn dial_event(&mut self, program: &Program, event: DialEvent) -> Turn {
        let (Some(Op::Dial(op)), Doing::Dial) = (self.op(program), &self.doing) else { return Turn::Stay };
        let connected = self.talking.is_some();
        match event {
            DialEvent::Connected if !connected => {
                self.talk();
                Turn::Stay
            }
            DialEvent::Ended if connected => {
                self.talked();
                match op.next {
                    Some(way) => Turn::Go(Some(way)),
                    None => Turn::Finish(Finish::Completed),
                }
            }
            DialEvent::Busy if !connected => Turn::Fail(op.on_busy),
            DialEvent::NoAnswer if !connected => Turn::Fail(op.on_no_answer),
            DialEvent::Failed(failure) if !connected => {
                self.note(Event::NotDialled(failure));
                Turn::Fail(op.fail)
            }
            _ => Turn::Stay,
        }
    }

    pub(super) fn enter_callback(&mut self, op: &CallbackOp) -> Turn {
        let number = match &op.number {
            Some(number) => self.text(number),
            None => Some(self.call.caller.to_string()),
        };
        let Some(number) = number.filter(|number| !number.trim().is_empty()) else { return Turn::Fail(op.fail) };
        let request = CallbackRequest {
            number,
            queue: Arc::clone(&op.queue),
            delay: op.delay,
            attempts: op.attempts,
            retry: op.retry,
        };
        let token = self.token();
        self.command(Command::RequestCallback(token, request));
        self.wait(Doing::Callback(token), Some(ANSWER_PATIENCE))
    }

    pub(super) fn callback_arranged(&mut self, program: &Program, token: Token, arranged: bool) -> Turn {
        match (self.op(program), &self.doing) {
            (Some(Op::Callback(op)), Doing::Callback(waited)) if *waited == token => match arranged {
                true => Turn::Go(op.next),
                false => Turn::Fail(op.fail),
            },
            _ => Turn::Stay,
        }
    }
}
