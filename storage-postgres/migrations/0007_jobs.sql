-- Jobs, what they work on, and what of it was refused.

CREATE TABLE jobs (
    id            UUID PRIMARY KEY,
    company_id    UUID NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    state         TEXT COLLATE "C" NOT NULL,
    params        JSONB NOT NULL,
    total         BIGINT NOT NULL,
    counts        JSONB NOT NULL,
    result        JSONB,
    reason        TEXT COLLATE "C",
    created_by    UUID,
    is_cancelling BOOLEAN NOT NULL,
    attempt       BIGINT NOT NULL,
    takeovers     BIGINT NOT NULL,
    lease_until   TIMESTAMPTZ,
    announced_at  TIMESTAMPTZ,
    version       BIGINT NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    started_at    TIMESTAMPTZ,
    ended_at      TIMESTAMPTZ,
    updated_at    TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX jobs_by_company ON jobs (company_id, id);
-- The few that wait or run.
CREATE INDEX jobs_open ON jobs (id) WHERE state IN ('queued', 'running');
-- One job of a company runs at a time.
CREATE UNIQUE INDEX jobs_running ON jobs (company_id) WHERE state = 'running';
CREATE INDEX jobs_by_end ON jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE job_inputs (
    job_id UUID PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    input  BYTEA NOT NULL
);

CREATE TABLE job_faults (
    job_id     UUID NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    "row"      BIGINT NOT NULL,
    company_id UUID NOT NULL,
    cells      JSONB NOT NULL,
    faults     JSONB NOT NULL,
    PRIMARY KEY (job_id, "row")
);
