-- What ended calls add up to, by the company's local day and agent; calls without an agent have the id of sixteen zero bytes.
-- Written in the unit of work that ends, enters, edits or deletes a call.
CREATE TABLE call_days (
    company_id   BLOB    NOT NULL,
    day          INTEGER NOT NULL,
    agent_id     BLOB    NOT NULL,
    inbound      INTEGER NOT NULL,
    outbound     INTEGER NOT NULL,
    internal     INTEGER NOT NULL,
    connected    INTEGER NOT NULL,
    talk_seconds INTEGER NOT NULL,
    PRIMARY KEY (company_id, day, agent_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_days_agent ON call_days (agent_id, day);

-- An agent's calls of some days, and the first and the last of them.
CREATE INDEX calls_agent_started_at ON calls (agent_id, started_at) WHERE agent_id IS NOT NULL;

-- Whether a call was carried or entered by hand.
ALTER TABLE calls ADD COLUMN origin TEXT NOT NULL DEFAULT 'carried';

DROP TABLE caller_days;
