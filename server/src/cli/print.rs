//! Writing to stdout and stderr.

use std::io::Write as _;

use serde::Serialize;

use super::CliError;

/// Data as indented JSON.
pub(super) fn pretty<T: Serialize>(data: &T) -> String {
    serde_json::to_string_pretty(data).unwrap_or_default()
}

/// Data as one line of JSON.
pub(super) fn line<T: Serialize>(data: &T) -> String {
    serde_json::to_string(data).unwrap_or_default()
}

/// Writes a text and a line feed to stdout.
pub(super) fn data(text: &str) -> Result<(), CliError> {
    bytes(format!("{text}\n").as_bytes())
}

/// Writes bytes to stdout. A reader who has gone away (`| head`) is no failure.
pub(super) fn bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(source) if source.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::Io { what: "stdout".to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Writes a message for people to stderr.
pub(super) fn message(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// `1 test`, `2 tests`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Says why a command failed.
pub(super) fn failure(json: bool, error: &CliError) {
    if json {
        message(&line(&serde_json::json!({ "success": false, "message": error.to_string() })));
    } else {
        message(&format!("error: {error}"));
    }
}
