//! The name of this process in the log. It is kept in the data directory, so that the next run knows which open calls are its
//! own to close, and locked, so that a second process on the same directory takes a name of its own. When the file was written last says
//! until when the last run was alive.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use dialplane_core::clock::{Clock, SystemClock};
use dialplane_core::id::{IdSource, NodeId, SystemIds};

/// How often the sign of life is given: talks that a crash cuts are shorter by so much at most.
const BEAT: Duration = Duration::from_secs(5);

/// The file that names the process cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("the file {path} cannot be used: {source}")]
pub(crate) struct NodeError {
    path: String,
    source: std::io::Error,
}

/// Keeps the name for as long as it lives.
#[derive(Debug)]
pub(crate) struct NodeLock {
    file: Option<File>,
}

impl NodeLock {
    /// Whether another process has the data directory.
    pub(crate) const fn is_shared(&self) -> bool {
        self.file.is_none()
    }

    fn beat(&self) -> std::io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.set_modified(SystemClock.now().into()))
    }

    /// Holds the name and gives a sign of life from time to time, for ever. Where that cannot be written it is said once.
    pub(crate) async fn keep(self) {
        let mut fails = false;
        loop {
            tokio::time::sleep(BEAT).await;
            if let (Err(error), false) = (self.beat(), fails) {
                fails = true;
                tracing::warn!(%error, "the sign of life cannot be kept: calls that a crash cuts would end too early");
            }
        }
    }
}

/// A process by its name.
pub(crate) struct Claimed {
    pub(crate) node: NodeId,
    pub(crate) lock: NodeLock,
    /// When the last process of that name gave a sign of life.
    pub(crate) last_seen: Option<DateTime<Utc>>,
}

/// Takes the name of the data directory, or a fresh one when another process holds that.
///
/// # Errors
/// [`NodeError`].
pub(crate) fn claim(data_dir: &Path) -> Result<Claimed, NodeError> {
    let path = data_dir.join("node-id");
    let failed = |source| NodeError { path: path.display().to_string(), source };
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    let ids = SystemIds::default();
    let fresh: NodeId = (&ids as &dyn IdSource).id(SystemClock.now());
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            return Ok(Claimed { node: fresh, lock: NodeLock { file: None }, last_seen: None });
        }
        Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
    }
    let last_seen = file.metadata().and_then(|about| about.modified()).ok().map(DateTime::from);
    let mut text = String::new();
    // Whatever else is in the file is replaced.
    let kept = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
    let node = match kept {
        Some(node) => node,
        None => {
            file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
            writeln!(file, "{fresh}").and_then(|()| file.sync_all()).map_err(failed)?;
            fresh
        }
    };
    Ok(Claimed { node, lock: NodeLock { file: Some(file) }, last_seen })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_has_the_same_name_and_a_second_process_another() {
        let dir = tempfile::tempdir().unwrap();
        let first = claim(dir.path()).unwrap();
        let second = claim(dir.path()).unwrap();
        assert_ne!(first.node, second.node);
        drop(first.lock);
        assert_eq!(first.node, claim(dir.path()).unwrap().node);
    }

    #[test]
    fn until_when_a_process_lived_is_known_to_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let first = claim(dir.path()).unwrap();
        let long_ago = DateTime::UNIX_EPOCH;
        first.lock.file.as_ref().unwrap().set_modified(long_ago.into()).unwrap();
        first.lock.beat().unwrap();
        drop(first.lock);
        let seen = claim(dir.path()).unwrap().last_seen.unwrap();
        assert!(SystemClock.now() - seen < chrono::TimeDelta::minutes(1), "{seen}");
    }

    #[test]
    fn nonsense_in_the_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("node-id"), b"\xff\xfe nonsense").unwrap();
        let first = claim(dir.path()).unwrap();
        drop(first.lock);
        assert_eq!(claim(dir.path()).unwrap().node, first.node);
    }
}
