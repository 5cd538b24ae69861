-- People who are to be called back, each with their place in a queue.
CREATE TABLE callbacks (
    id            BLOB NOT NULL PRIMARY KEY,
    company_id    BLOB NOT NULL,
    queue_id      BLOB NOT NULL,
    number        TEXT NOT NULL,
    shown         TEXT,
    state         TEXT NOT NULL,
    since         INTEGER NOT NULL,
    due_at        INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    attempts_max  INTEGER NOT NULL,
    retry_seconds INTEGER NOT NULL,
    asked_in      BLOB,
    call_id       BLOB,
    agent_id      BLOB,
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
-- One person waits once in a queue.
CREATE UNIQUE INDEX callbacks_open ON callbacks (company_id, number, queue_id) WHERE state IN ('waiting', 'dialling');
CREATE INDEX callbacks_due ON callbacks (company_id, since, id) WHERE state = 'waiting';
CREATE INDEX callbacks_call ON callbacks (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX callbacks_company ON callbacks (company_id, id);
