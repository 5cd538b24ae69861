-- Leads, how they are routed, and what they add up to; dispositions.

CREATE TABLE leads (
    id              BLOB    NOT NULL PRIMARY KEY,
    company_id      BLOB    NOT NULL,
    name            TEXT    NOT NULL,
    email           TEXT,
    phone           TEXT,
    raw_phone       TEXT,
    source          TEXT    NOT NULL,
    status          TEXT    NOT NULL,
    priority        TEXT    NOT NULL,
    quality         TEXT    NOT NULL,
    score           INTEGER NOT NULL,
    requirements    TEXT,
    needs           TEXT    NOT NULL,
    custom          TEXT    NOT NULL,
    value           INTEGER,
    origin          TEXT    NOT NULL,
    followup_count  INTEGER NOT NULL,
    last_contact_at INTEGER,
    assigned_to     BLOB,
    assigned_at     INTEGER,
    is_waiting      INTEGER NOT NULL,
    route_at       INTEGER,
    returns         INTEGER NOT NULL,
    client_id       BLOB,
    converted_at    INTEGER,
    converted_by    BLOB,
    converted_day   INTEGER,
    created_day     INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    -- Name, address, numbers and requirements in lower case: what a search looks into.
    search          TEXT    NOT NULL
) STRICT;
CREATE INDEX leads_company ON leads (company_id, id);
CREATE INDEX leads_status ON leads (company_id, status, id);
CREATE INDEX leads_assigned_to ON leads (company_id, assigned_to, id);
CREATE INDEX leads_created_at ON leads (company_id, created_at);
CREATE INDEX leads_phone ON leads (company_id, phone, id) WHERE phone IS NOT NULL;
CREATE INDEX leads_email ON leads (company_id, email, id) WHERE email IS NOT NULL;
-- The few that the routing has to look at again.
CREATE INDEX leads_route_at ON leads (company_id, route_at, id) WHERE route_at IS NOT NULL;
CREATE INDEX leads_due ON leads (route_at, id) WHERE route_at IS NOT NULL;

-- How many leads a company has: the total of its unfiltered list.
CREATE TABLE lead_totals (
    company_id BLOB    NOT NULL PRIMARY KEY,
    leads      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER leads_inserted AFTER INSERT ON leads BEGIN
    INSERT INTO lead_totals (company_id, leads) VALUES (NEW.company_id, 1) ON CONFLICT DO UPDATE SET leads = leads + 1;
END;
CREATE TRIGGER leads_deleted AFTER DELETE ON leads BEGIN
    UPDATE lead_totals SET leads = leads - 1 WHERE company_id = OLD.company_id;
END;

CREATE TABLE lead_notes (
    id         BLOB    NOT NULL PRIMARY KEY,
    lead_id    BLOB    NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    company_id BLOB    NOT NULL,
    author_id  BLOB,
    at         INTEGER NOT NULL,
    text       TEXT    NOT NULL
) STRICT;
CREATE INDEX lead_notes_lead ON lead_notes (lead_id, id);

CREATE TABLE lead_decisions (
    seq        INTEGER PRIMARY KEY,
    lead_id    BLOB    NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    company_id BLOB    NOT NULL,
    decision   TEXT    NOT NULL
) STRICT;
CREATE INDEX lead_decisions_lead ON lead_decisions (lead_id, seq);

CREATE TABLE lead_routing (
    company_id BLOB    NOT NULL PRIMARY KEY,
    settings   TEXT    NOT NULL,
    turn       INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE lead_profiles (
    user_id    BLOB    NOT NULL PRIMARY KEY,
    company_id BLOB    NOT NULL,
    settings   TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE lead_passes (
    user_id    BLOB    NOT NULL,
    company_id BLOB    NOT NULL,
    pass       INTEGER NOT NULL,
    PRIMARY KEY (user_id, company_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lead_counts (
    company_id BLOB    NOT NULL,
    "by"       TEXT    NOT NULL,
    word       TEXT    NOT NULL,
    leads      INTEGER NOT NULL,
    PRIMARY KEY (company_id, "by", word)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_leads (
    user_id    BLOB    NOT NULL,
    company_id BLOB    NOT NULL,
    total      INTEGER NOT NULL,
    open       INTEGER NOT NULL,
    converted  INTEGER NOT NULL,
    PRIMARY KEY (user_id, company_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lead_days (
    company_id BLOB    NOT NULL,
    day        INTEGER NOT NULL,
    -- Sixteen zeros when it is nobody's: a key holds no NULL.
    user_id    BLOB    NOT NULL,
    source     TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    converted  INTEGER NOT NULL,
    value      INTEGER NOT NULL,
    PRIMARY KEY (company_id, day, user_id, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE dispositions (
    id         BLOB    NOT NULL PRIMARY KEY,
    company_id BLOB    NOT NULL,
    -- A copy of the code in the settings, for its uniqueness.
    code       TEXT    NOT NULL,
    settings   TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX dispositions_code ON dispositions (company_id, code);
