-- Call flows. Drafts and documents are large: lists read the other columns.
CREATE TABLE flows (
    id         UUID PRIMARY KEY,
    company_id UUID NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    -- The number of the version that calls run through.
    active     BIGINT,
    published  BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    draft      TEXT COLLATE "C",
    CONSTRAINT flows_name UNIQUE (company_id, name)
);
CREATE INDEX flows_by_company ON flows (company_id, id);
CREATE INDEX flows_active ON flows (company_id, id, active) WHERE active IS NOT NULL;

CREATE TABLE flow_versions (
    flow_id    UUID NOT NULL REFERENCES flows (id) ON DELETE CASCADE,
    number     BIGINT NOT NULL,
    company_id UUID NOT NULL,
    note       TEXT COLLATE "C",
    author_id  UUID,
    uses       JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    document   TEXT COLLATE "C" NOT NULL,
    CONSTRAINT flow_versions_number PRIMARY KEY (flow_id, number)
);

CREATE TABLE calendars (
    id         UUID PRIMARY KEY,
    company_id UUID NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    hours      JSONB NOT NULL,
    version    BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT calendars_name UNIQUE (company_id, name)
);
CREATE INDEX calendars_by_company ON calendars (company_id, id);

CREATE TABLE prompts (
    id         UUID PRIMARY KEY,
    company_id UUID NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    language   TEXT COLLATE "C" NOT NULL,
    file_name  TEXT COLLATE "C" NOT NULL,
    media_type TEXT COLLATE "C" NOT NULL,
    length_ms  BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    sha256     TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT prompts_name UNIQUE (company_id, name, language)
);

-- What calls leave behind in flows. Both go with their call; a flow that is deleted leaves them.
CREATE TABLE flow_traces (
    call_id    UUID PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    company_id UUID NOT NULL,
    flow_id    UUID NOT NULL,
    number     BIGINT NOT NULL,
    steps      JSONB NOT NULL,
    ended      TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE voicemails (
    id          UUID PRIMARY KEY,
    company_id  UUID NOT NULL,
    call_id     UUID NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    flow_id     UUID,
    mailbox     TEXT COLLATE "C" NOT NULL,
    from_number TEXT COLLATE "C" NOT NULL,
    length_ms   BIGINT NOT NULL,
    media_type  TEXT COLLATE "C" NOT NULL,
    bytes       BIGINT NOT NULL,
    heard_at    TIMESTAMPTZ,
    heard_by    UUID,
    version     BIGINT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX voicemails_by_company ON voicemails (company_id, id);
CREATE INDEX voicemails_by_mailbox ON voicemails (company_id, mailbox, id);
CREATE INDEX voicemails_of_call ON voicemails (call_id, id);
