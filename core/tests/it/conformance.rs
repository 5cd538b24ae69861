//! The conformance suite on the store in memory, and the completeness of the suite itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dialplane_core::store::conformance::CASES;
use dialplane_core::store::memory::MemoryStore;

async fn fresh() -> MemoryStore {
    MemoryStore::new()
}

dialplane_core::conformance_suite!(fresh);

fn sources(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The names after `marker`, each up to the bracket of its arguments.
fn names_after<'a>(text: &'a str, marker: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(marker).filter_map(move |(at, _)| text[at + marker.len()..].split(['(', '<']).next())
}

#[test]
fn every_case_that_is_written_is_run() {
    let mut written = BTreeSet::new();
    for (group, text) in sources("conformance") {
        written.extend(names_after(&text, "\npub async fn ").map(|case| format!("{group}::{case}")));
    }
    assert_eq!(written, CASES.iter().map(|case| (*case).to_owned()).collect());
    assert_eq!(written.len(), CASES.len());
}

#[test]
fn every_method_of_the_storage_traits_is_proven() {
    let cases: String = sources("conformance").into_iter().map(|(_, text)| text).collect();
    for (file, text) in sources("") {
        for method in names_after(&text, "\n    async fn ").filter(|_| file != "conformance") {
            assert!(cases.contains(&format!(".{method}(")), "no case calls {method} of store/{file}.rs");
        }
    }
}
