-- People who are to be called back, each with their place in a queue.
CREATE TABLE callbacks (
    id            UUID NOT NULL PRIMARY KEY,
    company_id    UUID NOT NULL,
    queue_id      UUID NOT NULL,
    number        TEXT COLLATE "C" NOT NULL,
    shown         TEXT COLLATE "C",
    state         TEXT COLLATE "C" NOT NULL,
    since         TIMESTAMPTZ NOT NULL,
    due_at        TIMESTAMPTZ NOT NULL,
    attempts      BIGINT NOT NULL,
    attempts_max  BIGINT NOT NULL,
    retry_seconds BIGINT NOT NULL,
    asked_in      UUID,
    call_id       UUID,
    agent_id      UUID,
    version       BIGINT NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL
);
-- One person waits once in a queue.
CREATE UNIQUE INDEX callbacks_open ON callbacks (company_id, number, queue_id) WHERE state IN ('waiting', 'dialling');
CREATE INDEX callbacks_due ON callbacks (company_id, since, id) WHERE state = 'waiting';
CREATE INDEX callbacks_call ON callbacks (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX callbacks_company ON callbacks (company_id, id);
