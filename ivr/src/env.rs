//! The names that expressions of a flow may use: its variables, and what is known about the call.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Timelike, Utc};
use chrono_tz::Tz;

use crate::expr::{Operand, Slots, Symbols, Type, Value};
use crate::flow::Flow;

/// What is known about a call before it enters a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallInfo {
    /// The call's id, `call.id`.
    pub id: Arc<str>,
    /// The number the caller calls from, `caller.number`; empty when it is withheld.
    pub caller: Arc<str>,
    /// The caller's name where one is known, `caller.name`.
    pub caller_name: Arc<str>,
    /// The number that was called, `call.called`.
    pub called: Arc<str>,
    /// When the call entered the flow.
    pub began: DateTime<Utc>,
    /// The company's time zone, for flows that name none.
    pub timezone: Tz,
}

/// The names that are always there, in the order of their slots.
const BUILTINS: [(&str, Type); 13] = [
    ("caller.number", Type::Text),
    ("caller.name", Type::Text),
    ("call.id", Type::Text),
    ("call.called", Type::Text),
    ("language", Type::Text),
    ("now.date", Type::Text),
    ("now.time", Type::Text),
    ("now.year", Type::Number),
    ("now.month", Type::Number),
    ("now.day", Type::Number),
    ("now.hour", Type::Number),
    ("now.minute", Type::Number),
    // 1 is Monday, 7 is Sunday (ISO 8601).
    ("now.weekday", Type::Number),
];

/// Words that a variable cannot be called.
pub(crate) const RESERVED: [&str; 12] =
    ["caller", "call", "now", "language", "true", "false", "null", "in", "size", "int", "double", "string"];

/// The symbols of a flow: what is always there, then its variables in the order of their names.
pub(crate) fn symbols(flow: &Flow) -> Symbols {
    let mut symbols = Symbols::default();
    for (name, kind) in BUILTINS {
        symbols.add(name, kind);
    }
    for (name, variable) in &flow.variables {
        symbols.add(name.as_str(), variable.kind);
    }
    symbols
}

/// The place of a variable among the variables, by its slot; `None` for what is always there.
pub(crate) fn variable_of(slot: u16) -> Option<usize> {
    usize::from(slot).checked_sub(BUILTINS.len())
}

/// What expressions see.
pub(crate) struct Env<'a> {
    pub(crate) call: &'a CallInfo,
    pub(crate) language: &'a str,
    pub(crate) timezone: Tz,
    pub(crate) now: DateTime<Utc>,
    pub(crate) variables: &'a [Value],
}

impl Slots for Env<'_> {
    fn slot(&self, slot: u16) -> Operand<'_> {
        if let Some(place) = variable_of(slot) {
            return self.variables.get(place).map_or(Operand::Null, Operand::from);
        }
        let text = |text| Operand::Text(Cow::Borrowed(text));
        match slot {
            0 => return text(&self.call.caller),
            1 => return text(&self.call.caller_name),
            2 => return text(&self.call.id),
            3 => return text(&self.call.called),
            4 => return text(self.language),
            _ => {}
        }
        let local = self.now.with_timezone(&self.timezone);
        match slot {
            5 => Operand::Text(local.format("%Y-%m-%d").to_string().into()),
            6 => Operand::Text(local.format("%H:%M").to_string().into()),
            7 => Operand::Int(local.year().into()),
            8 => Operand::Int(local.month().into()),
            9 => Operand::Int(local.day().into()),
            10 => Operand::Int(local.hour().into()),
            11 => Operand::Int(local.minute().into()),
            _ => Operand::Int(local.weekday().number_from_monday().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Expression;

    #[test]
    fn names_of_the_call_and_of_the_local_time_have_their_values() {
        let flow = Flow::read(r#"{"version": 1, "start": "a", "variables": {"b": {}, "a": {}}, "nodes": {}}"#).unwrap();
        let symbols = symbols(&flow);
        let call = CallInfo {
            id: "c1".into(),
            caller: "+4930".into(),
            caller_name: "Ada".into(),
            called: "+4940".into(),
            began: DateTime::UNIX_EPOCH,
            timezone: Tz::UTC,
        };
        let variables = [Value::from("first"), Value::from("second")];
        let now = "2026-11-22T23:30:00Z".parse().unwrap();
        let env = Env { call: &call, language: "de", timezone: Tz::Europe__Berlin, now, variables: &variables };
        for condition in [
            "caller.number == '+4930' && caller.name == 'Ada' && call.id == 'c1' && call.called == '+4940'",
            "language == 'de' && now.date == '2026-11-23' && now.time == '00:30'",
            "now.year == 2026 && now.month == 11 && now.day == 23 && now.hour == 0 && now.minute == 30 && now.weekday == 1",
            "a == 'first' && b == 'second'",
        ] {
            assert_eq!(Expression::compile(condition, &symbols).unwrap().test(&env), Ok(true), "{condition}");
        }
    }
}
