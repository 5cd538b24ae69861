//! How leads are routed: the state of a company, the profiles of its agents, and the decisions.

use async_trait::async_trait;
use dialplane_core::id::{CompanyId, LeadId, UserId};
use dialplane_core::lead::{AgentLeads, Candidate, LeadDecision, LeadProfile, LeadRouting};
use dialplane_core::people::RoleKind;
use dialplane_core::store::{LeadRoutingStore, StoreError};
use serde_json::{Value, json};

use crate::statement::{Fields, Scoped, before, document, list, scoped, stored};
use crate::tx::SqliteRepo;

const TABLE: &str = "lead_routing";
const PROFILES: &str = "lead_profiles";
const DECISIONS: &str = "lead_decisions";

const INSERT: &str =
    "INSERT INTO lead_routing (company_id, settings, turn, version, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const UPDATE: &str =
    "UPDATE lead_routing SET settings = ?2, version = ?3, updated_at = ?4 WHERE company_id = ?1 AND version = ?5";
pub(crate) const ONE: Scoped =
    scoped!(["SELECT company_id, settings, turn, version, updated_at FROM lead_routing WHERE company_id = ?2"]);
const TURN: Scoped = scoped!(["UPDATE lead_routing SET turn = ?3 WHERE company_id = ?2"]);
const PASSES: &str = "INSERT INTO lead_passes (user_id, company_id, pass) \
    SELECT unhex(value ->> 0), ?1, value ->> 1 FROM json_each(?2) WHERE TRUE \
    ON CONFLICT (user_id, company_id) DO UPDATE SET pass = excluded.pass";

macro_rules! candidates {
    ($scope:literal) => {
        concat!(
            "SELECT u.id, u.availability, p.settings, max(0, coalesce(l.total, 0)), max(0, coalesce(l.open, 0)), \
             max(0, coalesce(l.converted, 0)), coalesce(s.pass, 0) FROM users u \
             LEFT JOIN lead_profiles p ON p.user_id = u.id AND p.company_id = u.company_id \
             LEFT JOIN agent_leads l ON l.user_id = u.id AND l.company_id = u.company_id \
             LEFT JOIN lead_passes s ON s.user_id = u.id AND s.company_id = u.company_id \
             WHERE u.is_active AND u.role IN (SELECT value FROM json_each(?2))",
            $scope,
            " ORDER BY u.id"
        )
    };
}
pub(crate) const CANDIDATES: Scoped =
    Scoped { company: candidates!(" AND u.company_id = ?1"), system: candidates!("") };

const INSERT_PROFILE: &str =
    "INSERT INTO lead_profiles (user_id, company_id, settings, version, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const UPDATE_PROFILE: &str = "UPDATE lead_profiles SET settings = ?3, version = ?4, updated_at = ?5 \
    WHERE user_id = ?1 AND company_id = ?2 AND version = ?6";
const PROFILE: Scoped =
    scoped!(["SELECT user_id, company_id, settings, version, updated_at FROM lead_profiles WHERE user_id = ?2"]);

const INSERT_DECISION: Scoped = scoped!(["INSERT INTO lead_decisions (lead_id, company_id, decision) \
    SELECT id, company_id, ?4 FROM leads WHERE id = ?2 AND company_id = ?3"]);
pub(crate) const OF_LEAD: Scoped = scoped!(
    ["SELECT lead_id, company_id, decision FROM lead_decisions WHERE lead_id = ?2"][" ORDER BY seq DESC LIMIT 50"]
);

fn read(row: &mut Fields<'_>) -> Result<LeadRouting, StoreError> {
    Ok(LeadRouting {
        company: row.id("company_id")?,
        settings: row.document("settings")?,
        turn: row.count("turn")?,
        version: row.count("version")?,
        updated_at: row.time("updated_at")?,
    })
}

fn read_candidate(row: &mut Fields<'_>) -> Result<Candidate, StoreError> {
    Ok(Candidate {
        user: row.id("id")?,
        availability: row.as_of("users").word("availability", |word| word.parse().ok())?,
        profile: row.as_of(PROFILES).document_opt("settings")?.unwrap_or_default(),
        leads: AgentLeads { total: row.count("total")?, open: row.count("open")?, converted: row.count("converted")? },
        pass: row.count("pass")?,
    })
}

fn read_profile(row: &mut Fields<'_>) -> Result<LeadProfile, StoreError> {
    Ok(LeadProfile {
        user: row.id("user_id")?,
        company: row.id("company_id")?,
        settings: row.document("settings")?,
        version: row.count("version")?,
        updated_at: row.time("updated_at")?,
    })
}

fn read_decision(row: &mut Fields<'_>) -> Result<LeadDecision, StoreError> {
    Ok(LeadDecision { lead: row.id("lead_id")?, company: row.id("company_id")?, decision: row.document("decision")? })
}

impl SqliteRepo<'_> {
    async fn insert_decision(&mut self, decision: &LeadDecision) -> Result<(), StoreError> {
        let query = self
            .scoped(&INSERT_DECISION)
            .bind(decision.lead.as_uuid())
            .bind(decision.company.as_uuid())
            .bind(document(&decision.decision)?);
        if self.change(query).await?.changed() { Ok(()) } else { Err(StoreError::OutOfScope) }
    }
}

#[async_trait]
impl LeadRoutingStore for SqliteRepo<'_> {
    async fn insert_lead_routing(&mut self, routing: &LeadRouting) -> Result<(), StoreError> {
        self.admits(routing.company)?;
        let query = sqlx::query(INSERT)
            .bind(routing.company.as_uuid())
            .bind(document(&routing.settings)?)
            .bind(stored(routing.turn))
            .bind(routing.version)
            .bind(routing.updated_at.timestamp_micros());
        self.change(query).await.map(|_| ())
    }

    async fn update_lead_routing(&mut self, routing: &LeadRouting) -> Result<(), StoreError> {
        self.reaches(routing.company)?;
        let query = sqlx::query(UPDATE)
            .bind(routing.company.as_uuid())
            .bind(document(&routing.settings)?)
            .bind(routing.version)
            .bind(routing.updated_at.timestamp_micros())
            .bind(before(routing.version));
        self.change(query).await?.or_stale()
    }

    async fn lead_routing(&mut self, company: CompanyId) -> Result<Option<LeadRouting>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(company.as_uuid())).await?.one(TABLE, read)
    }

    async fn lead_routing_for_update(&mut self, company: CompanyId) -> Result<Option<LeadRouting>, StoreError> {
        self.change(self.scoped(&ONE).bind(company.as_uuid())).await?.one(TABLE, read)
    }

    async fn set_lead_turns(
        &mut self,
        company: CompanyId,
        turn: u64,
        passes: &[(UserId, u64)],
    ) -> Result<(), StoreError> {
        self.change(self.scoped(&TURN).bind(company.as_uuid()).bind(stored(turn))).await?.or_stale()?;
        let passes = passes.iter().map(|(user, pass)| json!([user.as_uuid().simple().to_string(), stored(*pass)]));
        let passes = Value::Array(passes.collect()).to_string();
        self.change(sqlx::query(PASSES).bind(company.as_uuid()).bind(passes)).await.map(|_| ())
    }

    async fn lead_candidates(&mut self) -> Result<Vec<Candidate>, StoreError> {
        let roles = list(RoleKind::Agent.roles().map(|role| role.as_str().to_owned()));
        self.fetch(self.scoped(&CANDIDATES).bind(roles)).await?.all("users", read_candidate)
    }

    async fn insert_lead_profile(&mut self, profile: &LeadProfile) -> Result<(), StoreError> {
        self.admits(profile.company)?;
        let query = sqlx::query(INSERT_PROFILE)
            .bind(profile.user.as_uuid())
            .bind(profile.company.as_uuid())
            .bind(document(&profile.settings)?)
            .bind(profile.version)
            .bind(profile.updated_at.timestamp_micros());
        self.change(query).await.map(|_| ())
    }

    async fn update_lead_profile(&mut self, profile: &LeadProfile) -> Result<(), StoreError> {
        self.reaches(profile.company)?;
        let query = sqlx::query(UPDATE_PROFILE)
            .bind(profile.user.as_uuid())
            .bind(profile.company.as_uuid())
            .bind(document(&profile.settings)?)
            .bind(profile.version)
            .bind(profile.updated_at.timestamp_micros())
            .bind(before(profile.version));
        self.change(query).await?.or_stale()
    }

    async fn lead_profile(&mut self, user: UserId) -> Result<Option<LeadProfile>, StoreError> {
        self.fetch(self.scoped(&PROFILE).bind(user.as_uuid())).await?.one(PROFILES, read_profile)
    }

    async fn insert_lead_decisions(&mut self, decisions: &[LeadDecision]) -> Result<(), StoreError> {
        self.may_write()?;
        self.begin_slice(decisions.len()).await?;
        let mut result = Ok(());
        for decision in decisions {
            result = self.insert_decision(decision).await;
            if result.is_err() {
                break;
            }
        }
        self.end_slice(decisions.len(), result).await
    }

    async fn lead_decisions(&mut self, lead: LeadId) -> Result<Vec<LeadDecision>, StoreError> {
        self.fetch(self.scoped(&OF_LEAD).bind(lead.as_uuid())).await?.all(DECISIONS, read_decision)
    }
}
