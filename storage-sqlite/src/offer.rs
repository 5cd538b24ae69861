//! Offers of calls to agents.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::id::{CallId, NodeId, UserId};
use dialplane_core::queue::claim::{AcceptRefused, ClaimRefused, Offer, OfferClaim, OfferState, Standing};
use dialplane_core::store::{OfferStore, StoreError};

use crate::client::id_list;
use crate::statement::{Fields, Query, Scoped, document, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "offers";

// There is one writer: what is free when a statement looks is free until it ends. The condition on the status is that of `calls_open`.
/// Takes the agent's lowest free slot.
const CLAIM: Scoped = scoped!(
    ["WITH RECURSIVE places (slot) AS (SELECT 0 WHERE ?4 > 0 UNION ALL SELECT slot + 1 FROM places WHERE slot + 1 < ?4) \
    INSERT INTO offers (company_id, agent_id, slot, call_id, node_id, state, at) \
    SELECT c.company_id, ?3, p.slot, c.id, ?5, 'offered', ?6 FROM calls c JOIN places p \
    WHERE c.id = ?2 AND c.status IN ('initiated', 'queued', 'ringing', 'in_progress') \
    AND (c.node_id IS NULL OR c.node_id = ?5) \
    AND NOT EXISTS (SELECT 1 FROM offers o WHERE o.company_id = c.company_id AND o.agent_id = ?3 AND o.slot = p.slot) \
    AND NOT EXISTS (SELECT 1 FROM offers o WHERE o.call_id = c.id AND (o.state = 'accepted' OR o.agent_id = ?3))"]
    and "c.company_id" [" ORDER BY p.slot LIMIT 1"]
);
/// How the call stands.
pub(crate) const STANDING: Scoped = scoped!(
    ["SELECT c.node_id, o.call_id IS NOT NULL, o.node_id, \
    EXISTS (SELECT 1 FROM offers a WHERE a.call_id = c.id AND a.state = 'accepted') \
    FROM calls c LEFT JOIN offers o ON o.call_id = c.id AND o.agent_id = ?3 \
    WHERE c.id = ?2 AND c.status IN ('initiated', 'queued', 'ringing', 'in_progress')"]
    and "c.company_id" [""]
);

macro_rules! accept {
    ($scope:literal) => {
        concat!(
            "UPDATE offers SET state = 'accepted', at = ?4 WHERE call_id = ?2 AND agent_id = ?3 AND state = 'offered' \
             AND NOT EXISTS (SELECT 1 FROM offers a WHERE a.call_id = ?2 AND a.state = 'accepted')",
            $scope,
            "; DELETE FROM offers WHERE call_id = ?2 AND agent_id <> ?3 \
             AND EXISTS (SELECT 1 FROM offers a WHERE a.call_id = ?2 AND a.agent_id = ?3 AND a.state = 'accepted')",
            $scope,
            " RETURNING agent_id"
        )
    };
}
/// One has it, and nobody else is asked.
pub(crate) const ACCEPT: Scoped = Scoped { company: accept!(" AND company_id = ?1"), system: accept!("") };
pub(crate) const STATE: Scoped = scoped!(["SELECT state FROM offers WHERE call_id = ?2 AND agent_id = ?3"]);
pub(crate) const RELEASE: Scoped = scoped!([
    "DELETE FROM offers WHERE (call_id, agent_id) IN (SELECT unhex(value ->> 0), unhex(value ->> 1) FROM json_each(?2))"
]);
pub(crate) const RELEASE_CALLS: Scoped =
    scoped!(["DELETE FROM offers WHERE call_id IN (SELECT unhex(value) FROM json_each(?2))"]);
const RELEASE_NODE: Scoped = scoped!(["DELETE FROM offers WHERE (?2 IS NULL OR node_id = ?2)"]);

macro_rules! all {
    ($scope:literal) => {
        concat!(
            "SELECT company_id, agent_id, slot, call_id, node_id, state, at FROM offers",
            $scope,
            " ORDER BY company_id, agent_id, slot"
        )
    };
}
const ALL: Scoped = Scoped { company: all!(" WHERE company_id = ?1"), system: all!("") };

fn read(row: &mut Fields<'_>) -> Result<Offer, StoreError> {
    Ok(Offer {
        company: row.id("company_id")?,
        agent: row.id("agent_id")?,
        slot: row.count("slot")?,
        call: row.id("call_id")?,
        node: row.id_opt("node_id")?,
        state: row.word("state", OfferState::from_word)?,
        at: row.time("at")?,
    })
}

fn standing(row: &mut Fields<'_>) -> Result<Standing, StoreError> {
    let carrier = row.id_opt("node_id")?;
    let is_held = row.flag("call_id")?;
    let holder = row.id_opt("node_id")?;
    Ok(Standing { carrier, held: is_held.then_some(holder), is_taken: row.flag("state")? })
}

impl SqliteRepo<'_> {
    fn about(&self, statement: &Scoped, call: CallId, agent: UserId) -> Query<'static> {
        self.scoped(statement).bind(call.as_uuid()).bind(agent.as_uuid())
    }
}

#[async_trait]
impl OfferStore for SqliteRepo<'_> {
    async fn claim_offer(&mut self, claim: &OfferClaim) -> Result<Result<(), ClaimRefused>, StoreError> {
        let node = claim.node.map(|node| node.as_uuid());
        let taking = self.about(&CLAIM, claim.call, claim.agent).bind(claim.capacity).bind(node);
        if self.change(taking.bind(claim.at.timestamp_micros())).await?.changed() {
            return Ok(Ok(()));
        }
        let found = self.change(self.about(&STANDING, claim.call, claim.agent)).await?.one(TABLE, standing)?;
        Ok(claim.judge(found).unwrap_or(Err(ClaimRefused::AgentBusy)))
    }

    async fn accept_offer(
        &mut self,
        call: CallId,
        agent: UserId,
        at: DateTime<Utc>,
    ) -> Result<Result<Vec<UserId>, AcceptRefused>, StoreError> {
        let accepted = self.change(self.about(&ACCEPT, call, agent).bind(at.timestamp_micros())).await?;
        if accepted.changed() {
            let mut lost: Vec<UserId> = accepted.all(TABLE, |row| row.id("agent_id"))?;
            lost.sort_unstable();
            return Ok(Ok(lost));
        }
        let state = self.change(self.about(&STATE, call, agent)).await?;
        match state.one(TABLE, |row| row.word("state", OfferState::from_word))? {
            None => Ok(Err(AcceptRefused::NotOffered)),
            Some(OfferState::Accepted) => Ok(Ok(Vec::new())),
            Some(OfferState::Offered) => {
                self.release_offers(&[(call, agent)]).await?;
                Ok(Err(AcceptRefused::TooLate))
            }
        }
    }

    async fn release_offers(&mut self, offers: &[(CallId, UserId)]) -> Result<u64, StoreError> {
        let pair = |(call, agent): &(CallId, UserId)| [call.as_uuid().simple(), agent.as_uuid().simple()];
        let pairs = offers.iter().map(|offer| pair(offer).map(|id| id.to_string())).collect::<Vec<_>>();
        Ok(self.change(self.scoped(&RELEASE).bind(document(&pairs)?)).await?.count())
    }

    async fn release_offers_of_calls(&mut self, calls: &[CallId]) -> Result<u64, StoreError> {
        Ok(self.change(self.scoped(&RELEASE_CALLS).bind(id_list(calls))).await?.count())
    }

    async fn release_offers_of_node(&mut self, node: Option<NodeId>) -> Result<u64, StoreError> {
        Ok(self.change(self.scoped(&RELEASE_NODE).bind(node.map(|node| node.as_uuid()))).await?.count())
    }

    async fn offers(&mut self) -> Result<Vec<Offer>, StoreError> {
        self.fetch(self.scoped(&ALL)).await?.all(TABLE, read)
    }
}
