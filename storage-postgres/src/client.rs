//! Clients and the notes about them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use dialplane_core::client::{Client, ClientNote, ClientProfile};
use dialplane_core::id::{ClientId, CompanyId};
use dialplane_core::phone::E164;
use dialplane_core::pii::Pii;
use dialplane_core::search::{Entries, label};
use dialplane_core::store::{ClientFilter, ClientStore, Listing, NumberOwner, Page, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::search;
use crate::text::{Document, maybe, text};
use crate::tx::{Fields, Link, List, PgRepo, Statement, bare, before, within};

const TABLE: &str = "clients";
const NOTES_TABLE: &str = "client_notes";

macro_rules! columns {
    () => {
        "id, company_id, name, organization, email, phone, phones, address, tags, owner_id, custom, version, created_at, updated_at"
    };
}
macro_rules! note_columns {
    () => {
        "id, company_id, client_id, author_id, at, text"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO clients (",
    columns!(),
    ", numbers, words) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(id = $1) FROM clients WHERE id = $1";
const UPDATE: &str = "UPDATE clients SET name = $3, organization = $4, email = $5, phone = $6, phones = $7, address = $8, \
     tags = $9, owner_id = $10, custom = $11, version = $12, created_at = $13, updated_at = $14, numbers = $15, words = $16 \
     WHERE id = $1 AND company_id = $2 AND version = $17";
/// Notes, numbers and words go by the schema.
const DELETE: &str = concat!("DELETE FROM clients WHERE id = $2 AND ", within!("company_id"));
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM clients WHERE id = $2 AND ", within!("company_id"));
const BY_IDS: &str =
    concat!("SELECT ", columns!(), " FROM clients WHERE id = ANY($2) AND ", within!("company_id"), " ORDER BY id");

/// Goes by the key for each of the numbers that are asked for.
const OWNERS: &str = "SELECT a.company_id, a.number, owner.client_id \
     FROM (SELECT DISTINCT company_id, number COLLATE \"C\" AS number \
     FROM UNNEST($1::uuid[], $2::text[]) AS a (company_id, number)) AS a \
     CROSS JOIN LATERAL (SELECT client_id FROM client_numbers n \
     WHERE n.company_id = a.company_id AND n.number = a.number ORDER BY client_id LIMIT 1) AS owner \
     ORDER BY a.company_id, a.number";
/// Locks numbers in one order, whatever order they were asked for in.
const HOLD: &str = "SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT hashtextextended(company::text || number, 0) AS key \
     FROM UNNEST($1::uuid[], $2::text[]) AS a (company, number) ORDER BY key) AS keys";

/// The calls with one of the client's numbers at their other end and nobody as their client, locked in order of id.
const LINK: &str = concat!(
    "WITH found AS (SELECT c.id FROM clients k JOIN client_numbers n ON n.company_id = k.company_id AND n.client_id = k.id \
     JOIN calls c ON c.company_id = n.company_id AND (c.\"from\" = n.number AND c.direction = 'inbound' \
     OR c.\"to\" = n.number AND c.direction = 'outbound') \
     WHERE k.id = $2 AND n.number = ANY($3) AND c.client_id IS NULL AND ",
    within!("k.company_id"),
    " ORDER BY c.id DESC LIMIT 1000), \
     held AS (SELECT id FROM calls WHERE id = ANY(ARRAY(SELECT id FROM found)) AND client_id IS NULL ORDER BY id FOR UPDATE) \
     UPDATE calls SET client_id = $2, version = version + 1 WHERE id = ANY(ARRAY(SELECT id FROM held))"
);

const INSERT_NOTE: &str = concat!(
    "INSERT INTO client_notes (",
    note_columns!(),
    ") SELECT $1, company_id, id, $4, $5, $6 FROM clients WHERE id = $3 AND company_id = $2 ON CONFLICT DO NOTHING"
);
const NOTE_EXISTS: &str = "SELECT EXISTS (SELECT FROM clients WHERE id = $1 AND company_id = $2)";

fn read(row: &PgRow) -> Result<Client, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Client {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        profile: ClientProfile {
            name: Pii::new(fields.text("name")?),
            organization: fields.maybe_text("organization")?,
            email: fields.maybe_text("email")?.map(Pii::new),
            phone: fields.maybe_json("phone")?,
            further_phones: fields.json("phones")?,
            address: fields.maybe_text("address")?.map(Pii::new),
            tags: fields.json("tags")?,
            owner: fields.reference("owner_id")?,
            custom: fields.json::<BTreeMap<_, _>>("custom")?,
        },
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn read_note(row: &PgRow) -> Result<ClientNote, StoreError> {
    let mut fields = Fields::of(row, NOTES_TABLE);
    Ok(ClientNote {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        client: fields.id("client_id")?,
        author: fields.reference("author_id")?,
        at: fields.get("at")?,
        text: Pii::new(fields.text("text")?),
    })
}

fn read_owner(row: &PgRow) -> Result<NumberOwner, StoreError> {
    let mut fields = Fields::of(row, "client_numbers");
    Ok(NumberOwner {
        company: fields.id("company_id")?,
        number: fields.word("number", E164::from_stored)?,
        client: fields.id("client_id")?,
    })
}

/// What a row is found by, as it is stored.
pub(crate) fn joined(entries: &Entries) -> String {
    entries.iter().collect::<Vec<_>>().join(" ")
}

fn bind<'q>(sql: &'static str, client: &'q Client) -> Result<Statement<'q>, StoreError> {
    let profile = &client.profile;
    let numbers: Vec<&str> = client.numbers().into_iter().map(E164::as_str).collect();
    let bound = query(sql)
        .bind(client.id.as_uuid())
        .bind(client.company.as_uuid())
        .bind(text(profile.name.expose()))
        .bind(maybe(profile.organization.as_deref()))
        .bind(profile.email.as_ref().map(|email| text(email.expose())))
        .bind(profile.phone.as_ref().map(Document::of).transpose()?)
        .bind(Document::of(&profile.further_phones)?)
        .bind(profile.address.as_ref().map(|address| text(address.expose())))
        .bind(Document::of(&profile.tags)?)
        .bind(bare(profile.owner))
        .bind(Document::of(&profile.custom)?)
        .bind(i64::from(client.version))
        .bind(client.created_at)
        .bind(client.updated_at)
        .bind(numbers.join(" "))
        .bind(joined(&client.entries()));
    Ok(bound)
}

impl<L: Link> PgRepo<L> {
    /// The companies and the numbers of those that are asked for, as far as the scope sees them.
    fn asked<'n>(&self, numbers: &'n [(CompanyId, E164)]) -> (Vec<Uuid>, Vec<&'n str>) {
        let seen = numbers.iter().filter(|(company, _)| self.scoped_to().sees(*company));
        seen.map(|(company, number)| (company.as_uuid(), number.as_str())).unzip()
    }
}

#[async_trait]
impl<L: Link> ClientStore for PgRepo<L> {
    async fn insert_client(&mut self, client: &Client) -> Result<(), StoreError> {
        self.admit(client.company)?;
        let clash = query(CLASH).bind(client.id.as_uuid());
        self.insert("client", &["id"], bind(INSERT, client)?, clash).await
    }

    async fn update_client(&mut self, client: &Client) -> Result<(), StoreError> {
        self.reach(client.company)?;
        self.replace(bind(UPDATE, client)?.bind(before(client.version))).await
    }

    async fn delete_client(&mut self, id: ClientId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn client(&mut self, id: ClientId) -> Result<Option<Client>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn clients_by_ids(&mut self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
        self.all(query(BY_IDS).bind(self.company_filter()).bind(ids)).await?.iter().map(read).collect()
    }

    async fn clients(&mut self, filter: &ClientFilter, page: Page) -> Result<Listing<Client>, StoreError> {
        let scope = self.scoped_to();
        let list = List::of(TABLE, (columns!(), TABLE, "id DESC"), "company_id", scope)
            .equal("owner_id", bare(filter.owner))
            .compare("id", " < ", bare(filter.before));
        let list = search::by_label(list, scope, "client_words", filter.tag.as_deref().map(label));
        let list = search::by_entries(list, scope, "client_words", filter.search.as_ref());
        self.listing(list, page, read).await
    }

    async fn number_owners(&mut self, numbers: &[(CompanyId, E164)]) -> Result<Vec<NumberOwner>, StoreError> {
        let (companies, numbers) = self.asked(numbers);
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        self.all(query(OWNERS).bind(companies).bind(numbers)).await?.iter().map(read_owner).collect()
    }

    async fn number_owners_for_update(
        &mut self,
        numbers: &[(CompanyId, E164)],
    ) -> Result<Vec<NumberOwner>, StoreError> {
        self.may_write()?;
        let (companies, texts) = self.asked(numbers);
        // The lock comes before the look: under READ COMMITTED each statement sees what was committed before it began.
        self.all(query(HOLD).bind(companies).bind(texts)).await?;
        self.number_owners(numbers).await
    }

    async fn link_calls(&mut self, client: ClientId) -> Result<u64, StoreError> {
        self.may_write()?;
        let Some(found) = self.client(client).await? else { return Ok(0) };
        let numbers: Vec<&str> = found.numbers().into_iter().map(E164::as_str).collect();
        self.run(query(LINK).bind(self.company_filter()).bind(client.as_uuid()).bind(numbers)).await
    }

    async fn insert_client_note(&mut self, note: &ClientNote) -> Result<(), StoreError> {
        self.admit(note.company)?;
        let insert = query(INSERT_NOTE)
            .bind(note.id.as_uuid())
            .bind(note.company.as_uuid())
            .bind(note.client.as_uuid())
            .bind(bare(note.author))
            .bind(note.at)
            .bind(text(note.text.expose()));
        if self.run(insert).await? > 0 {
            return Ok(());
        }
        let row = self.one(query(NOTE_EXISTS).bind(note.client.as_uuid()).bind(note.company.as_uuid())).await?;
        let has_client = row.map_or(Ok(false), |row| Fields::of(&row, TABLE).get("exists"))?;
        Err(if has_client {
            StoreError::Duplicate { entity: "client_note", constraint: "id" }
        } else {
            StoreError::OutOfScope
        })
    }

    async fn client_notes(&mut self, client: ClientId, page: Page) -> Result<Listing<ClientNote>, StoreError> {
        let columns = (note_columns!(), NOTES_TABLE, "id DESC");
        let list =
            List::of(NOTES_TABLE, columns, "company_id", self.scoped_to()).equal("client_id", Some(client.as_uuid()));
        self.listing(list, page, read_note).await
    }
}
