//! The flows of `examples/flows` are sound, and their tests pass every node and branch.

use std::sync::Arc;

use dialplane_ivr::simulate::{Given, simulate};
use dialplane_ivr::{Flow, Program, Surroundings, check};

use crate::example_flows;

#[test]
fn there_are_three_and_nothing_is_wrong_with_them() {
    let flows = example_flows();
    assert_eq!(flows.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), ["card", "clinic", "sales"]);
    for (name, document, _) in flows {
        let flow = Flow::read(&document).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
        assert_eq!(check::check(&flow, &Surroundings::default()), [], "{name}");
    }
}

#[test]
fn their_tests_pass_and_leave_no_branch_out() {
    for (name, document, suite) in example_flows() {
        let report = suite.run(&name, &Flow::read(&document).unwrap(), &Surroundings::default()).unwrap();
        let failed = report.tests.iter().filter(|test| !test.failures.is_empty());
        let told: Vec<String> =
            failed.map(|test| format!("{}\n    {}", test.name, test.failures.join("\n    "))).collect();
        assert!(told.is_empty(), "{name}:\n  {}", told.join("\n  "));
        assert_eq!(report.coverage.missed, Vec::<String>::new(), "{name}");
        assert!(suite.min_coverage == 100 && report.is_passed(), "{name}");
    }
}

#[test]
fn no_digit_of_a_card_is_in_a_trace_or_said() {
    let (_, document, _) = example_flows().remove(0);
    let program =
        Arc::new(Program::compile("card", &Flow::read(&document).unwrap(), &Surroundings::default()).unwrap());
    let given = Given { at: "2026-11-16T10:00:00Z".parse().unwrap(), ..Given::default() };
    // Of the digits of card, expiry and code none is in anything else that is pressed or said.
    let script = serde_json::json!([
        {"digits": "10024711"}, {"webhook": {"body": {"amount_in_words": "ten pounds"}}}, {"digit": "1"},
        {"digits": "6011000990139424"}, {"digits": "0936"}, {"digits": "583"},
        {"webhook": {"body": {"outcome": "approved", "reference": "A"}}}
    ]);
    let simulation = simulate(program, &given, serde_json::from_value(script).unwrap());
    assert_eq!((simulation.ended.as_str(), simulation.path.len()), ("hangup", 13), "{simulation:?}");
    let keys = simulation.trace.iter().filter(|step| step.event == "key");
    let secret = keys.filter(|step| ["card", "expiry", "code"].contains(&step.node.as_str()));
    let shown: Vec<&str> = secret.filter_map(|step| step.detail.as_deref()).collect();
    assert_eq!(shown, ["•"; 16 + 4 + 3]);
    let written = serde_json::to_string(&(&simulation.trace, &simulation.variables, &simulation.heard)).unwrap();
    for digits in ["6011000990139424", "6011", "9424", "0936", "583"] {
        assert!(!written.contains(digits), "{digits}: {written}");
    }
}
