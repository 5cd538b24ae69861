-- Requests that have their effect once: taken in the unit of work that has the effect.
CREATE TABLE requests (
    key     BYTEA PRIMARY KEY,
    content BYTEA NOT NULL,
    holder  UUID NOT NULL,
    at      TIMESTAMPTZ NOT NULL,
    -- Sealed; NULL until it was given.
    answer  BYTEA
);
-- What is sealed cannot be compressed.
ALTER TABLE requests ALTER COLUMN answer SET STORAGE EXTERNAL;
CREATE INDEX requests_at ON requests (at);

-- What the audit log is narrowed by. The system's own acts, which are most of all events, are not looked for by actor.
CREATE INDEX outbox_by_at ON outbox (company_id, at);
CREATE INDEX outbox_by_type ON outbox (company_id, (event ->> 'type'), seq);
CREATE INDEX outbox_by_actor ON outbox (company_id, actor, seq) WHERE actor <> 'system';
