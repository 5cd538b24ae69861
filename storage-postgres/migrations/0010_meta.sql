-- Meta: how companies are connected, what was delivered, and what came of campaigns.

CREATE TABLE meta_settings (
    company_id UUID PRIMARY KEY,
    -- Holds secrets that have to be used as they are: whoever can read this table can read them.
    connection JSONB NOT NULL,
    version    BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- A copy of the pages in the connections: a page is one company's.
CREATE TABLE meta_pages (
    page_id    TEXT COLLATE "C" PRIMARY KEY,
    company_id UUID NOT NULL
);
CREATE INDEX meta_pages_by_company ON meta_pages (company_id);

CREATE TABLE meta_leads (
    company_id   UUID NOT NULL,
    -- Meta's id of the lead.
    meta_id      TEXT COLLATE "C" NOT NULL,
    page_id      TEXT COLLATE "C",
    form_id      TEXT COLLATE "C",
    ad_id        TEXT COLLATE "C",
    submitted_at TIMESTAMPTZ,
    signed_by    TEXT COLLATE "C" NOT NULL,
    received_at  TIMESTAMPTZ NOT NULL,
    attempts     BIGINT NOT NULL,
    due_at       TIMESTAMPTZ,
    fault        TEXT COLLATE "C",
    lead_id      UUID,
    PRIMARY KEY (company_id, meta_id)
);
-- The few that are still to be asked for, and those that no lead was made of.
CREATE INDEX meta_leads_due ON meta_leads (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX meta_leads_open ON meta_leads (company_id, received_at, meta_id) WHERE lead_id IS NULL;

CREATE TABLE lead_campaigns (
    company_id UUID NOT NULL,
    -- The day the leads came.
    day        DATE NOT NULL,
    -- Empty when it is not known: a key holds no NULL.
    id         TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    leads      BIGINT NOT NULL,
    converted  BIGINT NOT NULL,
    value      BIGINT NOT NULL,
    points     BIGINT NOT NULL,
    PRIMARY KEY (company_id, day, id, name)
) WITH (fillfactor = 70);
INSERT INTO lead_campaigns (company_id, day, id, name, leads, converted, value, points)
    SELECT company_id, created_day, coalesce(origin ->> 'campaignId', ''), coalesce(origin ->> 'campaignName', ''),
           count(*), count(*) FILTER (WHERE status = 'converted'), coalesce(sum(value) FILTER (WHERE status = 'converted'), 0),
           sum(CASE quality WHEN 'hot' THEN 3 WHEN 'warm' THEN 2 ELSE 1 END)
    FROM leads WHERE origin <> '{}' GROUP BY 1, 2, 3, 4;
