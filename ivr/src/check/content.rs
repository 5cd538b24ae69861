//! What the nodes say and compute: prompts and languages, variables and their types, expressions, secrets, menu entries.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Code, Problem, Surroundings};
use crate::env;
use crate::expr::{Expression, Symbols, Type, Value};
use crate::flow::node::{Menu, Subflow};
use crate::flow::{EVERY_LANGUAGE, Exposure, Flow, Prompt, Segment, Spoken, Visitor, Words};
use crate::template::Template;

/// The most languages of a flow.
const LANGUAGES_MAX: usize = 32;
/// The most variables of a flow.
pub(crate) const VARIABLES_MAX: usize = 256;
/// The longest name of a node, prompt or variable, in bytes.
const NAME_MAX: usize = 128;
/// The most entries of a menu.
const ENTRIES_MAX: usize = 100;

struct Content<'a> {
    flow: &'a Flow,
    around: &'a Surroundings<'a>,
    symbols: Symbols,
    /// Whether each variable, by its place, is a secret.
    secret: Vec<bool>,
    names: Vec<&'a str>,
    read: Vec<bool>,
    played: BTreeSet<&'a str>,
    /// The node that is looked at.
    node: Option<&'a str>,
    /// Whether what the node sends is encrypted on its way.
    sends_openly: bool,
    problems: Vec<Problem>,
}

pub(super) fn check<'a>(flow: &'a Flow, around: &'a Surroundings<'a>) -> Vec<Problem> {
    let mut content = Content {
        flow,
        around,
        symbols: env::symbols(flow),
        secret: flow.variables.values().map(|variable| variable.secret).collect(),
        names: flow.variables.keys().map(String::as_str).collect(),
        read: vec![false; flow.variables.len()],
        played: BTreeSet::new(),
        node: None,
        sends_openly: false,
        problems: Vec::new(),
    };
    content.document();
    for (name, node) in &flow.nodes {
        content.node = Some(name);
        content.sends_openly = matches!(node, crate::flow::Node::Webhook(hook) if !hook.url.starts_with("https://"));
        if name.is_empty() || name.len() > NAME_MAX {
            content.error(Code::BadValue, "", format!("a node has a name of 1 to {NAME_MAX} bytes"));
        }
        if let crate::flow::Node::Language(node) = node {
            content.language(&node.to);
        }
        node.visit(&mut content);
    }
    content.node = None;
    content.calendars();
    content.prompts();
    content.unused();
    content.problems
}

impl<'a> Content<'a> {
    fn push(&mut self, problem: Problem) {
        self.problems.push(match self.node {
            Some(node) => problem.at(node),
            None => problem,
        });
    }

    fn error(&mut self, code: Code, path: impl Into<String>, message: impl Into<String>) {
        self.push(Problem::error(code, path, message));
    }

    fn warning(&mut self, code: Code, path: impl Into<String>, message: impl Into<String>) {
        self.push(Problem::warning(code, path, message));
    }

    fn document(&mut self) {
        let flow = self.flow;
        if flow.languages.is_empty() || flow.languages.len() > LANGUAGES_MAX {
            self.error(Code::UnknownLanguage, "languages", format!("a flow speaks 1 to {LANGUAGES_MAX} languages"));
        }
        let mut seen = BTreeSet::new();
        for (n, language) in flow.languages.iter().enumerate() {
            let tag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
            if !language.split('-').all(tag) {
                let message = format!("{language:?} is not a language tag such as en or pt-BR");
                self.error(Code::UnknownLanguage, format!("languages.{n}"), message);
            }
            if !seen.insert(language) {
                self.error(Code::UnknownLanguage, format!("languages.{n}"), format!("{language} stands here twice"));
            }
        }
        if !(1..=14_400).contains(&flow.max_seconds) {
            let message = format!("{} is not between 1 and 14400", flow.max_seconds);
            self.error(Code::BadValue, "maxSeconds", message);
        }
        if flow.variables.len() > VARIABLES_MAX {
            let message = format!("the flow has {} variables, at most {VARIABLES_MAX} are kept", flow.variables.len());
            self.error(Code::TooLarge, "variables", message);
        }
        for (name, variable) in &flow.variables {
            let path = format!("variables.{name}");
            if !is_identifier(name) {
                let message = format!("{name:?} is not a name: a letter, then letters, digits and _");
                self.error(Code::BadValue, path.as_str(), message);
            } else if env::RESERVED.contains(&name.as_str()) {
                self.error(Code::BadValue, path.as_str(), format!("{name} has a meaning of its own"));
            }
            let kind = variable.initial.kind();
            if variable.initial != Value::Null && !kind.fits(variable.kind) {
                let message = format!("the variable holds {}, not {kind}", variable.kind);
                self.error(Code::BadValue, format!("{path}.initial"), message);
            }
            if Value::from_json(&variable.initial.to_json()).is_none() {
                self.error(Code::BadValue, format!("{path}.initial"), "the value is too long");
            }
        }
    }

    /// A change to a language; one that is computed is known in the call only.
    fn language(&mut self, to: &str) {
        let spoken = |language: &String| language.eq_ignore_ascii_case(to.trim());
        if !to.contains("{{") && !self.flow.languages.iter().any(spoken) {
            self.warning(Code::UnknownLanguage, "to", format!("the flow does not speak {to}"));
        }
    }

    /// The calendars of the flow: what can be read and yet is hardly meant.
    fn calendars(&mut self) {
        for (name, calendar) in &self.flow.calendars {
            for (path, message) in calendar.doubts() {
                self.warning(Code::BadValue, format!("calendars.{name}.{path}"), message);
            }
        }
    }

    /// The prompts of the flow, whether played or not.
    fn prompts(&mut self) {
        for (name, prompt) in &self.flow.prompts {
            let path = format!("prompts.{name}");
            if name.is_empty() || name.len() > NAME_MAX {
                self.error(Code::BadValue, path.as_str(), format!("a prompt has a name of 1 to {NAME_MAX} bytes"));
            }
            for (language, spoken) in prompt {
                let path = format!("{path}.{language}");
                if language != EVERY_LANGUAGE && !self.flow.languages.contains(language) {
                    self.warning(Code::UnknownLanguage, path.as_str(), format!("the flow does not speak {language}"));
                }
                self.spoken(&path, spoken);
            }
        }
    }

    fn spoken(&mut self, path: &str, spoken: &'a Spoken) {
        match spoken {
            Spoken::Say(text) => self.said(path.to_owned(), text),
            Spoken::Segments(segments) => {
                if segments.is_empty() {
                    self.error(Code::MissingPrompt, path, "the prompt says nothing");
                }
                for (n, segment) in segments.iter().enumerate() {
                    self.segment(format!("{path}.{n}"), segment);
                }
            }
        }
    }

    fn segment(&mut self, path: String, segment: &'a Segment) {
        match segment {
            Segment::Audio(name) => {
                if self.around.audio.as_ref().is_some_and(|known| !known.contains(name)) {
                    self.error(Code::UnknownAudio, path, format!("there is no recording {name}"));
                }
            }
            Segment::Say(text) => self.said(path, text),
            Segment::Digits(text) => self.expression_exposed(path, text, Exposure::Spoken),
            Segment::Silence(ms) if !(1..=60_000).contains(ms) => {
                self.error(Code::BadValue, path, format!("{ms} is not between 1 and 60000"));
            }
            Segment::Beep(ms) if !(1..=5_000).contains(ms) => {
                self.error(Code::BadValue, path, format!("{ms} is not between 1 and 5000"));
            }
            Segment::Silence(_) | Segment::Beep(_) => {}
        }
    }

    fn said(&mut self, path: String, text: &'a str) {
        if text.trim().is_empty() {
            self.error(Code::MissingPrompt, path.as_str(), "there is nothing to say");
        }
        self.template(path.into(), text, Exposure::Spoken);
    }

    fn unused(&mut self) {
        for (place, (name, variable)) in self.flow.variables.iter().enumerate() {
            // A parameter may be there for those who call; a variable that a subflow gives back is read by its caller.
            if !self.read[place] && !variable.parameter {
                self.warning(Code::UnusedVariable, format!("variables.{name}"), format!("nothing reads {name}"));
            }
        }
        for name in self.flow.prompts.keys() {
            if !self.played.contains(name.as_str()) {
                self.warning(Code::UnusedPrompt, format!("prompts.{name}"), format!("nothing plays {name}"));
            }
        }
    }

    /// Notes what is read and returns the first secret among it.
    fn note(&mut self, slots: impl Iterator<Item = u16>) -> Option<&'a str> {
        let mut secret = None;
        for place in slots.filter_map(env::variable_of) {
            self.read[place] = true;
            if self.secret[place] {
                secret = secret.or(Some(self.names[place]));
            }
        }
        secret
    }

    fn expression_exposed(&mut self, path: String, text: &'a str, exposure: Exposure) {
        match Expression::compile(text, &self.symbols) {
            Ok(expression) => {
                let secret = self.note(expression.slots());
                self.exposed(path, secret, exposure);
            }
            Err(error) => self.error(Code::BadExpression, path, error.to_string()),
        }
    }

    fn exposed(&mut self, path: String, secret: Option<&str>, exposure: Exposure) {
        let Some(name) = secret else { return };
        match exposure {
            Exposure::Used => {}
            Exposure::Sent if !self.sends_openly => {}
            Exposure::Spoken => {
                self.warning(Code::SecretExposed, path, format!("the secret {name} is said aloud"));
            }
            Exposure::Sent => {
                self.error(Code::SecretExposed, path, format!("the secret {name} is sent without encryption"));
            }
            Exposure::Url => {
                self.error(
                    Code::SecretExposed,
                    path,
                    format!("the secret {name} is part of an address, which is logged"),
                );
            }
            Exposure::Logged => {
                self.error(Code::SecretExposed, path, format!("the secret {name} is written down with the call"));
            }
        }
    }

    /// The place of a variable that something is put into.
    fn target(&mut self, path: &str, variable: &str) -> Option<usize> {
        let place = self.names.iter().position(|name| *name == variable);
        if place.is_none() {
            self.error(Code::UnknownVariable, path, format!("the variable {variable} is not declared"));
        }
        place
    }

    fn languages_of(&mut self, path: &str, what: &str, says: impl Fn(&str) -> bool) {
        let missing: Vec<&str> =
            self.flow.languages.iter().map(String::as_str).filter(|language| !says(language)).collect();
        if !missing.is_empty() {
            self.error(Code::MissingPrompt, path, format!("{what} says nothing in {}", missing.join(", ")));
        }
    }
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && name.len() <= NAME_MAX
}

impl<'a> Visitor<'a> for Content<'a> {
    fn prompt(&mut self, path: Cow<'a, str>, name: &'a str) {
        self.played.insert(name);
        let Some(prompt): Option<&Prompt> = self.flow.prompts.get(name) else {
            return self.error(Code::UnknownPrompt, path, format!("there is no prompt {name}"));
        };
        self.languages_of(&path, &format!("the prompt {name}"), |language| Flow::spoken(prompt, language).is_some());
    }

    fn words(&mut self, path: Cow<'a, str>, words: &'a Words) {
        match words {
            Words::Same(text) => self.said(path.into_owned(), text),
            Words::Each(texts) => {
                self.languages_of(&path, "the text", |language| {
                    texts.contains_key(language) || texts.contains_key(EVERY_LANGUAGE)
                });
                for (language, text) in texts {
                    if language != EVERY_LANGUAGE && !self.flow.languages.contains(language) {
                        let message = format!("the flow does not speak {language}");
                        self.warning(Code::UnknownLanguage, format!("{path}.{language}"), message);
                    }
                    self.said(format!("{path}.{language}"), text);
                }
            }
        }
    }

    fn expression(&mut self, path: Cow<'a, str>, text: &'a str, wanted: Type) {
        match Expression::compile(text, &self.symbols) {
            Ok(expression) => {
                self.note(expression.slots());
                if !expression.kind().fits(wanted) {
                    self.error(Code::BadExpression, path, format!("expected {wanted}, found {}", expression.kind()));
                }
            }
            Err(error) => self.error(Code::BadExpression, path, error.to_string()),
        }
    }

    fn template(&mut self, path: Cow<'a, str>, text: &'a str, exposure: Exposure) {
        match Template::compile(text, &self.symbols) {
            Ok(template) => {
                let secret = self.note(template.slots());
                self.exposed(path.into_owned(), secret, exposure);
            }
            Err(error) => self.error(Code::BadExpression, path, error.to_string()),
        }
    }

    fn assign(&mut self, path: Cow<'a, str>, variable: &'a str, text: &'a str) {
        let place = self.target(&path, variable);
        let expression = match Expression::compile(text, &self.symbols) {
            Ok(expression) => expression,
            Err(error) => return self.error(Code::BadExpression, path, error.to_string()),
        };
        let secret = self.note(expression.slots());
        let Some(place) = place else { return };
        let (kind, wanted) = (expression.kind(), self.flow.variables[variable].kind);
        if kind != Type::Null && !kind.fits(wanted) {
            self.error(Code::BadExpression, path.as_ref(), format!("{variable} holds {wanted}, not {kind}"));
        }
        // Whether a secret meets a condition is not the secret.
        if let Some(secret) = secret.filter(|_| !self.secret[place] && kind != Type::Bool) {
            let message = format!("the secret {secret} goes into {variable}, which is not secret");
            self.error(Code::SecretExposed, path, message);
        }
    }

    fn input(&mut self, path: &'static str, variable: &'a str, kind: Type, secret: bool) {
        let Some(place) = self.target(path, variable) else { return };
        let wanted = self.flow.variables[variable].kind;
        if !kind.fits(wanted) {
            self.error(Code::BadValue, path, format!("{variable} holds {wanted}, and gets {kind}"));
        }
        if secret && !self.secret[place] {
            let message = format!("the masked digits go into {variable}, which is not secret");
            self.error(Code::SecretExposed, path, message);
        }
    }

    fn calendar(&mut self, path: &'static str, name: &'a str) {
        let own = self.flow.calendars.contains_key(name);
        let companys = self.around.calendars.as_ref().is_none_or(|known| known.contains_key(name));
        if !own && !companys {
            self.error(Code::UnknownCalendar, path, format!("there is no calendar {name}"));
        }
    }

    fn queue(&mut self, path: &'static str, name: &'a str) {
        if self.around.queues.as_ref().is_some_and(|known| !known.contains(name)) {
            self.error(Code::UnknownQueue, path, format!("there is no queue {name}"));
        }
    }

    fn subflow(&mut self, node: &'a Subflow) {
        let other: Option<&BTreeMap<_, _>> =
            self.around.flows.as_ref().and_then(|flows| flows.get(&node.flow)).map(|flow| &flow.variables);
        let taken = |name: &str| other.and_then(|variables| variables.get(name)).map(|there| there.secret);
        let mut leaks = Vec::new();
        for (parameter, text) in &node.with {
            let path = format!("with.{parameter}");
            match Expression::compile(text, &self.symbols) {
                Ok(expression) => {
                    let secret = self.note(expression.slots());
                    if secret.is_some() && taken(parameter) == Some(false) && expression.kind() != Type::Bool {
                        leaks.push((
                            path,
                            format!("a secret goes into {parameter} of {}, which is not secret", node.flow),
                        ));
                    }
                }
                Err(error) => self.error(Code::BadExpression, path, error.to_string()),
            }
        }
        for (here, there) in &node.returns {
            let path = format!("returns.{here}");
            let Some(place) = self.target(&path, here) else { continue };
            if taken(there) == Some(true) && !self.secret[place] {
                leaks
                    .push((path, format!("the secret {there} of {} goes into {here}, which is not secret", node.flow)));
            }
        }
        for (path, message) in leaks {
            self.error(Code::SecretExposed, path, message);
        }
    }

    fn entries(&mut self, menu: &'a Menu) {
        if menu.entries.is_empty() || menu.entries.len() > ENTRIES_MAX {
            self.error(Code::BadValue, "entries", format!("a menu has 1 to {ENTRIES_MAX} entries"));
        }
        let mut before: Option<&str> = None;
        for keys in menu.entries.keys() {
            if keys.is_empty() || keys.len() > 16 || !keys.bytes().all(crate::flow::is_key) {
                let message = format!("{keys:?} is not a key or a row of 1 to 16 keys of 0-9, *, #, A-D");
                self.error(Code::BadValue, format!("entries.{keys}"), message);
            }
            if keys.is_empty() {
                continue;
            }
            // They are sorted, so that an entry follows at once on the longest one it begins with, or on others that do.
            if let Some(shorter) = before.filter(|shorter| keys.starts_with(shorter)) {
                let message = format!("{keys} begins with {shorter}: whoever presses {shorter} has to wait");
                self.warning(Code::OverlappingEntries, format!("entries.{keys}"), message);
            } else {
                before = Some(keys);
            }
        }
    }

    fn wrong(&mut self, path: Cow<'a, str>, message: String) {
        self.error(Code::BadValue, path, message);
    }
}
