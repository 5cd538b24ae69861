//! What leads add up to.

use async_trait::async_trait;
use chrono::NaiveDate;
use dialplane_core::id::{CompanyId, Id, UserId};
use dialplane_core::lead::{AgentLeads, CampaignFigures, CampaignKey, CountBy, LeadCount, LeadDay, LeadFigures};
use dialplane_core::store::{LeadFiguresStore, Repo as _, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::text::text;
use crate::tx::{Fields, Link, PgRepo, bare, day_bound, within};

const COUNTS: &str = "lead_counts";
const AGENTS: &str = "agent_leads";
const DAYS: &str = "lead_days";
const CAMPAIGNS: &str = "lead_campaigns";

/// Rows are locked in their order, so that units of work which change leads at once do not wait in a circle. Figures with this
/// many rows are one round trip a table.
const ADD_COUNTS: &str = "INSERT INTO lead_counts AS sum (company_id, \"by\", word, leads) \
     SELECT $1, n.kind, n.word, n.leads FROM UNNEST($2::text[], $3::text[], $4::bigint[]) AS n (kind, word, leads) \
     ORDER BY n.kind COLLATE \"C\", n.word COLLATE \"C\" \
     ON CONFLICT (company_id, \"by\", word) DO UPDATE SET leads = sum.leads + excluded.leads";
const ADD_AGENTS: &str = "INSERT INTO agent_leads AS sum (user_id, company_id, total, open, converted) \
     SELECT n.user_id, $1, n.total, n.open, n.converted \
     FROM UNNEST($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) AS n (user_id, total, open, converted) ORDER BY n.user_id \
     ON CONFLICT (user_id, company_id) DO UPDATE SET total = sum.total + excluded.total, open = sum.open + excluded.open, \
     converted = sum.converted + excluded.converted";
const ADD_DAYS: &str = "INSERT INTO lead_days AS sum (company_id, day, user_id, source, created, converted, value) \
     SELECT $1, n.day, n.user_id, n.source, n.created, n.converted, n.value \
     FROM UNNEST($2::date[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[]) \
     AS n (day, user_id, source, created, converted, value) ORDER BY n.day, n.user_id, n.source COLLATE \"C\" \
     ON CONFLICT (company_id, day, user_id, source) DO UPDATE SET created = sum.created + excluded.created, \
     converted = sum.converted + excluded.converted, value = sum.value + excluded.value";
const ADD_CAMPAIGNS: &str = "INSERT INTO lead_campaigns AS sum (company_id, day, id, name, leads, converted, value, points) \
     SELECT $1, n.day, n.id, n.name, n.leads, n.converted, n.value, n.points \
     FROM UNNEST($2::date[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[]) \
     AS n (day, id, name, leads, converted, value, points) ORDER BY n.day, n.id COLLATE \"C\", n.name COLLATE \"C\" \
     ON CONFLICT (company_id, day, id, name) DO UPDATE SET leads = sum.leads + excluded.leads, \
     converted = sum.converted + excluded.converted, value = sum.value + excluded.value, points = sum.points + excluded.points";
const ALL_COUNTS: &str = concat!(
    "SELECT \"by\", word, sum(leads)::bigint FROM lead_counts WHERE ",
    within!("company_id"),
    " GROUP BY \"by\", word HAVING sum(leads) > 0"
);
const OF_AGENTS: &str = concat!(
    "SELECT user_id, greatest(0, total), greatest(0, open), greatest(0, converted) FROM agent_leads \
     WHERE user_id = ANY($2) AND ",
    within!("company_id"),
    " ORDER BY user_id"
);
const BY_DAY: &str = concat!(
    "SELECT user_id, day, source, greatest(0, sum(created))::bigint, greatest(0, sum(converted))::bigint, \
     greatest(0, sum(value))::bigint FROM lead_days WHERE day BETWEEN $2 AND $3 AND ($4::uuid IS NULL OR user_id = $4) AND ",
    within!("company_id"),
    " GROUP BY day, user_id, source HAVING sum(created) <> 0 OR sum(converted) <> 0 OR sum(value) <> 0 \
     ORDER BY day, user_id, source LIMIT 100000"
);

const CAMPAIGNS_OF: &str = concat!(
    "SELECT id, name, max(day), sum(leads)::bigint, greatest(0, sum(converted))::bigint, greatest(0, sum(value))::bigint, \
     greatest(0, sum(points))::bigint FROM lead_campaigns WHERE day BETWEEN $2 AND $3 \
     AND (leads <> 0 OR converted <> 0 OR value <> 0 OR points <> 0) AND ",
    within!("company_id"),
    " GROUP BY id, name HAVING sum(leads) > 0 ORDER BY id, name LIMIT 10000"
);

/// As they are kept.
const KEPT_COUNTS: &str = "SELECT \"by\", word, leads FROM lead_counts WHERE company_id = $1";
const KEPT_AGENTS: &str = "SELECT user_id, total, open, converted FROM agent_leads WHERE company_id = $1";
const KEPT_DAYS: &str = "SELECT user_id, day, source, created, converted, value FROM lead_days WHERE company_id = $1";
const KEPT_CAMPAIGNS: &str =
    "SELECT id, name, day, leads, converted, value, points FROM lead_campaigns WHERE company_id = $1";
const CLEAR_DAYS: &str = "DELETE FROM lead_days WHERE company_id = $1";
const CLEAR_CAMPAIGNS: &str = "DELETE FROM lead_campaigns WHERE company_id = $1";

/// Nobody, as the table has it.
const NOBODY: Uuid = Uuid::nil();

fn read_count(row: &PgRow) -> Result<LeadCount, StoreError> {
    let mut fields = Fields::of(row, COUNTS);
    let by = fields.word("by", CountBy::from_word)?;
    Ok(LeadCount { by, word: fields.text("word")?, leads: fields.count("leads")? })
}

fn read_agent(row: &PgRow) -> Result<(UserId, AgentLeads), StoreError> {
    let mut fields = Fields::of(row, AGENTS);
    let user = fields.id("user_id")?;
    let leads = AgentLeads {
        total: fields.count("total")?,
        open: fields.count("open")?,
        converted: fields.count("converted")?,
    };
    Ok((user, leads))
}

fn user(fields: &mut Fields<'_>) -> Result<Option<UserId>, StoreError> {
    Ok(Some(fields.id("user_id")?).filter(|user: &UserId| *user != Id::from_uuid(NOBODY)))
}

fn read_day(row: &PgRow) -> Result<LeadDay, StoreError> {
    let mut fields = Fields::of(row, DAYS);
    Ok(LeadDay {
        user: user(&mut fields)?,
        day: fields.get("day")?,
        source: fields.word("source", |word| word.parse().ok())?,
        created: fields.count("created")?,
        converted: fields.count("converted")?,
        value: fields.count("value")?,
    })
}

fn read_campaign(row: &PgRow) -> Result<CampaignFigures, StoreError> {
    let mut fields = Fields::of(row, CAMPAIGNS);
    Ok(CampaignFigures {
        key: CampaignKey { id: fields.text("id")?, name: fields.text("name")? },
        last_day: fields.get("day")?,
        leads: fields.count("leads")?,
        converted: fields.count("converted")?,
        value: fields.count("value")?,
        points: fields.count("points")?,
    })
}

#[async_trait]
impl<L: Link> LeadFiguresStore for PgRepo<L> {
    async fn add_lead_figures(&mut self, company: CompanyId, figures: &LeadFigures) -> Result<(), StoreError> {
        self.admit(company)?;
        let company = company.as_uuid();
        if !figures.counts.is_empty() {
            let kinds: Vec<&str> = figures.counts.keys().map(|(by, _)| by.as_str()).collect();
            let words: Vec<_> = figures.counts.keys().map(|(_, word)| text(word)).collect();
            let leads: Vec<i64> = figures.counts.values().copied().collect();
            self.run(query(ADD_COUNTS).bind(company).bind(kinds).bind(words).bind(leads)).await?;
        }
        if !figures.agents.is_empty() {
            let users: Vec<Uuid> = figures.agents.keys().map(|user| user.as_uuid()).collect();
            let [total, open, converted] = columns(figures.agents.values());
            let add = query(ADD_AGENTS).bind(company).bind(users).bind(total).bind(open).bind(converted);
            self.run(add).await?;
        }
        if !figures.days.is_empty() {
            let days: Vec<NaiveDate> = figures.days.keys().map(|(day, ..)| *day).collect();
            let users: Vec<Uuid> = figures.days.keys().map(|(_, user, _)| bare(*user).unwrap_or(NOBODY)).collect();
            let sources: Vec<&str> = figures.days.keys().map(|(.., source)| source.as_str()).collect();
            let [created, converted, value] = columns(figures.days.values());
            let add = query(ADD_DAYS).bind(company).bind(days).bind(users).bind(sources);
            self.run(add.bind(created).bind(converted).bind(value)).await?;
        }
        if !figures.campaigns.is_empty() {
            let days: Vec<NaiveDate> = figures.campaigns.keys().map(|(day, _)| *day).collect();
            let ids: Vec<_> = figures.campaigns.keys().map(|(_, key)| text(&key.id)).collect();
            let names: Vec<_> = figures.campaigns.keys().map(|(_, key)| text(&key.name)).collect();
            let [leads, converted, value, points] = columns(figures.campaigns.values());
            let add = query(ADD_CAMPAIGNS).bind(company).bind(days).bind(ids).bind(names);
            self.run(add.bind(leads).bind(converted).bind(value).bind(points)).await?;
        }
        Ok(())
    }

    async fn lead_counts(&mut self) -> Result<Vec<LeadCount>, StoreError> {
        let rows = self.all(query(ALL_COUNTS).bind(self.company_filter())).await?;
        let mut counts = rows.iter().map(read_count).collect::<Result<Vec<_>, _>>()?;
        counts.sort_unstable_by(|a, b| (a.by, &a.word).cmp(&(b.by, &b.word)));
        Ok(counts)
    }

    async fn agent_leads(&mut self, users: &[UserId]) -> Result<Vec<(UserId, AgentLeads)>, StoreError> {
        let users: Vec<Uuid> = users.iter().map(|user| user.as_uuid()).collect();
        let rows = self.all(query(OF_AGENTS).bind(self.company_filter()).bind(users)).await?;
        rows.iter().map(read_agent).collect()
    }

    async fn lead_days(
        &mut self,
        from: NaiveDate,
        to: NaiveDate,
        user: Option<UserId>,
    ) -> Result<Vec<LeadDay>, StoreError> {
        let days = query(BY_DAY).bind(self.company_filter()).bind(day_bound(from)).bind(day_bound(to)).bind(bare(user));
        self.all(days).await?.iter().map(read_day).collect()
    }

    async fn lead_campaigns(&mut self, from: NaiveDate, to: NaiveDate) -> Result<Vec<CampaignFigures>, StoreError> {
        let campaigns = query(CAMPAIGNS_OF).bind(self.company_filter()).bind(day_bound(from)).bind(day_bound(to));
        self.all(campaigns).await?.iter().map(read_campaign).collect()
    }

    async fn lead_figures(&mut self) -> Result<LeadFigures, StoreError> {
        let company = self.scope().company().ok_or(StoreError::OutOfScope)?;
        let mut figures = LeadFigures::default();
        for row in self.all(query(KEPT_COUNTS).bind(company.as_uuid())).await? {
            let mut fields = Fields::of(&row, COUNTS);
            let key = (fields.word("by", CountBy::from_word)?, fields.text("word")?);
            figures.counts.insert(key, fields.get("leads")?);
        }
        for row in self.all(query(KEPT_AGENTS).bind(company.as_uuid())).await? {
            let mut fields = Fields::of(&row, AGENTS);
            let user = fields.id("user_id")?;
            figures.agents.insert(user, [fields.get("total")?, fields.get("open")?, fields.get("converted")?]);
        }
        for row in self.all(query(KEPT_DAYS).bind(company.as_uuid())).await? {
            let mut fields = Fields::of(&row, DAYS);
            let (user, day) = (user(&mut fields)?, fields.get("day")?);
            let source = fields.word("source", |word| word.parse().ok())?;
            let sums = [fields.get("created")?, fields.get("converted")?, fields.get("value")?];
            figures.days.insert((day, user, source), sums);
        }
        for row in self.all(query(KEPT_CAMPAIGNS).bind(company.as_uuid())).await? {
            let mut fields = Fields::of(&row, CAMPAIGNS);
            let key = CampaignKey { id: fields.text("id")?, name: fields.text("name")? };
            let day = fields.get("day")?;
            let (leads, converted) = (fields.get("leads")?, fields.get("converted")?);
            figures.campaigns.insert((day, key), [leads, converted, fields.get("value")?, fields.get("points")?]);
        }
        Ok(figures.without_zeros())
    }

    async fn clear_lead_days(&mut self) -> Result<(), StoreError> {
        self.may_write()?;
        let company = self.scope().company().ok_or(StoreError::OutOfScope)?;
        self.run(query(CLEAR_DAYS).bind(company.as_uuid())).await?;
        self.run(query(CLEAR_CAMPAIGNS).bind(company.as_uuid())).await.map(|_| ())
    }
}

/// The columns of rows of figures.
fn columns<'f, const N: usize>(rows: impl Iterator<Item = &'f [i64; N]>) -> [Vec<i64>; N] {
    let mut columns = [const { Vec::new() }; N];
    for row in rows {
        columns.iter_mut().zip(row).for_each(|(column, figure)| column.push(*figure));
    }
    columns
}
