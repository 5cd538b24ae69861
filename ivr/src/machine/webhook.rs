//! Asking a web service, and doing what it says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::trace::Event;
use super::{Answer, Cause, Command, Doing, Finish, Machine, Method, Request, RequestFailure, Sound, Token, Turn};
use crate::expr::{EvalError, Value};
use crate::flow::action::{ACTIONS_MAX, Action};
use crate::program::{Act, Body, Op, Program, Way, WebhookOp};
use crate::template;

/// The longest answer that is looked at, in bytes.
pub const ANSWER_MAX: usize = 256 * 1_024;
/// The pause before the first repetition; it doubles.
const PAUSE: Duration = Duration::from_millis(200);
/// How much later than its own time-out a request counts as lost, should the host say nothing.
const GRACE: Duration = Duration::from_secs(1);

/// A request under way, or the pause before its repetition.
#[derive(Debug)]
pub(super) struct WebhookRun {
    token: Option<Token>,
    request: Request,
    /// How often it was repeated.
    repeated: u8,
}

/// Actions being carried out.
#[derive(Debug)]
pub(super) struct Acting {
    left: VecDeque<Act>,
    next: Way,
    pub(super) fail: Way,
}

impl Machine {
    pub(super) fn enter_webhook(&mut self, program: &Program, op: &WebhookOp) -> Turn {
        let request = match self.request(program, op) {
            Ok(request) => request,
            Err(error) => {
                self.note(Event::NotComputed(error));
                return Turn::Fail(op.fail);
            }
        };
        if let Some(wait) = &op.wait
            && let Err(error) = self.play(&[wait], true)
        {
            // The answer matters more than what is heard until it comes.
            self.note(Event::NotComputed(error));
        }
        self.send(request, 0)
    }

    fn send(&mut self, request: Request, repeated: u8) -> Turn {
        let token = self.token();
        self.command(Command::Request(token, request.clone()));
        let patience = request.timeout + GRACE;
        self.wait(Doing::Webhook(WebhookRun { token: Some(token), request, repeated }), Some(patience))
    }

    fn request(&self, program: &Program, op: &WebhookOp) -> Result<Request, EvalError> {
        let env = self.env();
        let header = |(name, value): &(Box<str>, crate::template::Template)| {
            // A line break in a value would begin another header.
            let value = value.render(&env)?.replace(['\r', '\n', '\0'], " ");
            Ok((name.to_string(), value))
        };
        let body = match &op.body {
            Some(body) => Some(self.body(body)?.to_string()),
            None if matches!(op.method, Method::Post | Method::Put | Method::Patch) => {
                Some(self.default_body(program).to_string())
            }
            None => None,
        };
        Ok(Request {
            method: op.method,
            url: op.url.render_url(&env)?,
            headers: op.headers.iter().map(header).collect::<Result<_, _>>()?,
            body,
            timeout: op.timeout,
        })
    }

    fn body(&self, body: &Body) -> Result<Json, EvalError> {
        Ok(match body {
            Body::Plain(json) => json.clone(),
            Body::Text(template) => template.value(&self.env())?.to_json(),
            Body::List(items) => items.iter().map(|item| self.body(item)).collect::<Result<_, _>>()?,
            Body::Object(fields) => {
                let field = |(name, field): &(Box<str>, Body)| Ok((name.to_string(), self.body(field)?));
                Json::Object(fields.iter().map(field).collect::<Result<_, EvalError>>()?)
            }
        })
    }

    fn default_body(&self, program: &Program) -> Json {
        let variables: serde_json::Map<_, _> = self
            .variables()
            .filter(|(name, _)| self.part(program).is_some_and(|part| !part.is_secret(name)))
            .map(|(name, value)| (name.to_owned(), value.to_json()))
            .collect();
        serde_json::json!({
            "call": {"id": &*self.call.id, "caller": &*self.call.caller, "called": &*self.call.called},
            "node": program.name(self.node),
            "language": &*self.language,
            "variables": variables,
        })
    }

    pub(super) fn webhook_timeout(&mut self, program: &Program) -> Turn {
        let Doing::Webhook(run) = &self.doing else { return Turn::Stay };
        match run.token {
            Some(token) => self.answered(program, token, Err(RequestFailure::Timeout)),
            None => {
                let (request, repeated) = (run.request.clone(), run.repeated);
                self.send(request, repeated)
            }
        }
    }

    pub(super) fn answered(&mut self, program: &Program, token: Token, result: Result<Answer, RequestFailure>) -> Turn {
        let Some(Op::Webhook(op)) = self.op(program) else { return Turn::Stay };
        let Doing::Webhook(run) = &mut self.doing else { return Turn::Stay };
        if run.token != Some(token) {
            return Turn::Stay;
        }
        let passing = match &result {
            Ok(answer) => answer.status == 429 || answer.status >= 500,
            Err(failure) => matches!(failure, RequestFailure::Timeout | RequestFailure::Unreachable),
        };
        if passing && run.repeated < op.retries {
            let pause = PAUSE * (1 << run.repeated.min(8));
            run.repeated += 1;
            run.token = None;
            self.wake = Some(self.now + pause);
            self.note(match result {
                Ok(answer) => Event::Status(answer.status),
                Err(failure) => Event::NoAnswer(failure),
            });
            return Turn::Stay;
        }
        self.stop_playing();
        self.doing = Doing::Nothing;
        self.wake = None;
        match result {
            Ok(answer) => {
                self.note(Event::Status(answer.status));
                self.go_by_answer(program, op, &answer)
            }
            Err(failure) => {
                self.note(Event::NoAnswer(failure));
                Turn::Fail(op.fail)
            }
        }
    }

    fn go_by_answer(&mut self, program: &Program, op: &WebhookOp, answer: &Answer) -> Turn {
        if !(200..300).contains(&answer.status) {
            let status = answer.status.to_string();
            let fits = |pattern: &str| match pattern.strip_suffix("xx") {
                Some(class) => status.len() == 3 && status.starts_with(class),
                None => status == pattern,
            };
            let way = op.statuses.iter().find(|(pattern, _)| fits(pattern)).map(|(_, way)| *way);
            return match way {
                Some(way) => Turn::Go(Some(way)),
                None => Turn::Fail(op.fail),
            };
        }
        if op.save.is_empty() && !op.actions {
            return Turn::Go(op.next);
        }
        match self.read_answer(program, op, &answer.body) {
            Ok((values, actions)) => {
                for (place, value) in values {
                    self.assign(place, value);
                }
                if actions.is_empty() {
                    return Turn::Go(op.next);
                }
                self.doing = Doing::Acting(Acting { left: actions, next: op.next, fail: op.fail });
                self.act(program)
            }
            Err(why) => {
                self.note(Event::BadAnswer(why.into()));
                Turn::Fail(op.fail)
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "what is read is used at once")]
    fn read_answer(
        &self,
        program: &Program,
        op: &WebhookOp,
        body: &str,
    ) -> Result<(Vec<(usize, Value)>, VecDeque<Act>), String> {
        if body.len() > ANSWER_MAX {
            return Err(format!("the answer has more than {ANSWER_MAX} bytes"));
        }
        let json: Json = serde_json::from_str(body).map_err(|error| format!("the answer is no JSON: {error}"))?;
        let mut values = Vec::with_capacity(op.save.len());
        for (place, pointer) in &op.save {
            let found = json.pointer(pointer).unwrap_or(&Json::Null);
            let value = Value::from_json(found).ok_or_else(|| format!("what is at {pointer} is no value"))?;
            values.push((*place, value));
        }
        let mut actions = VecDeque::new();
        if let Some(list) = json.get("actions").filter(|_| op.actions) {
            let list: Vec<Action> =
                serde::Deserialize::deserialize(list).map_err(|error| format!("actions: {error}"))?;
            if list.len() > ACTIONS_MAX {
                return Err(format!("the answer has more than {ACTIONS_MAX} actions"));
            }
            for action in list {
                self.check_action(program, op, action, &mut actions)?;
            }
        }
        Ok((values, actions))
    }

    fn check_action(
        &self,
        program: &Program,
        op: &WebhookOp,
        action: Action,
        into: &mut VecDeque<Act>,
    ) -> Result<(), String> {
        let part = self.part(program).ok_or("the flow is gone")?;
        into.push_back(match action {
            Action::Set(values) => {
                for (name, value) in values {
                    let place = part.variables.iter().position(|variable| *variable.name == *name);
                    let place = place.ok_or_else(|| format!("set: there is no variable {name}"))?;
                    // A value that is too long is refused like one in `save`.
                    let value = Value::from_json(&value.to_json()).ok_or_else(|| format!("set: {name} is too long"))?;
                    into.push_back(Act::Set(place, value));
                }
                return Ok(());
            }
            Action::Say(text) if text.len() <= template::OUTPUT_MAX => Act::Say(text),
            Action::Say(_) => return Err("say: the text is too long".to_owned()),
            Action::Play(name) => {
                let prompt = part.prompts.iter().find(|(known, _)| **known == *name);
                Act::Play(
                    prompt.map(|(_, prompt)| Arc::clone(prompt)).ok_or_else(|| format!("play: no prompt {name}"))?,
                )
            }
            Action::Language(language) => Act::Language(language),
            Action::Goto(name) => {
                let target = op.targets.iter().find(|(known, _)| **known == *name);
                Act::Goto(target.map(|(_, way)| *way).ok_or_else(|| format!("goto: {name} is not a target"))?)
            }
            Action::Hangup {} => Act::Hangup,
        });
        Ok(())
    }

    /// Carries out actions until one takes time.
    pub(super) fn act(&mut self, program: &Program) -> Turn {
        loop {
            let Doing::Acting(acting) = &mut self.doing else { return Turn::Stay };
            let (next, fail) = (acting.next, acting.fail);
            let Some(act) = acting.left.pop_front() else { return Turn::Go(next) };
            match act {
                Act::Set(place, value) => {
                    self.assign(place, value);
                }
                Act::Language(language) => self.speak(program, &language),
                Act::Say(text) => {
                    self.play_sounds(vec![Sound::Say(text)], false);
                    self.rush = 0;
                    return Turn::Stay;
                }
                Act::Play(prompt) => {
                    self.rush = 0;
                    return match self.play(&[&prompt], false) {
                        Ok(()) => Turn::Stay,
                        Err(error) => {
                            self.note(Event::NotComputed(error));
                            Turn::Fail(fail)
                        }
                    };
                }
                Act::Goto(way) => return Turn::Go(Some(way)),
                Act::Hangup => return Turn::Finish(Finish::HangUp(Cause::Normal)),
            }
        }
    }
}
