-- Calls of a span of time, and of one agent, are counted and put in order by these indexes alone: a row is as large as its legs and notes.
DROP INDEX calls_started_at;
CREATE INDEX calls_started_at ON calls (company_id, started_at, id);
DROP INDEX calls_agent;
CREATE INDEX calls_agent ON calls (agent_id, id, company_id) WHERE agent_id IS NOT NULL;
DROP INDEX calls_agent_started_at;
CREATE INDEX calls_agent_started_at ON calls (agent_id, started_at, id, company_id) WHERE agent_id IS NOT NULL;
