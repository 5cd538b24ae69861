-- Reports that people write and that are written for them: what they state and note. What they did is added up when a report is read.
CREATE TABLE reports (
    id                   BLOB    NOT NULL PRIMARY KEY,
    company_id           BLOB    NOT NULL,
    user_id              BLOB    NOT NULL,
    kind                 TEXT    NOT NULL,
    -- The first local day of the period.
    day                  INTEGER NOT NULL,
    stated_calls         INTEGER,
    stated_completed     INTEGER,
    stated_follow_ups    INTEGER,
    stated_converted     INTEGER,
    daily_notes          TEXT,
    notes                TEXT,
    -- Who wrote it; nobody yet when it was made by itself.
    author_id            BLOB,
    version              INTEGER NOT NULL,
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX reports_period ON reports (company_id, user_id, kind, day);
CREATE INDEX reports_day ON reports (company_id, day, id);
CREATE INDEX reports_user ON reports (company_id, user_id, day, id);

-- Calls about a lead in which somebody was talked to.
ALTER TABLE call_days ADD COLUMN follow_ups INTEGER NOT NULL DEFAULT 0;

-- What one person brought and sold, for their reports.
CREATE INDEX lead_days_user ON lead_days (company_id, user_id, day);
