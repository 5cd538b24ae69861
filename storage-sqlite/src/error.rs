//! What SQLite says, as the contract of the storage traits words it.

use std::path::PathBuf;
use std::sync::Arc;

use dialplane_core::store::StoreError;
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

/// Result codes of SQLite (<https://www.sqlite.org/rescode.html>) that are told apart here. The low byte is the primary code.
mod code {
    pub(super) const ERROR: i32 = 1;
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const NOMEM: i32 = 7;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const CONSTRAINT_FOREIGNKEY: i32 = 787;
    pub(super) const CONSTRAINT_PRIMARYKEY: i32 = 1555;
    pub(super) const CONSTRAINT_UNIQUE: i32 = 2067;
}

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder of the file cannot be created.
    #[error("the folder {} cannot be created", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be created or written.
    #[error("the file {} cannot be used", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file was written by a newer release: this one does not know its schema.
    #[error("the database has schema version {found}, this release knows versions up to {known}: use a newer release")]
    NewerSchema {
        /// The version of the file.
        found: i64,
        /// The newest version of this release.
        known: i64,
    },
    /// Rows of an older release cannot be read to bring them up to date.
    #[error("rows of an older release cannot be brought up to date")]
    Rows(#[source] StoreError),
    /// A migration that the file has been through is not the one of this release.
    #[error("schema version {version} of the database is not the one of this release")]
    ForeignSchema {
        /// The version that differs.
        version: i64,
    },
    /// SQLite refused: no database, no permission, no space.
    #[error("the database cannot be opened")]
    Database(#[from] sqlx::Error),
    /// A migration failed; nothing of it happened.
    #[error("the database cannot be brought up to date")]
    Migration(#[source] MigrateError),
}

impl OpenError {
    pub(crate) fn of_migration(error: MigrateError, known: i64) -> Self {
        match error {
            MigrateError::VersionMissing(found) if found > known => Self::NewerSchema { found, known },
            MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => {
                Self::ForeignSchema { version }
            }
            MigrateError::Execute(error) => Self::Database(error),
            error => Self::Migration(error),
        }
    }

    /// Whether somebody else was opening the same file at that moment.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Database(error) if is_busy(error))
    }
}

/// The extended result code, when SQLite itself refused.
fn code_of(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error().and_then(DatabaseError::code)?.parse().ok()
}

/// Whether another process holds the lock.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    code_of(error).is_some_and(|code| matches!(code & 0xff, code::BUSY | code::LOCKED))
}

/// Whether the statement failed as a whole and left its transaction alone: a constraint did not hold, or the statement could
/// not be made out (a table is not there). After what a full disk, an input or output error, a lack of memory, a lock or an
/// interrupt causes, SQLite may have rolled the transaction back.
pub(crate) fn leaves_transaction(error: &sqlx::Error) -> bool {
    code_of(error).is_some_and(|code| matches!(code & 0xff, code::CONSTRAINT | code::ERROR))
}

/// Whether SQLite says that there is no such transaction or savepoint (its code for both is the general one).
pub(crate) fn is_no_transaction(error: &sqlx::Error) -> bool {
    code_of(error) == Some(code::ERROR)
}

/// Whether the connection itself is of no use any more.
pub(crate) fn is_broken(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::WorkerCrashed | sqlx::Error::Io(_))
}

/// A unit of work that only reads was asked to write or to lock.
#[derive(Debug, thiserror::Error)]
#[error("this unit of work only reads")]
pub(crate) struct OnlyReads;

/// A unit of work went on after an error that ends it, or after one of its calls was abandoned half-way.
#[derive(Debug, thiserror::Error)]
#[error("this unit of work has failed before")]
pub(crate) struct AlreadyFailed;

/// The writer stopped before it could say what became of a unit of work.
#[derive(Debug, thiserror::Error)]
#[error("the writer has stopped")]
pub(crate) struct WriterStopped;

/// The turn to write did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("other units of work held the database for too long")]
pub(crate) struct TurnTimedOut;

/// Words an error of a statement.
pub(crate) fn of_statement(error: sqlx::Error) -> StoreError {
    let Some(code) = code_of(&error) else {
        return if is_broken(&error) {
            StoreError::Unavailable(Box::new(error))
        } else {
            StoreError::Backend(Box::new(error))
        };
    };
    match (code, code & 0xff) {
        (code::CONSTRAINT_UNIQUE | code::CONSTRAINT_PRIMARYKEY, _) => match duplicate(&error) {
            Some((entity, constraint)) => StoreError::Duplicate { entity, constraint },
            None => StoreError::Backend(Box::new(error)),
        },
        // What is referred to is absent, which is the same as another company's.
        (code::CONSTRAINT_FOREIGNKEY, _) => StoreError::OutOfScope,
        (_, code::BUSY | code::LOCKED) => StoreError::Contention,
        (_, code::PERM | code::NOMEM | code::READONLY | code::IOERR | code::FULL | code::CANTOPEN) => {
            StoreError::Unavailable(Box::new(error))
        }
        _ => StoreError::Backend(Box::new(error)),
    }
}

/// Whether a reference to the row, or of the row, does not hold.
pub(crate) fn is_reference(error: &sqlx::Error) -> bool {
    code_of(error) == Some(code::CONSTRAINT_FOREIGNKEY)
}

/// Whether the statement stored nothing where something must be.
pub(crate) fn is_missing_value(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| matches!(error.kind(), sqlx::error::ErrorKind::NotNullViolation))
}

/// The noun and the identity of `UNIQUE constraint failed: queues.company_id, queues.name`: the last column tells.
fn duplicate(error: &sqlx::Error) -> Option<(&'static str, &'static str)> {
    let message = error.as_database_error()?.message();
    let (_, columns) = message.split_once("constraint failed: ")?;
    let (table, column) = columns.rsplit(", ").next()?.split_once('.')?;
    let entity = match table {
        "companies" => "company",
        "users" => "user",
        "callers" => "caller",
        "sessions" => "session",
        "phone_numbers" => "phone_number",
        "assignments" => "assignment",
        "extensions" => "extension",
        "trunks" => "trunk",
        "inbound_routes" => "inbound_route",
        "queues" => "queue",
        "flows" => "flow",
        "flow_versions" => "flow_version",
        "calendars" => "calendar",
        "prompts" => "prompt",
        "flow_traces" => "flow_trace",
        "voicemails" => "voicemail",
        "calls" => "call",
        "clients" => "client",
        "client_notes" => "client_note",
        "call_events" => "call_event",
        "outbox" => "event",
        "leads" => "lead",
        "lead_notes" => "lead_note",
        "lead_routing" => "lead_routing",
        "agent_profiles" => "agent_profile",
        "callbacks" => "callback",
        "lead_profiles" => "lead_profile",
        "dispositions" => "disposition",
        "jobs" => "job",
        "job_faults" => "job_fault",
        "carrier_calls" => "carrier_call",
        "recordings" => "recording",
        "twilio_settings" => "twilio_settings",
        "reports" => "report",
        _ => return None,
    };
    let constraint = match column {
        "id" => "id",
        "email" => "email",
        // A number waits once in a queue.
        "number" | "number_id" | "queue_id" => "number",
        // A prompt's name is taken together with its language.
        "name" | "language" => "name",
        "username" => "username",
        "user_id" => "user",
        "token" => "token",
        "seq" => "seq",
        "company_id" => "company",
        "code" => "code",
        "row" => "row",
        "call_id" => "call",
        "sid" => "sid",
        "day" => "period",
        _ => return None,
    };
    Some((entity, constraint))
}

/// Why a shared commit failed: told to each of its units of work.
#[derive(Debug, Clone)]
pub(crate) enum CommitFailed {
    /// Nothing happened, and it may be tried again.
    Contention,
    /// What happened is not known.
    Unavailable(Arc<sqlx::Error>),
}

impl CommitFailed {
    pub(crate) fn of(error: sqlx::Error) -> Self {
        if is_busy(&error) { Self::Contention } else { Self::Unavailable(Arc::new(error)) }
    }
}

impl From<CommitFailed> for StoreError {
    fn from(failed: CommitFailed) -> Self {
        match failed {
            CommitFailed::Contention => Self::Contention,
            CommitFailed::Unavailable(error) => Self::Unavailable(Box::new(error)),
        }
    }
}
