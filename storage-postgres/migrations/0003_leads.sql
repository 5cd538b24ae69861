-- Leads, how they are routed, and what they add up to; dispositions.

CREATE TABLE leads (
    id              UUID PRIMARY KEY,
    company_id      UUID NOT NULL,
    name            TEXT COLLATE "C" NOT NULL,
    email           TEXT COLLATE "C",
    phone           TEXT COLLATE "C",
    raw_phone       TEXT COLLATE "C",
    source          TEXT COLLATE "C" NOT NULL,
    status          TEXT COLLATE "C" NOT NULL,
    priority        TEXT COLLATE "C" NOT NULL,
    quality         TEXT COLLATE "C" NOT NULL,
    score           BIGINT NOT NULL,
    requirements    TEXT COLLATE "C",
    needs           JSONB NOT NULL,
    custom          JSONB NOT NULL,
    value           BIGINT,
    origin          JSONB NOT NULL,
    followup_count  BIGINT NOT NULL,
    last_contact_at TIMESTAMPTZ,
    assigned_to     UUID,
    assigned_at     TIMESTAMPTZ,
    is_waiting      BOOLEAN NOT NULL,
    route_at       TIMESTAMPTZ,
    returns         BIGINT NOT NULL,
    client_id       UUID,
    converted_at    TIMESTAMPTZ,
    converted_by    UUID,
    converted_day   DATE,
    created_day     DATE NOT NULL,
    version         BIGINT NOT NULL,
    created_at      TIMESTAMPTZ NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL,
    -- Name, address, numbers and requirements in lower case: what a search looks into.
    search          TEXT COLLATE "C" NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX leads_by_company ON leads (company_id, id);
CREATE INDEX leads_by_status ON leads (company_id, status, id);
CREATE INDEX leads_by_assignee ON leads (company_id, assigned_to, id);
CREATE INDEX leads_by_creation ON leads (company_id, created_at);
CREATE INDEX leads_by_phone ON leads (company_id, phone, id) WHERE phone IS NOT NULL;
CREATE INDEX leads_by_email ON leads (company_id, email, id) WHERE email IS NOT NULL;
-- The few that the routing has to look at again.
CREATE INDEX leads_due ON leads (route_at, id) WHERE route_at IS NOT NULL;

-- How many leads a company has: the total of its unfiltered list, spread over slots as that of the calls.
CREATE TABLE lead_totals (
    company_id UUID NOT NULL,
    slot       BIGINT NOT NULL,
    leads      BIGINT NOT NULL,
    PRIMARY KEY (company_id, slot)
) WITH (fillfactor = 50);

CREATE TABLE lead_notes (
    id         UUID PRIMARY KEY,
    lead_id    UUID NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    company_id UUID NOT NULL,
    author_id  UUID,
    at         TIMESTAMPTZ NOT NULL,
    text       TEXT COLLATE "C" NOT NULL
);
CREATE INDEX lead_notes_by_lead ON lead_notes (lead_id, id);

CREATE TABLE lead_decisions (
    seq        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead_id    UUID NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    company_id UUID NOT NULL,
    decision   JSONB NOT NULL
);
CREATE INDEX lead_decisions_by_lead ON lead_decisions (lead_id, seq);

CREATE TABLE lead_routing (
    company_id UUID PRIMARY KEY,
    settings   JSONB NOT NULL,
    turn       BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE lead_profiles (
    user_id    UUID PRIMARY KEY,
    company_id UUID NOT NULL,
    settings   JSONB NOT NULL,
    version    BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE lead_passes (
    user_id    UUID NOT NULL,
    company_id UUID NOT NULL,
    pass       BIGINT NOT NULL,
    PRIMARY KEY (user_id, company_id)
) WITH (fillfactor = 70);

CREATE TABLE lead_counts (
    company_id UUID NOT NULL,
    "by"       TEXT COLLATE "C" NOT NULL,
    word       TEXT COLLATE "C" NOT NULL,
    leads      BIGINT NOT NULL,
    PRIMARY KEY (company_id, "by", word)
) WITH (fillfactor = 70);

CREATE TABLE agent_leads (
    user_id    UUID NOT NULL,
    company_id UUID NOT NULL,
    total      BIGINT NOT NULL,
    open       BIGINT NOT NULL,
    converted  BIGINT NOT NULL,
    PRIMARY KEY (user_id, company_id)
) WITH (fillfactor = 70);

CREATE TABLE lead_days (
    company_id UUID NOT NULL,
    day        DATE NOT NULL,
    -- The nil UUID when it is nobody's: a key holds no NULL.
    user_id    UUID NOT NULL,
    source     TEXT COLLATE "C" NOT NULL,
    created    BIGINT NOT NULL,
    converted  BIGINT NOT NULL,
    value      BIGINT NOT NULL,
    PRIMARY KEY (company_id, day, user_id, source)
) WITH (fillfactor = 70);

CREATE TABLE dispositions (
    id         UUID PRIMARY KEY,
    company_id UUID NOT NULL,
    -- A copy of the code in the settings, for its uniqueness.
    code       TEXT COLLATE "C" NOT NULL,
    settings   JSONB NOT NULL,
    version    BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT dispositions_code UNIQUE (company_id, code)
);
