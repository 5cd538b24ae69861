-- The days of a lead follow from its instants and the company's time zone.
ALTER TABLE leads DROP COLUMN created_day;
ALTER TABLE leads DROP COLUMN converted_day;

-- Who of a company has leads.
CREATE UNIQUE INDEX agent_leads_company ON agent_leads (company_id, user_id);

-- Leads are found by words, as clients are (0002).
ALTER TABLE leads ADD COLUMN words TEXT NOT NULL DEFAULT '[]';
-- Behind the new one: SQLite cannot drop a last column below a comment with a comma.
ALTER TABLE leads DROP COLUMN search;
CREATE TABLE lead_words (
    company_id BLOB NOT NULL,
    word       TEXT NOT NULL,
    id         BLOB NOT NULL,
    PRIMARY KEY (company_id, word, id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER lead_words_inserted AFTER INSERT ON leads BEGIN
    INSERT INTO lead_words SELECT NEW.company_id, value, NEW.id FROM json_each(NEW.words);
END;
CREATE TRIGGER lead_words_updated AFTER UPDATE OF words ON leads WHEN OLD.words <> NEW.words BEGIN
    DELETE FROM lead_words WHERE company_id = OLD.company_id AND id = OLD.id
        AND word IN (SELECT value FROM json_each(OLD.words));
    INSERT INTO lead_words SELECT NEW.company_id, value, NEW.id FROM json_each(NEW.words);
END;
CREATE TRIGGER lead_words_deleted AFTER DELETE ON leads BEGIN
    DELETE FROM lead_words WHERE company_id = OLD.company_id AND id = OLD.id
        AND word IN (SELECT value FROM json_each(OLD.words));
END;

-- Whose rows may lack their words: users and calls from before 0002, and all leads so far. Words are folded outside the database
-- (src/backfill.rs), which takes the noun off this list when it is done.
CREATE TABLE wordless (noun TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO wordless VALUES ('user'), ('call'), ('lead');
