-- Texts compare byte for byte ("C"), so that orders do not depend on how the database was created. Counts are BIGINT, times
-- TIMESTAMPTZ (microseconds), ids UUID. Rows carry their company, and lists have an index that begins with it.
--
-- There are few foreign keys: calls, usage and events outlive what they name. Those that exist guard what two units of work
-- could break together without seeing each other.

CREATE TABLE companies (
    id              UUID PRIMARY KEY,
    name            TEXT COLLATE "C" NOT NULL,
    timezone        TEXT COLLATE "C" NOT NULL,
    default_country TEXT COLLATE "C" NOT NULL,
    is_active       BOOLEAN NOT NULL,
    version         BIGINT NOT NULL,
    created_at      TIMESTAMPTZ NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL
);

CREATE TABLE users (
    id            UUID PRIMARY KEY,
    company_id    UUID NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    email         TEXT COLLATE "C" NOT NULL,
    password      TEXT COLLATE "C" NOT NULL,
    initials      TEXT COLLATE "C" NOT NULL,
    role          TEXT COLLATE "C" NOT NULL,
    phone         TEXT COLLATE "C",
    country_code  TEXT COLLATE "C",
    department    TEXT COLLATE "C",
    reporting_to  UUID REFERENCES users (id) ON DELETE SET NULL,
    is_active     BOOLEAN NOT NULL,
    is_platform   BOOLEAN NOT NULL,
    availability  TEXT COLLATE "C" NOT NULL,
    token_version BIGINT NOT NULL,
    version       BIGINT NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL,
    CONSTRAINT users_email UNIQUE (email)
);
CREATE INDEX users_by_company ON users (company_id, id);
CREATE INDEX users_by_role ON users (company_id, role, id);
CREATE INDEX users_by_supervisor ON users (reporting_to) WHERE reporting_to IS NOT NULL;

CREATE TABLE callers (
    id              UUID PRIMARY KEY,
    user_id         UUID NOT NULL,
    company_id      UUID NOT NULL,
    total_calls     BIGINT NOT NULL,
    connected_calls BIGINT NOT NULL,
    talk_seconds    BIGINT NOT NULL,
    first_call_at   TIMESTAMPTZ,
    last_call_at    TIMESTAMPTZ,
    created_at      TIMESTAMPTZ NOT NULL,
    CONSTRAINT callers_user UNIQUE (user_id)
) WITH (fillfactor = 80);
CREATE INDEX callers_by_company ON callers (company_id, id);

CREATE TABLE caller_days (
    company_id   UUID NOT NULL,
    user_id      UUID NOT NULL,
    day          DATE NOT NULL,
    calls        BIGINT NOT NULL,
    connected    BIGINT NOT NULL,
    talk_seconds BIGINT NOT NULL,
    PRIMARY KEY (user_id, day),
    -- Figures that are recorded while their caller is removed go with it.
    CONSTRAINT caller_days_of_caller FOREIGN KEY (user_id) REFERENCES callers (user_id) ON DELETE CASCADE
) WITH (fillfactor = 80);

CREATE TABLE sessions (
    id                UUID PRIMARY KEY,
    family_id         UUID NOT NULL,
    user_id           UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    company_id        UUID NOT NULL,
    token             BYTEA NOT NULL,
    issued_at         TIMESTAMPTZ NOT NULL,
    expires_at        TIMESTAMPTZ NOT NULL,
    family_expires_at TIMESTAMPTZ NOT NULL,
    used_at           TIMESTAMPTZ,
    revoked_at        TIMESTAMPTZ,
    CONSTRAINT sessions_token UNIQUE (token)
);
CREATE INDEX sessions_by_family ON sessions (family_id);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (family_expires_at);

CREATE TABLE phone_numbers (
    id           UUID PRIMARY KEY,
    company_id   UUID NOT NULL,
    number       TEXT COLLATE "C" NOT NULL,
    raw          TEXT COLLATE "C" NOT NULL,
    provider     TEXT COLLATE "C" NOT NULL,
    country      TEXT COLLATE "C" NOT NULL,
    capabilities JSONB NOT NULL,
    status       TEXT COLLATE "C" NOT NULL,
    version      BIGINT NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    CONSTRAINT phone_numbers_number UNIQUE (number)
);
CREATE INDEX phone_numbers_by_company ON phone_numbers (company_id, id);

-- The count changes with every call: the free space keeps it on its page, and no index holds a column that changes with it.
CREATE TABLE assignments (
    id                UUID PRIMARY KEY,
    company_id        UUID NOT NULL,
    number_id         UUID NOT NULL,
    agent_id          UUID NOT NULL,
    daily_limit       BIGINT NOT NULL,
    allowed_countries TEXT[] NOT NULL,
    day               DATE NOT NULL,
    used              BIGINT NOT NULL,
    last_used_at      TIMESTAMPTZ,
    version           BIGINT NOT NULL,
    created_at        TIMESTAMPTZ NOT NULL,
    updated_at        TIMESTAMPTZ NOT NULL,
    CONSTRAINT assignments_number UNIQUE (number_id),
    -- A number cannot be removed while another unit of work assigns it.
    CONSTRAINT assignments_of_number FOREIGN KEY (number_id) REFERENCES phone_numbers (id)
) WITH (fillfactor = 70);
CREATE INDEX assignments_by_agent ON assignments (agent_id, id);
CREATE INDEX assignments_by_company ON assignments (company_id, id);

CREATE TABLE number_usage (
    company_id UUID NOT NULL,
    number_id  UUID NOT NULL,
    agent_id   UUID NOT NULL,
    day        DATE NOT NULL,
    calls      BIGINT NOT NULL,
    PRIMARY KEY (number_id, agent_id, day)
) WITH (fillfactor = 80);
CREATE INDEX number_usage_by_company ON number_usage (company_id, day DESC, number_id, agent_id);
CREATE INDEX number_usage_by_agent ON number_usage (agent_id, day DESC, number_id);

CREATE TABLE extensions (
    id            UUID PRIMARY KEY,
    company_id    UUID NOT NULL,
    user_id       UUID NOT NULL,
    number        TEXT COLLATE "C" NOT NULL,
    username      TEXT COLLATE "C" NOT NULL,
    secret_md5    TEXT COLLATE "C" NOT NULL,
    secret_sha256 TEXT COLLATE "C" NOT NULL,
    version       BIGINT NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL,
    CONSTRAINT extensions_number UNIQUE (company_id, number),
    CONSTRAINT extensions_username UNIQUE (username)
);

CREATE TABLE trunks (
    id         UUID PRIMARY KEY,
    company_id UUID NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    transport  TEXT COLLATE "C" NOT NULL,
    host       TEXT COLLATE "C" NOT NULL,
    port       BIGINT NOT NULL,
    auth       JSONB NOT NULL,
    is_default BOOLEAN NOT NULL,
    version    BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT trunks_name UNIQUE (company_id, name)
);
CREATE INDEX trunks_by_company ON trunks (company_id, id);
-- The schema holds the promise of one default, whatever the code does.
CREATE UNIQUE INDEX trunks_default ON trunks (company_id) WHERE is_default;

CREATE TABLE inbound_routes (
    id         UUID PRIMARY KEY,
    company_id UUID NOT NULL,
    number     TEXT COLLATE "C" NOT NULL,
    target     JSONB NOT NULL,
    version    BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT inbound_routes_number UNIQUE (number)
);
CREATE INDEX inbound_routes_by_company ON inbound_routes (company_id, number);

CREATE TABLE queues (
    id         UUID PRIMARY KEY,
    company_id UUID NOT NULL,
    -- A copy of the name in the settings, for its uniqueness.
    name       TEXT COLLATE "C" NOT NULL,
    settings   JSONB NOT NULL,
    version    BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT queues_name UNIQUE (company_id, name)
);
CREATE INDEX queues_by_company ON queues (company_id, id);

CREATE TABLE calls (
    id           UUID PRIMARY KEY,
    company_id   UUID NOT NULL,
    direction    TEXT COLLATE "C" NOT NULL,
    status       TEXT COLLATE "C" NOT NULL,
    "from"       TEXT COLLATE "C" NOT NULL,
    "to"         TEXT COLLATE "C" NOT NULL,
    agent_id     UUID,
    queue_id     UUID,
    number_id    UUID,
    trunk_id     UUID,
    lead_id      UUID,
    node_id      UUID,
    started_at   TIMESTAMPTZ NOT NULL,
    answered_at  TIMESTAMPTZ,
    ended_at     TIMESTAMPTZ,
    hangup       JSONB,
    outcome      TEXT COLLATE "C",
    notes        TEXT COLLATE "C",
    legs         JSONB NOT NULL,
    events       BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    -- The status of a call that has ended. An index on the status itself would make every change of a living call write all
    -- indexes anew; this column changes once.
    ended_status TEXT COLLATE "C" GENERATED ALWAYS AS (
        CASE WHEN status IN ('initiated', 'queued', 'ringing', 'in_progress') THEN NULL ELSE status END
    ) STORED
) WITH (fillfactor = 80);
CREATE INDEX calls_by_company ON calls (company_id, id);
CREATE INDEX calls_by_start ON calls (company_id, started_at);
CREATE INDEX calls_by_status ON calls (company_id, ended_status, id) WHERE ended_status IS NOT NULL;
CREATE INDEX calls_by_agent ON calls (company_id, agent_id, id) WHERE agent_id IS NOT NULL;
CREATE INDEX calls_by_number ON calls (company_id, number_id, id) WHERE number_id IS NOT NULL;
CREATE INDEX calls_by_queue ON calls (company_id, queue_id, id) WHERE queue_id IS NOT NULL;
CREATE INDEX calls_by_lead ON calls (company_id, lead_id, id) WHERE lead_id IS NOT NULL;
-- Few rows: the calls that go on now.
CREATE INDEX calls_open ON calls (id) WHERE ended_status IS NULL;

-- How many calls a company has: the total of its unfiltered list, which would otherwise be counted anew for every page. Spread
-- over slots by connection, so that units of work which add calls at once do not wait for each other's commit.
CREATE TABLE call_totals (
    company_id UUID NOT NULL,
    slot       BIGINT NOT NULL,
    calls      BIGINT NOT NULL,
    PRIMARY KEY (company_id, slot)
) WITH (fillfactor = 50);

CREATE TABLE call_events (
    company_id UUID NOT NULL,
    call_id    UUID NOT NULL,
    seq        BIGINT NOT NULL,
    at         TIMESTAMPTZ NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    data       JSONB NOT NULL,
    PRIMARY KEY (call_id, seq)
);

CREATE TABLE outbox (
    seq          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           UUID NOT NULL,
    company_id   UUID NOT NULL,
    at           TIMESTAMPTZ NOT NULL,
    actor        TEXT COLLATE "C" NOT NULL,
    version      BIGINT NOT NULL,
    event        JSONB NOT NULL,
    leased_until TIMESTAMPTZ,
    delivered_at TIMESTAMPTZ,
    CONSTRAINT outbox_id UNIQUE (id)
) WITH (fillfactor = 80);
CREATE INDEX outbox_by_company ON outbox (company_id, seq);
-- The queue itself: small however long the history grows.
CREATE INDEX outbox_due ON outbox (seq) WHERE delivered_at IS NULL;
