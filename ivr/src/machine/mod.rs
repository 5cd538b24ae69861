//! A call in its flow, as a machine without input and output.
//!
//! The host gives [`Input`]s and the time since the call entered the flow, drains [`Command`]s fully after each, and calls
//! [`Machine::handle_timeout`] at [`Machine::poll_timeout`]. Time is passed in as the [`Duration`] since [`Input::Begin`], so that a test can let an
//! hour pass in no time; the time of day is that plus [`CallInfo::began`].
//!
//! # Keys
//!
//! - A key pressed during a prompt with `bargeIn` ends the prompt. In `menu`, `collect` and `collectPhone` it counts at once; in `play` and `say` it is kept.
//! - A key pressed during a prompt without `bargeIn` is dropped, and such a prompt also drops what was typed ahead.
//! - While nothing asks for keys (a webhook is asked, a condition is computed), keys are kept: at most [`Limits::type_ahead`], further ones are
//!   dropped. The next node that asks for keys takes the kept ones first and, if there are any, does not play its prompt.
//! - Digits that end because they are as many as may be are often followed by their terminator, out of habit. Such a terminator, when it is the next
//!   key and comes within the time between digits, is dropped.
//! - When a menu or collection asks again, what was typed ahead is dropped: it was meant for the answer that was not understood.
//!
//! # Every call ends
//!
//! Whatever the flow and the inputs, [`Command::Finish`] comes exactly once and last: [`Limits`] bound the steps of a call, those
//! without waiting, and the depth of subflows; the flow's `maxSeconds` bounds the time.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use dialplane_ivr::machine::{Command, Finish, Input, Machine};
//! use dialplane_ivr::{CallInfo, Flow, Program, Surroundings};
//!
//! let flow = Flow::read(r#"{"version": 1, "start": "bye", "prompts": {"bye": {"en": "Goodbye."}},
//!     "nodes": {"bye": {"type": "hangup", "prompt": "bye"}}}"#).unwrap();
//! let program = Arc::new(Program::compile("demo", &flow, &Surroundings::default()).unwrap());
//! # let call = CallInfo { id: "c".into(), caller: "".into(), caller_name: "".into(), called: "".into(),
//! #     began: Default::default(), timezone: "UTC".parse().unwrap() };
//! let mut machine = Machine::new(program, call, 42);
//! machine.handle(Duration::ZERO, Input::Begin).unwrap();
//! let Some(Command::Play { play, .. }) = machine.poll_command() else { panic!() };
//! machine.handle(Duration::from_secs(2), Input::Played(play)).unwrap();
//! assert!(matches!(machine.poll_command(), Some(Command::Finish(Finish::HangUp(_)))));
//! ```

pub mod command;
mod connect;
mod decide;
mod gather;
mod play;
mod queue;
#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
mod trace;
mod voicemail;
mod webhook;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

pub use command::{
    Answer, CallbackRequest, Cause, Command, Destination, Dial, DialEvent, DialFailure, Enqueue, Fault, Finish, Input,
    Method, Misuse, PlayFailure, QueueEvent, QueueStatus, Record, Request, RequestFailure, Skill, Sound, Token,
};
pub use trace::{ENTRIES_MAX, Step};
pub use webhook::ANSWER_MAX;

use crate::env::{CallInfo, Env};
use crate::expr::Value;
use crate::flow::is_key;
use crate::program::{FlowPart, Op, Program, SubflowOp, Way};
use gather::Gather;
use play::spaced;
use queue::QueueRun;
use trace::{Event, Trace};
use voicemail::VoicemailRun;
use webhook::{Acting, WebhookRun};

/// What bounds a call in its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nodes a call may enter.
    pub steps: u32,
    /// Nodes a call may enter without waiting for anything in between.
    pub rush: u32,
    /// Keys that are kept for later.
    pub type_ahead: usize,
    /// Flows within flows.
    pub depth: usize,
    /// How often a call may go to the flow's `onError`.
    pub errors: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 10_000, rush: 1_000, type_ahead: 32, depth: 8, errors: 3 }
    }
}

/// One call in its flow.
#[derive(Debug)]
pub struct Machine {
    program: Arc<Program>,
    call: CallInfo,
    limits: Limits,
    stage: Stage,
    now: Duration,
    node: u32,
    frames: Vec<Frame>,
    language: Arc<str>,
    /// The place of the language among the current flow's.
    spoken: usize,
    doing: Doing,
    /// What is being played.
    playing: Option<Token>,
    /// When the node wants to be woken.
    wake: Option<Duration>,
    /// When the flow has to be over.
    deadline: Duration,
    /// Since when somebody talks to the caller.
    talking: Option<Duration>,
    keys: VecDeque<char>,
    /// The terminator of digits that were complete without it, and until when it belongs to them.
    late_terminator: Option<(char, Duration)>,
    /// Until when further keys belong to a secret that was complete without them.
    late_secret: Option<Duration>,
    steps: u32,
    rush: u32,
    errors: u8,
    tokens: u32,
    random: u64,
    commands: VecDeque<Command>,
    trace: Trace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Running,
    Over,
}

/// A flow that the call is in.
#[derive(Debug)]
struct Frame {
    flow: u16,
    variables: Vec<Value>,
    /// The subflow node the call came by.
    from: u32,
}

/// What the call waits for.
#[derive(Debug, Default)]
enum Doing {
    #[default]
    Nothing,
    /// A prompt of `play` or `say`, or the beep of a recording.
    Playing {
        barge_in: bool,
        next: Way,
        fail: Way,
    },
    /// The last words of `hangup`.
    Farewell(Cause),
    Gather(Gather),
    Webhook(WebhookRun),
    Acting(Acting),
    Status(Token),
    Queue(QueueRun),
    Dial,
    Callback(Token),
    Voicemail(VoicemailRun),
}

/// Where a call goes from a node.
#[derive(Debug)]
enum Turn {
    /// Nowhere yet.
    Stay,
    /// By a branch.
    Go(Way),
    /// By the branch for failures, or the flow's.
    Fail(Way),
    /// To the end.
    Finish(Finish),
    /// Back to the flow around this one.
    Return,
}

impl Machine {
    /// A call that has not begun. `seed` decides what is left to chance: pass a random number, or a fixed one to repeat a call.
    #[must_use]
    pub fn new(program: Arc<Program>, call: CallInfo, seed: u64) -> Self {
        Self::with_limits(program, call, seed, Limits::default())
    }

    /// As [`Machine::new`], within limits of your own.
    #[must_use]
    pub fn with_limits(program: Arc<Program>, call: CallInfo, seed: u64, limits: Limits) -> Self {
        let part = program.flows.first();
        let language = part.and_then(|part| part.languages.first()).cloned().unwrap_or_default();
        let deadline = part.map(|part| part.max).unwrap_or_default();
        Self {
            program,
            call,
            limits,
            stage: Stage::New,
            now: Duration::ZERO,
            node: 0,
            frames: Vec::new(),
            language,
            spoken: 0,
            doing: Doing::Nothing,
            playing: None,
            wake: None,
            deadline,
            talking: None,
            keys: VecDeque::new(),
            late_terminator: None,
            late_secret: None,
            steps: 0,
            rush: 0,
            errors: 0,
            tokens: 0,
            random: seed,
            commands: VecDeque::new(),
            trace: Trace::default(),
        }
    }

    /// Sets a variable before the call begins, for tests and simulations. `false` when the flow has no such variable, or the call has begun.
    pub fn preset(&mut self, name: &str, value: Value) -> bool {
        if self.stage != Stage::New {
            return false;
        }
        let program = Arc::clone(&self.program);
        let Some(part) = program.flows.first() else { return false };
        if self.frames.is_empty() {
            self.push_frame(0, part);
        }
        let place = part.variables.iter().position(|variable| &*variable.name == name);
        place.is_some_and(|place| self.assign(place, value))
    }

    /// Takes an input. What comes after the end, or is about something that is over, is a normal race and changes nothing.
    ///
    /// # Errors
    /// [`Misuse`].
    pub fn handle(&mut self, now: Duration, input: Input) -> Result<(), Misuse> {
        self.now = self.now.max(now);
        let program = Arc::clone(&self.program);
        let turn = match (self.stage, input) {
            (Stage::New, Input::Begin) => return self.begin(&program),
            (Stage::New, _) => return Err(Misuse::NotBegun),
            (_, Input::Begin) => return Err(Misuse::AlreadyBegun),
            (Stage::Over, _) => return Ok(()),
            (Stage::Running, Input::HungUp) => Turn::Finish(Finish::Caller),
            (Stage::Running, input) => self.input(&program, input),
        };
        self.follow(&program, turn);
        Ok(())
    }

    /// Lets time pass. Spurious calls are harmless.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.now = self.now.max(now);
        if self.stage != Stage::Running {
            return;
        }
        let program = Arc::clone(&self.program);
        let turn = if self.talking.is_none() && self.now >= self.deadline {
            Turn::Finish(Finish::Fault(Fault::Time))
        } else if self.wake.is_some_and(|at| at <= self.now) {
            self.wake = None;
            self.woken(&program)
        } else {
            Turn::Stay
        };
        self.follow(&program, turn);
    }

    /// The next thing to do.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When to call [`Machine::handle_timeout`] next, since the beginning.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        if self.stage != Stage::Running {
            return None;
        }
        let deadline = self.talking.is_none().then_some(self.deadline);
        self.wake.into_iter().chain(deadline).min()
    }

    /// Whether the flow is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// The name of the node the call is in.
    #[must_use]
    pub fn node(&self) -> &str {
        self.program.name(self.node)
    }

    /// What the call did so far, and why.
    #[must_use]
    pub fn trace(&self) -> Vec<Step> {
        self.trace.write_out(&self.program)
    }

    /// How many entries the trace had no room for.
    #[must_use]
    pub const fn omitted(&self) -> u32 {
        self.trace.omitted
    }

    /// The variables of the flow the call is in, by name; secrets are null.
    pub fn variables(&self) -> impl Iterator<Item = (&str, Value)> {
        let frame = self.frames.last();
        let part = frame.and_then(|frame| self.program.flows.get(usize::from(frame.flow)));
        let named = part.map(|part| &*part.variables).unwrap_or_default();
        let values = frame.map(|frame| frame.variables.as_slice()).unwrap_or_default();
        named
            .iter()
            .zip(values)
            .map(|(variable, value)| (&*variable.name, if variable.secret { Value::Null } else { value.clone() }))
    }

    /// Whether a key pressed now would be taken or kept, rather than dropped because nobody waits for keys.
    pub(crate) fn hears_key(&self, now: Duration, key: char) -> bool {
        if self.late_terminator.is_some_and(|(late, until)| late == key && now <= until) {
            return true;
        }
        match &self.doing {
            Doing::Gather(_) => {
                let gathering = self.gathering(&self.program);
                self.playing.is_none() || gathering.is_some_and(|gathering| gathering.barge_in)
            }
            Doing::Playing { barge_in, .. } => *barge_in,
            Doing::Farewell(_) | Doing::Dial | Doing::Nothing => false,
            Doing::Queue(_) | Doing::Voicemail(_) | Doing::Acting(_) => true,
            Doing::Webhook(_) | Doing::Status(_) | Doing::Callback(_) => true,
        }
    }

    /// Until when keys count as the rest of a secret.
    pub(crate) const fn secret_until(&self) -> Option<Duration> {
        self.late_secret
    }

    pub(crate) fn ways_taken(&self) -> impl Iterator<Item = (u32, Option<u16>)> {
        self.trace.entries.iter().filter_map(|entry| match entry.event {
            Event::Entered => Some((entry.node, None)),
            Event::Left(way) => Some((entry.node, Some(way))),
            _ => None,
        })
    }

    fn begin(&mut self, program: &Program) -> Result<(), Misuse> {
        self.stage = Stage::Running;
        let Some(part) = program.flows.first() else {
            self.finish(Finish::Fault(Fault::Unhandled));
            return Ok(());
        };
        if self.frames.is_empty() {
            self.push_frame(0, part);
        }
        let turn = self.enter(program, part.start);
        self.follow(program, turn);
        Ok(())
    }

    fn push_frame(&mut self, flow: u16, part: &FlowPart) {
        let variables = part.variables.iter().map(|variable| variable.initial.clone()).collect();
        self.frames.push(Frame { flow, variables, from: self.node });
        self.find_language(part);
    }

    fn find_language(&mut self, part: &FlowPart) {
        // A subflow that does not speak the caller's language speaks its first one.
        self.spoken = part.languages.iter().position(|language| *language == self.language).unwrap_or(0);
    }

    fn part<'p>(&self, program: &'p Program) -> Option<&'p FlowPart> {
        program.flows.get(usize::from(self.frames.last()?.flow))
    }

    fn follow(&mut self, program: &Program, mut turn: Turn) {
        loop {
            turn = match turn {
                Turn::Stay => return,
                Turn::Finish(finish) => return self.finish(finish),
                Turn::Go(way) => match way.and_then(|way| Some((way, program.branch(self.node, way)?.target))) {
                    Some((way, target)) => {
                        self.note(Event::Left(way));
                        self.enter(program, target)
                    }
                    None => Turn::Finish(Finish::Fault(Fault::Unhandled)),
                },
                Turn::Fail(Some(way)) => Turn::Go(Some(way)),
                Turn::Fail(None) => match self.part(program).and_then(|part| part.on_error) {
                    Some(target) if self.errors < self.limits.errors => {
                        self.errors += 1;
                        self.enter(program, target)
                    }
                    _ => Turn::Finish(Finish::Fault(Fault::Unhandled)),
                },
                Turn::Return => self.leave_flow(program),
            };
        }
    }

    /// Enters a node. The host is to be left only when something is waited for, so this counts what goes by itself.
    fn enter(&mut self, program: &Program, node: u32) -> Turn {
        self.stop_playing();
        self.doing = Doing::Nothing;
        self.wake = None;
        self.node = node;
        self.steps += 1;
        self.rush += 1;
        self.note(Event::Entered);
        if self.steps > self.limits.steps {
            return Turn::Finish(Finish::Fault(Fault::Steps));
        }
        if self.rush > self.limits.rush {
            return Turn::Finish(Finish::Fault(Fault::Rush));
        }
        let Some(step) = program.nodes.get(node as usize) else {
            return Turn::Finish(Finish::Fault(Fault::Unhandled));
        };
        match &step.op {
            Op::Play(op) => self.enter_play(op),
            Op::Menu(op) => self.enter_gather(&op.gathering, None),
            Op::Collect(op) => self.enter_gather(&op.gathering, None),
            Op::CollectPhone(op) => self.enter_phone(op),
            Op::Language { to, next } => self.change_language(program, to, *next),
            Op::Condition { cases, otherwise } => self.decide(cases, *otherwise),
            Op::Set { values, next } => self.set(values, *next),
            Op::Hours { calendar, open, closed, holiday } => {
                use crate::calendar::Opening;
                Turn::Go(match calendar.at(self.time_of_day()) {
                    Opening::Open => *open,
                    Opening::Closed => *closed,
                    Opening::Holiday => *holiday,
                })
            }
            Op::QueueStatus(op) => {
                let token = self.token();
                self.command(Command::AskQueue(token, Arc::clone(&op.queue)));
                self.wait(Doing::Status(token), Some(ANSWER_PATIENCE))
            }
            Op::Webhook(op) => self.enter_webhook(program, op),
            Op::Queue(op) => self.enter_queue(op),
            Op::Dial(op) => self.enter_dial(op),
            Op::Voicemail(op) => self.enter_voicemail(op),
            Op::RecordStart { beep, next } => self.start_recording(*beep, *next),
            Op::RecordStop { next } => {
                self.command(Command::StopCallRecording);
                Turn::Go(*next)
            }
            Op::Callback(op) => self.enter_callback(op),
            Op::Split { ways } => {
                let place = self.chance(ways.len());
                Turn::Go(ways.get(place).copied())
            }
            Op::Subflow(op) => self.enter_flow(program, op),
            Op::Return => Turn::Return,
            Op::Tag { tags, disposition, next } => self.tag(tags, disposition.as_ref(), *next),
            Op::Hangup { prompt, cause } => match prompt {
                Some(prompt) => match self.play(&[prompt], false) {
                    Ok(()) => self.wait(Doing::Farewell(*cause), None),
                    // The end needs no words.
                    Err(error) => {
                        self.note(Event::NotComputed(error));
                        Turn::Finish(Finish::HangUp(*cause))
                    }
                },
                None => Turn::Finish(Finish::HangUp(*cause)),
            },
        }
    }

    fn enter_flow(&mut self, program: &Program, op: &SubflowOp) -> Turn {
        if self.frames.len() > self.limits.depth {
            return Turn::Finish(Finish::Fault(Fault::Depth));
        }
        let Some(part) = program.flows.get(usize::from(op.flow)) else { return Turn::Fail(None) };
        let given: Vec<_> = op.with.iter().map(|(place, expression)| (*place, self.compute(expression))).collect();
        self.push_frame(op.flow, part);
        for (place, value) in given {
            self.assign(place, value);
        }
        self.enter(program, part.start)
    }

    fn leave_flow(&mut self, program: &Program) -> Turn {
        if self.frames.len() < 2 {
            return Turn::Finish(Finish::HangUp(Cause::Normal));
        }
        let Some(done) = self.frames.pop() else { return Turn::Stay };
        self.node = done.from;
        if let Some(part) = self.part(program) {
            self.find_language(part);
        }
        let Some(Op::Subflow(op)) = program.nodes.get(done.from as usize).map(|step| &step.op) else {
            return Turn::Fail(None);
        };
        for (here, there) in &op.returns {
            let value = done.variables.get(*there).cloned().unwrap_or_default();
            self.assign(*here, value);
        }
        Turn::Go(op.next)
    }

    fn input(&mut self, program: &Program, input: Input) -> Turn {
        match input {
            Input::Key(key) => self.key(program, key),
            Input::Played(token) if self.playing == Some(token) => {
                self.playing = None;
                self.played(program)
            }
            Input::PlayFailed(token, failure) if self.playing == Some(token) => {
                self.playing = None;
                self.note(Event::PlayFailed(failure));
                self.play_failed(program)
            }
            Input::Answered(token, result) => self.answered(program, token, result),
            Input::QueueStatus(token, status) => self.queue_status(program, token, status),
            Input::Queue(event) => self.queue_event(program, event),
            Input::Dial(event) => self.dial_event(program, event),
            Input::Recorded(token, length) => self.recorded(program, token, length),
            Input::Callback(token, arranged) => self.callback_arranged(program, token, arranged),
            // About something that is over.
            Input::Played(_) | Input::PlayFailed(..) | Input::Begin | Input::HungUp => Turn::Stay,
        }
    }

    fn op<'p>(&self, program: &'p Program) -> Option<&'p Op> {
        program.nodes.get(self.node as usize).map(|step| &step.op)
    }

    fn key(&mut self, program: &Program, key: char) -> Turn {
        if !u8::try_from(key).is_ok_and(is_key) {
            return Turn::Stay;
        }
        if self.late_terminator.take().is_some_and(|(late, until)| late == key && self.now <= until) {
            self.note(Event::LateTerminator);
            return Turn::Stay;
        }
        if self.late_secret.take().is_some_and(|until| self.now <= until) {
            self.late_secret = Some(self.now + SECRET_TAIL);
            self.note(Event::SecretKey);
            return Turn::Stay;
        }
        match &self.doing {
            Doing::Gather(_) => return self.gather_key(program, key),
            Doing::Queue(_) => return self.queue_key(program, key),
            Doing::Voicemail(_) => return self.voicemail_key(program, key),
            Doing::Playing { barge_in: true, next, .. } => {
                let next = *next;
                self.note(Event::KeptKey);
                self.keep(key);
                return Turn::Go(next);
            }
            Doing::Acting(_) => {
                self.keep(key);
                self.stop_playing();
                return self.act(program);
            }
            Doing::Webhook(_) | Doing::Status(_) | Doing::Callback(_) => self.keep(key),
            Doing::Playing { .. } | Doing::Farewell(_) | Doing::Dial | Doing::Nothing => self.note(Event::DroppedKey),
        }
        Turn::Stay
    }

    fn keep(&mut self, key: char) {
        if self.keys.len() < self.limits.type_ahead {
            self.keys.push_back(key);
        } else {
            self.note(Event::DroppedKey);
        }
    }

    fn woken(&mut self, program: &Program) -> Turn {
        match &self.doing {
            Doing::Gather(_) => self.gather_timeout(program),
            Doing::Webhook(_) => self.webhook_timeout(program),
            Doing::Status(token) => {
                let token = *token;
                self.queue_status(program, token, None)
            }
            Doing::Callback(token) => {
                let token = *token;
                self.callback_arranged(program, token, false)
            }
            Doing::Queue(_) => self.queue_timeout(program),
            Doing::Voicemail(_) => self.voicemail_timeout(program),
            _ => Turn::Stay,
        }
    }

    fn wait(&mut self, doing: Doing, patience: Option<Duration>) -> Turn {
        self.doing = doing;
        self.rush = 0;
        self.wake = patience.map(|patience| self.now + patience);
        Turn::Stay
    }

    fn finish(&mut self, finish: Finish) {
        self.stop_playing();
        if let Doing::Voicemail(VoicemailRun { recording: Some(token), .. }) = &self.doing {
            // What was said before hanging up is a message, too.
            let token = *token;
            self.command(Command::StopRecord(token));
        }
        self.note(Event::Finished(finish));
        self.stage = Stage::Over;
        self.doing = Doing::Nothing;
        self.wake = None;
        self.keys.clear();
        self.command(Command::Finish(finish));
    }

    /// Somebody talks to the caller, which the flow's time does not count.
    fn talk(&mut self) {
        self.stop_playing();
        self.wake = None;
        self.note(Event::Connected);
        self.talking.get_or_insert(self.now);
    }

    fn talked(&mut self) {
        if let Some(since) = self.talking.take() {
            self.deadline += self.now.saturating_sub(since);
        }
    }

    fn note(&mut self, event: Event) {
        self.trace.push(self.now, self.node, event);
    }

    fn command(&mut self, command: Command) {
        self.commands.push_back(command);
    }

    fn token(&mut self) -> Token {
        self.tokens = self.tokens.wrapping_add(1);
        Token(self.tokens)
    }

    /// A number below `below`, by chance (SplitMix64).
    fn chance(&mut self, below: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed % below.max(1) as u64) as usize
    }

    fn time_of_day(&self) -> chrono::DateTime<chrono::Utc> {
        let since = chrono::TimeDelta::from_std(self.now).ok();
        since.and_then(|since| self.call.began.checked_add_signed(since)).unwrap_or(self.call.began)
    }

    fn timezone(&self) -> Tz {
        let part = self.frames.last().and_then(|frame| self.program.flows.get(usize::from(frame.flow)));
        part.and_then(|part| part.timezone).unwrap_or(self.call.timezone)
    }

    fn env(&self) -> Env<'_> {
        Env {
            call: &self.call,
            language: &self.language,
            timezone: self.timezone(),
            now: self.time_of_day(),
            variables: self.frames.last().map(|frame| frame.variables.as_slice()).unwrap_or_default(),
        }
    }

    /// Sets a variable; `false` when there is none in this place.
    fn assign(&mut self, place: usize, value: Value) -> bool {
        let slot = self.frames.last_mut().and_then(|frame| frame.variables.get_mut(place));
        slot.map(|slot| *slot = value).is_some()
    }
}

/// Keys pressed so soon after a secret that is complete are the rest of it: more was typed than was asked for.
const SECRET_TAIL: Duration = Duration::from_secs(1);
/// How long an answer of the host may take before it counts as none.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
