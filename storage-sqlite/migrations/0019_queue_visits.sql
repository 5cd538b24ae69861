-- Where callers came into a queue, by time: the log of a queue is read from the timelines of its calls.
CREATE INDEX call_events_queued ON call_events (json_extract(data, '$.queue'), at) WHERE kind = 'queued';
