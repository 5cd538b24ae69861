-- Calls of a span of time, and of one agent, are counted and put in order by these indexes alone, as far as their pages are known to
-- hold what everybody sees: a row is as large as its legs and notes.
DROP INDEX calls_by_start;
CREATE INDEX calls_by_start ON calls (company_id, started_at, id);
DROP INDEX calls_by_agent_and_start;
CREATE INDEX calls_by_agent_and_start ON calls (agent_id, started_at, id) INCLUDE (company_id) WHERE agent_id IS NOT NULL;
