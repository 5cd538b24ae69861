-- Accounts of companies at Twilio, and which of them carries a call.

CREATE TABLE twilio_settings (
    company_id BLOB    NOT NULL PRIMARY KEY,
    -- Holds secrets that have to be used as they are: whoever can read this table can read them.
    accounts   TEXT    NOT NULL,
    -- When one of them is to be forgotten.
    forget_at  INTEGER,
    version    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX twilio_settings_due ON twilio_settings (forget_at, company_id) WHERE forget_at IS NOT NULL;

ALTER TABLE carrier_calls ADD COLUMN account TEXT;
ALTER TABLE carrier_calls ADD COLUMN caller TEXT;

-- Companies have accounts of their own: what one of them is told by its account is not to take a name from another.
DROP INDEX carrier_calls_sid;
CREATE UNIQUE INDEX carrier_calls_sid ON carrier_calls (company_id, service, sid) WHERE sid IS NOT NULL;
DROP INDEX recordings_sid;
CREATE UNIQUE INDEX recordings_sid ON recordings (company_id, service, sid);
