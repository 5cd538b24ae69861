-- The days of a lead follow from its instants and the company's time zone.
ALTER TABLE leads DROP COLUMN created_day;
ALTER TABLE leads DROP COLUMN converted_day;

-- Who of a company has leads.
CREATE INDEX agent_leads_by_company ON agent_leads (company_id, user_id);

-- Leads are found by words, as clients are (0002).
ALTER TABLE leads DROP COLUMN search;
ALTER TABLE leads ADD COLUMN words TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE lead_words (
    company_id UUID NOT NULL,
    word       TEXT COLLATE "C" NOT NULL,
    id         UUID NOT NULL,
    PRIMARY KEY (company_id, word, id)
);
CREATE TRIGGER lead_words_added AFTER INSERT OR DELETE ON leads
    FOR EACH ROW EXECUTE FUNCTION keep_words('lead_words');
CREATE TRIGGER lead_words_changed AFTER UPDATE OF words ON leads
    FOR EACH ROW WHEN (OLD.words <> NEW.words) EXECUTE FUNCTION keep_words('lead_words');

-- Whose rows may lack their words: users and calls from before 0002, and all leads so far. Words are folded outside the database
-- (src/backfill.rs), which takes the noun off this list when it is done.
CREATE TABLE wordless (noun TEXT COLLATE "C" PRIMARY KEY);
INSERT INTO wordless VALUES ('user'), ('call'), ('lead');
