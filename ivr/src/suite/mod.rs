//! Tests as data: a file beside the flow that says what happens when.
//!
//! ```
//! use dialplane_ivr::suite::Suite;
//! use dialplane_ivr::{Flow, Surroundings};
//!
//! let flow = Flow::read(r#"{"version": 1, "start": "menu", "onError": "bye", "prompts": {"menu": {"en": "Press 1"}}, "nodes": {
//!     "menu": {"type": "menu", "prompt": "menu", "entries": {"1": "sales"}, "retries": 0, "onInvalid": "bye", "onTimeout": "bye"},
//!     "sales": {"type": "queue", "queue": "Sales", "onTimeout": "bye", "onFail": "bye"},
//!     "bye": {"type": "hangup"}}}"#).unwrap();
//! let suite: Suite = serde_json::from_str(r#"{"tests": [
//!     {"name": "1 is sales", "when": [{"digit": "1"}, {"queue": "connected"}], "then": {"path": ["menu", "sales"], "actions": ["queue Sales"], "ends": "completed"}},
//!     {"name": "silence ends", "then": {"ends": "hangup"}}
//! ]}"#).unwrap();
//! let report = suite.run("menu", &flow, &Surroundings::default()).unwrap();
//! assert_eq!(report.failed(), 0);
//! assert_eq!(report.coverage.missed, ["menu.onInvalid", "sales.onTimeout", "sales.onFail"]);
//! ```

mod coverage;
mod junit;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use coverage::Coverage;
pub use junit::junit;

use crate::check::{Problem, Surroundings};
use crate::expr::Value;
use crate::flow::Flow;
use crate::program::Program;
use crate::simulate::{self, Event, Given, Simulation};
use coverage::Covering;

/// The tests of a flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Suite {
    /// What holds before every test that does not say otherwise, field by field.
    #[serde(default)]
    #[schemars(with = "Given")]
    pub given: serde_json::Map<String, Json>,
    /// The share of nodes and branches that the tests together have to pass, in percent; 0 where nothing is said.
    #[serde(default)]
    #[schemars(range(max = 100))]
    pub min_coverage: u8,
    /// The tests: at least one, each with its own name.
    #[serde(deserialize_with = "tests")]
    #[schemars(length(min = 1))]
    pub tests: Vec<Test>,
}

fn tests<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Test>, D::Error> {
    use serde::de::Error as _;
    let tests = Vec::<Test>::deserialize(deserializer)?;
    let mut names = BTreeSet::new();
    match tests.iter().find(|test| !names.insert(&test.name)) {
        Some(twin) => Err(D::Error::custom(format_args!("two tests have the name {:?}", twin.name))),
        None if tests.is_empty() => Err(D::Error::custom("there are no tests")),
        None => Ok(tests),
    }
}

/// A call, and what has to come of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Test {
    /// What it shows.
    pub name: String,
    /// What holds before: fields of [`Given`].
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[schemars(with = "Given")]
    pub given: serde_json::Map<String, Json>,
    /// What happens. After it nothing does: the caller is silent, nobody answers.
    #[serde(default)]
    pub when: Vec<Event>,
    /// What has to come of it.
    #[serde(default)]
    pub then: Then,
}

/// What has to come of a call. What is not said may be anything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Then {
    /// The nodes, exactly, in the order they are entered.
    pub path: Option<Vec<String>>,
    /// Branches that are taken, in this order, others in between allowed: `menu.entries.1`.
    pub branches: Vec<String>,
    /// Parts of what is heard, in this order.
    pub hears: Vec<String>,
    /// What must not be heard.
    pub hears_not: Vec<String>,
    /// What is asked of others, exactly: `queue Sales`, `dial +49…`, `record Clinic`, `callback +49… Sales`, `tag a, b`.
    pub actions: Option<Vec<String>>,
    /// The requests, as many as there are; each has at least these fields with these values.
    pub requests: Option<Vec<Json>>,
    /// Variables at the end; secrets are null.
    pub variables: BTreeMap<String, Value>,
    /// How it ends: `hangup`, `caller`, `completed`, `message`, or the beginning of `fault: …`.
    #[serde(deserialize_with = "ending")]
    #[schemars(regex(pattern = "^(hangup|caller|completed|message|fault(: .*)?)$"))]
    pub ends: Option<String>,
    /// The node it ends in.
    pub ends_in: Option<String>,
}

fn ending<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let ending = Option::<String>::deserialize(deserializer)?;
    let is_one = |word: &String| {
        matches!(word.as_str(), "hangup" | "caller" | "completed" | "message" | "fault") || word.starts_with("fault: ")
    };
    match &ending {
        Some(word) if !is_one(word) => Err(serde::de::Error::custom(format_args!(
            "no call ends as {word:?}, but as hangup, caller, completed, message or fault"
        ))),
        _ => Ok(ending),
    }
}

/// What became of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The flow.
    pub flow: String,
    /// The tests, in their order.
    pub tests: Vec<Outcome>,
    /// What they passed together.
    pub coverage: Coverage,
    /// What they have to pass, in percent.
    pub min_coverage: u8,
}

/// What became of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// What it shows.
    pub name: String,
    /// What was other than said; nothing when it passed.
    pub failures: Vec<String>,
    /// What happened.
    pub simulation: Option<Simulation>,
}

impl Report {
    /// How many tests failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.tests.iter().filter(|test| !test.failures.is_empty()).count()
    }

    /// Whether every test passed, and enough was covered.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.failed() == 0 && self.coverage.percent() >= f64::from(self.min_coverage)
    }
}

impl Suite {
    /// The JSON Schema of test files.
    #[must_use]
    pub fn schema() -> Json {
        let mut schema = schemars::schema_for!(Self);
        schema.insert("title".to_owned(), "Tests of a Dialplane call flow".into());
        schema.to_value()
    }

    /// Runs the tests of a flow.
    ///
    /// # Errors
    /// The errors of the flow, when it has some.
    pub fn run(&self, name: &str, flow: &Flow, around: &Surroundings<'_>) -> Result<Report, Vec<Problem>> {
        let program = Arc::new(Program::compile(name, flow, around)?);
        let mut covering = Covering::new(&program);
        let tests = self.tests.iter().map(|test| self.run_test(test, &program, &mut covering)).collect();
        let coverage = covering.result(&program);
        Ok(Report { flow: name.to_owned(), tests, coverage, min_coverage: self.min_coverage })
    }

    fn run_test(&self, test: &Test, program: &Arc<Program>, covering: &mut Covering) -> Outcome {
        let mut given = self.given.clone();
        given.extend(test.given.clone());
        let given: Given = match serde_path_to_error::deserialize(Json::Object(given)) {
            Ok(given) => given,
            Err(error) => {
                let failures = vec![format!("given: {error}")];
                return Outcome { name: test.name.clone(), failures, simulation: None };
            }
        };
        let part = program.flows.first();
        let declared =
            |name: &String| part.is_some_and(|part| part.variables.iter().any(|variable| *variable.name == **name));
        let mut failures: Vec<String> = given
            .variables
            .keys()
            .filter(|name| !declared(name))
            .map(|name| format!("given: the flow has no variable {name}"))
            .collect();
        let (simulation, machine) = simulate::run(Arc::clone(program), &given, test.when.clone());
        covering.add(&machine);
        failures.extend(compare(&test.then, &simulation));
        Outcome { name: test.name.clone(), failures, simulation: Some(simulation) }
    }
}

fn compare(then: &Then, simulation: &Simulation) -> Vec<String> {
    let mut failures = Vec::new();
    let mut differs = |what: &str, wanted: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
        failures.push(format!("{what}: expected {wanted:?}, found {found:?}"));
    };
    if let Some(path) = then.path.as_ref().filter(|path| **path != simulation.path) {
        differs("path", path, &simulation.path);
    }
    let taken: Vec<String> = simulation
        .trace
        .iter()
        .filter(|step| step.event == "left")
        .map(|step| format!("{}.{}", step.node, step.detail.as_deref().unwrap_or_default()))
        .collect();
    if !in_order(&then.branches, &taken, |wanted, found| wanted == found) {
        differs("branches", &then.branches, &taken);
    }
    if !in_order(&then.hears, &simulation.heard, |wanted, found| found.contains(wanted.as_str())) {
        differs("hears", &then.hears, &simulation.heard);
    }
    for unwanted in &then.hears_not {
        if let Some(found) = simulation.heard.iter().find(|heard| heard.contains(unwanted.as_str())) {
            differs("hearsNot", unwanted, found);
        }
    }
    if let Some(actions) = then.actions.as_ref().filter(|actions| **actions != simulation.actions) {
        differs("actions", actions, &simulation.actions);
    }
    if let Some(requests) = &then.requests {
        let found = serde_json::to_value(&simulation.requests).unwrap_or_default();
        let found = found.as_array().cloned().unwrap_or_default();
        let same = requests.len() == found.len() && requests.iter().zip(&found).all(|(w, f)| has(w, f));
        if !same {
            failures.push(format!("requests: expected {}, found {}", Json::from(requests.clone()), Json::from(found)));
        }
    }
    for (name, wanted) in &then.variables {
        let found = simulation.variables.get(name);
        if found != Some(wanted) {
            let found = found.map_or("no such variable".to_owned(), |found| found.to_json().to_string());
            failures.push(format!("variables.{name}: expected {}, found {found}", wanted.to_json()));
        }
    }
    if let Some(ends) = then.ends.as_ref().filter(|ends| !simulation.ended.starts_with(ends.as_str())) {
        failures.push(format!("ends: expected {ends}, found {}", simulation.ended));
    }
    let last = simulation.path.last();
    if let Some(node) = then.ends_in.as_ref().filter(|node| last != Some(*node)) {
        failures.push(format!("endsIn: expected {node}, found {}", last.map(String::as_str).unwrap_or_default()));
    }
    for place in &simulation.unused {
        failures.push(format!("when.{place}: nothing asked for it"));
    }
    failures
}

fn in_order(wanted: &[String], found: &[String], fits: impl Fn(&String, &String) -> bool) -> bool {
    let mut found = found.iter();
    wanted.iter().all(|wanted| found.any(|found| fits(wanted, found)))
}

/// Whether `found` has at least what `wanted` has.
fn has(wanted: &Json, found: &Json) -> bool {
    match (wanted, found) {
        (Json::Object(wanted), Json::Object(found)) => {
            wanted.iter().all(|(name, wanted)| found.get(name).is_some_and(|found| has(wanted, found)))
        }
        (Json::Array(wanted), Json::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| has(wanted, found))
        }
        _ => wanted == found,
    }
}
