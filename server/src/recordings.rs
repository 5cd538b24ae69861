//! Where the audio of recordings is kept: files below the data directory, one folder a company.
//!
//! A file appears under its name when it is whole and on disk, and not before.

use std::path::{Path, PathBuf};

use dialplane_core::call::recording::Recording;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

/// The largest recording, in bytes: four hours of two voices in 16 bit at 8 kHz have 440 MiB.
pub(crate) const BYTES_MAX: u64 = 512 << 20;
/// The first bytes are looked at to tell audio from something else.
const HEAD: usize = 12;

/// The storage.
#[derive(Debug, Clone)]
pub(crate) struct Recordings {
    folder: PathBuf,
}

/// Why a recording was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreFailed {
    /// It is larger than is kept.
    #[error("it is too large")]
    TooLarge,
    /// The disk does not take it.
    #[error("it cannot be written: {0}")]
    Io(#[from] std::io::Error),
}

impl Recordings {
    /// The storage below a data directory.
    pub(crate) fn below(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("recordings") }
    }

    /// The file of a recording.
    pub(crate) fn path(&self, recording: &Recording) -> PathBuf {
        self.folder.join(recording.company.to_string()).join(recording.id.to_string())
    }

    /// Begins to store a recording.
    ///
    /// # Errors
    /// [`StoreFailed`].
    pub(crate) async fn draft(&self, recording: &Recording) -> Result<Draft, StoreFailed> {
        let path = self.path(recording);
        let partial = path.with_extension("partial");
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).await?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(&partial).await?;
        Ok(Draft { file, partial, path, head: Vec::with_capacity(HEAD), length: 0, is_kept: false })
    }

    /// Removes a recording's file, when there is one.
    pub(crate) async fn remove(&self, recording: &Recording) {
        let removed = fs::remove_file(self.path(recording)).await;
        if let Err(error) = removed
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::error!(recording = %recording.id, %error, "the file of a deleted recording could not be removed");
        }
    }
}

/// A recording that is being written; dropped before [`Draft::keep`], it leaves nothing.
#[derive(Debug)]
pub(crate) struct Draft {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    head: Vec<u8>,
    length: u64,
    is_kept: bool,
}

impl Draft {
    /// Writes what comes next.
    ///
    /// # Errors
    /// [`StoreFailed`].
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreFailed> {
        self.length += bytes.len() as u64;
        if self.length > BYTES_MAX {
            return Err(StoreFailed::TooLarge);
        }
        let missing = HEAD.saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(missing));
        self.file.write_all(bytes).await?;
        Ok(())
    }

    /// How many bytes were written.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Whether it begins as a WAV or an MP3 file does.
    pub(crate) fn is_audio(&self) -> bool {
        let wave = self.head.starts_with(b"RIFF") && self.head.ends_with(b"WAVE") && self.head.len() == HEAD;
        let frame = matches!(self.head.as_slice(), [0xff, second, ..] if second & 0xe0 == 0xe0);
        wave || frame || self.head.starts_with(b"ID3")
    }

    /// Puts it in its place; its size.
    ///
    /// # Errors
    /// [`StoreFailed`].
    pub(crate) async fn keep(mut self) -> Result<u64, StoreFailed> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        fs::rename(&self.partial, &self.path).await?;
        self.is_kept = true;
        Ok(self.length)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            // What a crash leaves is overwritten by the next attempt.
            std::fs::remove_file(&self.partial).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use dialplane_core::call::carrier::Service;
    use dialplane_core::call::recording::RecordingState;
    use dialplane_core::id::{IdSource, SystemIds};

    fn recording() -> Recording {
        let source = SystemIds::default();
        let (ids, now): (&dyn IdSource, _) = (&source, DateTime::UNIX_EPOCH);
        Recording {
            id: ids.id(now),
            company: ids.id(now),
            call: ids.id(now),
            service: Service::Twilio,
            sid: "RE1".to_owned(),
            state: RecordingState::Waiting,
            media_type: None,
            bytes: 0,
            seconds: 0,
            due_at: None,
            attempts: 0,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    #[tokio::test]
    async fn a_file_is_there_when_it_is_whole_and_an_abandoned_one_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (recordings, recording) = (Recordings::below(folder.path()), recording());
        let path = recordings.path(&recording);
        let mut draft = recordings.draft(&recording).await.unwrap();
        draft.write(b"RI").await.unwrap();
        drop(draft);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
        let mut draft = recordings.draft(&recording).await.unwrap();
        for part in [&b"RI"[..], b"FF\x04\0\0\0WA", b"VEfmt "] {
            assert!(!path.exists());
            draft.write(part).await.unwrap();
        }
        assert!(draft.is_audio());
        assert_eq!(draft.keep().await.unwrap(), 16);
        assert_eq!(std::fs::read(&path).unwrap(), b"RIFF\x04\0\0\0WAVEfmt ");
        recordings.remove(&recording).await;
        recordings.remove(&recording).await;
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_does_not_begin_as_audio_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = Recordings::below(folder.path());
        for text in [&b"<html><body>"[..], b"", b"RIFF\0\0\0\0AVI ", b"{\"code\": 20404}"] {
            let mut draft = recordings.draft(&recording()).await.unwrap();
            draft.write(text).await.unwrap();
            assert!(!draft.is_audio(), "{text:?}");
        }
    }
}
