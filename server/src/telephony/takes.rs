//! Messages that are being recorded. Beside each file lies a note of whose it is until the log has it, so that a message is kept whose process
//! died while it was left.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use dialplane_core::command::call::{CallReport, RecordCalls};
use dialplane_core::command::flow::Left;
use dialplane_core::id::{CallId, CompanyId, FlowId, Id, VoicemailId};
use dialplane_core::pii::Pii;
use dialplane_core::{Actor, Engine};
use dialplane_signaling::edge::Message;
use serde::{Deserialize, Serialize};

use crate::audio::AudioFiles;

/// The extension of notes.
const NOTE: &str = "note";
/// The header of the files that are written here.
const HEADER: usize = 44;
/// What is shorter is no message.
const SHORTEST_MS: u64 = 1_000;

/// The files that calls are recorded to.
#[derive(Debug, Clone)]
pub(super) struct Takes {
    files: AudioFiles,
}

/// Whose a message is.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    call: CallId,
    flow: Option<FlowId>,
    mailbox: String,
    from: String,
    at: DateTime<Utc>,
}

impl Takes {
    pub(super) const fn to(files: AudioFiles) -> Self {
        Self { files }
    }

    /// A new file for something of a company.
    pub(super) fn open<K>(&self, company: CompanyId, id: Id<K>) -> io::Result<(File, PathBuf)> {
        let path = self.files.path(company, id);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok((create(&path)?, path))
    }

    /// A new file for a message, with its note.
    pub(super) fn begin(&self, message: &Message) -> io::Result<(File, PathBuf)> {
        let (file, path) = self.open(message.company, message.id)?;
        let note = Note {
            call: message.call,
            flow: message.flow,
            mailbox: message.mailbox.clone(),
            from: message.from.expose().clone(),
            at: message.at,
        };
        serde_json::to_writer(create(&path.with_extension(NOTE))?, &note)?;
        Ok((file, path))
    }

    /// The log has these: their notes are needed no more.
    pub(super) fn told(&self, reports: &[CallReport]) {
        for left in reports.iter().flat_map(|report| &report.left) {
            let Left::Voicemail { id, .. } = left else { continue };
            for folder in folders(self.files.folder()) {
                std::fs::remove_file(folder.join(id.to_string()).with_extension(NOTE)).ok();
            }
        }
    }

    /// Takes messages into the log whose process died while they were left.
    pub(super) async fn recover(&self, engine: &Engine) {
        let notes = folders(self.files.folder()).into_iter().flat_map(|folder| files(&folder));
        for path in notes.filter(|path| path.extension().is_some_and(|extension| extension == NOTE)) {
            match recovered(&path) {
                Ok(Some(report)) => {
                    let command = RecordCalls { reports: vec![report] };
                    if let Err(error) = engine.execute(&Actor::system(), &command).await {
                        tracing::error!(%error, "an unfinished voicemail was not taken into the log");
                        continue;
                    }
                    tracing::warn!(file = %path.display(), "a voicemail that an earlier run left unfinished was kept");
                }
                Ok(None) => drop(std::fs::remove_file(path.with_extension(""))),
                Err(error) => tracing::error!(%error, file = %path.display(), "an unfinished voicemail cannot be read"),
            }
            std::fs::remove_file(&path).ok();
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|path| path.is_dir()).collect()
}

/// What a note and its file say; `None` when nothing was said.
fn recovered(note: &Path) -> io::Result<Option<CallReport>> {
    let Note { call, flow, mailbox, from, at } = serde_json::from_slice(&std::fs::read(note)?)?;
    let audio = note.with_extension("");
    let name = audio.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let id: VoicemailId = name.parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    // What was too short is removed by whoever took it, before its note.
    let Ok(metadata) = std::fs::metadata(&audio) else { return Ok(None) };
    let bytes = metadata.len();
    let mut header = [0; HEADER];
    if File::open(&audio)?.read_exact(&mut header).is_err() {
        return Ok(None);
    }
    let rate = u32::from_le_bytes([header[24], header[25], header[26], header[27]]).max(1);
    let length_ms = (bytes - HEADER as u64) * 1_000 / (2 * u64::from(rate));
    if length_ms < SHORTEST_MS {
        return Ok(None);
    }
    let from = Pii::new(from);
    let left = Left::Voicemail { id, flow, mailbox, from, length_ms, bytes, at };
    Ok(Some(CallReport { left: vec![left], ..CallReport::nothing(call) }))
}
