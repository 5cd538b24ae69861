-- Requests that have their effect once: taken in the unit of work that has the effect.
CREATE TABLE requests (
    key     BLOB    NOT NULL PRIMARY KEY,
    content BLOB    NOT NULL,
    holder  BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    -- Sealed; NULL until it was given.
    answer  BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_at ON requests (at);

-- What the audit log is narrowed by. The system's own acts, which are most of all events, are not looked for by actor.
CREATE INDEX outbox_at ON outbox (company_id, at);
CREATE INDEX outbox_type ON outbox (company_id, json_extract(event, '$.type'), seq);
CREATE INDEX outbox_actor ON outbox (company_id, actor, seq) WHERE actor <> 'system';
