-- How calls are known to the carrier's service that carries them, and the recordings it makes of them. Both go with their call.
CREATE TABLE carrier_calls (
    call_id    UUID PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    company_id UUID NOT NULL,
    service    TEXT COLLATE "C" NOT NULL,
    sid        TEXT COLLATE "C",
    due_at     TIMESTAMPTZ,
    attempts   BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT carrier_calls_sid UNIQUE (service, sid)
) WITH (fillfactor = 80);
CREATE INDEX carrier_calls_due ON carrier_calls (due_at, call_id) WHERE due_at IS NOT NULL;

CREATE TABLE recordings (
    id         UUID PRIMARY KEY,
    company_id UUID NOT NULL,
    call_id    UUID NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    service    TEXT COLLATE "C" NOT NULL,
    sid        TEXT COLLATE "C" NOT NULL,
    state      TEXT COLLATE "C" NOT NULL,
    media_type TEXT COLLATE "C",
    bytes      BIGINT NOT NULL,
    seconds    BIGINT NOT NULL,
    due_at     TIMESTAMPTZ,
    attempts   BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT recordings_sid UNIQUE (service, sid)
) WITH (fillfactor = 80);
CREATE INDEX recordings_of_call ON recordings (call_id, id);
CREATE INDEX recordings_due ON recordings (due_at, id) WHERE due_at IS NOT NULL;
