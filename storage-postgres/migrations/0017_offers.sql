-- Who is offered which call, and who has it, while the call goes on: few rows that come and go.
CREATE TABLE offers (
    company_id UUID NOT NULL,
    agent_id   UUID NOT NULL,
    -- From 0 up to the number of calls the agent takes at once: nobody has more.
    slot       BIGINT NOT NULL,
    call_id    UUID NOT NULL,
    node_id    UUID,
    state      TEXT COLLATE "C" NOT NULL,
    at         TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (company_id, agent_id, slot)
) WITH (fillfactor = 50);
-- An agent is offered a call once.
CREATE UNIQUE INDEX offers_by_call ON offers (call_id, agent_id);
-- A call has one agent.
CREATE UNIQUE INDEX offers_accepted ON offers (call_id) WHERE state = 'accepted';
