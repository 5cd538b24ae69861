//! The name of this process in the log. It is kept in the data directory, so that the next run knows which open calls are its
//! own to close, and locked, so that a second process on the same directory takes a name of its own.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use dialplane_core::clock::{Clock, SystemClock};
use dialplane_core::id::{IdSource, NodeId, SystemIds};

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
}

/// Takes the name of the data directory, or a fresh one when another process holds that.
///
/// # Errors
/// [`NodeError`].
pub(crate) fn claim(data_dir: &Path) -> Result<(NodeId, NodeLock), NodeError> {
    let path = data_dir.join("node-id");
    let failed = |source| NodeError { path: path.display().to_string(), source };
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    let ids = SystemIds::default();
    let fresh: NodeId = (&ids as &dyn IdSource).id(SystemClock.now());
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Ok((fresh, NodeLock { file: None })),
        Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
    }
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
    Ok((node, NodeLock { file: Some(file) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_has_the_same_name_and_a_second_process_another() {
        let dir = tempfile::tempdir().unwrap();
        let (first, lock) = claim(dir.path()).unwrap();
        let (second, _other) = claim(dir.path()).unwrap();
        assert_ne!(first, second);
        drop(lock);
        let (again, _lock) = claim(dir.path()).unwrap();
        assert_eq!(first, again);
    }

    #[test]
    fn nonsense_in_the_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("node-id"), b"\xff\xfe nonsense").unwrap();
        let (first, lock) = claim(dir.path()).unwrap();
        drop(lock);
        assert_eq!(claim(dir.path()).unwrap().0, first);
    }
}
