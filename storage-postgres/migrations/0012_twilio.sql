-- Accounts of companies at Twilio, and which of them carries a call.

CREATE TABLE twilio_settings (
    company_id UUID PRIMARY KEY,
    -- Holds secrets that have to be used as they are: whoever can read this table can read them.
    accounts   JSONB NOT NULL,
    -- When one of them is to be forgotten.
    forget_at  TIMESTAMPTZ,
    version    BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX twilio_settings_due ON twilio_settings (forget_at, company_id) WHERE forget_at IS NOT NULL;

-- Companies have accounts of their own: what one of them is told by its account is not to take a name from another.
ALTER TABLE carrier_calls
    ADD COLUMN account TEXT COLLATE "C",
    ADD COLUMN caller TEXT COLLATE "C",
    DROP CONSTRAINT carrier_calls_sid,
    ADD CONSTRAINT carrier_calls_sid UNIQUE (company_id, service, sid);
ALTER TABLE recordings
    DROP CONSTRAINT recordings_sid,
    ADD CONSTRAINT recordings_sid UNIQUE (company_id, service, sid);
