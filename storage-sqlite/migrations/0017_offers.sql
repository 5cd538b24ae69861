-- Who is offered which call, and who has it, while the call goes on: few rows that come and go.
CREATE TABLE offers (
    company_id BLOB    NOT NULL,
    agent_id   BLOB    NOT NULL,
    -- From 0 up to the number of calls the agent takes at once: nobody has more.
    slot       INTEGER NOT NULL,
    call_id    BLOB    NOT NULL,
    node_id    BLOB,
    state      TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (company_id, agent_id, slot)
) STRICT, WITHOUT ROWID;
-- An agent is offered a call once.
CREATE UNIQUE INDEX offers_call ON offers (call_id, agent_id);
-- A call has one agent.
CREATE UNIQUE INDEX offers_accepted ON offers (call_id) WHERE state = 'accepted';
