-- What ended calls add up to, by the company's local day and agent; calls without an agent have the nil UUID. Written in the unit of
-- work that ends, enters, edits or deletes a call.
CREATE TABLE call_days (
    company_id   UUID NOT NULL,
    day          DATE NOT NULL,
    agent_id     UUID NOT NULL,
    inbound      BIGINT NOT NULL,
    outbound     BIGINT NOT NULL,
    internal     BIGINT NOT NULL,
    connected    BIGINT NOT NULL,
    talk_seconds BIGINT NOT NULL,
    PRIMARY KEY (company_id, day, agent_id)
) WITH (fillfactor = 50);
CREATE INDEX call_days_by_agent ON call_days (agent_id, day);

-- An agent's calls of some days, and the first and the last of them.
CREATE INDEX calls_by_agent_and_start ON calls (agent_id, started_at) WHERE agent_id IS NOT NULL;

-- Whether a call was carried or entered by hand.
ALTER TABLE calls ADD COLUMN origin TEXT COLLATE "C" NOT NULL DEFAULT 'carried';

DROP TABLE caller_days;
