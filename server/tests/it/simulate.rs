//! `dialplane simulate`: a day from a plan, played by the binary.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::output;

const PLAN: &str = r#"
[[queues]]
calls = [20.0, 30.0]
patienceSeconds = 60.0
talkSeconds = 120.0
talkDeviation = 60.0
[queues.settings]
name = "sales"
skills = [{ name = "german", level = 3 }]
[[agents]]
count = 3
queues = ["sales"]
skills = [{ name = "german", level = 5 }]
"#;

fn simulate(folder: &TempDir, plan: &str, more: &[&str]) -> Output {
    std::fs::write(folder.path().join("plan.toml"), plan).unwrap();
    output(folder.path(), &[&["simulate", "plan.toml"], more].concat(), &[])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_day_is_told_as_a_table_as_json_and_as_csv_and_repeats_with_its_seed() {
    let folder = tempfile::tempdir().unwrap();
    let table = simulate(&folder, PLAN, &["--seed", "7", "--runs", "3", "--csv", "day.csv"]);
    assert!(table.status.success(), "{}", text(&table.stderr));
    let told = text(&table.stdout);
    assert!(told.contains("offered") && told.contains("+0:30") && told.contains("3 days: in time"), "{told}");
    assert!(!told.contains('\u{1b}'), "no colours into a file");
    let again = simulate(&folder, PLAN, &["--seed", "7", "--runs", "3"]);
    assert_eq!(text(&again.stdout), told);
    let other = simulate(&folder, PLAN, &["--seed", "99", "--runs", "3"]);
    assert_ne!(text(&other.stdout), told);

    let json: Value = serde_json::from_slice(&simulate(&folder, PLAN, &["--seed", "7", "--json"]).stdout).unwrap();
    let offered = |of: &Value| of["offered"]["mean"].as_f64().unwrap();
    let slices: f64 = json["slices"].as_array().unwrap().iter().map(offered).sum();
    assert_eq!(slices, offered(&json["total"]));
    assert!((20.0..90.0).contains(&slices), "{slices}");
    assert!(json["fairness"]["mean"].as_f64().unwrap() > 0.5);

    let csv = std::fs::read_to_string(folder.path().join("day.csv")).unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    // Two slices and the total of each of three days, below the head.
    assert_eq!((rows.len(), rows[0][0], rows[1][0], rows[1][1]), (10, "seed", "7", "+0:00"));
    assert!(rows.iter().all(|row| row.len() == rows[0].len()));
    assert_eq!(rows[3][2].parse::<f64>().unwrap(), slices);
}

#[test]
fn a_plan_that_cannot_be_is_told_with_its_line_or_its_field() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to, told) in [
        ("calls = [20.0, 30.0]", "calls = [20.0,", "line 4"),
        ("talkSeconds = 120.0", "talkSecond = 120.0", "talkSecond"),
        ("talkSeconds = 120.0", "talkSeconds = \"two\"", "line 5"),
        ("talkSeconds = 120.0", "talkSeconds = -2.0", "queues[0].talkSeconds: "),
        ("name = \"sales\"", "name = \"sales\"\nringSecond = 9", "queues[0].settings.ringSecond: "),
        ("name = \"sales\"", "name = \"sales\"\nringSeconds = 1", "queues[0].settings.ringSeconds: "),
        ("queues = [\"sales\"]", "queues = [\"sale\"]", "agents[0].queues: "),
    ] {
        let refused = simulate(&folder, &PLAN.replace(from, to), &[]);
        let error = text(&refused.stderr);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{to}");
        assert!(error.contains(told) && error.contains("plan.toml"), "{to}: {error}");
    }
    let missing = output(folder.path(), &["simulate", "nowhere.toml"], &[]);
    assert!(!missing.status.success() && text(&missing.stderr).contains("nowhere.toml"));
}

#[test]
fn the_plan_among_the_examples_answers_most_calls_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/plans/centre.toml");
    let done = output(folder.path(), &["simulate", plan.to_str().unwrap(), "--json"], &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let json: Value = serde_json::from_slice(&done.stdout).unwrap();
    let total = |figure: &str| json["total"][figure]["mean"].as_f64().unwrap();
    assert!(
        total("offered") > 2_000.0 && total("serviceLevel") > 0.5 && total("occupancy") < 0.95,
        "{}",
        json["total"]
    );
    assert_eq!(json["queues"].as_array().unwrap().len(), 2);
}
