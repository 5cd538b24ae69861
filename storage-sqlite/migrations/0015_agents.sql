-- What agents bring for queues, and why and since when they are available or not.
CREATE TABLE agent_profiles (
    user_id    BLOB    NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    company_id BLOB    NOT NULL,
    settings   TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

ALTER TABLE users ADD COLUMN availability_reason TEXT;
ALTER TABLE users ADD COLUMN availability_since INTEGER NOT NULL DEFAULT 0;
UPDATE users SET availability_since = updated_at;
