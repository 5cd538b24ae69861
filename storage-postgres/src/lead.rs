//! Leads and their notes.

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound as _, Utc};
use dialplane_core::id::{CompanyId, LeadId};
use dialplane_core::lead::{
    CustomFields, Known, KnownContacts, Lead, LeadNote, LeadOrigin, LeadStatus, Needs, Priority, Quality,
};
use dialplane_core::phone::E164;
use dialplane_core::pii::Pii;
use dialplane_core::scope::Scope;
use dialplane_core::store::{LeadFilter, LeadStore, Listing, Page, SharedContact, StoreError};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{QueryBuilder, query};
use uuid::Uuid;

use crate::backfill::Wordless;
use crate::client::joined;
use crate::search::by_entries;
use crate::text::{Document, text};
use crate::tx::{Fields, Link, List, PgRepo, Statement, amount, bare, before, instant_bound, kept_total, within};

const TABLE: &str = "leads";
const NOTES_TABLE: &str = "lead_notes";

macro_rules! columns {
    () => {
        "id, company_id, name, email, phone, raw_phone, source, status, priority, quality, score, requirements, needs, custom, \
         value, origin, followup_count, last_contact_at, assigned_to, assigned_at, is_waiting, route_at, returns, client_id, \
         converted_at, converted_by, version, created_at, updated_at"
    };
}

/// One statement for any number of leads; it adds them to the totals of their companies as well.
const INSERT: &str = concat!(
    "WITH added AS (INSERT INTO leads (",
    columns!(),
    ", words) SELECT ",
    columns!(),
    ", words FROM jsonb_populate_recordset(NULL::leads, $1) ON CONFLICT DO NOTHING RETURNING id, company_id), \
     counted AS (INSERT INTO lead_totals AS sum (company_id, slot, leads) \
     SELECT company_id, pg_backend_pid() % 64, count(*) FROM added GROUP BY company_id ORDER BY company_id \
     ON CONFLICT (company_id, slot) DO UPDATE SET leads = sum.leads + excluded.leads) \
     SELECT id FROM added"
);
/// What leaves the totals is taken from the slot of the connection: slots may be negative, their sum is not.
macro_rules! uncounted {
    () => {
        " INSERT INTO lead_totals AS sum (company_id, slot, leads) \
         SELECT company_id, pg_backend_pid() % 64, -count(*) FROM gone GROUP BY company_id ORDER BY company_id \
         ON CONFLICT (company_id, slot) DO UPDATE SET leads = sum.leads + excluded.leads"
    };
}
const UNDO_INSERT: &str =
    concat!("WITH gone AS (DELETE FROM leads WHERE id = ANY($1) RETURNING company_id)", uncounted!());
const UPDATE: &str = concat!(
    "UPDATE leads SET (",
    columns!(),
    ", words) = (SELECT ",
    columns!(),
    ", words FROM jsonb_populate_record(NULL::leads, $1)) WHERE id = $2 AND company_id = $3 AND version = $4"
);
const BY_IDS: &str =
    concat!("SELECT ", columns!(), " FROM leads WHERE id = ANY($2) AND ", within!("company_id"), " ORDER BY id");
/// Notes and decisions go by their foreign keys.
const DELETE: &str = concat!(
    "WITH gone AS (DELETE FROM leads WHERE id = $2 AND ",
    within!("company_id"),
    " RETURNING company_id)",
    uncounted!()
);
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM leads WHERE id = $2 AND ", within!("company_id"));
const BY_ID_LOCKED: &str =
    concat!("SELECT ", columns!(), " FROM leads WHERE id = $2 AND ", within!("company_id"), " FOR UPDATE");
/// From each of the few who have open leads and are gone to those leads; `$4` are the statuses with work to do.
const DESERTED: &str = concat!(
    "SELECT a.company_id, l.id FROM agent_leads a CROSS JOIN LATERAL (SELECT id FROM leads l WHERE l.company_id = a.company_id \
     AND l.assigned_to = a.user_id AND l.status = ANY($4) AND (l.route_at IS NULL OR l.route_at > $2) ORDER BY id LIMIT $3) l \
     WHERE a.open > 0 AND ",
    within!("a.company_id"),
    " AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = a.user_id AND u.company_id = a.company_id AND u.is_active) \
     ORDER BY a.user_id, a.company_id, l.id LIMIT $3"
);
const ROUTE_AT: &str = concat!("UPDATE leads SET route_at = $3 WHERE id = $2 AND ", within!("company_id"));
/// For each contact of a list, the newest lead that has it and the newest that somebody has.
macro_rules! known {
    ($column:literal, $list:literal) => {
        concat!(
            "SELECT '",
            $column,
            "' AS kind, asked.contact, newest.id AS newest, owned.id AS owned, owned.assigned_to AS owner \
             FROM (SELECT DISTINCT contact COLLATE \"C\" AS contact FROM UNNEST(",
            $list,
            "::text[]) AS given (contact)) AS asked \
             CROSS JOIN LATERAL (SELECT id FROM leads WHERE company_id = $1 AND ",
            $column,
            " = asked.contact \
             ORDER BY id DESC LIMIT 1) AS newest \
             LEFT JOIN LATERAL (SELECT id, assigned_to FROM leads WHERE company_id = $1 AND ",
            $column,
            " = asked.contact \
             AND assigned_to IS NOT NULL ORDER BY id DESC LIMIT 1) AS owned ON TRUE"
        )
    };
}
const KNOWN: &str = concat!(known!("phone", "$2"), " UNION ALL ", known!("email", "$3"));
const PAIR: &str = concat!(
    "SELECT count(*) AS count FROM leads WHERE id IN ($2, $3) AND company_id = (SELECT company_id FROM leads WHERE id = $3) AND ",
    within!("company_id")
);
const MOVE_NOTES: &str = "UPDATE lead_notes SET lead_id = $2 WHERE lead_id = $1";
const MOVE_CALLS: &str = "UPDATE calls SET lead_id = l.id FROM leads l WHERE l.id = $2 AND calls.company_id = l.company_id AND calls.lead_id = $1";
/// A note of a lead that is not one of its company in the scope joins nothing.
const INSERT_NOTES: &str = concat!(
    "INSERT INTO lead_notes (id, lead_id, company_id, author_id, at, text) \
     SELECT n.id, n.lead_id, n.company_id, n.author_id, n.at, n.text FROM jsonb_populate_recordset(NULL::lead_notes, $2) n \
     JOIN leads l ON l.id = n.lead_id AND l.company_id = n.company_id AND ",
    within!("l.company_id"),
    " ON CONFLICT DO NOTHING RETURNING id"
);
const UNDO_NOTES: &str = "DELETE FROM lead_notes WHERE id = ANY($1)";
const VISIBLE: &str = concat!(
    "SELECT l.id FROM UNNEST($2::uuid[], $3::uuid[]) AS n (lead, company) \
     JOIN leads l ON l.id = n.lead AND l.company_id = n.company AND ",
    within!("l.company_id")
);
const NOTES: &str = concat!(
    "SELECT id, lead_id, company_id, author_id, at, text FROM lead_notes WHERE lead_id = $2 AND ",
    within!("company_id"),
    " ORDER BY id DESC LIMIT $3"
);

/// Leads of before they had words.
pub(crate) const WORDLESS: Wordless<Lead> = Wordless {
    rows: concat!("SELECT ", columns!(), " FROM leads WHERE words = '' AND id > $1 ORDER BY id LIMIT 500"),
    fill: "UPDATE leads SET words = n.words FROM UNNEST($1::uuid[], $2::text[]) AS n (id, words) WHERE leads.id = n.id",
    read,
    entries: |lead| (lead.id.as_uuid(), lead.entries()),
};

/// A lead by the columns of its table.
#[derive(Serialize)]
struct Row<'l> {
    id: Uuid,
    company_id: Uuid,
    name: &'l str,
    email: Option<&'l str>,
    phone: Option<&'l str>,
    raw_phone: Option<&'l str>,
    source: &'l str,
    status: &'static str,
    priority: &'static str,
    quality: &'static str,
    score: u8,
    requirements: Option<&'l str>,
    needs: &'l Needs,
    custom: &'l CustomFields,
    value: Option<u64>,
    origin: &'l LeadOrigin,
    followup_count: u32,
    last_contact_at: Option<DateTime<Utc>>,
    assigned_to: Option<Uuid>,
    assigned_at: Option<DateTime<Utc>>,
    is_waiting: bool,
    route_at: Option<DateTime<Utc>>,
    returns: u32,
    client_id: Option<Uuid>,
    converted_at: Option<DateTime<Utc>>,
    converted_by: Option<Uuid>,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    words: String,
}

#[derive(Serialize)]
struct NoteRow<'n> {
    id: Uuid,
    lead_id: Uuid,
    company_id: Uuid,
    author_id: Option<Uuid>,
    at: DateTime<Utc>,
    text: &'n str,
}

/// As the database keeps it: microseconds.
fn kept(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

impl<'l> Row<'l> {
    fn of(lead: &'l Lead) -> Self {
        let word = |text: &'l Option<Pii<String>>| text.as_ref().map(|text| text.expose().as_str());
        Self {
            id: lead.id.as_uuid(),
            company_id: lead.company.as_uuid(),
            name: lead.name.expose(),
            email: word(&lead.email),
            phone: lead.phone.as_ref().map(E164::as_str),
            raw_phone: word(&lead.raw_phone),
            source: lead.source.as_str(),
            status: lead.status.as_str(),
            priority: lead.priority.as_str(),
            quality: lead.quality.as_str(),
            score: lead.score,
            requirements: word(&lead.requirements),
            needs: &lead.needs,
            custom: &lead.custom,
            value: lead.value,
            origin: &lead.origin,
            followup_count: lead.followup_count,
            last_contact_at: lead.last_contact_at.map(kept),
            assigned_to: bare(lead.assigned_to),
            assigned_at: lead.assigned_at.map(kept),
            is_waiting: lead.is_waiting,
            route_at: lead.route_at.map(kept),
            returns: lead.returns,
            client_id: bare(lead.client),
            converted_at: lead.converted_at.map(kept),
            converted_by: bare(lead.converted_by),
            version: lead.version,
            created_at: kept(lead.created_at),
            updated_at: kept(lead.updated_at),
            words: joined(&lead.entries()),
        }
    }
}

fn read(row: &PgRow) -> Result<Lead, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Lead {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        name: Pii::new(fields.text("name")?),
        email: fields.maybe_text("email")?.map(Pii::new),
        phone: fields.maybe_word("phone", E164::from_stored)?,
        raw_phone: fields.maybe_text("raw_phone")?.map(Pii::new),
        source: fields.word("source", |word| word.parse().ok())?,
        status: fields.word("status", |word| word.parse().ok())?,
        priority: fields.word("priority", |word| word.parse().ok())?,
        quality: fields.word("quality", |word| word.parse().ok())?,
        score: fields.count("score")?,
        requirements: fields.maybe_text("requirements")?.map(Pii::new),
        needs: fields.json("needs")?,
        custom: fields.json("custom")?,
        value: fields.maybe_count("value")?,
        origin: fields.json("origin")?,
        followup_count: fields.count("followup_count")?,
        last_contact_at: fields.get("last_contact_at")?,
        assigned_to: fields.reference("assigned_to")?,
        assigned_at: fields.get("assigned_at")?,
        is_waiting: fields.get("is_waiting")?,
        route_at: fields.get("route_at")?,
        returns: fields.count("returns")?,
        client: fields.reference("client_id")?,
        converted_at: fields.get("converted_at")?,
        converted_by: fields.reference("converted_by")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn read_note(row: &PgRow) -> Result<LeadNote, StoreError> {
    let mut fields = Fields::of(row, NOTES_TABLE);
    Ok(LeadNote {
        id: fields.id("id")?,
        lead: fields.id("lead_id")?,
        company: fields.id("company_id")?,
        author: fields.reference("author_id")?,
        at: fields.get("at")?,
        text: Pii::new(fields.text("text")?),
    })
}

fn update(lead: &Lead) -> Result<Statement<'_>, StoreError> {
    let bound = query(UPDATE)
        .bind(Document::of(&Row::of(lead))?)
        .bind(lead.id.as_uuid())
        .bind(lead.company.as_uuid())
        .bind(before(lead.version));
    Ok(bound)
}

/// The list of the leads that a filter keeps.
fn narrowed(scope: Scope, filter: &LeadFilter) -> List {
    let list = List::of(TABLE, (columns!(), TABLE, "id DESC"), "company_id", scope)
        .equal("status", filter.status.map(|status| status.as_str()))
        .equal("source", filter.source.as_ref().map(|source| source.as_str().to_owned()))
        .equal("priority", filter.priority.map(Priority::as_str))
        .equal("quality", filter.quality.map(Quality::as_str))
        .equal("assigned_to", bare(filter.agent))
        .when(filter.assigned == Some(true), "assigned_to IS NOT NULL")
        .when(filter.assigned == Some(false), "assigned_to IS NULL")
        .compare("created_at", " >= ", filter.from.map(instant_bound))
        .compare("created_at", " < ", filter.to.map(instant_bound))
        .compare("id", " < ", bare(filter.before));
    by_entries(list, scope, "lead_words", filter.search.as_ref())
}

/// How many leads there are, by slots.
const TOTALS: (&str, &str) = ("lead_totals", "coalesce(sum(leads), 0)");

impl<L: Link> PgRepo<L> {
    /// Whether each of these leads is one of the company beside it, in the scope.
    pub(crate) async fn all_leads_visible(&mut self, leads: &[(LeadId, CompanyId)]) -> Result<bool, StoreError> {
        let (ids, companies): (Vec<Uuid>, Vec<Uuid>) =
            leads.iter().map(|(lead, company)| (lead.as_uuid(), company.as_uuid())).unzip();
        let visible = self.all(query(VISIBLE).bind(self.company_filter()).bind(ids).bind(companies)).await?;
        Ok(visible.len() == leads.len())
    }

    async fn shared(
        &mut self,
        column: &'static str,
        limit: u32,
        read: impl Fn(&PgRow) -> Result<SharedContact, StoreError>,
    ) -> Result<Vec<SharedContact>, StoreError> {
        let mut sql = QueryBuilder::new("");
        let list = (column, TABLE, "");
        let known = if column == "phone" { "phone IS NOT NULL" } else { "email IS NOT NULL" };
        List::of(TABLE, list, "company_id", self.scoped_to()).when(true, known).write(column, &mut sql);
        sql.push(" GROUP BY company_id, ").push(column).push(" HAVING count(*) > 1 ORDER BY company_id, ").push(column);
        sql.push(" LIMIT ").push_bind(i64::from(limit));
        self.all(sql.build()).await?.iter().map(read).collect()
    }
}

#[async_trait]
impl<L: Link> LeadStore for PgRepo<L> {
    async fn insert_leads(&mut self, leads: &[Lead]) -> Result<(), StoreError> {
        for lead in leads {
            self.admit(lead.company)?;
        }
        if leads.is_empty() {
            return self.may_write();
        }
        let rows: Vec<Row<'_>> = leads.iter().map(Row::of).collect();
        let id = |row: &PgRow| Fields::of(row, TABLE).get::<Uuid>("id");
        let insert = query(INSERT).bind(Document::of(&rows)?);
        let all = self.insert_all(leads.len(), insert, id, |ids| query(UNDO_INSERT).bind(ids)).await?;
        if all { Ok(()) } else { Err(StoreError::Duplicate { entity: "lead", constraint: "id" }) }
    }

    async fn update_lead(&mut self, lead: &Lead) -> Result<(), StoreError> {
        self.reach(lead.company)?;
        self.replace(update(lead)?).await
    }

    async fn delete_lead(&mut self, id: LeadId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn lead(&mut self, id: LeadId) -> Result<Option<Lead>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn lead_for_update(&mut self, id: LeadId) -> Result<Option<Lead>, StoreError> {
        self.may_write()?;
        let row = self.one(query(BY_ID_LOCKED).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn leads(&mut self, filter: &LeadFilter, page: Page) -> Result<Listing<Lead>, StoreError> {
        let list = narrowed(self.scoped_to(), filter);
        let unfiltered = LeadFilter { before: filter.before, ..LeadFilter::default() };
        if *filter == unfiltered {
            let mut total = kept_total(TABLE, TOTALS, self.scoped_to(), bare(filter.before));
            return self.listing_of(list, page, total.build(), read).await;
        }
        self.listing(list, page, read).await
    }

    async fn newest_leads(&mut self, filter: &LeadFilter, limit: u32) -> Result<Vec<Lead>, StoreError> {
        let list = narrowed(self.scoped_to(), filter);
        self.all(list.page(0, u64::from(limit)).build()).await?.iter().map(read).collect()
    }

    async fn leads_by_ids(&mut self, ids: &[LeadId]) -> Result<Vec<Lead>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
        self.all(query(BY_IDS).bind(self.company_filter()).bind(ids)).await?.iter().map(read).collect()
    }

    async fn leads_by_contact(&mut self, phone: Option<&E164>, email: Option<&str>) -> Result<Vec<Lead>, StoreError> {
        let mut found: Vec<Lead> = Vec::new();
        // Two lists, so that each goes by its index.
        let scope = self.scoped_to();
        let list = || List::of(TABLE, (columns!(), TABLE, "id DESC"), "company_id", scope);
        let by_phone = phone.map(|phone| list().equal("phone", Some(phone.as_str().to_owned())));
        let by_email = email.map(|email| list().equal("email", Some(text(email).into_owned())));
        let pages = [by_phone, by_email].map(|list| list.map(|list| list.page(0, 100)));
        for mut page in pages.into_iter().flatten() {
            for row in self.all(page.build()).await? {
                found.push(read(&row)?);
            }
        }
        found.sort_by_key(|lead| std::cmp::Reverse(lead.id));
        found.dedup_by_key(|lead| lead.id);
        found.truncate(100);
        Ok(found)
    }

    async fn known_contacts(
        &mut self,
        company: CompanyId,
        phones: &[E164],
        emails: &[Pii<String>],
    ) -> Result<KnownContacts, StoreError> {
        let mut known = KnownContacts::default();
        if !self.scoped_to().sees(company) || (phones.is_empty() && emails.is_empty()) {
            return Ok(known);
        }
        let phones: Vec<&str> = phones.iter().map(E164::as_str).collect();
        let emails: Vec<_> = emails.iter().map(|email| text(email.expose())).collect();
        let asked = query(KNOWN).bind(company.as_uuid()).bind(phones).bind(emails);
        for row in self.all(asked).await? {
            let mut fields = Fields::of(&row, TABLE);
            let (kind, contact) = (fields.text("kind")?, fields.text("contact")?);
            let newest = fields.id("newest")?;
            let found = Known { newest, owned: fields.reference("owned")?.zip(fields.reference("owner")?) };
            match E164::from_stored(&contact).filter(|_| kind == "phone") {
                Some(phone) => known.phones.extend([(phone, found)]),
                None => known.emails.extend([(Pii::new(contact), found)]),
            }
        }
        Ok(known)
    }

    async fn shared_contacts(&mut self, limit: u32) -> Result<Vec<SharedContact>, StoreError> {
        let phone = |row: &PgRow| Fields::of(row, TABLE).word("phone", E164::from_stored).map(SharedContact::Phone);
        let mut shared = self.shared("phone", limit, phone).await?;
        let email = |row: &PgRow| Ok(SharedContact::Email(Pii::new(Fields::of(row, TABLE).text("email")?)));
        shared.extend(self.shared("email", limit, email).await?);
        Ok(shared)
    }

    async fn leads_to_route(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<(CompanyId, LeadId)>, StoreError> {
        let list = List::of(TABLE, ("company_id, id", TABLE, "route_at, id"), "company_id", self.scoped_to()).compare(
            "route_at",
            " <= ",
            Some(instant_bound(now)),
        );
        let mut page = list.page(0, u64::from(limit));
        let read = |row: &PgRow| {
            let mut fields = Fields::of(row, TABLE);
            Ok((fields.id("company_id")?, fields.id("id")?))
        };
        let mut leads = self.all(page.build()).await?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let left = u64::from(limit).saturating_sub(leads.len() as u64);
        if left > 0 {
            let open: Vec<&str> = LeadStatus::open().map(LeadStatus::as_str).collect();
            let deserted = query(DESERTED).bind(self.company_filter()).bind(instant_bound(now)).bind(amount(left));
            for row in self.all(deserted.bind(open)).await? {
                leads.push(read(&row)?);
            }
        }
        Ok(leads)
    }

    async fn set_lead_route_at(&mut self, id: LeadId, at: Option<DateTime<Utc>>) -> Result<(), StoreError> {
        self.may_write()?;
        let set = query(ROUTE_AT).bind(self.company_filter()).bind(id.as_uuid()).bind(at.map(kept));
        if self.run(set).await? > 0 { Ok(()) } else { Err(StoreError::Stale) }
    }

    async fn move_lead_history(&mut self, from: LeadId, to: LeadId) -> Result<(), StoreError> {
        self.may_write()?;
        let pair = query(PAIR).bind(self.company_filter()).bind(from.as_uuid()).bind(to.as_uuid());
        let count = self.one(pair).await?.map_or(Ok(0), |row| Fields::of(&row, TABLE).count::<i64>("count"))?;
        if count != 2 {
            return Err(StoreError::Stale);
        }
        self.run(query(MOVE_NOTES).bind(from.as_uuid()).bind(to.as_uuid())).await?;
        self.run(query(MOVE_CALLS).bind(from.as_uuid()).bind(to.as_uuid())).await.map(|_| ())
    }

    async fn insert_lead_notes(&mut self, notes: &[LeadNote]) -> Result<(), StoreError> {
        self.may_write()?;
        if notes.is_empty() {
            return Ok(());
        }
        let row = |note| {
            let LeadNote { id, lead, company, author, at, text }: &LeadNote = note;
            let (id, lead_id, company_id) = (id.as_uuid(), lead.as_uuid(), company.as_uuid());
            NoteRow { id, lead_id, company_id, author_id: bare(*author), at: kept(*at), text: text.expose() }
        };
        let rows: Vec<NoteRow<'_>> = notes.iter().map(row).collect();
        let insert = query(INSERT_NOTES).bind(self.company_filter()).bind(Document::of(&rows)?);
        let id = |row: &PgRow| Fields::of(row, NOTES_TABLE).get::<Uuid>("id");
        if self.insert_all(notes.len(), insert, id, |ids| query(UNDO_NOTES).bind(ids)).await? {
            return Ok(());
        }
        let leads: Vec<_> = notes.iter().map(|note| (note.lead, note.company)).collect();
        if !self.all_leads_visible(&leads).await? {
            return Err(StoreError::OutOfScope);
        }
        Err(StoreError::Duplicate { entity: "lead_note", constraint: "id" })
    }

    async fn lead_notes(&mut self, lead: LeadId, limit: u32) -> Result<Vec<LeadNote>, StoreError> {
        let notes = query(NOTES).bind(self.company_filter()).bind(lead.as_uuid()).bind(amount(u64::from(limit)));
        self.all(notes).await?.iter().map(read_note).collect()
    }
}
