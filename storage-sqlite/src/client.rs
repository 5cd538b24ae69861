//! Clients and the notes about them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use dialplane_core::client::{Client, ClientNote, ClientProfile};
use dialplane_core::id::{ClientId, CompanyId};
use dialplane_core::phone::E164;
use dialplane_core::pii::Pii;
use dialplane_core::search::{Entries, label};
use dialplane_core::store::{ClientFilter, ClientStore, Listing, NumberOwner, Page, Repo as _, StoreError};
use sqlx::AssertSqlSafe;

use crate::search;
use crate::statement::{Fields, Filter, Query, Scoped, before, document, list, placeholders, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "clients";
const NOTES_TABLE: &str = "client_notes";

/// Numbers that one statement asks for, at most: each number of them is a text of its own in the cache of prepared statements.
const NUMBERS_MAX: usize = 16;

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
    ", numbers, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
);
const UPDATE: &str = "UPDATE clients SET name = ?3, organization = ?4, email = ?5, phone = ?6, phones = ?7, address = ?8, \
    tags = ?9, owner_id = ?10, custom = ?11, version = ?12, created_at = ?13, updated_at = ?14, numbers = ?15, words = ?16 \
    WHERE id = ?1 AND company_id = ?2 AND version = ?17";
// Notes, numbers and words go by the schema.
const DELETE: Scoped = scoped!(["DELETE FROM clients WHERE id = ?2"]);
pub(crate) const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM clients WHERE id = ?2"]);
pub(crate) const BY_IDS: Scoped = scoped!(
    [
        "SELECT ",
        columns!(),
        " FROM clients \
    WHERE id IN (SELECT unhex(value) FROM json_each(?2))"
    ][" ORDER BY id"]
);

/// The calls with one of the client's numbers at their other end and nobody as their client; only inside a company.
const LINK: Scoped = scoped!(["UPDATE calls SET client_id = ?2, version = version + 1 WHERE id IN (
    SELECT c.id FROM client_numbers n JOIN calls c INDEXED BY calls_from ON c.company_id = n.company_id AND c.\"from\" = n.number
        WHERE n.client_id = ?2 AND n.company_id = (SELECT company_id FROM clients WHERE id = ?2)
        AND c.direction = 'inbound' AND c.client_id IS NULL
    UNION
    SELECT c.id FROM client_numbers n JOIN calls c INDEXED BY calls_to ON c.company_id = n.company_id AND c.\"to\" = n.number
        WHERE n.client_id = ?2 AND n.company_id = (SELECT company_id FROM clients WHERE id = ?2)
        AND c.direction = 'outbound' AND c.client_id IS NULL
    ORDER BY 1 DESC LIMIT 1000)"]);

const INSERT_NOTE: &str = concat!(
    "INSERT INTO client_notes (",
    note_columns!(),
    ") SELECT ?1, company_id, id, ?4, ?5, ?6 FROM clients WHERE id = ?3 AND company_id = ?2"
);

fn read(row: &mut Fields<'_>) -> Result<Client, StoreError> {
    Ok(Client {
        id: row.id("id")?,
        company: row.id("company_id")?,
        profile: ClientProfile {
            name: row.text("name")?.into(),
            organization: row.text_opt("organization")?,
            email: row.text_opt("email")?.map(Pii::new),
            phone: row.document_opt("phone")?,
            further_phones: row.document("phones")?,
            address: row.text_opt("address")?.map(Pii::new),
            tags: row.document("tags")?,
            owner: row.id_opt("owner_id")?,
            custom: row.document::<BTreeMap<_, _>>("custom")?,
        },
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

fn read_note(row: &mut Fields<'_>) -> Result<ClientNote, StoreError> {
    Ok(ClientNote {
        id: row.id("id")?,
        company: row.id("company_id")?,
        client: row.id("client_id")?,
        author: row.id_opt("author_id")?,
        at: row.time("at")?,
        text: row.text("text")?.into(),
    })
}

fn read_owner(row: &mut Fields<'_>) -> Result<NumberOwner, StoreError> {
    Ok(NumberOwner {
        company: row.id("company_id")?,
        number: row.word("number", E164::from_stored)?,
        client: row.id("client_id")?,
    })
}

/// What a row is found by, as it is stored.
pub(crate) fn words(entries: &Entries) -> String {
    list(entries.iter().map(str::to_owned))
}

/// Binds all columns in their order.
fn bind(text: &'static str, client: &Client) -> Result<Query<'static>, StoreError> {
    let profile = &client.profile;
    Ok(sqlx::query(text)
        .bind(client.id.as_uuid())
        .bind(client.company.as_uuid())
        .bind(profile.name.expose().clone())
        .bind(profile.organization.clone())
        .bind(profile.email.as_ref().map(|email| email.expose().clone()))
        .bind(profile.phone.as_ref().map(document).transpose()?)
        .bind(document(&profile.further_phones)?)
        .bind(profile.address.as_ref().map(|address| address.expose().clone()))
        .bind(document(&profile.tags)?)
        .bind(profile.owner.map(|id| id.as_uuid()))
        .bind(document(&profile.custom)?)
        .bind(client.version)
        .bind(client.created_at.timestamp_micros())
        .bind(client.updated_at.timestamp_micros())
        .bind(list(client.numbers().into_iter().map(|number| number.as_str().to_owned())))
        .bind(words(&client.entries())))
}

/// Ids as they are bound for `json_each`.
pub(crate) fn id_list<K>(ids: &[dialplane_core::id::Id<K>]) -> String {
    list(ids.iter().map(|id| id.as_uuid().simple().to_string()))
}

/// Goes by the key for each of the numbers that are asked for.
pub(crate) fn owners(pairs: &str) -> String {
    format!(
        "WITH asked (company_id, number) AS (VALUES {pairs}) \
         SELECT a.company_id, a.number, min(n.client_id) AS client_id FROM asked a \
         CROSS JOIN client_numbers n ON n.company_id = a.company_id AND n.number = a.number \
         GROUP BY a.company_id, a.number ORDER BY a.company_id, a.number"
    )
}

#[async_trait]
impl ClientStore for SqliteRepo<'_> {
    async fn insert_client(&mut self, client: &Client) -> Result<(), StoreError> {
        self.admits(client.company)?;
        self.change(bind(INSERT, client)?).await.map(|_| ())
    }

    async fn update_client(&mut self, client: &Client) -> Result<(), StoreError> {
        self.reaches(client.company)?;
        self.change(bind(UPDATE, client)?.bind(before(client.version))).await?.or_stale()
    }

    async fn delete_client(&mut self, id: ClientId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn client(&mut self, id: ClientId) -> Result<Option<Client>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn clients_by_ids(&mut self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch(self.scoped(&BY_IDS).bind(id_list(ids))).await?.all(TABLE, read)
    }

    async fn clients(&mut self, filter: &ClientFilter, page: Page) -> Result<Listing<Client>, StoreError> {
        // The sign keeps SQLite from going through all clients of the company for the few that are found.
        let narrow = filter.search.is_some() || filter.tag.is_some();
        let mut rows = Filter::of(self.scope(), if narrow { "+company_id" } else { "company_id" });
        rows.id("owner_id = ", filter.owner);
        rows.id("id < ", filter.before);
        if let Some(tag) = &filter.tag {
            let (at, within) = (rows.bind(format!("{}{}", Entries::LABEL, label(tag))), rows.within());
            rows.that(&format!("id IN (SELECT id FROM client_words WHERE {within} AND word = ?{at})"));
        }
        if let Some(search) = &filter.search {
            search::by_entries(&mut rows, "client_words", search);
        }
        self.fetch(rows.listing(TABLE, columns!(), "id", page)).await?.listing(TABLE, read)
    }

    async fn number_owners(&mut self, numbers: &[(CompanyId, E164)]) -> Result<Vec<NumberOwner>, StoreError> {
        let mut asked: Vec<_> = numbers.iter().filter(|(company, _)| self.scope().sees(*company)).collect();
        asked.sort_unstable();
        asked.dedup();
        let mut found = Vec::new();
        for some in asked.chunks(NUMBERS_MAX) {
            let text = AssertSqlSafe(owners(&placeholders(1, 2, some.len())));
            let query = some.iter().fold(sqlx::query(text), |query, (company, number)| {
                query.bind(company.as_uuid()).bind(number.as_str())
            });
            found.extend(self.fetch(query).await?.all("client_numbers", read_owner)?);
        }
        Ok(found)
    }

    async fn number_owners_for_update(
        &mut self,
        numbers: &[(CompanyId, E164)],
    ) -> Result<Vec<NumberOwner>, StoreError> {
        // There is one writer.
        self.may_write()?;
        self.number_owners(numbers).await
    }

    async fn link_calls(&mut self, client: ClientId) -> Result<u64, StoreError> {
        Ok(self.change(self.scoped(&LINK).bind(client.as_uuid())).await?.count())
    }

    async fn insert_client_note(&mut self, note: &ClientNote) -> Result<(), StoreError> {
        self.admits(note.company)?;
        let query = sqlx::query(INSERT_NOTE)
            .bind(note.id.as_uuid())
            .bind(note.company.as_uuid())
            .bind(note.client.as_uuid())
            .bind(note.author.map(|id| id.as_uuid()))
            .bind(note.at.timestamp_micros())
            .bind(note.text.expose().clone());
        if self.change(query).await?.changed() { Ok(()) } else { Err(StoreError::OutOfScope) }
    }

    async fn client_notes(&mut self, client: ClientId, page: Page) -> Result<Listing<ClientNote>, StoreError> {
        let mut rows = Filter::of(self.scope(), "+company_id");
        rows.id("client_id = ", Some(client));
        self.fetch(rows.listing(NOTES_TABLE, note_columns!(), "id", page)).await?.listing(NOTES_TABLE, read_note)
    }
}
