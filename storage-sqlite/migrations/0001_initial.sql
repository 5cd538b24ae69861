-- Ids are BLOBs of 16 bytes, instants INTEGER microseconds since 1970 (UTC), local days INTEGER days since 1970-01-01,
-- truth values 0 and 1, documents JSON as TEXT.
-- Every table that is read by ranges of its key and has narrow rows is WITHOUT ROWID; rows as wide as a call are not,
-- because SQLite moves wide rows of such tables to overflow pages (NOTES.md).

CREATE TABLE companies (
    id              BLOB    NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL,
    timezone        TEXT    NOT NULL,
    default_country TEXT    NOT NULL,
    is_active       INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id            BLOB    NOT NULL PRIMARY KEY,
    company_id    BLOB    NOT NULL,
    name          TEXT    NOT NULL,
    email         TEXT    NOT NULL,
    password      TEXT    NOT NULL,
    initials      TEXT    NOT NULL,
    role          TEXT    NOT NULL,
    phone         TEXT,
    country_code  TEXT,
    department    TEXT,
    reporting_to  BLOB    REFERENCES users (id) ON DELETE SET NULL,
    is_active     INTEGER NOT NULL,
    is_platform   INTEGER NOT NULL,
    availability  TEXT    NOT NULL,
    token_version INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX users_email ON users (email);
CREATE INDEX users_company ON users (company_id, id);
CREATE INDEX users_reporting_to ON users (reporting_to) WHERE reporting_to IS NOT NULL;

CREATE TABLE callers (
    id              BLOB    NOT NULL PRIMARY KEY,
    user_id         BLOB    NOT NULL,
    company_id      BLOB    NOT NULL,
    total_calls     INTEGER NOT NULL,
    connected_calls INTEGER NOT NULL,
    talk_seconds    INTEGER NOT NULL,
    first_call_at   INTEGER,
    last_call_at    INTEGER,
    created_at      INTEGER NOT NULL
) STRICT;
-- No reference to users: the caller sync finds and removes records whose user is gone.
CREATE UNIQUE INDEX callers_user ON callers (user_id);
CREATE INDEX callers_company ON callers (company_id, id);

CREATE TABLE caller_days (
    user_id      BLOB    NOT NULL REFERENCES callers (user_id) ON DELETE CASCADE,
    day          INTEGER NOT NULL,
    calls        INTEGER NOT NULL,
    connected    INTEGER NOT NULL,
    talk_seconds INTEGER NOT NULL,
    PRIMARY KEY (user_id, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id                BLOB    NOT NULL PRIMARY KEY,
    family_id         BLOB    NOT NULL,
    user_id           BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    company_id        BLOB    NOT NULL,
    token             BLOB    NOT NULL,
    issued_at         INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL,
    family_expires_at INTEGER NOT NULL,
    used_at           INTEGER,
    revoked_at        INTEGER
) STRICT;
CREATE UNIQUE INDEX sessions_token ON sessions (token);
CREATE INDEX sessions_family ON sessions (family_id);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_family_expires_at ON sessions (family_expires_at);

CREATE TABLE phone_numbers (
    id           BLOB    NOT NULL PRIMARY KEY,
    company_id   BLOB    NOT NULL,
    number       TEXT    NOT NULL,
    raw          TEXT    NOT NULL,
    provider     TEXT    NOT NULL,
    country      TEXT    NOT NULL,
    capabilities TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX phone_numbers_number ON phone_numbers (number);
CREATE INDEX phone_numbers_company ON phone_numbers (company_id, id);

CREATE TABLE assignments (
    id                BLOB    NOT NULL PRIMARY KEY,
    company_id        BLOB    NOT NULL,
    number_id         BLOB    NOT NULL REFERENCES phone_numbers (id),
    agent_id          BLOB    NOT NULL,
    daily_limit       INTEGER NOT NULL,
    allowed_countries TEXT    NOT NULL,
    day               INTEGER NOT NULL,
    used              INTEGER NOT NULL,
    last_used_at      INTEGER,
    version           INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX assignments_number ON assignments (number_id);
CREATE INDEX assignments_agent ON assignments (agent_id, id);
CREATE INDEX assignments_company ON assignments (company_id);

CREATE TABLE number_usage (
    company_id BLOB    NOT NULL,
    day        INTEGER NOT NULL,
    number_id  BLOB    NOT NULL,
    agent_id   BLOB    NOT NULL,
    calls      INTEGER NOT NULL,
    PRIMARY KEY (company_id, day, number_id, agent_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE extensions (
    id            BLOB    NOT NULL PRIMARY KEY,
    company_id    BLOB    NOT NULL,
    user_id       BLOB    NOT NULL,
    number        TEXT    NOT NULL,
    username      TEXT    NOT NULL,
    secret_md5    TEXT    NOT NULL,
    secret_sha256 TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX extensions_number ON extensions (company_id, number);
CREATE UNIQUE INDEX extensions_username ON extensions (username);

CREATE TABLE trunks (
    id         BLOB    NOT NULL PRIMARY KEY,
    company_id BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    transport  TEXT    NOT NULL,
    host       TEXT    NOT NULL,
    port       INTEGER NOT NULL,
    auth       TEXT    NOT NULL,
    is_default INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX trunks_name ON trunks (company_id, name);

CREATE TABLE inbound_routes (
    id         BLOB    NOT NULL PRIMARY KEY,
    company_id BLOB    NOT NULL,
    number     TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX inbound_routes_number ON inbound_routes (number);
CREATE INDEX inbound_routes_company ON inbound_routes (company_id, number);

CREATE TABLE queues (
    id         BLOB    NOT NULL PRIMARY KEY,
    company_id BLOB    NOT NULL,
    -- The name is in the settings too; here it is unique in the company.
    name       TEXT    NOT NULL,
    settings   TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX queues_name ON queues (company_id, name);

CREATE TABLE calls (
    id          BLOB    NOT NULL PRIMARY KEY,
    company_id  BLOB    NOT NULL,
    direction   TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    "from"      TEXT    NOT NULL,
    "to"        TEXT    NOT NULL,
    agent_id    BLOB,
    queue_id    BLOB,
    number_id   BLOB,
    trunk_id    BLOB,
    lead_id     BLOB,
    node_id     BLOB,
    started_at  INTEGER NOT NULL,
    answered_at INTEGER,
    ended_at    INTEGER,
    hangup      TEXT,
    outcome     TEXT,
    notes       TEXT,
    legs        TEXT    NOT NULL,
    events      INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX calls_company ON calls (company_id, id);
CREATE INDEX calls_started_at ON calls (company_id, started_at);
CREATE INDEX calls_agent ON calls (agent_id, id) WHERE agent_id IS NOT NULL;
CREATE INDEX calls_queue ON calls (queue_id, id) WHERE queue_id IS NOT NULL;
CREATE INDEX calls_number ON calls (number_id, id) WHERE number_id IS NOT NULL;
CREATE INDEX calls_lead ON calls (lead_id, id) WHERE lead_id IS NOT NULL;
-- The few calls that have not ended, among millions that have.
CREATE INDEX calls_open ON calls (id, node_id) WHERE status IN ('initiated', 'queued', 'ringing', 'in_progress');

-- How many calls a company has: counting a million of them for every page would take longer than reading the page.
CREATE TABLE call_totals (
    company_id BLOB    NOT NULL PRIMARY KEY,
    calls      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER calls_inserted AFTER INSERT ON calls BEGIN
    INSERT INTO call_totals (company_id, calls) VALUES (NEW.company_id, 1) ON CONFLICT DO UPDATE SET calls = calls + 1;
END;
CREATE TRIGGER calls_deleted AFTER DELETE ON calls BEGIN
    UPDATE call_totals SET calls = calls - 1 WHERE company_id = OLD.company_id;
END;

CREATE TABLE call_events (
    call_id BLOB    NOT NULL,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    data    TEXT    NOT NULL,
    PRIMARY KEY (call_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    -- AUTOINCREMENT: a place that was given out is never given out again, also after the last row was removed.
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           BLOB    NOT NULL,
    company_id   BLOB    NOT NULL,
    at           INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    event        TEXT    NOT NULL,
    lease_until  INTEGER,
    delivered_at INTEGER
) STRICT;
CREATE UNIQUE INDEX outbox_id ON outbox (id);
CREATE INDEX outbox_company ON outbox (company_id, seq);
CREATE INDEX outbox_waiting ON outbox (seq) WHERE delivered_at IS NULL;
