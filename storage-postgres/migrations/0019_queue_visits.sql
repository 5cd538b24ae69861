-- Where callers came into a queue, by time: the log of a queue is read from the timelines of its calls.
CREATE INDEX call_events_by_queue ON call_events ((data->>'queue'), at) WHERE kind = 'queued';
