//! Offers of calls to agents.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::id::{CallId, Id, NodeId, UserId};
use dialplane_core::queue::claim::{AcceptRefused, ClaimRefused, Offer, OfferClaim, OfferState, Standing};
use dialplane_core::store::{OfferStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::tx::{Fields, Link, List, PgRepo, Statement, bare, within};

const TABLE: &str = "offers";

/// Takes the agent's lowest free slot. Claims of the same slot wait for each other at its key, and the end of the call or its acceptance
/// at the call's row.
const CLAIM: &str = concat!(
    "WITH live AS (SELECT id, company_id FROM calls WHERE id = $2 AND ended_status IS NULL \
     AND (node_id IS NULL OR node_id = $4) AND ",
    within!("company_id"),
    " FOR SHARE) \
     INSERT INTO offers (company_id, agent_id, slot, call_id, node_id, state, at) \
     SELECT live.company_id, $3, place.slot, live.id, $4, 'offered', $5 \
     FROM live, generate_series(0, $6 - 1) AS place (slot) \
     WHERE NOT EXISTS (SELECT FROM offers o WHERE o.company_id = live.company_id AND o.agent_id = $3 AND o.slot = place.slot) \
     AND NOT EXISTS (SELECT FROM offers o WHERE o.call_id = live.id AND (o.state = 'accepted' OR o.agent_id = $3)) \
     ORDER BY place.slot LIMIT 1 ON CONFLICT DO NOTHING"
);
/// How the call stands, and how many of the agent's slots are taken.
const STANDING: &str = concat!(
    "SELECT c.node_id, o.call_id IS NOT NULL, o.node_id, \
     EXISTS (SELECT FROM offers a WHERE a.call_id = c.id AND a.state = 'accepted'), \
     (SELECT count(*) FROM offers s WHERE s.company_id = c.company_id AND s.agent_id = $3 AND s.slot < $4) \
     FROM calls c LEFT JOIN offers o ON o.call_id = c.id AND o.agent_id = $3 \
     WHERE c.id = $2 AND c.ended_status IS NULL AND ",
    within!("c.company_id")
);
/// The call's row makes those who claim and accept it wait for each other. A statement of its own: what comes after it sees what those did
/// who were waited for.
const HOLD: &str = concat!("SELECT id FROM calls WHERE id = $2 AND ", within!("company_id"), " FOR UPDATE");
const ACCEPT: &str = concat!(
    "WITH held AS (SELECT id FROM calls WHERE id = $2 AND ",
    within!("company_id"),
    "), \
     won AS (UPDATE offers o SET state = 'accepted', at = $4 FROM held WHERE o.call_id = held.id AND o.agent_id = $3 \
     AND o.state = 'offered' \
     AND NOT EXISTS (SELECT FROM offers a WHERE a.call_id = held.id AND a.state = 'accepted') RETURNING o.call_id), \
     lost AS (DELETE FROM offers o USING won WHERE o.call_id = won.call_id AND o.agent_id <> $3 RETURNING o.agent_id) \
     SELECT ARRAY(SELECT agent_id FROM lost ORDER BY agent_id) FROM won"
);
/// What an agent who did not get the call has to do with it; too late, nothing any more.
const STATE: &str =
    concat!("SELECT state FROM offers WHERE call_id = $2 AND agent_id = $3 AND ", within!("company_id"));
const RELEASE: &str = concat!(
    "DELETE FROM offers o USING UNNEST($2::uuid[], $3::uuid[]) AS gone (call_id, agent_id) \
     WHERE o.call_id = gone.call_id AND o.agent_id = gone.agent_id AND ",
    within!("o.company_id")
);
const RELEASE_CALLS: &str = concat!("DELETE FROM offers WHERE call_id = ANY($2) AND ", within!("company_id"));
const RELEASE_NODE: &str =
    concat!("DELETE FROM offers WHERE ($2::uuid IS NULL OR node_id = $2) AND ", within!("company_id"));

/// The columns, their table and their order.
const ALL: (&str, &str, &str) =
    ("company_id, agent_id, slot, call_id, node_id, state, at", TABLE, "company_id, agent_id, slot");

fn read(row: &PgRow) -> Result<Offer, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Offer {
        company: fields.id("company_id")?,
        agent: fields.id("agent_id")?,
        slot: fields.count("slot")?,
        call: fields.id("call_id")?,
        node: fields.reference("node_id")?,
        state: fields.word("state", OfferState::from_word)?,
        at: fields.get("at")?,
    })
}

/// How a call stands, and the agent's taken slots.
fn standing(row: &PgRow) -> Result<(Standing, i64), StoreError> {
    let mut fields = Fields::of(row, TABLE);
    let carrier = fields.reference("node_id")?;
    let is_held: bool = fields.get("call_id")?;
    let holder: Option<NodeId> = fields.get::<Option<Uuid>>("node_id")?.map(Id::from_uuid);
    let standing = Standing { carrier, held: is_held.then_some(holder), is_taken: fields.get("state")? };
    Ok((standing, fields.get("slot")?))
}

impl<L: Link> PgRepo<L> {
    fn about(&self, sql: &'static str, call: CallId, agent: UserId) -> Statement<'static> {
        query(sql).bind(self.company_filter()).bind(call.as_uuid()).bind(agent.as_uuid())
    }
}

#[async_trait]
impl<L: Link> OfferStore for PgRepo<L> {
    async fn claim_offer(&mut self, claim: &OfferClaim) -> Result<Result<(), ClaimRefused>, StoreError> {
        self.may_write()?;
        // A slot that another took at the same moment leaves those above it: each look finds one slot less, or the last one taken.
        for _ in 0..=claim.capacity {
            let taking = self.about(CLAIM, claim.call, claim.agent).bind(bare(claim.node)).bind(claim.at);
            if self.run(taking.bind(i32::from(claim.capacity))).await? > 0 {
                return Ok(Ok(()));
            }
            let looking = self.about(STANDING, claim.call, claim.agent).bind(i64::from(claim.capacity));
            let found = self.one(looking).await?.as_ref().map(standing).transpose()?;
            if let Some(judged) = claim.judge(found.map(|(standing, _)| standing)) {
                return Ok(judged);
            }
            if found.is_some_and(|(_, taken)| taken >= i64::from(claim.capacity)) {
                return Ok(Err(ClaimRefused::AgentBusy));
            }
        }
        Err(self.broken(StoreError::Contention))
    }

    async fn accept_offer(
        &mut self,
        call: CallId,
        agent: UserId,
        at: DateTime<Utc>,
    ) -> Result<Result<Vec<UserId>, AcceptRefused>, StoreError> {
        self.may_write()?;
        self.one(query(HOLD).bind(self.company_filter()).bind(call.as_uuid())).await?;
        if let Some(row) = self.one(self.about(ACCEPT, call, agent).bind(at)).await? {
            let lost: Vec<Uuid> = Fields::of(&row, TABLE).get("agent_id")?;
            return Ok(Ok(lost.into_iter().map(Id::from_uuid).collect()));
        }
        let Some(row) = self.one(self.about(STATE, call, agent)).await? else {
            return Ok(Err(AcceptRefused::NotOffered));
        };
        if Fields::of(&row, TABLE).word("state", OfferState::from_word)? == OfferState::Accepted {
            return Ok(Ok(Vec::new()));
        }
        self.release_offers(&[(call, agent)]).await?;
        Ok(Err(AcceptRefused::TooLate))
    }

    async fn release_offers(&mut self, offers: &[(CallId, UserId)]) -> Result<u64, StoreError> {
        self.may_write()?;
        let (calls, agents): (Vec<Uuid>, Vec<Uuid>) =
            offers.iter().map(|(call, agent)| (call.as_uuid(), agent.as_uuid())).unzip();
        self.run(query(RELEASE).bind(self.company_filter()).bind(calls).bind(agents)).await
    }

    async fn release_offers_of_calls(&mut self, calls: &[CallId]) -> Result<u64, StoreError> {
        self.may_write()?;
        let calls: Vec<Uuid> = calls.iter().map(|call| call.as_uuid()).collect();
        self.run(query(RELEASE_CALLS).bind(self.company_filter()).bind(calls)).await
    }

    async fn release_offers_of_node(&mut self, node: Option<NodeId>) -> Result<u64, StoreError> {
        self.may_write()?;
        self.run(query(RELEASE_NODE).bind(self.company_filter()).bind(bare(node))).await
    }

    async fn offers(&mut self) -> Result<Vec<Offer>, StoreError> {
        let list = List::of(TABLE, ALL, "company_id", self.scoped_to());
        self.all(list.whole().build()).await?.iter().map(read).collect()
    }
}
