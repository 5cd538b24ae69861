//! How leads are routed: the state of a company, the profiles of its agents, and the decisions.

use async_trait::async_trait;
use dialplane_core::id::{CompanyId, LeadId, UserId};
use dialplane_core::lead::{AgentLeads, Candidate, LeadDecision, LeadProfile, LeadRouting};
use dialplane_core::people::RoleKind;
use dialplane_core::store::{LeadRoutingStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::text::Document;
use crate::tx::{Fields, Link, PgRepo, amount, before, within};

const TABLE: &str = "lead_routing";
const PROFILES: &str = "lead_profiles";
const DECISIONS: &str = "lead_decisions";

const INSERT: &str = "INSERT INTO lead_routing (company_id, settings, turn, version, updated_at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
const CLASH: &str = "SELECT bool_or(company_id = $1) FROM lead_routing WHERE company_id = $1";
const UPDATE: &str =
    "UPDATE lead_routing SET settings = $2, version = $3, updated_at = $4 WHERE company_id = $1 AND version = $5";
macro_rules! one {
    () => {
        concat!(
            "SELECT company_id, settings, turn, version, updated_at FROM lead_routing WHERE company_id = $2 AND ",
            within!("company_id")
        )
    };
}
const ONE: &str = one!();
const ONE_LOCKED: &str = concat!(one!(), " FOR UPDATE");
/// The company's turn and the passes in one round trip; without a state nothing is stored.
const TURN: &str = concat!(
    "WITH company AS (UPDATE lead_routing SET turn = $3 WHERE company_id = $2 AND ",
    within!("company_id"),
    " RETURNING company_id), passes AS (INSERT INTO lead_passes (user_id, company_id, pass) \
     SELECT n.user_id, c.company_id, n.pass FROM company c, UNNEST($4::uuid[], $5::bigint[]) AS n (user_id, pass) \
     ORDER BY n.user_id \
     ON CONFLICT (user_id, company_id) DO UPDATE SET pass = excluded.pass) \
     SELECT company_id FROM company"
);
const CANDIDATES: &str = concat!(
    "SELECT u.id, u.availability, p.settings, greatest(0, coalesce(l.total, 0)), greatest(0, coalesce(l.open, 0)), \
     greatest(0, coalesce(l.converted, 0)), coalesce(s.pass, 0) FROM users u \
     LEFT JOIN lead_profiles p ON p.user_id = u.id AND p.company_id = u.company_id \
     LEFT JOIN agent_leads l ON l.user_id = u.id AND l.company_id = u.company_id \
     LEFT JOIN lead_passes s ON s.user_id = u.id AND s.company_id = u.company_id \
     WHERE u.is_active AND u.role = ANY($2) AND ",
    within!("u.company_id"),
    " ORDER BY u.id"
);
const INSERT_PROFILE: &str = "INSERT INTO lead_profiles (user_id, company_id, settings, version, updated_at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
const CLASH_PROFILE: &str = "SELECT bool_or(user_id = $1) FROM lead_profiles WHERE user_id = $1";
const UPDATE_PROFILE: &str = "UPDATE lead_profiles SET settings = $3, version = $4, updated_at = $5 \
     WHERE user_id = $1 AND company_id = $2 AND version = $6";
const PROFILE: &str = concat!(
    "SELECT user_id, company_id, settings, version, updated_at FROM lead_profiles WHERE user_id = $2 AND ",
    within!("company_id")
);
const INSERT_DECISIONS: &str = "INSERT INTO lead_decisions (lead_id, company_id, decision) \
     SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::jsonb[])";
const OF_LEAD: &str = concat!(
    "SELECT lead_id, company_id, decision FROM lead_decisions WHERE lead_id = $2 AND ",
    within!("company_id"),
    " ORDER BY seq DESC LIMIT 50"
);

fn read(row: &PgRow) -> Result<LeadRouting, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(LeadRouting {
        company: fields.id("company_id")?,
        settings: fields.json("settings")?,
        turn: fields.count("turn")?,
        version: fields.count("version")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn read_candidate(row: &PgRow) -> Result<Candidate, StoreError> {
    let mut fields = Fields::of(row, "users");
    Ok(Candidate {
        user: fields.id("id")?,
        availability: fields.word("availability", |word| word.parse().ok())?,
        profile: fields.maybe_json("settings")?.unwrap_or_default(),
        leads: AgentLeads {
            total: fields.count("total")?,
            open: fields.count("open")?,
            converted: fields.count("converted")?,
        },
        pass: fields.count("pass")?,
    })
}

fn read_profile(row: &PgRow) -> Result<LeadProfile, StoreError> {
    let mut fields = Fields::of(row, PROFILES);
    Ok(LeadProfile {
        user: fields.id("user_id")?,
        company: fields.id("company_id")?,
        settings: fields.json("settings")?,
        version: fields.count("version")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn read_decision(row: &PgRow) -> Result<LeadDecision, StoreError> {
    let mut fields = Fields::of(row, DECISIONS);
    Ok(LeadDecision {
        lead: fields.id("lead_id")?,
        company: fields.id("company_id")?,
        decision: fields.json("decision")?,
    })
}

#[async_trait]
impl<L: Link> LeadRoutingStore for PgRepo<L> {
    async fn insert_lead_routing(&mut self, routing: &LeadRouting) -> Result<(), StoreError> {
        self.admit(routing.company)?;
        let insert = query(INSERT)
            .bind(routing.company.as_uuid())
            .bind(Document::of(&routing.settings)?)
            .bind(amount(routing.turn))
            .bind(i64::from(routing.version))
            .bind(routing.updated_at);
        let clash = query(CLASH).bind(routing.company.as_uuid());
        self.insert("lead_routing", &["company"], insert, clash).await
    }

    async fn update_lead_routing(&mut self, routing: &LeadRouting) -> Result<(), StoreError> {
        self.reach(routing.company)?;
        let update = query(UPDATE)
            .bind(routing.company.as_uuid())
            .bind(Document::of(&routing.settings)?)
            .bind(i64::from(routing.version))
            .bind(routing.updated_at)
            .bind(before(routing.version));
        self.replace(update).await
    }

    async fn lead_routing(&mut self, company: CompanyId) -> Result<Option<LeadRouting>, StoreError> {
        let row = self.one(query(ONE).bind(self.company_filter()).bind(company.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn lead_routing_for_update(&mut self, company: CompanyId) -> Result<Option<LeadRouting>, StoreError> {
        self.may_write()?;
        let row = self.one(query(ONE_LOCKED).bind(self.company_filter()).bind(company.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn set_lead_turns(
        &mut self,
        company: CompanyId,
        turn: u64,
        passes: &[(UserId, u64)],
    ) -> Result<(), StoreError> {
        self.may_write()?;
        let (users, passes): (Vec<Uuid>, Vec<i64>) =
            passes.iter().map(|(user, pass)| (user.as_uuid(), amount(*pass))).unzip();
        let set =
            query(TURN).bind(self.company_filter()).bind(company.as_uuid()).bind(amount(turn)).bind(users).bind(passes);
        if self.one(set).await?.is_none() { Err(StoreError::Stale) } else { Ok(()) }
    }

    async fn lead_candidates(&mut self) -> Result<Vec<Candidate>, StoreError> {
        let roles: Vec<&str> = RoleKind::Agent.roles().map(|role| role.as_str()).collect();
        let rows = self.all(query(CANDIDATES).bind(self.company_filter()).bind(roles)).await?;
        rows.iter().map(read_candidate).collect()
    }

    async fn insert_lead_profile(&mut self, profile: &LeadProfile) -> Result<(), StoreError> {
        self.admit(profile.company)?;
        let insert = query(INSERT_PROFILE)
            .bind(profile.user.as_uuid())
            .bind(profile.company.as_uuid())
            .bind(Document::of(&profile.settings)?)
            .bind(i64::from(profile.version))
            .bind(profile.updated_at);
        let clash = query(CLASH_PROFILE).bind(profile.user.as_uuid());
        self.insert("lead_profile", &["user"], insert, clash).await
    }

    async fn update_lead_profile(&mut self, profile: &LeadProfile) -> Result<(), StoreError> {
        self.reach(profile.company)?;
        let update = query(UPDATE_PROFILE)
            .bind(profile.user.as_uuid())
            .bind(profile.company.as_uuid())
            .bind(Document::of(&profile.settings)?)
            .bind(i64::from(profile.version))
            .bind(profile.updated_at)
            .bind(before(profile.version));
        self.replace(update).await
    }

    async fn lead_profile(&mut self, user: UserId) -> Result<Option<LeadProfile>, StoreError> {
        let row = self.one(query(PROFILE).bind(self.company_filter()).bind(user.as_uuid())).await?;
        row.as_ref().map(read_profile).transpose()
    }

    async fn insert_lead_decisions(&mut self, decisions: &[LeadDecision]) -> Result<(), StoreError> {
        self.may_write()?;
        let leads: Vec<_> = decisions.iter().map(|one| (one.lead, one.company)).collect();
        if !self.all_leads_visible(&leads).await? {
            return Err(StoreError::OutOfScope);
        }
        let documents = decisions.iter().map(|one| Document::of(&one.decision)).collect::<Result<Vec<_>, _>>()?;
        let (ids, companies): (Vec<Uuid>, Vec<Uuid>) =
            leads.iter().map(|(lead, company)| (lead.as_uuid(), company.as_uuid())).unzip();
        self.run(query(INSERT_DECISIONS).bind(ids).bind(companies).bind(documents)).await.map(|_| ())
    }

    async fn lead_decisions(&mut self, lead: LeadId) -> Result<Vec<LeadDecision>, StoreError> {
        let rows = self.all(query(OF_LEAD).bind(self.company_filter()).bind(lead.as_uuid())).await?;
        rows.iter().map(read_decision).collect()
    }
}
