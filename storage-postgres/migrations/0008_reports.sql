-- Reports that people write and that are written for them: what they state and note. What they did is added up when a report is read.
CREATE TABLE reports (
    id                   UUID PRIMARY KEY,
    company_id           UUID NOT NULL,
    user_id              UUID NOT NULL,
    kind                 TEXT COLLATE "C" NOT NULL,
    -- The first local day of the period.
    day                  DATE NOT NULL,
    stated_calls         BIGINT,
    stated_completed     BIGINT,
    stated_follow_ups    BIGINT,
    stated_converted     BIGINT,
    daily_notes          TEXT COLLATE "C",
    notes                TEXT COLLATE "C",
    -- Who wrote it; nobody yet when it was made by itself.
    author_id            UUID,
    version              BIGINT NOT NULL,
    created_at           TIMESTAMPTZ NOT NULL,
    updated_at           TIMESTAMPTZ NOT NULL,
    CONSTRAINT reports_period UNIQUE (company_id, user_id, kind, day)
);
CREATE INDEX reports_by_day ON reports (company_id, day, id);
CREATE INDEX reports_by_user ON reports (company_id, user_id, day, id);

-- Calls about a lead in which somebody was talked to.
ALTER TABLE call_days ADD COLUMN follow_ups BIGINT NOT NULL DEFAULT 0;

-- What one person brought and sold, for their reports.
CREATE INDEX lead_days_by_user ON lead_days (company_id, user_id, day);
