//! The crate from outside: documents of every version, the schema, what others write, and the example flows.

mod documents;
mod examples;
mod hostile;
mod schema;

use std::path::{Path, PathBuf};

/// The folder of the example flows.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/flows")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn fixture_text(name: &str) -> String {
    read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1").join(name))
}

/// A document of version 1.
fn fixture(name: &str) -> serde_json::Value {
    serde_json::from_str(&fixture_text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Compares with what is kept in `tests/fixtures`. What is there now is written beside the build, so that a change that is meant can be taken over.
fn assert_golden(name: &str, found: &serde_json::Value) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let now = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.replace('/', "-"));
    let text = serde_json::to_string_pretty(found).unwrap() + "\n";
    std::fs::write(&now, &text).unwrap();
    let differs = std::fs::read_to_string(&kept).ok().is_none_or(|kept| kept != text);
    assert!(!differs, "{} is not what it was; if that is meant: cp {} {0}", kept.display(), now.display());
}

/// The example flows: the name of each, its document and its tests.
fn example_flows() -> Vec<(String, String, dialplane_ivr::suite::Suite)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(name) = file.strip_suffix(".flow.json") else { continue };
        let beside = |end: &str| path.with_file_name(format!("{name}.flow-test.{end}"));
        let suite = match beside("yaml") {
            yaml if yaml.exists() => serde_saphyr::from_str(&read(yaml)).unwrap_or_else(|e| panic!("{name}: {e}")),
            _ => serde_json::from_str(&read(beside("json"))).unwrap_or_else(|e| panic!("{name}: {e}")),
        };
        found.push((name.to_owned(), read(&path), suite));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}
