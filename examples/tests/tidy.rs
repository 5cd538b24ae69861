//! The rules of the house that no compiler checks, one test each. They look at the repository as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of a source file, its tests included.
const LINES_MAX: usize = 700;
/// The most lines of a file that holds tests only.
const TEST_LINES_MAX: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").to_owned()
}

/// All text files of the repository, as paths relative to its root, with their text.
fn files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository can be read").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let generated = ["target", "data", "node_modules", ".git", ".dev"].contains(&name.as_str());
            if generated || entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root()).expect("below the root");
                found.push((path.to_string_lossy().replace('\\', "/"), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 50, "only {} files found: is this the repository?", found.len());
    found
}

fn rust_files() -> Vec<(String, String)> {
    files().into_iter().filter(|(path, _)| path.ends_with(".rs")).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Fails with all findings at once.
fn none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}\n  {}\n", findings.join("\n  "));
}

/// The folders of the workspace's crates.
fn crates() -> Vec<String> {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let members = manifest["workspace"]["members"].as_array().expect("a list of members");
    members.iter().filter_map(|member| member.as_str().map(str::to_owned)).collect()
}

/// The names that a crate's tables of dependencies hold.
fn dependencies(folder: &str, tables: &[&str]) -> BTreeSet<String> {
    let manifest: toml::Table = read(&format!("{folder}/Cargo.toml")).parse().expect("Cargo.toml is TOML");
    let mut names = BTreeSet::new();
    let mut collect = |of: &toml::Table| {
        for table in tables {
            names.extend(of.get(*table).and_then(|t| t.as_table()).into_iter().flat_map(|t| t.keys().cloned()));
        }
    };
    collect(&manifest);
    for target in manifest.get("target").and_then(|t| t.as_table()).into_iter().flat_map(|t| t.values()) {
        collect(target.as_table().expect("a target is a table"));
    }
    names
}

#[test]
fn no_source_file_is_too_long() {
    let mut long = Vec::new();
    for (path, text) in rust_files() {
        let (lines, most) = (text.lines().count(), if is_test(&path) { TEST_LINES_MAX } else { LINES_MAX });
        if lines > most {
            long.push(format!("{path}: {lines} lines, at most {most}"));
        }
    }
    none(&long, "a file has one purpose; these have grown out of theirs, split them:");
}

#[test]
fn no_banned_word_is_left_in_a_file() {
    // Written in pieces, so that this file does not hold them.
    let anywhere = [
        (concat!("FIX", "ME"), "finish it"),
        (concat!("todo", "!("), "finish it"),
        (concat!("unimpl", "emented!("), "finish it"),
        (concat!("place", "holder front page"), "say what the crate owns"),
        (concat!("DO NOT ", "SUBMIT"), "finish it"),
        (concat!("/wo", "rk/"), "a path of one machine"),
        (concat!("/ro", "ot/"), "a path of one machine"),
        (concat!("/Us", "ers/"), "a path of one machine"),
        (concat!("sub-", "agent"), "say what the code does, not who wrote it"),
        (concat!("helper ses", "sion"), "say what the code does, not who wrote it"),
        (concat!("language ", "model"), "say what the code does, not who wrote it"),
    ];
    let in_sources = [
        (concat!("/t", "mp/"), "ask the system for a temporary folder"),
        (concat!("/ho", "me/"), "a path of one machine"),
    ];
    let mut found = Vec::new();
    for (path, text) in files() {
        let mut is_source = path.ends_with(".rs") && !is_test(&path);
        for (number, line) in text.lines().enumerate() {
            is_source &= line != "#[cfg(test)]";
            let lower = line.to_lowercase();
            let banned = anywhere.iter().chain(in_sources.iter().filter(|_| is_source));
            for (word, instead) in
                banned.filter(|(word, _)| line.contains(word) || !word.starts_with('/') && lower.contains(word))
            {
                found.push(format!("{path}:{}: `{word}`: {instead}", number + 1));
            }
        }
    }
    none(&found, "these words have no place in the repository:");
}

#[test]
fn dependencies_come_from_the_public_registry() {
    let lock = read("Cargo.lock");
    let sources: BTreeSet<&str> = lock.lines().filter(|line| line.starts_with("source = ")).collect();
    let elsewhere: Vec<String> = sources
        .iter()
        .filter(|line| !line.starts_with("source = \"registry+https://"))
        .map(|line| (*line).to_owned())
        .collect();
    none(&elsewhere, "a fresh clone must build from the public registry alone:");
    assert_eq!(sources.len(), 1, "there is one public registry: {sources:?}");
    assert!(!root().join(".cargo").exists(), ".cargo holds settings of one machine: keep it out of the repository");
}

#[test]
fn crates_depend_on_each_other_as_designed() {
    const BACKENDS: [&str; 2] = ["dialplane-storage-postgres", "dialplane-storage-sqlite"];
    // Who may depend on which crate of the workspace, outside of tests.
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("ivr", &[][..]),
        ("core", &["dialplane-ivr"][..]),
        ("storage-sqlite", &["dialplane-core"][..]),
        ("storage-postgres", &["dialplane-core"][..]),
        ("signaling", &["dialplane-core", "dialplane-ivr"][..]),
        ("server", &["dialplane-core", "dialplane-ivr", "dialplane-signaling", BACKENDS[0], BACKENDS[1]][..]),
    ]);
    let mut wrong = Vec::new();
    for folder in crates() {
        let Some(allowed) = allowed.get(folder.as_str()) else {
            assert!(
                ["examples", "benches"].contains(&folder.as_str()),
                "{folder} is not in the design: add it here and there"
            );
            continue;
        };
        for name in dependencies(&folder, &["dependencies", "build-dependencies"]) {
            if name.starts_with("dialplane-") && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{folder} depends on {name}"));
            }
        }
        for name in dependencies(&folder, &["dev-dependencies"]) {
            let itself = folder.strip_prefix("storage-").is_some_and(|_| name == format!("dialplane-{folder}"));
            if BACKENDS.contains(&name.as_str()) && folder != "server" && !itself {
                wrong.push(format!("the tests of {folder} depend on {name}"));
            }
        }
    }
    none(&wrong, "only the server, the examples and the benches name a backend; arrows point towards the core:");
}

#[test]
fn core_and_ivr_do_no_input_and_output() {
    const IO: [&str; 18] = [
        "actix-web",
        "async-io",
        "async-std",
        "axum",
        "dirs",
        "hyper",
        "hyper-util",
        "mio",
        "redis",
        "reqwest",
        "rustix",
        "rustls",
        "smol",
        "socket2",
        "sqlx",
        "tokio",
        "tokio-util",
        "webrtc",
    ];
    let mut wrong = Vec::new();
    for folder in ["core", "ivr"] {
        let names = dependencies(folder, &["dependencies", "build-dependencies"]);
        wrong.extend(names.iter().filter(|name| IO.contains(&name.as_str())).map(|name| format!("{folder}: {name}")));
        let lints = read(&format!("{folder}/clippy.toml"));
        for method in [
            "Utc::now",
            "SystemTime::now",
            "Instant::now",
            "Uuid::now_v7",
            "getrandom::fill",
            "env::var",
            "HashMap::iter",
        ] {
            if !lints.contains(&format!("{method}\"")) {
                wrong.push(format!("{folder}/clippy.toml does not ban {method}"));
            }
        }
    }
    none(&wrong, "core and ivr have no runtime, no database and no clock of their own:");
}

/// The methods of the storage traits, with the file of their trait.
fn store_methods() -> BTreeMap<String, String> {
    let mut methods = BTreeMap::new();
    for (path, text) in rust_files() {
        let trait_file = path.strip_prefix("core/src/store/").is_some_and(|rest| !rest.contains('/'));
        if !trait_file {
            continue;
        }
        let mut in_trait = false;
        for line in text.lines() {
            if line.starts_with("pub trait ") {
                in_trait = true;
            } else if line == "}" {
                in_trait = false;
            }
            let code = line.trim_start();
            let signature = code.strip_prefix("async fn ").or_else(|| code.strip_prefix("fn ")).filter(|_| in_trait);
            if let Some(name) = signature.and_then(|rest| rest.split(['(', '<']).next()) {
                methods.insert(name.to_owned(), path.clone());
            }
        }
    }
    assert!(methods.len() > 40, "only {} methods of storage traits found", methods.len());
    methods
}

#[test]
fn every_storage_method_is_in_a_conformance_case() {
    let suite: String = rust_files()
        .into_iter()
        .filter(|(path, _)| path.starts_with("core/src/store/conformance"))
        .map(|(_, text)| text)
        .collect();
    let missing: Vec<String> = store_methods()
        .into_iter()
        .filter(|(name, _)| !suite.contains(&format!(".{name}(")))
        .map(|(name, path)| format!("{name} ({path})"))
        .collect();
    none(&missing, "a promise that no conformance case calls is no promise:");
}

#[test]
fn no_storage_method_has_a_default_body() {
    let mut found = Vec::new();
    for (path, text) in rust_files() {
        if path.strip_prefix("core/src/store/").is_none_or(|rest| rest.contains('/')) {
            continue;
        }
        let mut in_trait = false;
        for (number, line) in text.lines().enumerate() {
            if line.starts_with("pub trait ") {
                in_trait = line.ends_with('{') || !line.contains('{');
            } else if line == "}" {
                in_trait = false;
            } else if in_trait
                && line.starts_with("    ")
                && line.trim_end().ends_with('{')
                && !line.starts_with("    +")
            {
                found.push(format!("{path}:{}", number + 1));
            }
        }
    }
    none(&found, "a default body lets a backend weaken a guarantee without noticing:");
}

#[test]
fn both_backends_have_the_same_files() {
    // What one of them needs and the other does not: SQLite's single writer with its shared commits and the plans of its
    // queries; the texts that PostgreSQL cannot hold as they are.
    const ALONE: [&str; 4] = ["plans", "statement", "text", "writer"];
    let of = |folder: &str| -> BTreeSet<String> {
        let prefix = format!("{folder}/src/");
        rust_files()
            .into_iter()
            .filter_map(|(path, _)| path.strip_prefix(&prefix).map(str::to_owned))
            .filter(|file| !ALONE.contains(&file.split(['.', '/']).next().unwrap_or_default()))
            .collect()
    };
    let (sqlite, postgres) = (of("storage-sqlite"), of("storage-postgres"));
    let different: Vec<String> = sqlite.symmetric_difference(&postgres).cloned().collect();
    none(&different, "one file a noun, the same in storage-sqlite and storage-postgres; these are in one only:");
}

/// The root files of all crates: libraries and programs.
fn crate_roots() -> Vec<(String, String)> {
    let roots: Vec<(String, String)> = crates()
        .iter()
        .flat_map(|folder| ["src/lib.rs", "src/main.rs"].map(|file| format!("{folder}/{file}")))
        .filter(|path| root().join(path).exists())
        .map(|path| (path.clone(), read(&path)))
        .collect();
    assert!(roots.len() >= crates().len(), "a crate has neither src/lib.rs nor src/main.rs");
    roots
}

#[test]
fn every_crate_forbids_unsafe_code() {
    let without: Vec<String> = crate_roots()
        .into_iter()
        .filter(|(_, text)| !text.lines().any(|line| line == "#![forbid(unsafe_code)]"))
        .map(|(path, _)| path)
        .collect();
    none(&without, "`#![forbid(unsafe_code)]` belongs below the front page of:");
    let mut silent = Vec::new();
    for folder in crates() {
        let manifest: toml::Table = read(&format!("{folder}/Cargo.toml")).parse().expect("Cargo.toml is TOML");
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(|on| on.as_bool());
        if inherits != Some(true) {
            silent.push(folder);
        }
    }
    none(&silent, "the lints of the workspace are not taken over (`[lints] workspace = true`) by:");
}

#[test]
fn every_crate_has_a_front_page_with_an_example() {
    let mut bare = Vec::new();
    for (path, text) in crate_roots() {
        let page: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let library = path.ends_with("lib.rs");
        if page.is_empty() || library && page.len() < 3 {
            bare.push(format!("{path}: say what the crate owns and what it does not"));
        } else if library && !page.iter().any(|line| line.starts_with("//! ```")) {
            bare.push(format!("{path}: an example is missing"));
        }
    }
    none(&bare, "a newcomer reads the front page first:");
}

/// The names under which a source file's types appear in the description of the API.
fn described_types(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("answer! {") {
            // `answer! { /** What it is. */ Name { … } }`, or over several lines.
            let head = rest.rsplit("*/").next().filter(|head| !head.is_empty());
            let head = head.or_else(|| lines.by_ref().find(|line| !line.starts_with("///")));
            names.extend(head.and_then(|head| head.split_whitespace().next()));
        } else if line.starts_with("#[derive(") && line.contains("ToSchema") {
            let item = lines.find(|line| line.contains("struct ") || line.contains("enum ")).unwrap_or_default();
            let name = item
                .split(|letter: char| !letter.is_alphanumeric())
                .skip_while(|word| !matches!(*word, "struct" | "enum"));
            names.extend(name.skip(1).take(1));
        }
    }
    names
}

/// They would replace each other in the description, and neither the compiler nor the page says so.
#[test]
fn no_two_types_of_the_api_share_a_name() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in rust_files().iter().filter(|(path, _)| path.starts_with("server/src/")) {
        for name in described_types(text) {
            places.entry(name.to_owned()).or_default().push(path.clone());
        }
    }
    assert!(places.len() > 150, "only {} types found: is this how they are written?", places.len());
    assert!(places.contains_key("Done") && places.contains_key("QueueAnswer"));
    let shared = places.iter().filter(|(_, places)| places.len() > 1);
    let wrong: Vec<String> = shared.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    none(&wrong, "types of the API have names of their own:");
}

#[test]
fn the_commands_of_the_documents_exist() {
    let makefile = read("Makefile");
    let all: BTreeSet<String> = files().into_iter().map(|(path, _)| path).collect();
    let mut wrong = Vec::new();
    for document in ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"] {
        for line in read(document).lines() {
            let words: Vec<&str> =
                line.split(|c: char| c.is_whitespace() || c == '`' || c == '|').filter(|w| !w.is_empty()).collect();
            for pair in words.windows(2) {
                let exists = match pair {
                    ["make", target]
                        if line.contains(&format!("`make {target}")) || line.trim_start().starts_with("make ") =>
                    {
                        makefile.lines().any(|rule| rule.starts_with(&format!("{target}:")))
                    }
                    ["--example", name] => all.iter().any(|file| file.ends_with(&format!("examples/{name}.rs"))),
                    ["--bench", name] => [format!("benches/{name}.rs"), format!("benches/{name}/main.rs")]
                        .iter()
                        .any(|file| all.contains(file)),
                    ["-p", package] if package.starts_with("dialplane-") => {
                        crates().iter().any(|folder| *package == format!("dialplane-{folder}"))
                    }
                    _ => true,
                };
                if !exists {
                    wrong.push(format!("{document}: {}", pair.join(" ")));
                }
            }
        }
    }
    none(&wrong, "the documents name commands that do not work:");
}

#[test]
fn the_links_of_the_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in files().iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = Path::new(path).parent().expect("a file is in a folder");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !target.contains("://") && !file.is_empty() && !root().join(folder).join(file).exists() {
                broken.push(format!("{path}: {target}"));
            }
        }
    }
    none(&broken, "links that lead nowhere:");
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let sources: String = rust_files().into_iter().map(|(_, text)| text).collect();
    let document = read("ARCHITECTURE.md");
    let mut wrong = Vec::new();
    for paragraph in document.split("\n\n").filter(|paragraph| paragraph.starts_with("**A")) {
        let name = paragraph.split("**").nth(1).unwrap_or_default();
        // All words in backticks behind "Guarded by" that look like the name of a test.
        let guards: Vec<&str> = paragraph
            .split_once("Guarded by")
            .map(|(_, guards)| guards.split('`').skip(1).step_by(2).filter(|word| word.contains('_')).collect())
            .unwrap_or_default();
        if guards.is_empty() {
            wrong.push(format!("{name} names no test"));
        }
        for guard in guards {
            if !sources.contains(&format!("fn {}(", guard.rsplit("::").next().unwrap_or(guard))) {
                wrong.push(format!("{name}: there is no test {guard}"));
            }
        }
    }
    assert!(document.contains("**A1"), "ARCHITECTURE.md has no invariants");
    none(&wrong, "an invariant holds as far as a test guards it:");
}
