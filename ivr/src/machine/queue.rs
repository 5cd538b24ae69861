//! Waiting for an agent, and how a queue stands.

use std::sync::Arc;
use std::time::Duration;

use super::trace::Event;
use super::{Command, Doing, Enqueue, Finish, Machine, QueueEvent, QueueStatus, Skill, Token, Turn};
use crate::expr::Value;
use crate::program::{Op, Program, QueueOp, WaitOp, Way};

/// A wait in a queue.
#[derive(Debug)]
pub(super) struct QueueRun {
    /// The step of the wait that is next.
    step: usize,
    /// When the wait is over.
    until: Option<Duration>,
    /// When the pause between prompts is over.
    pause: Option<Duration>,
    /// The key that asks for a callback, once it was offered.
    callback_key: Option<char>,
    /// Where the call goes as soon as it is out of the queue.
    leaving: Option<Leaving>,
    connected: bool,
}

#[derive(Debug, Clone, Copy)]
struct Leaving(Way);

impl Machine {
    pub(super) fn queue_status(&mut self, program: &Program, token: Token, status: Option<QueueStatus>) -> Turn {
        let Some(Op::QueueStatus(op)) = self.op(program) else { return Turn::Stay };
        if !matches!(self.doing, Doing::Status(waited) if waited == token) {
            return Turn::Stay;
        }
        let Some(status) = status else { return Turn::Fail(op.fail) };
        if let Some(into) = op.waiting_into {
            self.assign(into, Value::Int(status.waiting.into()));
        }
        if let Some(into) = op.oldest_into {
            self.assign(into, Value::Int(i64::try_from(status.oldest.as_secs()).unwrap_or(i64::MAX)));
        }
        Turn::Go(match (status.available, status.staffed) {
            (0, 0) => op.unstaffed,
            (0, _) => op.busy,
            _ => op.available,
        })
    }

    pub(super) fn enter_queue(&mut self, op: &QueueOp) -> Turn {
        let priority = match op.priority.as_ref().map(|priority| self.compute(priority)) {
            Some(Value::Int(priority)) => priority.clamp(-100, 100) as i8,
            Some(Value::Double(priority)) => priority.clamp(-100.0, 100.0) as i8,
            _ => 0,
        };
        let mut skills = Vec::with_capacity(op.skills.len());
        for skill in &op.skills {
            if let Some(name) = self.text(&skill.name) {
                skills.push(Skill { name, level: skill.level, required: skill.required });
            }
        }
        self.command(Command::Enqueue(Enqueue { queue: Arc::clone(&op.queue), priority, skills }));
        self.keys.clear();
        let until = op.max_wait.map(|wait| self.now + wait);
        let run = QueueRun { step: 0, until, pause: None, callback_key: None, leaving: None, connected: false };
        self.wait(Doing::Queue(run), None);
        self.next_wait_step(op)
    }

    /// Goes on with what the caller hears, up to something that takes time.
    fn next_wait_step(&mut self, op: &QueueOp) -> Turn {
        // As many as there are: a wait whose prompts all fail must not spin.
        for _ in 0..op.wait.len() {
            let Doing::Queue(run) = &mut self.doing else { return Turn::Stay };
            let Some(step) = op.wait.get(run.step) else { break };
            run.step = (run.step + 1) % op.wait.len();
            match step {
                WaitOp::Pause(length) => {
                    run.pause = Some(self.now + *length);
                    break;
                }
                WaitOp::Leave => return self.leave_queue(op.on_leave),
                WaitOp::Play(prompt) | WaitOp::Offer { prompt, .. } => {
                    if let WaitOp::Offer { key, .. } = step {
                        run.callback_key = Some(*key);
                    }
                    match self.play(&[prompt], false) {
                        Ok(()) => break,
                        Err(error) => self.note(Event::NotComputed(error)),
                    }
                }
            }
        }
        self.set_queue_timer();
        Turn::Stay
    }

    fn set_queue_timer(&mut self) {
        let Doing::Queue(run) = &self.doing else { return };
        self.wake = match run.leaving {
            Some(_) => Some(self.now + super::ANSWER_PATIENCE),
            None => run.until.into_iter().chain(run.pause).min(),
        };
    }

    fn leave_queue(&mut self, way: Way) -> Turn {
        self.stop_playing();
        if let Doing::Queue(run) = &mut self.doing {
            run.leaving = Some(Leaving(way));
        }
        self.command(Command::Dequeue);
        self.set_queue_timer();
        Turn::Stay
    }

    pub(super) fn queue_played(&mut self, program: &Program) -> Turn {
        match (self.op(program), &self.doing) {
            (Some(Op::Queue(op)), Doing::Queue(run)) if run.leaving.is_none() && !run.connected => {
                self.next_wait_step(op)
            }
            _ => Turn::Stay,
        }
    }

    pub(super) fn queue_key(&mut self, program: &Program, key: char) -> Turn {
        let (Some(Op::Queue(op)), Doing::Queue(run)) = (self.op(program), &self.doing) else { return Turn::Stay };
        if run.leaving.is_some() || run.connected {
            return Turn::Stay;
        }
        let way = match () {
            () if op.leave_key == Some(key) => op.on_leave,
            () if run.callback_key == Some(key) => op.on_callback,
            () => {
                self.note(Event::DroppedKey);
                return Turn::Stay;
            }
        };
        self.note(Event::Key(key));
        self.leave_queue(way)
    }

    pub(super) fn queue_timeout(&mut self, program: &Program) -> Turn {
        let (Some(Op::Queue(op)), Doing::Queue(run)) = (self.op(program), &mut self.doing) else { return Turn::Stay };
        if let Some(Leaving(way)) = run.leaving {
            // The host did not say that the call is out; it is not waited for any longer.
            return Turn::Go(way);
        }
        if run.until.is_some_and(|until| until <= self.now) {
            self.note(Event::TimedOut);
            return self.leave_queue(op.on_timeout);
        }
        run.pause = None;
        self.next_wait_step(op)
    }

    pub(super) fn queue_event(&mut self, program: &Program, event: QueueEvent) -> Turn {
        let (Some(Op::Queue(op)), Doing::Queue(run)) = (self.op(program), &mut self.doing) else { return Turn::Stay };
        match event {
            QueueEvent::Connected if !run.connected => {
                // An agent who answered wins over whatever the caller or the clock wanted.
                run.connected = true;
                run.leaving = None;
                self.talk();
                Turn::Stay
            }
            QueueEvent::Ended if run.connected => {
                self.talked();
                match op.next {
                    Some(way) => Turn::Go(Some(way)),
                    None => Turn::Finish(Finish::Completed),
                }
            }
            QueueEvent::Left => match run.leaving {
                Some(Leaving(way)) => Turn::Go(way),
                None => Turn::Stay,
            },
            QueueEvent::TimedOut if !run.connected => {
                self.note(Event::TimedOut);
                Turn::Go(op.on_timeout)
            }
            QueueEvent::Refused if !run.connected => match run.leaving {
                Some(Leaving(way)) => Turn::Go(way),
                None => Turn::Fail(op.fail),
            },
            _ => Turn::Stay,
        }
    }
}
