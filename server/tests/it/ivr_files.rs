//! `dialplane ivr`: flows from files, checked, tested and simulated by the binary.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{command, output};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/flows")
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn ivr(folder: &Path, arguments: &[&str]) -> Output {
    output(folder, &[&["ivr"], arguments].concat(), &[])
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn write(folder: &Path, file: &str, content: impl ToString) {
    std::fs::write(folder.join(file), content.to_string()).unwrap();
}

/// A menu that goes through the flow `ask` and by the calendar `office`, neither of which it has itself.
fn main_flow() -> Value {
    json!({
        "version": 1, "start": "hours", "onError": "bye",
        "variables": {"pin": {"type": "text"}, "tries": {"type": "number", "initial": 0}},
        "prompts": {"menu": {"en": "Press 1."}},
        "nodes": {
            "hours": {"type": "hours", "calendar": "office", "open": "menu", "closed": "bye"},
            "menu": {"type": "menu", "prompt": "menu", "entries": {"1": "ask"}, "retries": 0, "onInvalid": "bye", "onTimeout": "bye"},
            "ask": {"type": "subflow", "flow": "ask", "with": {"tries": "tries + 1"}, "returns": {"pin": "digits"}, "next": "said"},
            "said": {"type": "say", "text": "You entered {{ pin }}.", "next": "bye"},
            "bye": {"type": "hangup"}
        }
    })
}

fn ask_flow() -> Value {
    json!({
        "version": 1, "start": "digits", "onError": "back",
        "variables": {"digits": {"type": "text"}, "tries": {"type": "number", "parameter": true}},
        "prompts": {"ask": {"en": "Try {{ tries }}: four digits."}},
        "nodes": {
            "digits": {"type": "collect", "prompt": "ask", "into": "digits", "max": 4, "next": "back", "onInvalid": "back", "onTimeout": "back"},
            "back": {"type": "return"}
        }
    })
}

/// A folder with both flows and the calendar.
fn company() -> TempDir {
    let folder = folder();
    write(folder.path(), "main.flow.json", main_flow());
    write(folder.path(), "ask.flow.json", ask_flow());
    let always = json!([{"from": "00:00", "to": "24:00"}]);
    write(folder.path(), "calendars.json", json!({"office": {"timezone": "UTC", "weekly": {"wednesday": always}}}));
    folder
}

#[test]
fn the_examples_are_sound_and_their_tests_pass() {
    let folder = folder();
    let examples = examples();
    let check = ivr(folder.path(), &["check", "--strict", examples.to_str().unwrap()]);
    assert!(check.status.success(), "{}", out(&check));
    assert_eq!((out(&check).lines().count(), err(&check).trim()), (3, "3 flows: 0 errors, 0 warnings"));
    let test =
        ivr(folder.path(), &["test", "--min-coverage", "100", "--junit", "report.xml", examples.to_str().unwrap()]);
    assert!(test.status.success(), "{}", out(&test));
    assert_eq!(out(&test).matches("100 % covered").count(), 3);
    let junit = std::fs::read_to_string(folder.path().join("report.xml")).unwrap();
    assert_eq!((junit.matches("<testsuite ").count(), junit.matches("<failure").count()), (3, 0));
    assert!(!out(&test).contains('\x1b'), "colours are for terminals");
}

#[test]
fn every_problem_is_told_by_file_and_node() {
    let folder = company();
    let mut wrong = main_flow();
    wrong["nodes"]["menu"]["entries"]["2"] = json!("nowhere");
    wrong["nodes"]["menu"]["onTimeout"] = Value::Null;
    wrong["variables"]["spare"] = json!({});
    write(folder.path(), "wrong.flow.json", &wrong);
    write(folder.path(), "torn.flow.json", "{\"version\": 1,");
    write(folder.path(), "warned.flow.json", {
        let mut warned = main_flow();
        warned["variables"]["spare"] = json!({});
        warned
    });
    let check = ivr(folder.path(), &["check", "wrong.flow.json", "main.flow.json", "torn.flow.json"]);
    assert_eq!(check.status.code(), Some(1));
    let told = out(&check);
    for line in [
        "wrong.flow.json",
        "  menu",
        "    error    entries.2: there is no node nowhere [unknown_target]",
        "    error    onTimeout: where a caller who does nothing goes is not said [missing_branch]",
        "    warning  variables.spare: nothing reads spare [unused_variable]",
        "ok  main.flow.json",
        "torn.flow.json",
    ] {
        assert!(told.lines().any(|found| found == line), "{line:?} is missing:\n{told}");
    }
    assert_eq!(err(&check).trim(), "3 flows: 3 errors, 1 warning");
    let data = ivr(folder.path(), &["check", "--json", "wrong.flow.json"]);
    let data: Value = serde_json::from_slice(&data.stdout).unwrap();
    assert_eq!((&data[0]["file"], data[0]["problems"].as_array().unwrap().len()), (&json!("wrong.flow.json"), 3));
    assert_eq!(data[0]["problems"][0]["code"], "unknown_target");
    assert!(ivr(folder.path(), &["check", "warned.flow.json"]).status.success());
    assert_eq!(ivr(folder.path(), &["check", "--strict", "warned.flow.json"]).status.code(), Some(1));
}

#[test]
fn subflows_and_calendars_beside_a_flow_are_found_and_missed() {
    let folder = company();
    assert!(ivr(folder.path(), &["check", "."]).status.success());
    std::fs::remove_file(folder.path().join("calendars.json")).unwrap();
    let check = ivr(folder.path(), &["check", "main.flow.json"]);
    assert!(out(&check).contains("there is no calendar office [unknown_calendar]"), "{}", out(&check));
    write(folder.path(), "ask.flow.json", json!({"version": 1, "start": "a", "nodes": {"a": {"type": "menue"}}}));
    let check = ivr(folder.path(), &["check", "main.flow.json"]);
    assert!(out(&check).contains("in ask: \"menue\" is not a type of node"), "{}", out(&check));
    std::fs::remove_file(folder.path().join("ask.flow.json")).unwrap();
    let check = ivr(folder.path(), &["check", "main.flow.json"]);
    assert!(out(&check).contains("there is no flow ask [unknown_flow]"), "{}", out(&check));
    write(folder.path(), "calendars.json", "{\"office\": {\"timezone\": \"Europe/Bonn\"}}");
    let check = ivr(folder.path(), &["check", "main.flow.json"]);
    assert!(err(&check).starts_with("error: calendars.json: office.timezone: "), "{}", err(&check));
}

#[test]
fn a_test_that_fails_says_what_was_expected_and_found_and_what_was_missed() {
    let folder = company();
    write(
        folder.path(),
        "main.flow-test.yml",
        "minCoverage: 90\ntests:\n  - name: one <asks>\n    when: [{digit: 1}, {digits: 1234}]\n    then:\n      path: [hours, menu, ask, digits, back, said, bye]\n      \
         hears: [Press 1., 'Try 1: four digits.', You entered 1234.]\n      variables: {pin: '1234'}\n  - name: two fails\n    when: [{digit: 2}]\n    then: {endsIn: menu}\n",
    );
    let test = ivr(folder.path(), &["test", "--junit", "report.xml", "main.flow.json"]);
    assert_eq!(test.status.code(), Some(1));
    let told = out(&test);
    for line in [
        "main",
        "  ok    one <asks>",
        "  FAIL  two fails",
        "          endsIn: expected menu, found bye",
        "  FAIL  83.3 % covered: 5 of 5 nodes, 5 of 7 branches; 90 % are asked for",
        "          missed hours.closed",
        "          missed menu.onTimeout",
    ] {
        assert!(told.lines().any(|found| found == line), "{line:?} is missing:\n{told}");
    }
    assert_eq!(err(&test).trim(), "1 flow: 2 tests, 1 failed");
    let junit = std::fs::read_to_string(folder.path().join("report.xml")).unwrap();
    assert!(junit.contains("tests=\"3\" failures=\"2\"") && junit.contains("one &lt;asks&gt;"), "{junit}");
    let data: Value =
        serde_json::from_slice(&ivr(folder.path(), &["test", "--json", "main.flow.json"]).stdout).unwrap();
    assert_eq!(data[0]["tests"][0]["simulation"], Value::Null);
    assert_eq!(data[0]["tests"][1]["simulation"]["ended"], "hangup");
}

#[test]
fn tests_of_a_flow_with_errors_fail_and_missing_tests_are_told() {
    let folder = company();
    let none = ivr(folder.path(), &["test", "main.flow.json"]);
    assert_eq!(
        (none.status.code(), err(&none).trim()),
        (Some(1), "error: main.flow.json: there are no tests beside it")
    );
    write(folder.path(), "ask.flow-test.json", json!({"tests": [{"name": "x"}]}));
    let one = ivr(folder.path(), &["test", "."]);
    assert!(
        one.status.success() && err(&one).contains("main.flow.json: there are no tests beside it"),
        "{}",
        err(&one)
    );
    write(folder.path(), "ask.flow.json", json!({"version": 1, "start": "a", "nodes": {"a": {"type": "tag"}}}));
    let broken = ivr(folder.path(), &["test", "."]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(out(&broken).contains("FAIL  the flow has no errors"), "{}", out(&broken));
    write(folder.path(), "ask.flow-test.json", json!({"tests": [{"name": "x", "whem": []}]}));
    let wrong = err(&ivr(folder.path(), &["test", "ask.flow.json"]));
    assert!(wrong.starts_with("error: ask.flow-test.json: tests[0].whem: unknown field"), "{wrong}");
    write(folder.path(), "ask.flow-test.yaml", "tests: []");
    let two = err(&ivr(folder.path(), &["test", "ask.flow.json"]));
    assert!(two.contains("are for the same flow: keep one of them"), "{two}");
}

#[test]
fn yaml_that_would_grow_without_bound_is_refused_at_once() {
    let folder = company();
    let mut bomb = String::from(
        "tests:\n  - name: x\n    then:\n      requests:\n        - a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n",
    );
    for n in 1..12 {
        let before = format!("*a{}", n - 1);
        bomb += &format!("          a{n}: &a{n} [{}]\n", vec![before; 10].join(", "));
    }
    write(folder.path(), "ask.flow-test.yaml", bomb);
    let refused = ivr(folder.path(), &["test", "ask.flow.json"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).starts_with("error: ask.flow-test.yaml: "), "{}", err(&refused));
    write(folder.path(), "ask.flow-test.yaml", "[".repeat(100_000));
    assert_eq!(ivr(folder.path(), &["test", "ask.flow.json"]).status.code(), Some(1));
}

#[test]
fn a_simulation_tells_every_step_and_what_was_heard() {
    let folder = company();
    write(folder.path(), "script.yaml", "- digit: 1\n- digits: 4711\n");
    let simulated = ivr(folder.path(), &["simulate", "main.flow.json", "--script", "script.yaml", "--var", "tries=2"]);
    assert!(simulated.status.success(), "{}", err(&simulated));
    let told = out(&simulated);
    for line in [
        "    0.000  menu        key       1",
        "    0.000  menu        left      entries.1 → ask",
        "    0.000  ask/digits  entered",
        "  Try 3: four digits.",
        "  You entered 4711.",
        "  pin = \"4711\"",
    ] {
        assert!(told.lines().any(|found| found == line), "{line:?} is missing:\n{told}");
    }
    let closed = ivr(folder.path(), &["simulate", "--json", "main.flow.json", "--at", "2026-11-19T12:00:00Z"]);
    let closed: Value = serde_json::from_slice(&closed.stdout).unwrap();
    assert_eq!(closed["path"], json!(["hours", "bye"]));
}

#[test]
fn a_script_comes_by_stdin_and_has_to_fit() {
    let folder = company();
    let simulate = |script: &str| {
        let mut process = command(folder.path())
            .args(["ivr", "simulate", "main.flow.json", "--script", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    };
    assert!(simulate("[{\"digit\": \"1\"},\t{\"digits\": \"4711\"}]").status.success());
    assert!(simulate("- digit: '1'\n- digits: '4711'").status.success());
    let late = simulate("[{\"digit\": \"2\"}, {\"webhook\": {}}]");
    assert_eq!(late.status.code(), Some(1));
    assert_eq!(err(&late).trim(), "step 2 of the script: nothing asked for it");
    let wrong = simulate("- press: 1");
    assert!(err(&wrong).starts_with("error: -: "), "{}", err(&wrong));
}

#[test]
fn what_cannot_be_given_is_refused_by_its_name() {
    let folder = company();
    let refused = |arguments: &[&str]| {
        let refused = ivr(folder.path(), &[&["simulate", "main.flow.json"], arguments].concat());
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        err(&refused)
    };
    assert!(refused(&["--at", "tomorrow"]).starts_with("error: --at: "));
    assert!(refused(&["--timezone", "Mars"]).starts_with("error: --timezone: "));
    assert!(refused(&["--var", "x"]).contains("expected NAME=VALUE"));
    assert!(refused(&["--var", "x=1"]).contains("the flow has no variable x"));
    assert!(refused(&["--script", "nowhere.json"]).starts_with("error: nowhere.json: "));
    assert!(err(&ivr(folder.path(), &["check", "nowhere.flow.json"])).starts_with("error: nowhere.flow.json: "));
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    assert!(err(&ivr(folder.path(), &["check", "empty"])).contains("there is no file NAME.flow.json in it"));
}

#[test]
fn the_schemas_are_printed_and_shells_complete_the_commands() {
    let folder = folder();
    let schema =
        |arguments: &[&str]| -> Value { serde_json::from_slice(&ivr(folder.path(), arguments).stdout).unwrap() };
    assert_eq!(schema(&["schema"])["title"], "Dialplane call flow");
    assert_eq!(schema(&["schema", "--tests"])["title"], "Tests of a Dialplane call flow");
    for shell in ["bash", "zsh", "fish"] {
        let completions = out(&output(folder.path(), &["completions", shell], &[]));
        for word in ["simulate", "min-coverage", "junit"] {
            assert!(completions.contains(word), "{shell}: {word}");
        }
    }
}
