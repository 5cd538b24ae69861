//! What leads add up to.

use async_trait::async_trait;
use chrono::NaiveDate;
use dialplane_core::id::{CompanyId, Id, UserId};
use dialplane_core::lead::{AgentLeads, CampaignFigures, CampaignKey, CountBy, LeadCount, LeadDay, LeadFigures};
use dialplane_core::store::{LeadFiguresStore, Repo as _, StoreError};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::statement::{Fields, Scoped, list, scoped};
use crate::tx::SqliteRepo;

const COUNTS: &str = "lead_counts";
const AGENTS: &str = "agent_leads";
const DAYS: &str = "lead_days";
const CAMPAIGNS: &str = "lead_campaigns";

/// One round trip: counts (`?2`), agents (`?3`) and days (`?4`) of a company, each a list of rows.
const ADD: &str = "INSERT INTO lead_counts (company_id, \"by\", word, leads) \
    SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2) WHERE TRUE \
    ON CONFLICT (company_id, \"by\", word) DO UPDATE SET leads = leads + excluded.leads; \
    INSERT INTO agent_leads (user_id, company_id, total, open, converted) \
    SELECT unhex(value ->> 0), ?1, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?3) WHERE TRUE \
    ON CONFLICT (user_id, company_id) DO UPDATE SET total = total + excluded.total, open = open + excluded.open, \
    converted = converted + excluded.converted; \
    INSERT INTO lead_days (company_id, day, user_id, source, created, converted, value) \
    SELECT ?1, value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5 \
    FROM json_each(?4) WHERE TRUE \
    ON CONFLICT (company_id, day, user_id, source) DO UPDATE SET created = created + excluded.created, \
    converted = converted + excluded.converted, value = value + excluded.value";
/// Most changes of leads are about no campaign.
const ADD_CAMPAIGNS: &str = "INSERT INTO lead_campaigns (company_id, day, id, name, leads, converted, value, points) \
    SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 \
    FROM json_each(?2) WHERE TRUE \
    ON CONFLICT (company_id, day, id, name) DO UPDATE SET leads = leads + excluded.leads, \
    converted = converted + excluded.converted, value = value + excluded.value, points = points + excluded.points";

pub(crate) const ALL_COUNTS: Scoped = scoped!(
    ["SELECT \"by\", word, sum(leads) FROM lead_counts WHERE TRUE"][" GROUP BY \"by\", word HAVING sum(leads) > 0"]
);
pub(crate) const OF_AGENTS: Scoped = scoped!(
    ["SELECT user_id, max(0, total), max(0, open), max(0, converted) FROM agent_leads \
    WHERE user_id IN (SELECT unhex(value) FROM json_each(?2))"][" ORDER BY user_id"]
);
macro_rules! by_day {
    ($user:literal) => {
        scoped!(
            [
                "SELECT day, user_id, source, max(0, sum(created)), max(0, sum(converted)), max(0, sum(value)) \
            FROM lead_days WHERE day BETWEEN ?2 AND ?3",
                $user
            ][" GROUP BY day, user_id, source HAVING sum(created) <> 0 OR sum(converted) <> 0 OR sum(value) <> 0 \
              ORDER BY day, user_id, source LIMIT 100000"]
        )
    };
}
pub(crate) const BY_DAY: Scoped = by_day!("");
pub(crate) const BY_DAY_OF_USER: Scoped = by_day!(" AND user_id = ?4");

pub(crate) const CAMPAIGNS_OF: Scoped = scoped!(
    ["SELECT id, name, max(day), sum(leads), max(0, sum(converted)), max(0, sum(value)), max(0, sum(points)) \
    FROM lead_campaigns WHERE day BETWEEN ?2 AND ?3 \
    AND (leads <> 0 OR converted <> 0 OR value <> 0 OR points <> 0)"][" GROUP BY id, name HAVING sum(leads) > 0 ORDER BY id, name LIMIT 10000"]
);

/// As they are kept.
const KEPT_COUNTS: &str = "SELECT \"by\", word, leads FROM lead_counts WHERE company_id = ?1";
const KEPT_AGENTS: &str = "SELECT user_id, total, open, converted FROM agent_leads WHERE company_id = ?1";
const KEPT_DAYS: &str = "SELECT day, user_id, source, created, converted, value FROM lead_days WHERE company_id = ?1";
const KEPT_CAMPAIGNS: &str =
    "SELECT day, id, name, leads, converted, value, points FROM lead_campaigns WHERE company_id = ?1";
const CLEAR_DAYS: &str =
    "DELETE FROM lead_days WHERE company_id = ?1; DELETE FROM lead_campaigns WHERE company_id = ?1";

fn hex(user: Option<UserId>) -> String {
    user.map_or(Uuid::nil(), |user| user.as_uuid()).simple().to_string()
}

fn rows(rows: impl Iterator<Item = Value>) -> String {
    Value::Array(rows.collect()).to_string()
}

fn read_count(row: &mut Fields<'_>) -> Result<LeadCount, StoreError> {
    Ok(LeadCount { by: row.word("by", CountBy::from_word)?, word: row.text("word")?, leads: row.count("leads")? })
}

fn read_agent(row: &mut Fields<'_>) -> Result<(UserId, AgentLeads), StoreError> {
    let user = row.id("user_id")?;
    let leads = AgentLeads { total: row.count("total")?, open: row.count("open")?, converted: row.count("converted")? };
    Ok((user, leads))
}

/// Whose a day is: nobody's under sixteen zeros.
fn user(row: &mut Fields<'_>) -> Result<Option<UserId>, StoreError> {
    Ok(Some(row.id("user_id")?).filter(|user: &UserId| *user != Id::from_uuid(Uuid::nil())))
}

fn read_day(row: &mut Fields<'_>) -> Result<LeadDay, StoreError> {
    Ok(LeadDay {
        day: row.day("day")?,
        user: user(row)?,
        source: row.word("source", |word| word.parse().ok())?,
        created: row.count("created")?,
        converted: row.count("converted")?,
        value: row.count("value")?,
    })
}

fn read_campaign(row: &mut Fields<'_>) -> Result<CampaignFigures, StoreError> {
    Ok(CampaignFigures {
        key: CampaignKey { id: row.text("id")?, name: row.text("name")? },
        last_day: row.day("day")?,
        leads: row.count("leads")?,
        converted: row.count("converted")?,
        value: row.count("value")?,
        points: row.count("points")?,
    })
}

#[async_trait]
impl LeadFiguresStore for SqliteRepo<'_> {
    async fn add_lead_figures(&mut self, company: CompanyId, figures: &LeadFigures) -> Result<(), StoreError> {
        self.admits(company)?;
        let counts = figures.counts.iter().map(|((by, word), leads)| json!([by.as_str(), word, leads]));
        let agents = figures
            .agents
            .iter()
            .map(|(user, [total, open, converted])| json!([hex(Some(*user)), total, open, converted]));
        let days = figures.days.iter().map(|((day, user, source), [created, converted, value])| {
            json!([day.to_epoch_days(), hex(*user), source.as_str(), created, converted, value])
        });
        let query = sqlx::query(ADD).bind(company.as_uuid()).bind(rows(counts)).bind(rows(agents)).bind(rows(days));
        self.change(query).await?;
        if figures.campaigns.is_empty() {
            return Ok(());
        }
        let campaigns = figures.campaigns.iter().map(|((day, key), [leads, converted, value, points])| {
            json!([day.to_epoch_days(), key.id, key.name, leads, converted, value, points])
        });
        let query = sqlx::query(ADD_CAMPAIGNS).bind(company.as_uuid()).bind(rows(campaigns));
        self.change(query).await.map(|_| ())
    }

    async fn lead_counts(&mut self) -> Result<Vec<LeadCount>, StoreError> {
        let mut counts = self.fetch(self.scoped(&ALL_COUNTS)).await?.all(COUNTS, read_count)?;
        counts.sort_unstable_by(|a, b| (a.by, &a.word).cmp(&(b.by, &b.word)));
        Ok(counts)
    }

    async fn agent_leads(&mut self, users: &[UserId]) -> Result<Vec<(UserId, AgentLeads)>, StoreError> {
        let users = list(users.iter().map(|user| hex(Some(*user))));
        self.fetch(self.scoped(&OF_AGENTS).bind(users)).await?.all(AGENTS, read_agent)
    }

    async fn lead_days(
        &mut self,
        from: NaiveDate,
        to: NaiveDate,
        user: Option<UserId>,
    ) -> Result<Vec<LeadDay>, StoreError> {
        let mut query = self.scoped(if user.is_some() { &BY_DAY_OF_USER } else { &BY_DAY });
        query = query.bind(from.to_epoch_days()).bind(to.to_epoch_days());
        if let Some(user) = user {
            query = query.bind(user.as_uuid());
        }
        self.fetch(query).await?.all(DAYS, read_day)
    }

    async fn lead_campaigns(&mut self, from: NaiveDate, to: NaiveDate) -> Result<Vec<CampaignFigures>, StoreError> {
        let query = self.scoped(&CAMPAIGNS_OF).bind(from.to_epoch_days()).bind(to.to_epoch_days());
        self.fetch(query).await?.all(CAMPAIGNS, read_campaign)
    }

    async fn lead_figures(&mut self) -> Result<LeadFigures, StoreError> {
        let company = self.scope().company().ok_or(StoreError::OutOfScope)?;
        let of = |text: &'static str| sqlx::query(text).bind(company.as_uuid());
        let counts = self
            .fetch(of(KEPT_COUNTS))
            .await?
            .all(COUNTS, |row| Ok(((row.word("by", CountBy::from_word)?, row.text("word")?), row.count("leads")?)))?;
        let agents = self.fetch(of(KEPT_AGENTS)).await?.all(AGENTS, |row| {
            Ok((row.id("user_id")?, [row.count("total")?, row.count("open")?, row.count("converted")?]))
        })?;
        let days = self.fetch(of(KEPT_DAYS)).await?.all(DAYS, |row| {
            let key = (row.day("day")?, user(row)?, row.word("source", |word| word.parse().ok())?);
            Ok((key, [row.count("created")?, row.count("converted")?, row.count("value")?]))
        })?;
        let campaigns = self.fetch(of(KEPT_CAMPAIGNS)).await?.all(CAMPAIGNS, |row| {
            let key = (row.day("day")?, CampaignKey { id: row.text("id")?, name: row.text("name")? });
            let (leads, converted) = (row.count("leads")?, row.count("converted")?);
            Ok((key, [leads, converted, row.count("value")?, row.count("points")?]))
        })?;
        let figures = LeadFigures {
            counts: counts.into_iter().collect(),
            agents: agents.into_iter().collect(),
            days: days.into_iter().collect(),
            campaigns: campaigns.into_iter().collect(),
        };
        Ok(figures.without_zeros())
    }

    async fn clear_lead_days(&mut self) -> Result<(), StoreError> {
        self.may_write()?;
        let company = self.scope().company().ok_or(StoreError::OutOfScope)?;
        self.change(sqlx::query(CLEAR_DAYS).bind(company.as_uuid())).await.map(|_| ())
    }
}
