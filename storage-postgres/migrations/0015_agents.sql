-- What agents bring for queues, and why and since when they are available or not.
CREATE TABLE agent_profiles (
    user_id    UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    company_id UUID NOT NULL,
    settings   JSONB NOT NULL,
    version    BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

ALTER TABLE users ADD COLUMN availability_reason TEXT;
ALTER TABLE users ADD COLUMN availability_since TIMESTAMPTZ NOT NULL DEFAULT now();
UPDATE users SET availability_since = updated_at;
ALTER TABLE users ALTER COLUMN availability_since DROP DEFAULT;
