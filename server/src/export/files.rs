//! The files of exports: where they lie, for how long, and how they are given out.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use dialplane_core::id::{CompanyId, UserId};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use super::Format;
use super::link::{Broken, Links, Target};
use crate::auth::secrets::make_directory;
use crate::problem::{Problem, Reply};

/// How long a link is good.
const LIFE: TimeDelta = TimeDelta::minutes(15);
/// After which a file is removed: downloads that began in time end in time.
const KEPT: Duration = Duration::from_secs(30 * 60);
/// Files of a user that are kept at a time.
const FILES_MAX: usize = 20;
/// Exports that are made at a time, and that may wait for it.
const AT_ONCE: usize = 2;
const WAITING_MAX: usize = 32;
/// Bytes read at a time.
const CHUNK: usize = 128 << 10;

/// The exports of this process.
pub(crate) struct Exports {
    folder: PathBuf,
    links: Links,
    running: Semaphore,
    waiting: Semaphore,
}

impl std::fmt::Debug for Exports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exports").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// A file that is being made. Dropped before it is done, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Draft {
    /// Where it is written.
    pub(crate) path: PathBuf,
    done: PathBuf,
    target: Target,
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A file to download.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) filename: String,
    pub(crate) format: Format,
    pub(crate) length: u64,
    pub(crate) body: Body,
}

/// A file that was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// The last part of the address that it is downloaded from.
    pub(crate) link: String,
    pub(crate) filename: String,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Makes a file that only its owner reads.
pub(super) fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn fault(error: &std::io::Error) -> Problem {
    Problem::internal(&format!("a file of the exports: {error}"))
}

/// Whose file it is, at the beginning of its name.
fn prefix(user: UserId) -> String {
    format!("{}-", user.as_uuid().simple())
}

impl Exports {
    /// Exports in a folder of `data_dir`; links are signed with `secret`.
    pub(crate) fn new(data_dir: &Path, secret: &[u8]) -> Self {
        Self {
            folder: data_dir.join("exports"),
            links: Links::new(secret),
            running: Semaphore::new(AT_ONCE),
            waiting: Semaphore::new(WAITING_MAX),
        }
    }

    /// Waits for a turn to make an export.
    ///
    /// # Errors
    /// 503 when too many wait.
    pub(crate) async fn turn(&self) -> Reply<SemaphorePermit<'_>> {
        let busy = || Problem::unavailable("busy", "too many exports at once, try again shortly", 5);
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        self.running.acquire().await.map_err(|_| busy())
    }

    /// Where a new file of `user` is written. Blocks.
    ///
    /// # Errors
    /// 429 when the user has too many files already.
    pub(crate) fn draft(&self, user: UserId, id: Uuid, stem: String, format: Format) -> Reply<Draft> {
        make_directory(&self.folder).map_err(|error| Problem::internal(&error))?;
        let own = prefix(user);
        let files = std::fs::read_dir(&self.folder).map_err(|error| fault(&error))?;
        let files = files.filter_map(Result::ok).filter(|file| file.file_name().to_string_lossy().starts_with(&own));
        if files.count() >= FILES_MAX {
            return Err(Problem::rate_limited(KEPT.as_secs()));
        }
        let done = self.folder.join(format!("{own}{}.{}", id.simple(), format.extension()));
        let target = Target { id, stem, extension: format.extension().to_owned() };
        Ok(Draft { path: done.with_extension("part"), done, target })
    }

    /// Gives a file that is written out under a link. Blocks.
    ///
    /// # Errors
    /// 500.
    pub(crate) fn publish(&self, draft: &Draft, owner: (CompanyId, UserId), now: DateTime<Utc>) -> Reply<Made> {
        std::fs::rename(&draft.path, &draft.done).map_err(|error| fault(&error))?;
        let expires_at = now + LIFE;
        let link = self.links.sign(&draft.target, owner, expires_at);
        Ok(Made { link, filename: format!("{}.{}", draft.target.stem, draft.target.extension), expires_at })
    }

    /// Opens the file that a link of `owner`'s leads to. Blocks.
    ///
    /// # Errors
    /// 410 when the link has ended, 404 when it is none.
    pub(crate) fn open(&self, link: &str, owner: (CompanyId, UserId), now: DateTime<Utc>) -> Reply<Download> {
        let target = self.links.check(link, owner, now).map_err(|broken| match broken {
            Broken::Ended => Problem::gone("link_expired", "this link has expired, export again"),
            Broken::Unknown => Problem::not_found("export"),
        })?;
        let format = Format::from_word(&target.extension).ok_or_else(|| Problem::not_found("export"))?;
        // Nothing of the link itself is in the path.
        let path = self.folder.join(format!("{}{}.{}", prefix(owner.1), target.id.simple(), format.extension()));
        let file = match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Problem::not_found("export")),
            file => file.map_err(|error| fault(&error)),
        }?;
        let length = file.metadata().map_err(|error| fault(&error))?.len();
        let filename = format!("{}.{}", target.stem, format.extension());
        Ok(Download { filename, format, length, body: stream(file) })
    }

    /// Removes files that have had their time, and what was left of exports that were broken off: how many. Blocks.
    pub(crate) fn purge(&self, now: SystemTime) -> std::io::Result<usize> {
        let files = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
            files => files?,
        };
        let mut removed = 0;
        for file in files {
            let file = file?;
            let written = file.metadata().and_then(|meta| meta.modified());
            let old = written.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > KEPT));
            if old && std::fs::remove_file(file.path()).is_ok() {
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// The name of a file for these days, without its ending.
pub(crate) fn stem((from, to): (NaiveDate, NaiveDate)) -> String {
    if from == to { format!("report_{from}") } else { format!("report_{from}_{to}") }
}

/// A file as it is read, a part at a time.
fn stream(file: File) -> Body {
    let file = Arc::new(file);
    Body::from_stream(futures::stream::try_unfold(file, |file| async move {
        let reader = Arc::clone(&file);
        let read = tokio::task::spawn_blocking(move || {
            let mut part = vec![0; CHUNK];
            let length = (&*reader).read(&mut part)?;
            part.truncate(length);
            Ok::<_, std::io::Error>(part)
        });
        let part = read.await.map_err(std::io::Error::other)??;
        Ok::<_, std::io::Error>((!part.is_empty()).then(|| (Bytes::from(part), file)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialplane_core::id::Id;

    fn made(exports: &Exports, user: UserId, id: u128) -> Reply<Made> {
        let draft = exports.draft(user, Uuid::from_u128(id), "report".to_owned(), Format::Csv)?;
        std::fs::write(&draft.path, "text").unwrap();
        exports.publish(&draft, (Id::from_uuid(Uuid::nil()), user), DateTime::UNIX_EPOCH)
    }

    #[test]
    fn files_are_few_and_go_when_they_had_their_time() {
        let folder = tempfile::tempdir().unwrap();
        let exports = Exports::new(folder.path(), b"secret");
        let (ann, bob) = (Id::from_uuid(Uuid::from_u128(1)), Id::from_uuid(Uuid::from_u128(2)));
        for n in 0..FILES_MAX {
            made(&exports, ann, n as u128).unwrap();
        }
        assert_eq!(made(&exports, ann, 99).unwrap_err().status(), 429);
        made(&exports, bob, 99).unwrap();
        drop(exports.draft(bob, Uuid::from_u128(100), "report".to_owned(), Format::Csv).unwrap());
        let now = SystemTime::now();
        assert_eq!(exports.purge(now).unwrap(), 0);
        assert_eq!(exports.purge(now + KEPT + Duration::from_secs(60)).unwrap(), FILES_MAX + 1);
        made(&exports, ann, 99).unwrap();
    }
}
