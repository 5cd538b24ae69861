//! From checked flows to a program.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::op::{
    Body, CallbackOp, CaseOp, CollectOp, DialKind, DialOp, Gathering, MenuOp, Op, PhoneOp, Piece, PlayOp, Prompt,
    QueueOp, QueueStatusOp, SkillOp, SubflowOp, VoicemailOp, WaitOp, Way, WebhookOp,
};
use super::{Branch, FlowPart, Program, Step, VariablePart};
use crate::check::{self, Code, Problem, Surroundings};
use crate::env;
use crate::expr::{Expression, Symbols};
use crate::flow::node::{self, DialTo, Node, Terminator, WaitStep};
use crate::flow::{EVERY_LANGUAGE, Flow, Need, Segment, Spoken, Visitor, Words};
use crate::template::Template;

type Compiled<T> = Result<T, Problem>;

/// Links a flow that has no errors with its subflows, each once.
pub(super) fn link(name: &str, flow: &Flow, around: &Surroundings<'_>) -> Result<Program, Vec<Problem>> {
    for (sub, other) in around.flows.iter().flat_map(|known| reachable(flow, known)) {
        let mut problems = check::check(other, around);
        problems.retain(Problem::is_error);
        if !problems.is_empty() {
            problems.iter_mut().for_each(|problem| problem.message = format!("in {sub}: {}", problem.message));
            return Err(problems);
        }
    }
    link_as_is(name, flow, around)
}

/// Links flows whether they make sense or not.
pub(super) fn link_as_is(name: &str, flow: &Flow, around: &Surroundings<'_>) -> Result<Program, Vec<Problem>> {
    let none = BTreeMap::new();
    let known = around.flows.as_deref().unwrap_or(&none);
    let mut order = vec![(name, flow)];
    order.extend(reachable(flow, known));
    let mut bases = Vec::with_capacity(order.len());
    let mut base = 0u32;
    for (_, flow) in &order {
        bases.push(base);
        base += flow.nodes.len() as u32;
    }
    let mut nodes = Vec::with_capacity(base as usize);
    let mut flows = Vec::with_capacity(order.len());
    for (place, (name, flow)) in order.iter().enumerate() {
        let compiler =
            Compiler::new(flow, place as u16, bases[place], around, &order).map_err(|problem| vec![problem])?;
        for (name, node) in &flow.nodes {
            let step = compiler.step(name, node).map_err(|problem| vec![problem.at(name)])?;
            nodes.push(step);
        }
        flows.push(compiler.part(name).map_err(|problem| vec![problem])?);
    }
    Ok(Program { nodes: nodes.into(), flows: flows.into() })
}

/// The subflows of a flow and theirs, each once. One that is not known is missed when its node is compiled.
fn reachable<'a>(flow: &'a Flow, known: &'a BTreeMap<String, Flow>) -> Vec<(&'a str, &'a Flow)> {
    let mut found: Vec<(&str, &Flow)> = Vec::new();
    let mut open = vec![flow];
    while let Some(current) = open.pop() {
        for name in check::subflow_names(current) {
            if let Some((name, other)) = known.get_key_value(name)
                && !found.iter().any(|(taken, _)| taken == name)
            {
                found.push((name, other));
                open.push(other);
            }
        }
    }
    found
}

struct Compiler<'a> {
    flow: &'a Flow,
    place: u16,
    base: u32,
    places: BTreeMap<&'a str, u32>,
    symbols: Symbols,
    around: &'a Surroundings<'a>,
    linked: &'a [(&'a str, &'a Flow)],
    prompts: BTreeMap<&'a str, Arc<Prompt>>,
}

/// Collects the branches of a node that lead somewhere.
#[derive(Default)]
struct Branches<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Visitor<'a> for Branches<'a> {
    fn branch(&mut self, label: Cow<'a, str>, target: Option<&'a str>, _: Need) {
        self.0.extend(target.map(|target| (label, target)));
    }
}

impl Branches<'_> {
    fn way(&self, label: &str) -> Way {
        self.0.iter().position(|(known, _)| known == label).map(|place| place as u16)
    }

    /// A branch that is there.
    fn sure(&self, label: &str) -> u16 {
        self.way(label).unwrap_or(u16::MAX)
    }
}

const fn ms(ms: u32) -> Duration {
    Duration::from_millis(ms as u64)
}

const fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds as u64)
}

/// What was checked before and yet is not as it was said to be.
fn unchecked(what: &str) -> Problem {
    Problem::error(Code::BadValue, "", format!("{what} cannot be compiled"))
}

impl<'a> Compiler<'a> {
    fn new(
        flow: &'a Flow,
        place: u16,
        base: u32,
        around: &'a Surroundings<'a>,
        linked: &'a [(&'a str, &'a Flow)],
    ) -> Compiled<Self> {
        let places = flow.nodes.keys().zip(base..).map(|(name, place)| (name.as_str(), place)).collect();
        let symbols = env::symbols(flow);
        let mut compiler = Self { flow, place, base, places, symbols, around, linked, prompts: BTreeMap::new() };
        for (name, prompt) in &flow.prompts {
            let spoken = flow.languages.iter().map(|language| match Flow::spoken(prompt, language) {
                Some(spoken) => compiler.spoken(spoken),
                // A prompt that is never played may lack a language.
                None => Ok(Box::default()),
            });
            let prompt = spoken.collect::<Compiled<Prompt>>()?;
            compiler.prompts.insert(name, Arc::new(prompt));
        }
        Ok(compiler)
    }

    fn part(&self, name: &str) -> Compiled<FlowPart> {
        let variables = self.flow.variables.iter().map(|(name, variable)| VariablePart {
            name: name.as_str().into(),
            initial: variable.initial.clone(),
            secret: variable.secret,
        });
        Ok(FlowPart {
            name: name.into(),
            start: self.target(&self.flow.start)?,
            on_error: self.flow.on_error.as_deref().map(|target| self.target(target)).transpose()?,
            languages: self.flow.languages.iter().map(|language| language.as_str().into()).collect(),
            timezone: self.flow.timezone,
            variables: variables.collect(),
            max: seconds(self.flow.max_seconds),
            prompts: self.prompts.iter().map(|(name, prompt)| ((*name).into(), Arc::clone(prompt))).collect(),
        })
    }

    fn target(&self, name: &str) -> Compiled<u32> {
        self.places.get(name).copied().ok_or_else(|| unchecked(name))
    }

    fn expression(&self, text: &str) -> Compiled<Expression> {
        Expression::compile(text, &self.symbols)
            .map_err(|error| Problem::error(Code::BadExpression, "", error.to_string()))
    }

    fn template(&self, text: &str) -> Compiled<Template> {
        Template::compile(text, &self.symbols)
            .map_err(|error| Problem::error(Code::BadExpression, "", error.to_string()))
    }

    fn maybe_template(&self, text: Option<&String>) -> Compiled<Option<Template>> {
        text.map(|text| self.template(text)).transpose()
    }

    fn variable(&self, name: &str) -> Compiled<usize> {
        self.flow.variables.keys().position(|known| known == name).ok_or_else(|| unchecked(name))
    }

    fn maybe_variable(&self, name: Option<&String>) -> Compiled<Option<usize>> {
        name.map(|name| self.variable(name)).transpose()
    }

    fn prompt(&self, name: &str) -> Compiled<Arc<Prompt>> {
        self.prompts.get(name).cloned().ok_or_else(|| unchecked(name))
    }

    fn maybe_prompt(&self, name: Option<&String>) -> Compiled<Option<Arc<Prompt>>> {
        name.map(|name| self.prompt(name)).transpose()
    }

    fn spoken(&self, spoken: &Spoken) -> Compiled<Box<[Piece]>> {
        match spoken {
            Spoken::Say(text) => Ok(Box::new([Piece::Say(self.template(text)?)])),
            Spoken::Segments(segments) => segments.iter().map(|segment| self.piece(segment)).collect(),
        }
    }

    fn piece(&self, segment: &Segment) -> Compiled<Piece> {
        Ok(match segment {
            Segment::Audio(name) => Piece::Audio(name.as_str().into()),
            Segment::Say(text) => Piece::Say(self.template(text)?),
            Segment::Digits(text) => Piece::Digits(self.expression(text)?),
            Segment::Silence(length) => Piece::Silence(ms(*length)),
            Segment::Beep(length) => Piece::Beep(ms(*length)),
        })
    }

    fn words(&self, words: &Words) -> Compiled<Arc<Prompt>> {
        let each = self.flow.languages.iter().map(|language| {
            let text = match words {
                Words::Same(text) => Some(text),
                Words::Each(texts) => texts.get(language).or_else(|| texts.get(EVERY_LANGUAGE)),
            };
            let text = text.ok_or_else(|| unchecked(language))?;
            Ok([Piece::Say(self.template(text)?)].into())
        });
        each.collect::<Compiled<Prompt>>().map(Arc::new)
    }

    fn step(&self, name: &str, node: &'a Node) -> Compiled<Step> {
        let mut branches = Branches::default();
        node.visit(&mut branches);
        let op = self.op(node, &branches)?;
        let branch =
            |(label, target): (Cow<'_, str>, &str)| Ok(Branch { label: label.into(), target: self.target(target)? });
        let branches = branches.0.into_iter().map(branch).collect::<Compiled<_>>()?;
        debug_assert!(self.places.get(name).is_some_and(|place| *place >= self.base));
        Ok(Step { name: name.into(), flow: self.place, branches, op })
    }

    fn op(&self, node: &Node, ways: &Branches<'_>) -> Compiled<Op> {
        let next = ways.way("next");
        Ok(match node {
            Node::Play(node) => Op::Play(PlayOp {
                prompt: self.prompt(&node.prompt)?,
                barge_in: node.barge_in,
                next,
                fail: ways.way("onFail"),
            }),
            Node::Say(node) => Op::Play(PlayOp {
                prompt: self.words(&node.text)?,
                barge_in: node.barge_in,
                next,
                fail: ways.way("onFail"),
            }),
            Node::Menu(node) => Op::Menu(self.menu(node, ways)?),
            Node::Collect(node) => Op::Collect(self.collect(node, ways)?),
            Node::CollectPhone(node) => Op::CollectPhone(self.phone(node, ways)?),
            Node::Language(node) => Op::Language { to: self.template(&node.to)?, next },
            Node::Condition(node) => {
                let case = |(n, case): (usize, &node::Case)| {
                    Ok(CaseOp { when: self.expression(&case.when)?, way: ways.sure(&format!("cases.{n}")) })
                };
                let cases = node.cases.iter().enumerate().map(case).collect::<Compiled<_>>()?;
                Op::Condition { cases, otherwise: ways.way("otherwise") }
            }
            Node::Set(node) => {
                let value = |(name, text): (&String, &String)| Ok((self.variable(name)?, self.expression(text)?));
                Op::Set { values: node.values.iter().map(value).collect::<Compiled<_>>()?, next }
            }
            Node::Hours(node) => {
                let companys = || self.around.calendars.as_ref().and_then(|known| known.get(&node.calendar));
                let calendar = self.flow.calendars.get(&node.calendar).or_else(companys);
                // A flow may be checked without the company's calendars, but not run without them.
                let unknown = || {
                    let message = format!("there is no calendar {}", node.calendar);
                    Problem::error(Code::UnknownCalendar, "calendar", message)
                };
                let calendar = Box::new(calendar.ok_or_else(unknown)?.clone());
                let closed = ways.way("closed");
                Op::Hours { calendar, open: ways.way("open"), closed, holiday: ways.way("holiday").or(closed) }
            }
            Node::QueueStatus(node) => Op::QueueStatus(QueueStatusOp {
                queue: node.queue.as_str().into(),
                available: ways.way("available"),
                busy: ways.way("busy"),
                unstaffed: ways.way("unstaffed"),
                waiting_into: self.maybe_variable(node.waiting_into.as_ref())?,
                oldest_into: self.maybe_variable(node.oldest_into.as_ref())?,
                fail: ways.way("onFail").or(ways.way("unstaffed")),
            }),
            Node::Webhook(node) => Op::Webhook(Box::new(self.webhook(node, ways)?)),
            Node::Queue(node) => Op::Queue(Box::new(self.queue(node, ways)?)),
            Node::Dial(node) => {
                let (kind, to) = match &node.to {
                    DialTo::Agent(to) => (DialKind::Agent, to),
                    DialTo::Extension(to) => (DialKind::Extension, to),
                    DialTo::Number(to) => (DialKind::Number, to),
                };
                let fail = ways.way("onFail");
                Op::Dial(DialOp {
                    to: self.template(to)?,
                    kind,
                    timeout: seconds(node.timeout_seconds.into()),
                    caller_id: self.maybe_template(node.caller_id.as_ref())?,
                    next,
                    on_busy: ways.way("onBusy").or(fail),
                    on_no_answer: ways.way("onNoAnswer").or(fail),
                    fail,
                })
            }
            Node::Voicemail(node) => Op::Voicemail(VoicemailOp {
                mailbox: node.mailbox.as_str().into(),
                greeting: self.maybe_prompt(node.greeting.as_ref())?,
                beep: node.beep,
                max: seconds(node.max_seconds),
                min: seconds(node.min_seconds),
                silence: seconds(node.silence_seconds.into()),
                finish_key: node.finish_key,
                next,
                on_empty: ways.way("onEmpty").or(next),
                fail: ways.way("onFail"),
            }),
            Node::RecordStart(node) => Op::RecordStart { beep: node.beep, next },
            Node::RecordStop(_) => Op::RecordStop { next },
            Node::Callback(node) => Op::Callback(CallbackOp {
                number: self.maybe_template(node.number.as_ref())?,
                queue: node.queue.as_str().into(),
                delay: seconds(node.delay_seconds),
                attempts: node.attempts,
                retry: seconds(node.retry_seconds),
                next,
                fail: ways.way("onFail"),
            }),
            Node::Split(node) => {
                let shares = node.branches.iter().enumerate();
                let ways = shares.flat_map(|(n, share)| {
                    std::iter::repeat_n(ways.sure(&format!("branches.{n}")), share.percent.into())
                });
                Op::Split { ways: ways.collect() }
            }
            Node::Subflow(node) => Op::Subflow(self.subflow(node, next)?),
            Node::Return(_) => Op::Return,
            Node::Tag(node) => Op::Tag {
                tags: node.tags.iter().map(|tag| self.template(tag)).collect::<Compiled<_>>()?,
                disposition: self.maybe_template(node.disposition.as_ref())?,
                next,
            },
            Node::Hangup(node) => Op::Hangup { prompt: self.maybe_prompt(node.prompt.as_ref())?, cause: node.cause },
        })
    }

    fn is_secret(&self, variable: usize) -> bool {
        self.flow.variables.values().nth(variable).is_some_and(|variable| variable.secret)
    }

    fn menu(&self, node: &node::Menu, ways: &Branches<'_>) -> Compiled<MenuOp> {
        let entry = |keys: &String| (keys.as_str().into(), ways.sure(&format!("entries.{keys}")));
        let into = self.maybe_variable(node.into.as_ref())?;
        Ok(MenuOp {
            gathering: Gathering {
                prompt: self.prompt(&node.prompt)?,
                invalid: self.maybe_prompt(node.invalid_prompt.as_ref())?,
                timeout: self.maybe_prompt(node.timeout_prompt.as_ref())?,
                barge_in: node.barge_in,
                first: ms(node.timeout_ms),
                inter: ms(node.inter_digit_ms),
                retries: node.retries,
                on_invalid: ways.way("onInvalid"),
                on_timeout: ways.way("onTimeout"),
                secret: into.is_some_and(|into| self.is_secret(into)),
            },
            entries: node.entries.keys().map(entry).collect(),
            into,
        })
    }

    fn collect(&self, node: &node::Collect, ways: &Branches<'_>) -> Compiled<CollectOp> {
        let into = self.variable(&node.into)?;
        Ok(CollectOp {
            gathering: Gathering {
                prompt: self.prompt(&node.prompt)?,
                invalid: self.maybe_prompt(node.invalid_prompt.as_ref())?,
                timeout: self.maybe_prompt(node.timeout_prompt.as_ref())?,
                barge_in: node.barge_in,
                first: ms(node.first_digit_ms),
                inter: ms(node.inter_digit_ms),
                retries: node.retries,
                on_invalid: ways.way("onInvalid"),
                on_timeout: ways.way("onTimeout"),
                secret: node.mask || self.is_secret(into),
            },
            into,
            min: node.min.into(),
            max: node.max.into(),
            terminator: node.terminator,
            valid: node.valid.as_ref().map(|valid| self.expression(valid)).transpose()?,
            next: ways.way("next"),
        })
    }

    fn phone(&self, node: &node::CollectPhone, ways: &Branches<'_>) -> Compiled<PhoneOp> {
        let into = self.variable(&node.into)?;
        Ok(PhoneOp {
            gathering: Gathering {
                prompt: self.prompt(&node.prompt)?,
                invalid: self.maybe_prompt(node.invalid_prompt.as_ref())?,
                timeout: None,
                barge_in: true,
                first: ms(node.first_digit_ms),
                inter: ms(node.inter_digit_ms),
                retries: node.retries,
                on_invalid: ways.way("onInvalid"),
                on_timeout: ways.way("onTimeout"),
                secret: self.is_secret(into),
            },
            into,
            min: node.min.into(),
            max: node.max.into(),
            country_code: node.country_code.as_deref().map(Into::into),
            offer_caller: node.offer_caller,
            confirm: self.maybe_prompt(node.confirm_prompt.as_ref())?,
            next: ways.way("next"),
        })
    }

    fn webhook(&self, node: &node::Webhook, ways: &Branches<'_>) -> Compiled<WebhookOp> {
        let header = |(name, value): (&String, &String)| Ok((name.as_str().into(), self.template(value)?));
        let save = |(name, pointer): (&String, &String)| Ok((self.variable(name)?, pointer.as_str().into()));
        let mut statuses: Vec<(Box<str>, u16)> = node
            .on_status
            .keys()
            .map(|status| (status.as_str().into(), ways.sure(&format!("onStatus.{status}"))))
            .collect();
        statuses.sort_by_key(|(status, _)| status.ends_with('x'));
        let target = |name: &String| (name.as_str().into(), ways.sure(&format!("goto {name}")));
        Ok(WebhookOp {
            method: node.method,
            url: self.template(&node.url)?,
            headers: node.headers.iter().map(header).collect::<Compiled<_>>()?,
            body: node.body.as_ref().map(|body| self.body(body)).transpose()?,
            timeout: ms(node.timeout_ms),
            retries: node.retries,
            wait: self.maybe_prompt(node.wait_prompt.as_ref())?,
            save: node.save.iter().map(save).collect::<Compiled<_>>()?,
            statuses: statuses.into(),
            actions: node.actions,
            targets: node.targets.iter().map(target).collect(),
            next: ways.way("next"),
            fail: ways.way("onFail"),
        })
    }

    fn body(&self, body: &serde_json::Value) -> Compiled<Body> {
        use serde_json::Value as Json;
        Ok(match body {
            Json::String(text) => Body::Text(self.template(text)?),
            Json::Array(items) => Body::List(items.iter().map(|item| self.body(item)).collect::<Compiled<_>>()?),
            Json::Object(fields) => {
                let field = |(name, field): (&String, &Json)| Ok((name.as_str().into(), self.body(field)?));
                Body::Object(fields.iter().map(field).collect::<Compiled<_>>()?)
            }
            plain => Body::Plain(plain.clone()),
        })
    }

    fn queue(&self, node: &node::Queue, ways: &Branches<'_>) -> Compiled<QueueOp> {
        let skill = |skill: &node::Skill| {
            Ok(SkillOp { name: self.template(&skill.name)?, level: skill.level, required: skill.required })
        };
        let key = |key: &str| key.chars().next().ok_or_else(|| unchecked("a key"));
        let step = |step: &WaitStep| {
            Ok(match step {
                WaitStep::Play(name) => WaitOp::Play(self.prompt(name)?),
                WaitStep::Say(words) => WaitOp::Play(self.words(words)?),
                WaitStep::Pause(length) => WaitOp::Pause(ms(*length)),
                WaitStep::OfferCallback(offer) => {
                    WaitOp::Offer { prompt: self.prompt(&offer.prompt)?, key: key(&offer.key)? }
                }
                WaitStep::Leave {} => WaitOp::Leave,
            })
        };
        Ok(QueueOp {
            queue: node.queue.as_str().into(),
            priority: node.priority.as_ref().map(|priority| self.expression(priority)).transpose()?,
            skills: node.skills.iter().map(skill).collect::<Compiled<_>>()?,
            wait: node.wait.iter().map(step).collect::<Compiled<_>>()?,
            max_wait: node.max_wait_seconds.map(seconds),
            leave_key: node.leave_key.as_deref().map(key).transpose()?,
            next: ways.way("next"),
            on_timeout: ways.way("onTimeout"),
            on_leave: ways.way("onLeave"),
            on_callback: ways.way("onCallback"),
            fail: ways.way("onFail"),
        })
    }

    fn subflow(&self, node: &node::Subflow, next: Way) -> Compiled<SubflowOp> {
        let others = self.linked.iter().enumerate().skip(1);
        let found = others.into_iter().find(|(_, (name, _))| *name == node.flow);
        let missing = || Problem::error(Code::UnknownFlow, "flow", format!("there is no flow {}", node.flow));
        let (place, (_, other)) = found.ok_or_else(missing)?;
        let there = |name: &str| other.variables.keys().position(|known| known == name).ok_or_else(|| unchecked(name));
        let with = |(name, text): (&String, &String)| Ok((there(name)?, self.expression(text)?));
        let returns = |(here, name): (&String, &String)| Ok((self.variable(here)?, there(name)?));
        Ok(SubflowOp {
            flow: place as u16,
            with: node.with.iter().map(with).collect::<Compiled<_>>()?,
            returns: node.returns.iter().map(returns).collect::<Compiled<_>>()?,
            next,
        })
    }
}

impl Terminator {
    /// The key; `None` where there is none.
    pub(crate) const fn key(self) -> Option<char> {
        match self {
            Self::Hash => Some('#'),
            Self::Star => Some('*'),
            Self::None => None,
        }
    }
}
