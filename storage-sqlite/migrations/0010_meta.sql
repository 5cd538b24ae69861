-- Meta: how companies are connected, what was delivered, and what came of campaigns.

CREATE TABLE meta_settings (
    company_id BLOB    NOT NULL PRIMARY KEY,
    -- Holds secrets that have to be used as they are: whoever can read this table can read them.
    connection TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- A copy of the pages in the connections: a page is one company's.
CREATE TABLE meta_pages (
    page_id    TEXT NOT NULL PRIMARY KEY,
    company_id BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX meta_pages_company ON meta_pages (company_id);

CREATE TABLE meta_leads (
    company_id   BLOB    NOT NULL,
    -- Meta's id of the lead.
    meta_id      TEXT    NOT NULL,
    page_id      TEXT,
    form_id      TEXT,
    ad_id        TEXT,
    submitted_at INTEGER,
    signed_by    TEXT    NOT NULL,
    received_at  INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    due_at       INTEGER,
    fault        TEXT,
    lead_id      BLOB,
    PRIMARY KEY (company_id, meta_id)
) STRICT, WITHOUT ROWID;
-- The few that are still to be asked for, and those that no lead was made of.
CREATE INDEX meta_leads_due ON meta_leads (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX meta_leads_open ON meta_leads (company_id, received_at, meta_id) WHERE lead_id IS NULL;

CREATE TABLE lead_campaigns (
    company_id BLOB    NOT NULL,
    -- The day the leads came.
    day        INTEGER NOT NULL,
    -- Empty when it is not known: a key holds no NULL.
    id         TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    leads      INTEGER NOT NULL,
    converted  INTEGER NOT NULL,
    value      INTEGER NOT NULL,
    points     INTEGER NOT NULL,
    PRIMARY KEY (company_id, day, id, name)
) STRICT, WITHOUT ROWID;
INSERT INTO lead_campaigns (company_id, day, id, name, leads, converted, value, points)
    SELECT company_id, created_day, coalesce(origin ->> 'campaignId', ''), coalesce(origin ->> 'campaignName', ''),
           count(*), sum(status = 'converted'), sum(CASE status WHEN 'converted' THEN coalesce(value, 0) ELSE 0 END),
           sum(CASE quality WHEN 'hot' THEN 3 WHEN 'warm' THEN 2 ELSE 1 END)
    FROM leads WHERE origin <> '{}' GROUP BY 1, 2, 3, 4;
