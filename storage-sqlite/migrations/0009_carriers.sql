-- How calls are known to the carrier's service that carries them, and the recordings it makes of them. Both go with their call.
CREATE TABLE carrier_calls (
    call_id    BLOB    NOT NULL PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    company_id BLOB    NOT NULL,
    service    TEXT    NOT NULL,
    sid        TEXT,
    due_at     INTEGER,
    attempts   INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX carrier_calls_sid ON carrier_calls (service, sid) WHERE sid IS NOT NULL;
CREATE INDEX carrier_calls_due ON carrier_calls (due_at, call_id) WHERE due_at IS NOT NULL;

CREATE TABLE recordings (
    id         BLOB    NOT NULL PRIMARY KEY,
    company_id BLOB    NOT NULL,
    call_id    BLOB    NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    service    TEXT    NOT NULL,
    sid        TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    media_type TEXT,
    bytes      INTEGER NOT NULL,
    seconds    INTEGER NOT NULL,
    due_at     INTEGER,
    attempts   INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX recordings_sid ON recordings (service, sid);
CREATE INDEX recordings_call ON recordings (call_id, id);
CREATE INDEX recordings_due ON recordings (due_at, id) WHERE due_at IS NOT NULL;
