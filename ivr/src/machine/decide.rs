//! Nodes that only compute: language, condition, set, tag.

use super::trace::Event;
use super::{Command, Machine, Turn};
use crate::expr::{Expression, Value};
use crate::program::{CaseOp, Program, Way};
use crate::template::Template;

impl Machine {
    pub(super) fn change_language(&mut self, program: &Program, to: &Template, next: Way) -> Turn {
        match to.render(&self.env()) {
            Ok(wanted) => self.speak(program, &wanted),
            Err(error) => self.note(Event::NotComputed(error)),
        }
        Turn::Go(next)
    }

    /// Changes the language if the flow speaks it.
    pub(super) fn speak(&mut self, program: &Program, wanted: &str) {
        let languages = self.part(program).map(|part| &*part.languages).unwrap_or_default();
        match languages.iter().position(|language| language.eq_ignore_ascii_case(wanted.trim())) {
            Some(place) => {
                self.language = languages[place].clone();
                self.spoken = place;
            }
            None => self.note(Event::LanguageKept),
        }
    }

    pub(super) fn decide(&mut self, cases: &[CaseOp], otherwise: Way) -> Turn {
        for case in cases {
            match case.when.test(&self.env()) {
                Ok(true) => return Turn::Go(Some(case.way)),
                Ok(false) => {}
                Err(error) => self.note(Event::NotComputed(error)),
            }
        }
        Turn::Go(otherwise)
    }

    pub(super) fn set(&mut self, values: &[(usize, Expression)], next: Way) -> Turn {
        match values {
            [(place, expression)] => {
                let value = self.compute(expression);
                self.assign(*place, value);
            }
            _ => {
                let computed: Vec<_> =
                    values.iter().map(|(place, expression)| (*place, self.compute(expression))).collect();
                for (place, value) in computed {
                    self.assign(place, value);
                }
            }
        }
        Turn::Go(next)
    }

    /// The value of an expression, or null when it has none.
    pub(super) fn compute(&mut self, expression: &Expression) -> Value {
        match expression.eval(&self.env()).map(crate::expr::Operand::into_value) {
            Ok(value) => value,
            Err(error) => {
                self.note(Event::NotComputed(error));
                Value::Null
            }
        }
    }

    /// The text of a template; `None` when it has none.
    pub(super) fn text(&mut self, template: &Template) -> Option<String> {
        match template.render(&self.env()) {
            Ok(text) => Some(text),
            Err(error) => {
                self.note(Event::NotComputed(error));
                None
            }
        }
    }

    pub(super) fn tag(&mut self, tags: &[Template], disposition: Option<&Template>, next: Way) -> Turn {
        let tags = tags.iter().filter_map(|tag| self.text(tag)).collect();
        let disposition = disposition.and_then(|disposition| self.text(disposition));
        self.command(Command::Tag { tags, disposition });
        Turn::Go(next)
    }
}
