//! Which kinds of events a client wants.

use std::collections::BTreeSet;

use dialplane_core::event::Event;

use crate::problem::{Problem, Reply};

/// What is told live of how queues stand. No event: nothing of it is kept, and nothing sent again.
pub(super) const STATES: &str = "queue.state";

/// Kinds of events.
#[derive(Debug, Clone, Default)]
pub(super) enum Choice {
    /// All there are and will be.
    #[default]
    All,
    /// These.
    Only(BTreeSet<&'static str>),
}

impl Choice {
    /// Reads a list of names, separated by commas: `call.ended`, or `call.*` for a family.
    ///
    /// # Errors
    /// 400 when a name is no event's.
    pub(super) fn parse(text: &str) -> Reply<Self> {
        let mut names = BTreeSet::new();
        for wanted in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let fits = |name: &&str| match wanted.strip_suffix(".*") {
                Some(family) => name.split_once('.').is_some_and(|(first, _)| first == family),
                None => *name == wanted,
            };
            let mut fitting = Event::NAMES.into_iter().chain([STATES]).filter(fits).peekable();
            if fitting.peek().is_none() {
                return Err(Problem::field("types", "expected names of events, such as call.ended or call.*"));
            }
            names.extend(fitting);
        }
        Ok(if names.is_empty() { Self::All } else { Self::Only(names) })
    }

    /// Whether [`STATES`] are wanted: only when they were named, as they come often.
    pub(super) fn takes_states(&self) -> bool {
        matches!(self, Self::Only(names) if names.contains(STATES))
    }

    /// Whether an event is wanted.
    pub(super) fn takes(&self, event: &Event) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(event.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_families_are_understood_and_others_refused() {
        let Ok(Choice::Only(names)) = Choice::parse(" company.* , user.updated,user.updated") else { panic!("a list") };
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["company.created", "company.updated", "user.updated"]);
        assert!(matches!(Choice::parse(""), Ok(Choice::All)));
        let takes_states = |text| Choice::parse(text).is_ok_and(|choice| choice.takes_states());
        assert!(takes_states("queue.*") && takes_states("queue.state,call.ended") && !takes_states("call.*"));
        assert!(!Choice::All.takes_states());
        for wrong in ["call", "*", "cal.*", "call.ended.x", "Call.ended"] {
            assert!(Choice::parse(wrong).is_err(), "{wrong}");
        }
    }
}
