//! Where audio is kept: files below the data directory, one folder a company, named by the id of what they belong to.
//!
//! A file appears under its name when it is whole and on disk, and not before.

use std::path::{Path, PathBuf};

use dialplane_core::id::{CompanyId, Id};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

/// The largest file, in bytes: four hours of two voices in 16 bit at 8 kHz have 440 MiB.
pub(crate) const BYTES_MAX: u64 = 512 << 20;
/// The first bytes are looked at to tell audio from something else.
const HEAD: usize = 12;

/// A storage.
#[derive(Debug, Clone)]
pub(crate) struct AudioFiles {
    folder: PathBuf,
}

/// Why a file was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreFailed {
    /// It is larger than is kept.
    #[error("it is too large")]
    TooLarge,
    /// The disk does not take it.
    #[error("it cannot be written: {0}")]
    Io(#[from] std::io::Error),
}

impl AudioFiles {
    /// The storage of this name below a data directory.
    pub(crate) fn below(data_dir: &Path, name: &str) -> Self {
        Self { folder: data_dir.join(name) }
    }

    /// Where the companies' folders are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of something of a company.
    pub(crate) fn path<K>(&self, company: CompanyId, id: Id<K>) -> PathBuf {
        self.folder.join(company.to_string()).join(id.to_string())
    }

    /// Begins to store a file.
    ///
    /// # Errors
    /// [`StoreFailed`].
    pub(crate) async fn draft<K>(&self, company: CompanyId, id: Id<K>) -> Result<Draft, StoreFailed> {
        let path = self.path(company, id);
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

    /// Removes a file, when there is one.
    pub(crate) async fn remove<K>(&self, company: CompanyId, id: Id<K>) {
        let removed = fs::remove_file(self.path(company, id)).await;
        if let Err(error) = removed
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::error!(%id, %error, "the audio file of something that was deleted could not be removed");
        }
    }
}

/// A file that is being written; dropped before [`Draft::keep`], it leaves nothing.
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
    use dialplane_core::id::{IdSource, RecordingId, SystemIds};

    fn recording() -> (CompanyId, RecordingId) {
        let source = SystemIds::default();
        let (ids, now): (&dyn IdSource, _) = (&source, DateTime::UNIX_EPOCH);
        (ids.id(now), ids.id(now))
    }

    #[tokio::test]
    async fn a_file_is_there_when_it_is_whole_and_an_abandoned_one_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (recordings, (company, id)) = (AudioFiles::below(folder.path(), "recordings"), recording());
        let path = recordings.path(company, id);
        let mut draft = recordings.draft(company, id).await.unwrap();
        draft.write(b"RI").await.unwrap();
        drop(draft);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
        let mut draft = recordings.draft(company, id).await.unwrap();
        for part in [&b"RI"[..], b"FF\x04\0\0\0WA", b"VEfmt "] {
            assert!(!path.exists());
            draft.write(part).await.unwrap();
        }
        assert!(draft.is_audio());
        assert_eq!(draft.keep().await.unwrap(), 16);
        assert_eq!(std::fs::read(&path).unwrap(), b"RIFF\x04\0\0\0WAVEfmt ");
        recordings.remove(company, id).await;
        recordings.remove(company, id).await;
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_does_not_begin_as_audio_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = AudioFiles::below(folder.path(), "recordings");
        for text in [&b"<html><body>"[..], b"", b"RIFF\0\0\0\0AVI ", b"{\"code\": 20404}"] {
            let (company, id) = recording();
            let mut draft = recordings.draft(company, id).await.unwrap();
            draft.write(text).await.unwrap();
            assert!(!draft.is_audio(), "{text:?}");
        }
    }
}
