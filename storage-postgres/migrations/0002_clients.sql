-- Clients, the notes about them, and search by words.
--
-- `words` is what a row is found by (core's `search::Entries`), between blanks. Triggers keep it in a table of its own, so that a row
-- whose words stay as they are costs no more than looking at them. Its key begins with the company, as that of a GIN index
-- cannot without an extension: what other companies write makes no search slower. NOTES.md has more.

CREATE TABLE clients (
    id           UUID PRIMARY KEY,
    company_id   UUID NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    organization TEXT COLLATE "C",
    email        TEXT COLLATE "C",
    phone        JSONB,
    phones       JSONB NOT NULL,
    address      TEXT COLLATE "C",
    tags         JSONB NOT NULL,
    owner_id     UUID,
    custom       JSONB NOT NULL,
    version      BIGINT NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    -- All its numbers, between blanks.
    numbers      TEXT COLLATE "C" NOT NULL,
    words        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX clients_by_company ON clients (company_id, id);
CREATE INDEX clients_by_owner ON clients (company_id, owner_id, id) WHERE owner_id IS NOT NULL;

CREATE TABLE client_numbers (
    company_id UUID NOT NULL,
    number     TEXT COLLATE "C" NOT NULL,
    client_id  UUID NOT NULL,
    PRIMARY KEY (company_id, number, client_id)
);
CREATE FUNCTION keep_client_numbers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM client_numbers
        WHERE company_id = OLD.company_id AND client_id = OLD.id AND number = ANY (string_to_array(OLD.numbers, ' '));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO client_numbers
        SELECT NEW.company_id, number, NEW.id FROM unnest(string_to_array(NEW.numbers, ' ')) AS number;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER client_numbers_added AFTER INSERT OR DELETE ON clients
    FOR EACH ROW EXECUTE FUNCTION keep_client_numbers();
CREATE TRIGGER client_numbers_changed AFTER UPDATE OF numbers ON clients
    FOR EACH ROW WHEN (OLD.numbers <> NEW.numbers) EXECUTE FUNCTION keep_client_numbers();

CREATE TABLE client_notes (
    id         UUID PRIMARY KEY,
    company_id UUID NOT NULL,
    client_id  UUID NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    author_id  UUID,
    at         TIMESTAMPTZ NOT NULL,
    text       TEXT COLLATE "C" NOT NULL
);
CREATE INDEX client_notes_by_client ON client_notes (client_id, id);

-- Keeps the words of a row in the table that is named by the trigger.
CREATE FUNCTION keep_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.words IS NOT NULL THEN
        EXECUTE format('DELETE FROM %I WHERE company_id = $1 AND id = $2 AND word = ANY ($3)', TG_ARGV[0])
            USING OLD.company_id, OLD.id, string_to_array(OLD.words, ' ');
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.words IS NOT NULL THEN
        EXECUTE format('INSERT INTO %I SELECT $1, word, $2 FROM unnest($3) AS word', TG_ARGV[0])
            USING NEW.company_id, NEW.id, string_to_array(NEW.words, ' ');
    END IF;
    RETURN NULL;
END $$;

CREATE TABLE client_words (
    company_id UUID NOT NULL,
    word       TEXT COLLATE "C" NOT NULL,
    id         UUID NOT NULL,
    PRIMARY KEY (company_id, word, id)
);
CREATE TRIGGER client_words_added AFTER INSERT OR DELETE ON clients
    FOR EACH ROW EXECUTE FUNCTION keep_words('client_words');
CREATE TRIGGER client_words_changed AFTER UPDATE OF words ON clients
    FOR EACH ROW WHEN (OLD.words <> NEW.words) EXECUTE FUNCTION keep_words('client_words');

ALTER TABLE users ADD COLUMN words TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE user_words (
    company_id UUID NOT NULL,
    word       TEXT COLLATE "C" NOT NULL,
    id         UUID NOT NULL,
    PRIMARY KEY (company_id, word, id)
);
CREATE TRIGGER user_words_added AFTER INSERT OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION keep_words('user_words');
CREATE TRIGGER user_words_changed AFTER UPDATE OF words ON users
    FOR EACH ROW WHEN (OLD.words <> NEW.words) EXECUTE FUNCTION keep_words('user_words');

ALTER TABLE calls ADD COLUMN client_id UUID;
-- NULL until somebody writes something about the call.
ALTER TABLE calls ADD COLUMN words TEXT COLLATE "C";
CREATE INDEX calls_by_client ON calls (company_id, client_id, id) WHERE client_id IS NOT NULL;
-- By the number at either end: exactly, and by how it begins.
CREATE INDEX calls_by_from ON calls (company_id, "from", id);
CREATE INDEX calls_by_to ON calls (company_id, "to", id);
CREATE TABLE call_words (
    company_id UUID NOT NULL,
    word       TEXT COLLATE "C" NOT NULL,
    id         UUID NOT NULL,
    PRIMARY KEY (company_id, word, id)
);
CREATE TRIGGER call_words_added AFTER INSERT ON calls
    FOR EACH ROW WHEN (NEW.words IS NOT NULL) EXECUTE FUNCTION keep_words('call_words');
CREATE TRIGGER call_words_removed AFTER DELETE ON calls
    FOR EACH ROW WHEN (OLD.words IS NOT NULL) EXECUTE FUNCTION keep_words('call_words');
CREATE TRIGGER call_words_changed AFTER UPDATE OF words ON calls
    FOR EACH ROW WHEN (OLD.words IS DISTINCT FROM NEW.words) EXECUTE FUNCTION keep_words('call_words');
