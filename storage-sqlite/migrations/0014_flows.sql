-- Call flows. Drafts and documents are large: lists read the other columns, which come first in the row.
CREATE TABLE flows (
    id         BLOB    NOT NULL PRIMARY KEY,
    company_id BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    -- The number of the version that calls run through.
    active     INTEGER,
    published  INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    draft      TEXT
) STRICT;
CREATE UNIQUE INDEX flows_name ON flows (company_id, name);
CREATE INDEX flows_company ON flows (company_id, id);
CREATE INDEX flows_active ON flows (company_id, id, active) WHERE active IS NOT NULL;

CREATE TABLE flow_versions (
    flow_id    BLOB    NOT NULL REFERENCES flows (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    company_id BLOB    NOT NULL,
    note       TEXT,
    author_id  BLOB,
    uses       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    document   TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX flow_versions_number ON flow_versions (flow_id, number);

CREATE TABLE calendars (
    id         BLOB    NOT NULL PRIMARY KEY,
    company_id BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    hours      TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX calendars_name ON calendars (company_id, name);
CREATE INDEX calendars_company ON calendars (company_id, id);

CREATE TABLE prompts (
    id         BLOB    NOT NULL PRIMARY KEY,
    company_id BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    language   TEXT    NOT NULL,
    file_name  TEXT    NOT NULL,
    media_type TEXT    NOT NULL,
    length_ms  INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    sha256     TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX prompts_name ON prompts (company_id, name, language);

-- What calls leave behind in flows. Both go with their call; a flow that is deleted leaves them.
CREATE TABLE flow_traces (
    call_id    BLOB    NOT NULL PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    company_id BLOB    NOT NULL,
    flow_id    BLOB    NOT NULL,
    number     INTEGER NOT NULL,
    steps      TEXT    NOT NULL,
    ended      TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE voicemails (
    id         BLOB    NOT NULL PRIMARY KEY,
    company_id BLOB    NOT NULL,
    call_id    BLOB    NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    flow_id    BLOB,
    mailbox    TEXT    NOT NULL,
    from_number   TEXT    NOT NULL,
    length_ms  INTEGER NOT NULL,
    media_type TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    heard_at   INTEGER,
    heard_by   BLOB,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX voicemails_company ON voicemails (company_id, id);
CREATE INDEX voicemails_mailbox ON voicemails (company_id, mailbox, id);
CREATE INDEX voicemails_call ON voicemails (call_id, id);
