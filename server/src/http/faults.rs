//! All that is wrong with an input, collected, so that one answer names every field.

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use dialplane_core::error::{Failure, Refusal};
use serde::de::DeserializeOwned;

use super::input::read_json;
use crate::problem::{FieldError, Problem, Reply};

/// The most faults that one answer names.
pub(crate) const FAULTS_MAX: usize = 32;

/// Collects what is wrong with an input.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    fields: Vec<FieldError>,
    /// The code of the first; it stands for the answer when there is no other.
    code: Option<&'static str>,
    /// The first failure that is not about a field of the input: a missing right, a conflict.
    other: Option<Problem>,
}

impl Faults {
    /// Says what is wrong with a field. The first word about a field stands: a rule has nothing to add about a field whose form is
    /// wrong.
    pub(crate) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        let field = field.into();
        let known = self.fields.iter().any(|fault| is_within(&field, &fault.field));
        if !known && self.fields.len() < FAULTS_MAX {
            self.fields.push(FieldError { field, message: message.into() });
        }
    }

    /// Takes the faults of a failed check.
    pub(crate) fn check<T, E: Into<Problem>>(&mut self, result: Result<T, E>) -> Option<T> {
        let problem: Problem = match result {
            Ok(value) => return Some(value),
            Err(error) => error.into(),
        };
        if problem.status() == StatusCode::BAD_REQUEST && !problem.errors().is_empty() {
            self.code.get_or_insert(problem.code());
            for fault in problem.errors() {
                self.add(fault.field.clone(), fault.message.clone());
            }
        } else {
            self.other.get_or_insert(problem);
        }
        None
    }

    /// Takes the refusal of a rule.
    pub(crate) fn rule<T, R: Refusal>(&mut self, result: Result<T, R>) -> Option<T> {
        self.check(result.map_err(Failure::Refused))
    }

    /// Takes the refusals of rules that were all asked.
    pub(crate) fn rules<R: Refusal>(&mut self, refusals: impl IntoIterator<Item = R>) {
        for refusal in refusals {
            self.rule::<(), R>(Err(refusal));
        }
    }

    /// Ends the collection.
    ///
    /// # Errors
    /// 400 with every fault. Without a fault of the input, the failure that is about something else.
    pub(crate) fn done(self) -> Reply<()> {
        match (self.fields.is_empty(), self.other) {
            (false, _) => Err(Problem::fields(self.code.unwrap_or("invalid_input"), self.fields)),
            (true, Some(other)) => Err(other),
            (true, None) => Ok(()),
        }
    }
}

/// Whether `field` is `place` or a part of it, however either is spelled.
fn is_within(field: &str, place: &str) -> bool {
    let plain = |text: &str| text.replace('_', "").to_lowercase();
    let (field, place) = (plain(field), plain(place));
    field.strip_prefix(&place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A JSON body whose form may be wrong in places: the rules still look at the rest of it, so that one answer names all that is wrong.
///
/// Where the form is wrong it holds something that is not the client's; [`Draft::checked`] is the only way to the body, and never
/// gives a body out that had a fault.
#[derive(Debug)]
pub(crate) struct Draft<T> {
    pub(super) body: T,
    pub(super) faults: Faults,
}

impl<T> Draft<T> {
    /// Asks one rule before the others.
    pub(crate) fn asked(mut self, rule: impl FnOnce(&T, &mut Faults)) -> Self {
        rule(&self.body, &mut self.faults);
        self
    }

    /// Asks the rules, and gives out what they made of the body when nothing is wrong with it.
    ///
    /// # Errors
    /// 400 with every fault of form and rules.
    pub(crate) fn checked<U>(self, rules: impl FnOnce(T, &mut Faults) -> Option<U>) -> Reply<U> {
        let Self { body, mut faults } = self;
        let made = rules(body, &mut faults);
        faults.done()?;
        made.ok_or_else(|| Problem::malformed("the body is not valid"))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Draft<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read_json(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialplane_core::people::user;

    fn faults_of(problem: &Problem) -> Vec<&str> {
        problem.errors().iter().map(|fault| fault.field.as_str()).collect()
    }

    #[test]
    fn every_fault_is_named_once_in_the_order_found() {
        let mut faults = Faults::default();
        faults.add("country_code", "expected a string");
        faults.rule(user::person_name(""));
        faults.rule(user::email("x"));
        faults.add("countryCode", "a second word about the same field");
        faults.add("name.first", "a part of a field that is wrong");
        let problem = faults.done().unwrap_err();
        assert_eq!(faults_of(&problem), ["country_code", "name", "email"]);
        assert_eq!((problem.status(), problem.code()), (StatusCode::BAD_REQUEST, "invalid_input"));
    }

    #[test]
    fn a_failure_that_is_not_the_inputs_comes_after_those_that_are() {
        let mut faults = Faults::default();
        faults.check::<(), _>(Err(Problem::not_found("queue")));
        assert_eq!(faults.done().unwrap_err().status(), StatusCode::NOT_FOUND);
        let mut faults = Faults::default();
        faults.check::<(), _>(Err(Problem::not_found("queue")));
        faults.add("name", "wrong");
        assert_eq!(faults.done().unwrap_err().status(), StatusCode::BAD_REQUEST);
        assert!(Faults::default().done().is_ok());
    }

    #[test]
    fn faults_are_bounded() {
        let mut faults = Faults::default();
        for n in 0..1_000 {
            faults.add(format!("members[{n}]"), "wrong");
        }
        assert_eq!(faults.done().unwrap_err().errors().len(), FAULTS_MAX);
    }

    #[test]
    fn a_draft_with_a_fault_of_form_never_gives_its_body_out() {
        let mut faults = Faults::default();
        faults.add("name", "expected a string");
        let draft = Draft { body: String::new(), faults };
        assert!(draft.checked(|body, _| Some(body)).is_err());
    }
}
