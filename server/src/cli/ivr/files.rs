//! Flows, their tests and what is beside them, from disk.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use dialplane_ivr::suite::Suite;
use dialplane_ivr::{Calendar, Flow, Node, Problem, Surroundings};
use serde::de::DeserializeOwned;

use crate::cli::CliError;

/// The end of a flow's file name.
const FLOW: &str = ".flow.json";
/// The ends of a test file's name.
const TESTS: [&str; 3] = [".flow-test.json", ".flow-test.yaml", ".flow-test.yml"];
/// The calendars beside flows, by name.
const CALENDARS: &str = "calendars.json";
/// The longest file that is read, in bytes.
const BYTES_MAX: u64 = 8 * 1_024 * 1_024;
/// How deep folders are looked through.
const FOLDERS_MAX: usize = 16;

/// A flow with what is beside it.
pub(super) struct Loaded {
    pub(super) path: PathBuf,
    pub(super) name: String,
    /// The flow, or why it or a subflow of it cannot be read.
    pub(super) flow: Result<Flow, Vec<Problem>>,
    pub(super) around: Surroundings<'static>,
}

/// The flows that files and folders name, each once, in the order of their paths within a folder.
pub(super) fn flows(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut found = Vec::new();
    for path in paths {
        let mut named = Vec::new();
        if path.is_dir() {
            walk(path, 0, &mut named)?;
            named.sort();
            if named.is_empty() {
                return Err(CliError::Refused(format!("{}: there is no file NAME{FLOW} in it", path.display())));
            }
        } else {
            named.push(path.clone());
        }
        named.retain(|path| !found.contains(path));
        found.append(&mut named);
    }
    Ok(found)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), CliError> {
    let failed = |source| CliError::Io { what: folder.display().to_string(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && depth < FOLDERS_MAX {
            walk(&path, depth + 1, found)?;
        } else if !kind.is_dir() && name_of(&path, FLOW).is_some() {
            found.push(path);
        }
    }
    Ok(())
}

/// What stands before `end` in a file's name.
fn name_of<'a>(path: &'a Path, end: &str) -> Option<&'a str> {
    path.file_name()?.to_str()?.strip_suffix(end).filter(|name| !name.is_empty())
}

fn beside(path: &Path, file: &str) -> PathBuf {
    path.with_file_name(file)
}

/// The text of a file, `-` is stdin.
pub(super) fn text(path: &Path) -> Result<String, CliError> {
    String::from_utf8(bytes(path)?).map_err(|_| CliError::Refused(format!("{}: not UTF-8", path.display())))
}

fn bytes(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |source| CliError::Io { what: path.display().to_string(), source };
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(failed)?;
    }
    if bytes.len() as u64 > BYTES_MAX {
        return Err(CliError::Refused(format!("{}: longer than {BYTES_MAX} bytes", path.display())));
    }
    Ok(bytes)
}

/// Reads a flow, the subflows it goes through, and the calendars beside it.
pub(super) fn load(path: &Path) -> Result<Loaded, CliError> {
    let name = name_of(path, FLOW).or_else(|| path.file_stem()?.to_str()).unwrap_or_default().to_owned();
    let calendars: BTreeMap<String, Calendar> = match beside(path, CALENDARS) {
        file if file.is_file() => parse(&file, &text(&file)?, Format::Json)?,
        _ => BTreeMap::new(),
    };
    let mut flows = BTreeMap::new();
    let mut flow = Flow::read_bytes(&bytes(path)?);
    if let Ok(whole) = &flow
        && let Err(problems) = load_subflows(path, whole, &mut flows)?
    {
        flow = Err(problems);
    }
    let around = Surroundings {
        calendars: Some(Cow::Owned(calendars)),
        flows: Some(Cow::Owned(flows)),
        ..Surroundings::default()
    };
    Ok(Loaded { path: path.to_owned(), name, flow, around })
}

/// Reads the flows that `flow` goes through, and those they go through. One that is not there is told of by the check.
fn load_subflows(
    path: &Path,
    flow: &Flow,
    flows: &mut BTreeMap<String, Flow>,
) -> Result<Result<(), Vec<Problem>>, CliError> {
    let mut open: Vec<String> = subflows(flow).collect();
    while let Some(name) = open.pop() {
        // A name is a name, not a way to another folder.
        let file = beside(path, &format!("{name}{FLOW}"));
        if flows.contains_key(&name) || name.contains(['/', '\\']) || !file.is_file() {
            continue;
        }
        match Flow::read(&text(&file)?) {
            Ok(other) => {
                open.extend(subflows(&other));
                flows.insert(name, other);
            }
            Err(mut problems) => {
                problems.iter_mut().for_each(|problem| problem.message = format!("in {name}: {}", problem.message));
                return Ok(Err(problems));
            }
        }
    }
    Ok(Ok(()))
}

fn subflows(flow: &Flow) -> impl Iterator<Item = String> + '_ {
    flow.nodes.values().filter_map(|node| match node {
        Node::Subflow(node) => Some(node.flow.clone()),
        _ => None,
    })
}

/// The tests beside a flow. `None` where there are none.
pub(super) fn suite(path: &Path, name: &str) -> Result<Option<Suite>, CliError> {
    let files: Vec<PathBuf> =
        TESTS.iter().map(|end| beside(path, &format!("{name}{end}"))).filter(|file| file.is_file()).collect();
    match files.as_slice() {
        [] => Ok(None),
        [file] => parse(file, &text(file)?, Format::of(file)).map(Some),
        [first, second, ..] => {
            let (first, second) = (first.display(), second.display());
            Err(CliError::Refused(format!("{first} and {second} are for the same flow: keep one of them")))
        }
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Yaml,
}

impl Format {
    pub(super) fn of(path: &Path) -> Self {
        if path.extension().is_some_and(|end| end == "json") { Self::Json } else { Self::Yaml }
    }
}

/// What a file says, with the place of what is wrong in it.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &str, format: Format) -> Result<T, CliError> {
    let refused = |why: String| CliError::Refused(format!("{}: {why}", path.display()));
    match format {
        Format::Json => {
            let mut json = serde_json::Deserializer::from_str(text);
            let read = serde_path_to_error::deserialize(&mut json).map_err(|error| refused(error.to_string()))?;
            json.end().map_err(|error| refused(error.to_string()))?;
            Ok(read)
        }
        Format::Yaml => serde_saphyr::from_str_with_options(text, yaml()).map_err(|error| refused(error.to_string())),
    }
}

/// YAML whose aliases cannot make much out of little.
fn yaml() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 200_000,
            max_nodes: 100_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_depth: 64,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 8,
        },
        with_snippet: false,
    }
}
