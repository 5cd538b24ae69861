//! What PostgreSQL says, in the words of the contract.
//!
//! SQLSTATE codes are those of PostgreSQL's appendix A. Messages of the database stay in the source of the error, where only
//! logs see them.

use dialplane_core::store::StoreError;
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one of a PostgreSQL database.
    #[error("this is not the URL of a PostgreSQL database")]
    Url(#[source] sqlx::Error),
    /// The database cannot be reached or refused the sign-in.
    #[error("the database cannot be reached")]
    Unreachable(#[source] sqlx::Error),
    /// A newer release has changed the schema since.
    #[error("the schema has version {found}, and this release knows versions up to {known}: install the newer release")]
    NewerSchema {
        /// The version in the database.
        found: i64,
        /// The highest version this release knows.
        known: i64,
    },
    /// The schema could not be brought to the current version.
    #[error("the schema cannot be brought up to date")]
    Migration(#[source] MigrateError),
    /// Rows of an older release cannot be read to bring them up to date.
    #[error("rows of an older release cannot be brought up to date")]
    Rows(#[source] StoreError),
}

/// The identities of the schema by the name of their constraint: the noun and the word of the contract.
const IDENTITIES: [(&str, &str, &str); 53] = [
    ("companies_pkey", "company", "id"),
    ("users_pkey", "user", "id"),
    ("users_email", "user", "email"),
    ("callers_pkey", "caller", "id"),
    ("callers_user", "caller", "user"),
    ("sessions_pkey", "session", "id"),
    ("sessions_token", "session", "token"),
    ("phone_numbers_pkey", "phone_number", "id"),
    ("phone_numbers_number", "phone_number", "number"),
    ("assignments_pkey", "assignment", "id"),
    ("assignments_number", "assignment", "number"),
    ("extensions_pkey", "extension", "id"),
    ("extensions_number", "extension", "number"),
    ("extensions_username", "extension", "username"),
    ("trunks_pkey", "trunk", "id"),
    ("trunks_name", "trunk", "name"),
    ("inbound_routes_pkey", "inbound_route", "id"),
    ("inbound_routes_number", "inbound_route", "number"),
    ("queues_pkey", "queue", "id"),
    ("queues_name", "queue", "name"),
    ("flows_pkey", "flow", "id"),
    ("flows_name", "flow", "name"),
    ("flow_versions_number", "flow_version", "number"),
    ("calendars_pkey", "calendar", "id"),
    ("calendars_name", "calendar", "name"),
    ("prompts_pkey", "prompt", "id"),
    ("prompts_name", "prompt", "name"),
    ("flow_traces_pkey", "flow_trace", "call"),
    ("voicemails_pkey", "voicemail", "id"),
    ("calls_pkey", "call", "id"),
    ("clients_pkey", "client", "id"),
    ("client_notes_pkey", "client_note", "id"),
    ("call_events_pkey", "call_event", "seq"),
    ("outbox_pkey", "event", "seq"),
    ("outbox_id", "event", "id"),
    ("leads_pkey", "lead", "id"),
    ("lead_notes_pkey", "lead_note", "id"),
    ("lead_routing_pkey", "lead_routing", "company"),
    ("agent_profiles_pkey", "agent_profile", "user"),
    ("callbacks_pkey", "callback", "id"),
    ("callbacks_open", "callback", "number"),
    ("lead_profiles_pkey", "lead_profile", "user"),
    ("dispositions_pkey", "disposition", "id"),
    ("dispositions_code", "disposition", "code"),
    ("jobs_pkey", "job", "id"),
    ("jobs_running", "job", "company"),
    ("carrier_calls_pkey", "carrier_call", "call"),
    ("carrier_calls_sid", "carrier_call", "sid"),
    ("twilio_settings_pkey", "twilio_settings", "company"),
    ("recordings_pkey", "recording", "id"),
    ("recordings_sid", "recording", "sid"),
    ("reports_pkey", "report", "id"),
    ("reports_period", "report", "period"),
];

/// Translates an error of the driver. `writes` tells whether the unit of work may write: a refusal to write is then the
/// database's state, and the caller's mistake otherwise.
pub(crate) fn store_error(error: sqlx::Error, writes: bool) -> StoreError {
    match &error {
        sqlx::Error::Database(database) => match classify(&**database, writes) {
            Class::Known(known) => known,
            Class::Unavailable => StoreError::Unavailable(Box::new(error)),
            Class::Other => StoreError::Backend(Box::new(error)),
        },
        // A fault of the transport, a pool without a free connection, a server that is gone.
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => StoreError::Unavailable(Box::new(error)),
        _ => StoreError::Backend(Box::new(error)),
    }
}

enum Class {
    Known(StoreError),
    Unavailable,
    Other,
}

fn classify(error: &dyn DatabaseError, writes: bool) -> Class {
    let code = error.code();
    match code.as_deref().unwrap_or_default() {
        "23505" => error.constraint().and_then(duplicate).map_or(Class::Other, Class::Known),
        // A reference to a row that another unit of work has removed since it was read, or a removal of a row that another has begun
        // to refer to: where a use is seen in time, the statement itself says so. From the start, the command sees it.
        "23503" => Class::Known(StoreError::Contention),
        // Serialization failure, deadlock, lock not available within `lock_timeout`.
        "40001" | "40P01" | "55P03" => Class::Known(StoreError::Contention),
        // Read-only: a demoted primary or an operator's fence. Shut down, crashed, starting, or a backend that was ended; too many
        // connections; disk full; out of memory; a statement or an idle transaction over its time.
        "25006" if writes => Class::Unavailable,
        "57P01" | "57P02" | "57P03" | "57P05" | "57014" | "25P03" | "53100" | "53200" | "53300" => Class::Unavailable,
        code if code.starts_with("08") => Class::Unavailable,
        _ => Class::Other,
    }
}

fn duplicate(constraint: &str) -> Option<StoreError> {
    IDENTITIES
        .iter()
        .find(|(name, _, _)| *name == constraint)
        .map(|&(_, entity, constraint)| StoreError::Duplicate { entity, constraint })
}

/// Translates the end of a migration; `known` is the newest version this release has.
pub(crate) fn open_error(error: MigrateError, known: i64) -> OpenError {
    match error {
        MigrateError::VersionMissing(found) | MigrateError::VersionTooNew(found, _) if found > known => {
            OpenError::NewerSchema { found, known }
        }
        MigrateError::Execute(error @ (sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut)) => {
            OpenError::Unreachable(error)
        }
        other => OpenError::Migration(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identity_of_the_schema_has_its_words() {
        let schema = crate::migrations::MIGRATIONS.iter().map(|(_, _, text)| *text).collect::<String>();
        for word in schema.split_whitespace().collect::<Vec<_>>().windows(3) {
            if let ["CONSTRAINT", name, "UNIQUE"] = word {
                assert!(duplicate(name).is_some(), "{name}");
            }
        }
        for (name, _, _) in IDENTITIES {
            assert!(name.ends_with("_pkey") || schema.contains(name), "{name}");
        }
    }

    #[test]
    fn faults_of_the_transport_are_unavailability() {
        let io = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(store_error(io, true), StoreError::Unavailable(_)));
        assert!(matches!(store_error(sqlx::Error::PoolTimedOut, false), StoreError::Unavailable(_)));
        assert!(matches!(store_error(sqlx::Error::RowNotFound, true), StoreError::Backend(_)));
    }
}
