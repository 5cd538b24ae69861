-- Clients, the notes about them, and search by words.
--
-- `words` is the list of what a row is found by (core's `search::Entries`), as JSON. Triggers keep it in a table of its own, so
-- that a row whose words stay as they are costs no more than looking at them. Its key begins with the company, as that of a
-- full-text index cannot: what other companies write makes no search slower. NOTES.md has more.

CREATE TABLE clients (
    id           BLOB    NOT NULL PRIMARY KEY,
    company_id   BLOB    NOT NULL,
    name         TEXT    NOT NULL,
    organization TEXT,
    email        TEXT,
    phone        TEXT,
    phones       TEXT    NOT NULL,
    address      TEXT,
    tags         TEXT    NOT NULL,
    owner_id     BLOB,
    custom       TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    -- All its numbers, as JSON.
    numbers      TEXT    NOT NULL,
    words        TEXT    NOT NULL
) STRICT;
CREATE INDEX clients_company ON clients (company_id, id);
CREATE INDEX clients_owner ON clients (owner_id, id) WHERE owner_id IS NOT NULL;

CREATE TABLE client_numbers (
    company_id BLOB NOT NULL,
    number     TEXT NOT NULL,
    client_id  BLOB NOT NULL,
    PRIMARY KEY (company_id, number, client_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER client_numbers_inserted AFTER INSERT ON clients BEGIN
    INSERT INTO client_numbers SELECT NEW.company_id, value, NEW.id FROM json_each(NEW.numbers);
END;
CREATE TRIGGER client_numbers_updated AFTER UPDATE OF numbers ON clients WHEN OLD.numbers <> NEW.numbers BEGIN
    DELETE FROM client_numbers WHERE company_id = OLD.company_id AND client_id = OLD.id
        AND number IN (SELECT value FROM json_each(OLD.numbers));
    INSERT INTO client_numbers SELECT NEW.company_id, value, NEW.id FROM json_each(NEW.numbers);
END;
CREATE TRIGGER client_numbers_deleted AFTER DELETE ON clients BEGIN
    DELETE FROM client_numbers WHERE company_id = OLD.company_id AND client_id = OLD.id
        AND number IN (SELECT value FROM json_each(OLD.numbers));
END;

CREATE TABLE client_notes (
    id         BLOB    NOT NULL PRIMARY KEY,
    company_id BLOB    NOT NULL,
    client_id  BLOB    NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    author_id  BLOB,
    at         INTEGER NOT NULL,
    text       TEXT    NOT NULL
) STRICT;
CREATE INDEX client_notes_client ON client_notes (client_id, id);

CREATE TABLE client_words (
    company_id BLOB NOT NULL,
    word       TEXT NOT NULL,
    id         BLOB NOT NULL,
    PRIMARY KEY (company_id, word, id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER client_words_inserted AFTER INSERT ON clients BEGIN
    INSERT INTO client_words SELECT NEW.company_id, value, NEW.id FROM json_each(NEW.words);
END;
CREATE TRIGGER client_words_updated AFTER UPDATE OF words ON clients WHEN OLD.words <> NEW.words BEGIN
    DELETE FROM client_words WHERE company_id = OLD.company_id AND id = OLD.id
        AND word IN (SELECT value FROM json_each(OLD.words));
    INSERT INTO client_words SELECT NEW.company_id, value, NEW.id FROM json_each(NEW.words);
END;
CREATE TRIGGER client_words_deleted AFTER DELETE ON clients BEGIN
    DELETE FROM client_words WHERE company_id = OLD.company_id AND id = OLD.id
        AND word IN (SELECT value FROM json_each(OLD.words));
END;

ALTER TABLE users ADD COLUMN words TEXT NOT NULL DEFAULT '[]';
CREATE TABLE user_words (
    company_id BLOB NOT NULL,
    word       TEXT NOT NULL,
    id         BLOB NOT NULL,
    PRIMARY KEY (company_id, word, id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER user_words_inserted AFTER INSERT ON users BEGIN
    INSERT INTO user_words SELECT NEW.company_id, value, NEW.id FROM json_each(NEW.words);
END;
CREATE TRIGGER user_words_updated AFTER UPDATE OF words ON users WHEN OLD.words <> NEW.words BEGIN
    DELETE FROM user_words WHERE company_id = OLD.company_id AND id = OLD.id
        AND word IN (SELECT value FROM json_each(OLD.words));
    INSERT INTO user_words SELECT NEW.company_id, value, NEW.id FROM json_each(NEW.words);
END;
CREATE TRIGGER user_words_deleted AFTER DELETE ON users BEGIN
    DELETE FROM user_words WHERE company_id = OLD.company_id AND id = OLD.id
        AND word IN (SELECT value FROM json_each(OLD.words));
END;

ALTER TABLE calls ADD COLUMN client_id BLOB;
-- NULL until somebody writes something about the call.
ALTER TABLE calls ADD COLUMN words TEXT;
CREATE INDEX calls_client ON calls (client_id, id) WHERE client_id IS NOT NULL;
-- By the number at either end: exactly, and by how it begins.
CREATE INDEX calls_from ON calls (company_id, "from", id);
CREATE INDEX calls_to ON calls (company_id, "to", id);
CREATE TABLE call_words (
    company_id BLOB NOT NULL,
    word       TEXT NOT NULL,
    id         BLOB NOT NULL,
    PRIMARY KEY (company_id, word, id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER call_words_inserted AFTER INSERT ON calls WHEN NEW.words IS NOT NULL BEGIN
    INSERT INTO call_words SELECT NEW.company_id, value, NEW.id FROM json_each(NEW.words);
END;
CREATE TRIGGER call_words_updated AFTER UPDATE OF words ON calls WHEN OLD.words IS NOT NEW.words BEGIN
    DELETE FROM call_words WHERE company_id = OLD.company_id AND id = OLD.id
        AND word IN (SELECT value FROM json_each(OLD.words));
    INSERT INTO call_words SELECT NEW.company_id, value, NEW.id FROM json_each(NEW.words);
END;
CREATE TRIGGER call_words_deleted AFTER DELETE ON calls WHEN OLD.words IS NOT NULL BEGIN
    DELETE FROM call_words WHERE company_id = OLD.company_id AND id = OLD.id
        AND word IN (SELECT value FROM json_each(OLD.words));
END;
