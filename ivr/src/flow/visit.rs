//! What a node refers to. Validation and compilation go by the same list, so that they cannot disagree on what a node's branches are.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::Words;
use super::node::{
    Callback, Collect, CollectPhone, Condition, Dial, DialTo, Hangup, Hours, Language, Menu, Play, Queue, QueueStatus,
    RecordStart, RecordStop, Return, Say, Set, Split, Subflow, Tag, Voicemail, WaitStep, Webhook,
};
use crate::expr::Type;

/// Whether a node may do without a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It may not.
    Required,
    /// Another branch, or the flow's `onError`, stands in.
    Optional,
    /// Without it the call ends.
    Ends,
}

/// Where a value of a template goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// The caller hears it.
    Spoken,
    /// Sent to a web service.
    Sent,
    /// Part of a URL, which others write into their logs.
    Url,
    /// Written down with the call.
    Logged,
    /// It decides something.
    Used,
}

/// Is shown everything a node refers to. Paths are within the node.
pub(crate) trait Visitor<'a> {
    /// A branch; its path is its label.
    fn branch(&mut self, _label: Cow<'a, str>, _target: Option<&'a str>, _need: Need) {}
    /// A prompt by name.
    fn prompt(&mut self, _path: Cow<'a, str>, _name: &'a str) {}
    /// Words that stand in the node.
    fn words(&mut self, _path: Cow<'a, str>, _words: &'a Words) {}
    /// An expression and the type it should have.
    fn expression(&mut self, _path: Cow<'a, str>, _text: &'a str, _wanted: Type) {}
    /// A template.
    fn template(&mut self, _path: Cow<'a, str>, _text: &'a str, _exposure: Exposure) {}
    /// The value of an expression goes into a variable.
    fn assign(&mut self, _path: Cow<'a, str>, _variable: &'a str, _expression: &'a str) {}
    /// Something from outside goes into a variable, of this type; `secret` when it is to be one.
    fn input(&mut self, _path: &'static str, _variable: &'a str, _kind: Type, _secret: bool) {}
    /// A calendar by name.
    fn calendar(&mut self, _path: &'static str, _name: &'a str) {}
    /// A flow by name, with what it is given and what it gives back.
    fn subflow(&mut self, _node: &'a Subflow) {}
    /// A queue by name.
    fn queue(&mut self, _path: &'static str, _name: &'a str) {}
    /// The keys of a menu.
    fn entries(&mut self, _menu: &'a Menu) {}
    /// Something that cannot be, by itself.
    fn wrong(&mut self, _path: Cow<'a, str>, _message: String) {}
}

type See<'v, 'a> = &'v mut dyn Visitor<'a>;

fn range<'a>(v: See<'_, 'a>, path: &'static str, value: u32, allowed: RangeInclusive<u32>) {
    if !allowed.contains(&value) {
        v.wrong(path.into(), format!("{value} is not between {} and {}", allowed.start(), allowed.end()));
    }
}

fn required<'a>(v: See<'_, 'a>, label: &'static str, target: &'a Option<String>) {
    v.branch(label.into(), target.as_deref(), Need::Required);
}

fn optional<'a>(v: See<'_, 'a>, label: &'static str, target: &'a Option<String>) {
    v.branch(label.into(), target.as_deref(), Need::Optional);
}

fn ends<'a>(v: See<'_, 'a>, label: &'static str, target: &'a Option<String>) {
    v.branch(label.into(), target.as_deref(), Need::Ends);
}

fn prompt<'a>(v: See<'_, 'a>, path: &'static str, name: &'a str) {
    v.prompt(path.into(), name);
}

fn maybe_prompt<'a>(v: See<'_, 'a>, path: &'static str, name: &'a Option<String>) {
    if let Some(name) = name {
        v.prompt(path.into(), name);
    }
}

fn key(v: See<'_, '_>, path: String, key: &str) {
    if !(key.len() == 1 && key.bytes().all(is_key)) {
        v.wrong(path.into(), format!("{key:?} is not a key: one of 0-9, *, #, A-D"));
    }
}

/// A name or template that may not be empty.
fn something(v: See<'_, '_>, path: String, text: &str, what: &str) {
    if text.trim().is_empty() {
        v.wrong(path.into(), format!("{what} is missing"));
    }
}

/// A queue, by name or id.
fn queue<'a>(v: See<'_, 'a>, name: &'a str) {
    if name.trim().is_empty() {
        v.wrong("queue".into(), "the queue is missing".to_owned());
    } else {
        v.queue("queue", name);
    }
}

/// Whether a byte names a key of a telephone.
pub(crate) const fn is_key(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D')
}

impl Play {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        prompt(v, "prompt", &self.prompt);
        required(v, "next", &self.next);
        optional(v, "onFail", &self.on_fail);
    }
}

impl Say {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        v.words("text".into(), &self.text);
        required(v, "next", &self.next);
        optional(v, "onFail", &self.on_fail);
    }
}

impl Menu {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        prompt(v, "prompt", &self.prompt);
        maybe_prompt(v, "invalidPrompt", &self.invalid_prompt);
        maybe_prompt(v, "timeoutPrompt", &self.timeout_prompt);
        range(v, "timeoutMs", self.timeout_ms, 100..=60_000);
        range(v, "interDigitMs", self.inter_digit_ms, 100..=60_000);
        range(v, "retries", self.retries.into(), 0..=9);
        if let Some(into) = &self.into {
            v.input("into", into, Type::Text, false);
        }
        v.entries(self);
        for (keys, target) in &self.entries {
            v.branch(format!("entries.{keys}").into(), Some(target), Need::Required);
        }
        required(v, "onInvalid", &self.on_invalid);
        required(v, "onTimeout", &self.on_timeout);
    }
}

impl Collect {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        prompt(v, "prompt", &self.prompt);
        maybe_prompt(v, "invalidPrompt", &self.invalid_prompt);
        maybe_prompt(v, "timeoutPrompt", &self.timeout_prompt);
        range(v, "max", self.max.into(), 1..=64);
        range(v, "min", self.min.into(), 0..=64);
        if self.min > self.max {
            v.wrong("min".into(), format!("{} is more than the most digits, {}", self.min, self.max));
        }
        range(v, "firstDigitMs", self.first_digit_ms, 100..=60_000);
        range(v, "interDigitMs", self.inter_digit_ms, 100..=60_000);
        range(v, "retries", self.retries.into(), 0..=9);
        v.input("into", &self.into, Type::Text, self.mask);
        if let Some(valid) = &self.valid {
            v.expression("valid".into(), valid, Type::Bool);
        }
        required(v, "next", &self.next);
        required(v, "onInvalid", &self.on_invalid);
        required(v, "onTimeout", &self.on_timeout);
    }
}

impl CollectPhone {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        prompt(v, "prompt", &self.prompt);
        maybe_prompt(v, "confirmPrompt", &self.confirm_prompt);
        maybe_prompt(v, "invalidPrompt", &self.invalid_prompt);
        range(v, "min", self.min.into(), 3..=15);
        range(v, "max", self.max.into(), 3..=15);
        if self.min > self.max {
            v.wrong("min".into(), format!("{} is more than the most digits, {}", self.min, self.max));
        }
        if self.offer_caller && self.confirm_prompt.is_none() {
            v.wrong("offerCaller".into(), "the caller's number can only be offered with a confirmPrompt".to_owned());
        }
        if let Some(code) = &self.country_code {
            let digits = code.strip_prefix('+').unwrap_or_default();
            if !(1..=3).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                v.wrong("countryCode".into(), format!("{code:?} is not a calling code such as +49"));
            }
        }
        range(v, "firstDigitMs", self.first_digit_ms, 100..=60_000);
        range(v, "interDigitMs", self.inter_digit_ms, 100..=60_000);
        range(v, "retries", self.retries.into(), 0..=9);
        v.input("into", &self.into, Type::Text, false);
        required(v, "next", &self.next);
        required(v, "onInvalid", &self.on_invalid);
        required(v, "onTimeout", &self.on_timeout);
    }
}

impl Language {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        v.template("to".into(), &self.to, Exposure::Used);
        required(v, "next", &self.next);
    }
}

impl Condition {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        for (n, case) in self.cases.iter().enumerate() {
            v.expression(format!("cases.{n}.when").into(), &case.when, Type::Bool);
            v.branch(format!("cases.{n}").into(), Some(&case.next), Need::Required);
        }
        if self.cases.is_empty() {
            v.wrong("cases".into(), "there is no condition".to_owned());
        }
        required(v, "otherwise", &self.otherwise);
    }
}

impl Set {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        for (variable, expression) in &self.values {
            v.assign(format!("values.{variable}").into(), variable, expression);
        }
        required(v, "next", &self.next);
    }
}

impl Hours {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        v.calendar("calendar", &self.calendar);
        required(v, "open", &self.open);
        required(v, "closed", &self.closed);
        optional(v, "holiday", &self.holiday);
    }
}

impl QueueStatus {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        queue(v, &self.queue);
        for (path, into) in [("waitingInto", &self.waiting_into), ("oldestInto", &self.oldest_into)] {
            if let Some(into) = into {
                v.input(path, into, Type::Number, false);
            }
        }
        required(v, "available", &self.available);
        required(v, "busy", &self.busy);
        required(v, "unstaffed", &self.unstaffed);
        optional(v, "onFail", &self.on_fail);
    }
}

/// The most headers of a webhook, and the most variables it saves.
const WEBHOOK_PARTS_MAX: usize = 64;

impl Webhook {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        v.template("url".into(), &self.url, Exposure::Url);
        if !(self.url.starts_with("https://") || self.url.starts_with("http://")) {
            v.wrong("url".into(), "the URL begins with https:// or http://".to_owned());
        }
        if self.headers.len() > WEBHOOK_PARTS_MAX || self.save.len() > WEBHOOK_PARTS_MAX {
            v.wrong("headers".into(), format!("at most {WEBHOOK_PARTS_MAX} headers and saved variables"));
        }
        for (name, value) in &self.headers {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if name.is_empty() || !name.bytes().all(token) {
                v.wrong(format!("headers.{name}").into(), format!("{name:?} is not the name of a header"));
            }
            v.template(format!("headers.{name}").into(), value, Exposure::Sent);
        }
        if let Some(body) = &self.body {
            visit_body(v, "body".to_owned(), body, 0);
        }
        range(v, "timeoutMs", self.timeout_ms, 100..=30_000);
        range(v, "retries", self.retries.into(), 0..=3);
        maybe_prompt(v, "waitPrompt", &self.wait_prompt);
        for (variable, pointer) in &self.save {
            if !(pointer.is_empty() || pointer.starts_with('/')) {
                let message = format!("{pointer:?} is not a JSON Pointer: it begins with /");
                v.wrong(format!("save.{variable}").into(), message);
            }
            v.input("save", variable, Type::Any, false);
        }
        required(v, "next", &self.next);
        for (status, target) in &self.on_status {
            if status.starts_with('2') && is_status(status) {
                v.wrong(format!("onStatus.{status}").into(), format!("an answer of {status} goes by next"));
            } else if !is_status(status) {
                let message = format!("{status:?} is neither a status such as 404 nor a class such as 4xx");
                v.wrong(format!("onStatus.{status}").into(), message);
            }
            v.branch(format!("onStatus.{status}").into(), Some(target), Need::Required);
        }
        if !self.targets.is_empty() && !self.actions {
            v.wrong("targets".into(), "targets are for actions, which are not carried out".to_owned());
        }
        for target in &self.targets {
            v.branch(format!("goto {target}").into(), Some(target), Need::Required);
        }
        required(v, "onFail", &self.on_fail);
    }
}

fn is_status(status: &str) -> bool {
    match status.as_bytes() {
        [b'1'..=b'5', b'x', b'x'] => true,
        [b'1'..=b'5', rest @ ..] => rest.len() == 2 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// How deep a body may be nested.
pub(crate) const BODY_DEPTH_MAX: usize = 16;

fn visit_body<'a>(v: See<'_, 'a>, path: String, body: &'a serde_json::Value, depth: usize) {
    use serde_json::Value as Json;
    if depth > BODY_DEPTH_MAX {
        return v.wrong(path.into(), format!("the body is nested deeper than {BODY_DEPTH_MAX}"));
    }
    match body {
        Json::String(text) => v.template(path.into(), text, Exposure::Sent),
        Json::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                visit_body(v, format!("{path}.{n}"), item, depth + 1);
            }
        }
        Json::Object(fields) => {
            for (name, field) in fields {
                visit_body(v, format!("{path}.{name}"), field, depth + 1);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

impl Queue {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        queue(v, &self.queue);
        if let Some(priority) = &self.priority {
            v.expression("priority".into(), priority, Type::Number);
        }
        for (n, skill) in self.skills.iter().enumerate() {
            something(v, format!("skills.{n}.name"), &skill.name, "the skill");
            v.template(format!("skills.{n}.name").into(), &skill.name, Exposure::Logged);
            if !(1..=10).contains(&skill.level) {
                v.wrong(format!("skills.{n}.level").into(), format!("{} is not between 1 and 10", skill.level));
            }
        }
        let mut timed = self.wait.is_empty();
        let (mut leaves, mut calls_back) = (self.leave_key.is_some(), false);
        for (n, step) in self.wait.iter().enumerate() {
            let path = |field: &str| format!("wait.{n}.{field}");
            match step {
                WaitStep::Play(name) => v.prompt(path("play").into(), name),
                WaitStep::Say(words) => v.words(path("say").into(), words),
                WaitStep::Pause(ms) => {
                    timed = true;
                    if !(100..=600_000).contains(ms) {
                        v.wrong(path("pause").into(), format!("{ms} is not between 100 and 600000"));
                    }
                }
                WaitStep::OfferCallback(offer) => {
                    calls_back = true;
                    v.prompt(path("offerCallback.prompt").into(), &offer.prompt);
                    key(v, path("offerCallback.key"), &offer.key);
                    if self.leave_key.as_ref() == Some(&offer.key) {
                        v.wrong(path("offerCallback.key").into(), format!("{} leaves the queue already", offer.key));
                    }
                }
                WaitStep::Leave {} => {
                    (leaves, timed) = (true, true);
                }
            }
        }
        if !timed {
            v.wrong("wait".into(), "without a pause or leave the prompts would never pause".to_owned());
        }
        if let Some(leave) = &self.leave_key {
            key(v, "leaveKey".to_owned(), leave);
        }
        if let Some(seconds) = self.max_wait_seconds {
            range(v, "maxWaitSeconds", seconds, 1..=7_200);
        }
        ends(v, "next", &self.next);
        required(v, "onTimeout", &self.on_timeout);
        let need = |wanted: bool| if wanted { Need::Required } else { Need::Optional };
        v.branch("onLeave".into(), self.on_leave.as_deref(), need(leaves));
        v.branch("onCallback".into(), self.on_callback.as_deref(), need(calls_back));
        required(v, "onFail", &self.on_fail);
    }
}

impl Dial {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        let (path, to) = match &self.to {
            DialTo::Agent(to) => ("to.agent", to),
            DialTo::Extension(to) => ("to.extension", to),
            DialTo::Number(to) => ("to.number", to),
        };
        something(v, path.to_owned(), to, "whom to call");
        v.template(path.into(), to, Exposure::Logged);
        if let Some(caller) = &self.caller_id {
            v.template("callerId".into(), caller, Exposure::Logged);
        }
        range(v, "timeoutSeconds", self.timeout_seconds.into(), 1..=300);
        ends(v, "next", &self.next);
        optional(v, "onBusy", &self.on_busy);
        optional(v, "onNoAnswer", &self.on_no_answer);
        required(v, "onFail", &self.on_fail);
    }
}

impl Voicemail {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        if self.mailbox.trim().is_empty() || self.mailbox.chars().count() > 100 {
            v.wrong("mailbox".into(), "the mailbox has a name of 1 to 100 characters".to_owned());
        }
        maybe_prompt(v, "greeting", &self.greeting);
        range(v, "maxSeconds", self.max_seconds, 1..=14_400);
        range(v, "minSeconds", self.min_seconds, 0..=self.max_seconds.min(60));
        range(v, "silenceSeconds", self.silence_seconds.into(), 1..=60);
        ends(v, "next", &self.next);
        optional(v, "onEmpty", &self.on_empty);
        required(v, "onFail", &self.on_fail);
    }
}

impl RecordStart {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        required(v, "next", &self.next);
    }
}

impl RecordStop {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        required(v, "next", &self.next);
    }
}

impl Callback {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        if let Some(number) = &self.number {
            v.template("number".into(), number, Exposure::Logged);
        }
        queue(v, &self.queue);
        range(v, "delaySeconds", self.delay_seconds, 0..=86_400);
        range(v, "attempts", self.attempts.into(), 1..=10);
        range(v, "retrySeconds", self.retry_seconds, 1..=86_400);
        required(v, "next", &self.next);
        required(v, "onFail", &self.on_fail);
    }
}

impl Split {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        for (n, share) in self.branches.iter().enumerate() {
            v.branch(format!("branches.{n}").into(), Some(&share.next), Need::Required);
        }
        let sum: u32 = self.branches.iter().map(|share| u32::from(share.percent)).sum();
        if sum != 100 {
            v.wrong("branches".into(), format!("the shares are {sum} together, not 100"));
        }
        if self.branches.iter().any(|share| share.percent == 0) {
            v.wrong("branches".into(), "a share is at least 1".to_owned());
        }
    }
}

impl Subflow {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        v.subflow(self);
        required(v, "next", &self.next);
    }
}

impl Return {
    pub(super) fn visit<'a>(&'a self, _: See<'_, 'a>) {}
}

impl Tag {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        for (n, tag) in self.tags.iter().enumerate() {
            v.template(format!("tags.{n}").into(), tag, Exposure::Logged);
        }
        if let Some(disposition) = &self.disposition {
            v.template("disposition".into(), disposition, Exposure::Logged);
        }
        if self.tags.len() > 16 {
            v.wrong("tags".into(), "at most 16 tags".to_owned());
        }
        required(v, "next", &self.next);
    }
}

impl Hangup {
    pub(super) fn visit<'a>(&'a self, v: See<'_, 'a>) {
        maybe_prompt(v, "prompt", &self.prompt);
    }
}
