-- Jobs, what they work on, and what of it was refused.

CREATE TABLE jobs (
    id            BLOB    NOT NULL PRIMARY KEY,
    company_id    BLOB    NOT NULL,
    kind          TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    params        TEXT    NOT NULL,
    total         INTEGER NOT NULL,
    counts        TEXT    NOT NULL,
    result        TEXT,
    reason        TEXT,
    created_by    BLOB,
    is_cancelling INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    takeovers     INTEGER NOT NULL,
    lease_until   INTEGER,
    announced_at  INTEGER,
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    started_at    INTEGER,
    ended_at      INTEGER,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_company ON jobs (company_id, id);
-- The few that wait or run.
CREATE INDEX jobs_open ON jobs (id) WHERE state IN ('queued', 'running');
-- One job of a company runs at a time.
CREATE UNIQUE INDEX jobs_running ON jobs (company_id) WHERE state = 'running';
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE job_inputs (
    job_id BLOB NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    input  BLOB NOT NULL
) STRICT;

CREATE TABLE job_faults (
    job_id     BLOB    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    "row"      INTEGER NOT NULL,
    company_id BLOB    NOT NULL,
    cells      TEXT    NOT NULL,
    faults     TEXT    NOT NULL,
    PRIMARY KEY (job_id, "row")
) STRICT, WITHOUT ROWID;
