//! Leads and their notes.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::id::{CompanyId, LeadId};
use dialplane_core::lead::{Known, KnownContacts, Lead, LeadNote, LeadStatus};
use dialplane_core::phone::E164;
use dialplane_core::pii::Pii;
use dialplane_core::scope::Scope;
use dialplane_core::store::{LeadFilter, LeadStore, Listing, Page, Repo as _, SharedContact, StoreError};
use sqlx::AssertSqlSafe;

use crate::backfill::Wordless;
use crate::client::{id_list, words};
use crate::search;
use crate::statement::{Fields, Filter, Query, Scoped, before, document, list, placeholders, scoped, stored};
use crate::tx::SqliteRepo;

const TABLE: &str = "leads";
const NOTES_TABLE: &str = "lead_notes";

/// Rows that one statement inserts, at most: each number of rows is a text of its own in the cache of prepared statements.
const ROWS_MAX: usize = 16;

macro_rules! columns {
    () => {
        "id, company_id, name, email, phone, raw_phone, source, status, priority, quality, score, requirements, needs, custom, \
         value, origin, followup_count, last_contact_at, assigned_to, assigned_at, is_waiting, route_at, returns, client_id, \
         converted_at, converted_by, version, created_at, updated_at"
    };
}
/// Columns of a row, the words included.
const COLUMNS: usize = 30;

const UPDATE: &str = "UPDATE leads SET name = ?3, email = ?4, phone = ?5, raw_phone = ?6, source = ?7, status = ?8, \
    priority = ?9, quality = ?10, score = ?11, requirements = ?12, needs = ?13, custom = ?14, value = ?15, origin = ?16, \
    followup_count = ?17, last_contact_at = ?18, assigned_to = ?19, assigned_at = ?20, is_waiting = ?21, route_at = ?22, \
    returns = ?23, client_id = ?24, converted_at = ?25, converted_by = ?26, version = ?27, created_at = ?28, \
    updated_at = ?29, words = ?30 WHERE id = ?1 AND company_id = ?2 AND version = ?31";

// Notes and decisions go by the references of the schema.
const DELETE: Scoped = scoped!(["DELETE FROM leads WHERE id = ?2"]);
pub(crate) const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM leads WHERE id = ?2"]);

pub(crate) const BY_IDS: Scoped = scoped!(
    ["SELECT ", columns!(), " FROM leads WHERE id IN (SELECT unhex(value) FROM json_each(?2))"][" ORDER BY id"]
);
/// Leads of before they had words.
pub(crate) const WORDLESS: Wordless<Lead> = Wordless {
    table: TABLE,
    rows: concat!("SELECT ", columns!(), " FROM leads WHERE words = '[]' AND id > ?1 ORDER BY id LIMIT 500"),
    fill: "UPDATE leads SET words = ?2 WHERE id = ?1",
    read,
    entries: |lead| (lead.id.as_uuid(), lead.entries()),
};

/// A page of all leads of the scope, whose number is kept.
pub(crate) const NEWEST: Scoped = Scoped {
    company: concat!(
        "SELECT coalesce((SELECT leads FROM lead_totals WHERE company_id = ?1), 0); SELECT ",
        columns!(),
        " FROM leads WHERE company_id = ?1 ORDER BY id DESC LIMIT ?2 OFFSET ?3"
    ),
    system: concat!(
        "SELECT coalesce(sum(leads), 0) FROM lead_totals; SELECT ",
        columns!(),
        " FROM leads ORDER BY id DESC LIMIT ?2 OFFSET ?3"
    ),
};

/// Each of the two by its index: together SQLite would go through all leads of the company.
macro_rules! by_contact {
    ($scope:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM leads WHERE id IN (SELECT id FROM leads WHERE phone = ?2",
            $scope,
            " UNION SELECT id FROM leads WHERE email = ?3",
            $scope,
            ") ORDER BY id DESC LIMIT 100"
        )
    };
}
pub(crate) const BY_CONTACT: Scoped = Scoped { company: by_contact!(" AND company_id = ?1"), system: by_contact!("") };

/// For each contact of a list, the newest lead that has it and the newest that somebody has.
macro_rules! known {
    ($column:literal, $list:literal) => {
        concat!(
            "SELECT '",
            $column,
            "' AS kind, asked.value AS contact, \
             (SELECT id FROM leads WHERE company_id = ?1 AND ",
            $column,
            " = asked.value ORDER BY id DESC LIMIT 1) AS newest, \
             owned.id AS owned, owned.assigned_to AS owner FROM json_each(",
            $list,
            ") AS asked LEFT JOIN leads AS owned ON owned.id = \
             (SELECT id FROM leads WHERE company_id = ?1 AND ",
            $column,
            " = asked.value AND assigned_to IS NOT NULL \
              ORDER BY id DESC LIMIT 1)"
        )
    };
}
pub(crate) const KNOWN: &str = concat!(known!("phone", "?2"), " UNION ALL ", known!("email", "?3"));

const SHARED_PHONES: Scoped = scoped!(
    ["SELECT phone FROM leads WHERE phone IS NOT NULL"][" GROUP BY company_id, phone HAVING count(*) > 1 ORDER BY company_id, phone LIMIT ?2"]
);
const SHARED_EMAILS: Scoped = scoped!(
    ["SELECT email FROM leads WHERE email IS NOT NULL"][" GROUP BY company_id, email HAVING count(*) > 1 ORDER BY company_id, email LIMIT ?2"]
);

pub(crate) const TO_ROUTE: Scoped = scoped!(
    ["SELECT company_id, id FROM leads WHERE route_at IS NOT NULL AND route_at <= ?2"][" ORDER BY route_at, id LIMIT ?3"]
);

/// From the few who have open leads to those leads, so in the order of both keys; `?4` are the statuses with work to do.
macro_rules! deserted {
    ($scope:literal, $order:literal) => {
        concat!(
            "SELECT l.company_id, l.id FROM agent_leads a CROSS JOIN leads l \
             ON l.company_id = a.company_id AND l.assigned_to = a.user_id WHERE a.open > 0",
            $scope,
            " AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = a.user_id AND u.company_id = a.company_id AND u.is_active) \
             AND l.status IN (SELECT value FROM json_each(?4)) AND (l.route_at IS NULL OR l.route_at > ?2) \
             ORDER BY ",
            $order,
            " LIMIT ?3"
        )
    };
}
pub(crate) const DESERTED: Scoped = Scoped {
    company: deserted!(" AND a.company_id = ?1", "a.user_id, l.id"),
    system: deserted!("", "a.user_id, a.company_id, l.id"),
};

const ROUTE_AT: Scoped = scoped!(["UPDATE leads SET route_at = ?3 WHERE id = ?2"]);

/// The leads of a pair that are of one company and in the scope.
const PAIR: Scoped = scoped!(["SELECT count(*) FROM leads WHERE id IN (?2, ?3) \
    AND company_id = (SELECT company_id FROM leads WHERE id = ?3)"]);
const MOVE: &str = "UPDATE lead_notes SET lead_id = ?2 WHERE lead_id = ?1; \
    UPDATE calls SET lead_id = ?2 WHERE lead_id = ?1 AND company_id = (SELECT company_id FROM leads WHERE id = ?2)";

const INSERT_NOTE: Scoped = scoped!(["INSERT INTO lead_notes (id, lead_id, company_id, author_id, at, text) \
    SELECT ?2, id, company_id, ?5, ?6, ?7 FROM leads WHERE id = ?3 AND company_id = ?4"]);

macro_rules! notes {
    ($scope:literal) => {
        concat!(
            "SELECT id, lead_id, company_id, author_id, at, text FROM lead_notes WHERE lead_id = ?2",
            $scope,
            " ORDER BY id DESC LIMIT ?3"
        )
    };
}
pub(crate) const NOTES: Scoped = Scoped { company: notes!(" AND company_id = ?1"), system: notes!("") };

/// A contact that was asked about, and who has it.
fn read_known(row: &mut Fields<'_>) -> Result<(SharedContact, Option<Known>), StoreError> {
    let contact = match row.text("kind")?.as_str() {
        "phone" => SharedContact::Phone(row.word("contact", E164::from_stored)?),
        _ => SharedContact::Email(row.text("contact")?.into()),
    };
    let newest = row.id_opt("newest")?;
    let owned = row.id_opt("owned")?.zip(row.id_opt("owner")?);
    Ok((contact, newest.map(|newest| Known { newest, owned })))
}

fn read(row: &mut Fields<'_>) -> Result<Lead, StoreError> {
    Ok(Lead {
        id: row.id("id")?,
        company: row.id("company_id")?,
        name: row.text("name")?.into(),
        email: row.text_opt("email")?.map(Into::into),
        phone: row.word_opt("phone", E164::from_stored)?,
        raw_phone: row.text_opt("raw_phone")?.map(Into::into),
        source: row.word("source", |word| word.parse().ok())?,
        status: row.word("status", |word| word.parse().ok())?,
        priority: row.word("priority", |word| word.parse().ok())?,
        quality: row.word("quality", |word| word.parse().ok())?,
        score: row.count("score")?,
        requirements: row.text_opt("requirements")?.map(Into::into),
        needs: row.document("needs")?,
        custom: row.document("custom")?,
        value: row.count_opt("value")?,
        origin: row.document("origin")?,
        followup_count: row.count("followup_count")?,
        last_contact_at: row.time_opt("last_contact_at")?,
        assigned_to: row.id_opt("assigned_to")?,
        assigned_at: row.time_opt("assigned_at")?,
        is_waiting: row.flag("is_waiting")?,
        route_at: row.time_opt("route_at")?,
        returns: row.count("returns")?,
        client: row.id_opt("client_id")?,
        converted_at: row.time_opt("converted_at")?,
        converted_by: row.id_opt("converted_by")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// The conditions of a list.
pub(crate) fn narrowed(scope: Scope, filter: &LeadFilter) -> Filter {
    // The sign keeps SQLite from going through all leads of the company for the few that are found.
    let mut rows = Filter::of(scope, if filter.search.is_some() { "+company_id" } else { "company_id" });
    rows.text("status = ", filter.status.map(|status| status.as_str().to_owned()));
    rows.text("source = ", filter.source.as_ref().map(|source| source.as_str().to_owned()));
    rows.text("priority = ", filter.priority.map(|priority| priority.as_str().to_owned()));
    rows.text("quality = ", filter.quality.map(|quality| quality.as_str().to_owned()));
    rows.id("assigned_to = ", filter.agent);
    match filter.assigned {
        Some(true) => rows.holds("assigned_to IS NOT NULL"),
        Some(false) => rows.holds("assigned_to IS NULL"),
        None => {}
    }
    rows.number("created_at >= ", filter.from.map(|at| at.timestamp_micros()));
    rows.number("created_at < ", filter.to.map(|at| at.timestamp_micros()));
    if let Some(search) = &filter.search {
        search::by_entries(&mut rows, "lead_words", search);
    }
    rows.id("id < ", filter.before);
    rows
}

/// The table of a page. All that came since some instant is at the end of the list: without the hint, SQLite sorts it.
pub(crate) fn newest_first(scope: Scope, filter: &LeadFilter) -> &'static str {
    let since = LeadFilter { from: filter.from, before: filter.before, ..LeadFilter::default() };
    if scope.company().is_some() && filter.from.is_some() && *filter == since {
        "leads INDEXED BY leads_company"
    } else {
        TABLE
    }
}

fn read_note(row: &mut Fields<'_>) -> Result<LeadNote, StoreError> {
    Ok(LeadNote {
        id: row.id("id")?,
        lead: row.id("lead_id")?,
        company: row.id("company_id")?,
        author: row.id_opt("author_id")?,
        at: row.time("at")?,
        text: row.text("text")?.into(),
    })
}

fn micros(at: Option<DateTime<Utc>>) -> Option<i64> {
    at.map(|at| at.timestamp_micros())
}

/// Binds all columns in their order.
fn bind<'q>(query: Query<'q>, lead: &Lead) -> Result<Query<'q>, StoreError> {
    Ok(query
        .bind(lead.id.as_uuid())
        .bind(lead.company.as_uuid())
        .bind(&**lead.name.expose())
        .bind(lead.email.as_ref().map(|email| &**email.expose()))
        .bind(lead.phone.as_ref().map(E164::as_str))
        .bind(lead.raw_phone.as_ref().map(|raw| &**raw.expose()))
        .bind(lead.source.as_str())
        .bind(lead.status.as_str())
        .bind(lead.priority.as_str())
        .bind(lead.quality.as_str())
        .bind(lead.score)
        .bind(lead.requirements.as_ref().map(|text| &**text.expose()))
        .bind(document(&lead.needs)?)
        .bind(document(&lead.custom)?)
        .bind(lead.value.map(stored))
        .bind(document(&lead.origin)?)
        .bind(lead.followup_count)
        .bind(micros(lead.last_contact_at))
        .bind(lead.assigned_to.map(|id| id.as_uuid()))
        .bind(micros(lead.assigned_at))
        .bind(lead.is_waiting)
        .bind(micros(lead.route_at))
        .bind(lead.returns)
        .bind(lead.client.map(|id| id.as_uuid()))
        .bind(micros(lead.converted_at))
        .bind(lead.converted_by.map(|id| id.as_uuid()))
        .bind(lead.version)
        .bind(lead.created_at.timestamp_micros())
        .bind(lead.updated_at.timestamp_micros())
        .bind(words(&lead.entries())))
}

impl SqliteRepo<'_> {
    async fn insert_lead_rows(&mut self, leads: &[Lead]) -> Result<(), StoreError> {
        let values = placeholders(1, COLUMNS, leads.len());
        let text = [concat!("INSERT INTO leads (", columns!(), ", words) VALUES "), &values].concat();
        let query = leads.iter().try_fold(sqlx::query(AssertSqlSafe(text)), bind)?;
        self.change(query).await.map(|_| ())
    }

    async fn insert_note(&mut self, note: &LeadNote) -> Result<(), StoreError> {
        let query = self
            .scoped(&INSERT_NOTE)
            .bind(note.id.as_uuid())
            .bind(note.lead.as_uuid())
            .bind(note.company.as_uuid())
            .bind(note.author.map(|id| id.as_uuid()))
            .bind(note.at.timestamp_micros())
            .bind(&**note.text.expose());
        if self.change(query).await?.changed() { Ok(()) } else { Err(StoreError::OutOfScope) }
    }
}

#[async_trait]
impl LeadStore for SqliteRepo<'_> {
    async fn insert_leads(&mut self, leads: &[Lead]) -> Result<(), StoreError> {
        self.may_write()?;
        leads.iter().try_for_each(|lead| self.admits(lead.company))?;
        let statements = leads.len().div_ceil(ROWS_MAX);
        self.begin_slice(statements).await?;
        let mut result = Ok(());
        for rows in leads.chunks(ROWS_MAX) {
            result = self.insert_lead_rows(rows).await;
            if result.is_err() {
                break;
            }
        }
        self.end_slice(statements, result).await
    }

    async fn update_lead(&mut self, lead: &Lead) -> Result<(), StoreError> {
        self.reaches(lead.company)?;
        self.change(bind(sqlx::query(UPDATE), lead)?.bind(before(lead.version))).await?.or_stale()
    }

    async fn delete_lead(&mut self, id: LeadId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn lead(&mut self, id: LeadId) -> Result<Option<Lead>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn lead_for_update(&mut self, id: LeadId) -> Result<Option<Lead>, StoreError> {
        self.change(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn leads(&mut self, filter: &LeadFilter, page: Page) -> Result<Listing<Lead>, StoreError> {
        if *filter == LeadFilter::default() {
            let query = self.scoped(&NEWEST).bind(page.limit).bind(stored(page.offset));
            return self.fetch(query).await?.listing(TABLE, read);
        }
        let (rows, table) = (narrowed(self.scope(), filter), newest_first(self.scope(), filter));
        let count = rows.count(TABLE);
        self.fetch(rows.listing_of(&count, table, columns!(), "id", page)).await?.listing(TABLE, read)
    }

    async fn newest_leads(&mut self, filter: &LeadFilter, limit: u32) -> Result<Vec<Lead>, StoreError> {
        let table = newest_first(self.scope(), filter);
        let query = narrowed(self.scope(), filter).first(table, columns!(), "id", limit);
        self.fetch(query).await?.all(TABLE, read)
    }

    async fn leads_by_ids(&mut self, ids: &[LeadId]) -> Result<Vec<Lead>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch(self.scoped(&BY_IDS).bind(id_list(ids))).await?.all(TABLE, read)
    }

    async fn leads_by_contact(&mut self, phone: Option<&E164>, email: Option<&str>) -> Result<Vec<Lead>, StoreError> {
        let query = self.scoped(&BY_CONTACT).bind(phone.map(E164::as_str)).bind(email);
        self.fetch(query).await?.all(TABLE, read)
    }

    async fn known_contacts(
        &mut self,
        company: CompanyId,
        phones: &[E164],
        emails: &[Pii<String>],
    ) -> Result<KnownContacts, StoreError> {
        let mut known = KnownContacts::default();
        if !self.scope().sees(company) || (phones.is_empty() && emails.is_empty()) {
            return Ok(known);
        }
        let phones = document(&phones.iter().map(E164::as_str).collect::<Vec<_>>())?;
        let query = sqlx::query(KNOWN).bind(company.as_uuid()).bind(phones).bind(document(&emails)?);
        for (contact, found) in self.fetch(query).await?.all(TABLE, read_known)? {
            match (contact, found) {
                (SharedContact::Phone(phone), Some(found)) => known.phones.extend([(phone, found)]),
                (SharedContact::Email(email), Some(found)) => known.emails.extend([(email, found)]),
                (_, None) => {}
            }
        }
        Ok(known)
    }

    async fn shared_contacts(&mut self, limit: u32) -> Result<Vec<SharedContact>, StoreError> {
        let phones = self.fetch(self.scoped(&SHARED_PHONES).bind(limit)).await?;
        let mut shared = phones.all(TABLE, |row| row.word("phone", E164::from_stored).map(SharedContact::Phone))?;
        let emails = self.fetch(self.scoped(&SHARED_EMAILS).bind(limit)).await?;
        shared.extend(emails.all(TABLE, |row| Ok(SharedContact::Email(row.text("email")?.into())))?);
        Ok(shared)
    }

    async fn leads_to_route(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<(CompanyId, LeadId)>, StoreError> {
        let query = self.scoped(&TO_ROUTE).bind(now.timestamp_micros()).bind(limit);
        let mut leads = self.fetch(query).await?.all(TABLE, |row| Ok((row.id("company_id")?, row.id("id")?)))?;
        let left = limit.saturating_sub(u32::try_from(leads.len()).unwrap_or(limit));
        if left > 0 {
            let open = list(LeadStatus::open().map(|status| status.as_str().to_owned()));
            let query = self.scoped(&DESERTED).bind(now.timestamp_micros()).bind(left).bind(open);
            leads.extend(self.fetch(query).await?.all(TABLE, |row| Ok((row.id("company_id")?, row.id("id")?)))?);
        }
        Ok(leads)
    }

    async fn set_lead_route_at(&mut self, id: LeadId, at: Option<DateTime<Utc>>) -> Result<(), StoreError> {
        self.change(self.scoped(&ROUTE_AT).bind(id.as_uuid()).bind(micros(at))).await?.or_stale()
    }

    async fn move_lead_history(&mut self, from: LeadId, to: LeadId) -> Result<(), StoreError> {
        let pair = self.change(self.scoped(&PAIR).bind(from.as_uuid()).bind(to.as_uuid())).await?;
        if pair.one(TABLE, |row| row.count::<u32>("id"))? != Some(2) {
            return Err(StoreError::Stale);
        }
        self.change(sqlx::query(MOVE).bind(from.as_uuid()).bind(to.as_uuid())).await.map(|_| ())
    }

    async fn insert_lead_notes(&mut self, notes: &[LeadNote]) -> Result<(), StoreError> {
        self.may_write()?;
        self.begin_slice(notes.len()).await?;
        let mut result = Ok(());
        for note in notes {
            result = self.insert_note(note).await;
            if result.is_err() {
                break;
            }
        }
        self.end_slice(notes.len(), result).await
    }

    async fn lead_notes(&mut self, lead: LeadId, limit: u32) -> Result<Vec<LeadNote>, StoreError> {
        let query = self.scoped(&NOTES).bind(lead.as_uuid()).bind(limit);
        self.fetch(query).await?.all(NOTES_TABLE, read_note)
    }
}
