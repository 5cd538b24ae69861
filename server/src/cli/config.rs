//! `config print`.

use serde::Serialize;

use super::{CliError, print};
use crate::settings::Sources;

#[derive(Serialize)]
struct Line {
    setting: &'static str,
    value: String,
    origin: String,
    /// Whether this version does something with it.
    used: bool,
}

/// Prints each setting with its origin, secrets masked.
pub(super) fn print(sources: &Sources, json: bool) -> Result<(), CliError> {
    let lines: Vec<Line> = sources
        .printable()
        .into_iter()
        .map(|(spec, value)| Line { setting: spec.key, value: value.text, origin: value.origin, used: spec.used })
        .collect();
    if json {
        return print::data(&print::pretty(&lines));
    }
    let width = lines.iter().map(|line| line.setting.len()).max().unwrap_or(0);
    let values = lines.iter().map(|line| line.value.chars().count()).max().unwrap_or(0).min(50);
    for line in &lines {
        let note = if line.used || line.value.is_empty() { "" } else { " (not used by this version)" };
        print::data(&format!("{:width$}  {:values$}  {}{note}", line.setting, line.value, line.origin))?;
    }
    Ok(())
}
