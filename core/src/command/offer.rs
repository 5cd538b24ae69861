//! Offers of calls to agents: claimed before anybody is rung, accepted once, released when the agent's part is over.
//!
//! Call control does not execute these one by one: its steps come with the reports of its calls and are carried out in their unit
//! of work ([`RecordCalls`](super::call::RecordCalls)), so that an offer costs no commit of its own and cannot overtake what the
//! call did before.

use async_trait::async_trait;

use crate::call::Call;
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::id::{CallId, NodeId, UserId};
use crate::queue::claim::{AcceptRefused, ClaimAnswer, ClaimRefused, OfferClaim, OfferStep, OfferSteps};
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// Claims an agent for a call, before they are rung.
#[derive(Debug, Clone, Copy)]
pub struct ClaimOffer {
    /// The call.
    pub call: CallId,
    /// Who is to be offered it.
    pub agent: UserId,
    /// How many calls the agent takes at once: 1 to 20.
    pub capacity: u8,
    /// The process that offers it.
    pub node: Option<NodeId>,
}

#[async_trait]
impl Command for ClaimOffer {
    type Output = ();
    type Refused = ClaimRefused;
    const NAME: &'static str = "claim_offer";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<ClaimRefused>> {
        let Self { call, agent, capacity, node } = *self;
        let claim = OfferClaim { call, agent, capacity, node, at: cx.now() };
        repo.claim_offer(&claim).await?.map_err(Failure::Refused)
    }
}

/// Gives a call to an agent who is offered it. Of several one gets it; the others are released.
#[derive(Debug, Clone, Copy)]
pub struct AcceptOffer {
    /// The call.
    pub call: CallId,
    /// Who answered.
    pub agent: UserId,
}

#[async_trait]
impl Command for AcceptOffer {
    /// Who is offered it no more.
    type Output = Vec<UserId>;
    type Refused = AcceptRefused;
    const NAME: &'static str = "accept_offer";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Vec<UserId>, Failure<AcceptRefused>> {
        repo.accept_offer(self.call, self.agent, cx.now()).await?.map_err(Failure::Refused)
    }
}

/// Releases an agent from a call that goes on without them.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseOffer {
    /// The call.
    pub call: CallId,
    /// Who.
    pub agent: UserId,
}

#[async_trait]
impl Command for ReleaseOffer {
    /// Whether they had a part in it.
    type Output = bool;
    type Refused = AcceptRefused;
    const NAME: &'static str = "release_offer";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, _: &mut Context<'_>, repo: &mut dyn Repo) -> Result<bool, Failure<AcceptRefused>> {
        Ok(repo.release_offers(&[(self.call, self.agent)]).await? > 0)
    }
}

/// What the reports of a batch come to for the offers of their calls.
#[derive(Debug, Default)]
pub(super) struct Batch {
    accepted: Vec<(CallId, UserId)>,
    released: Vec<(CallId, UserId)>,
    over: Vec<CallId>,
    claims: Vec<OfferClaim>,
    answers: Vec<ClaimAnswer>,
}

impl Batch {
    /// Adds the steps of a call as it stands now. Whoever has ended needs nobody any more.
    pub(super) fn add(&mut self, cx: &Context<'_>, call: &Call, steps: &[OfferStep]) {
        if call.ended_at.is_some() {
            return self.over.push(call.id);
        }
        let OfferSteps { accepted, released, claimed } = OfferSteps::of(steps);
        self.accepted.extend(accepted.map(|agent| (call.id, agent)));
        self.released.extend(released.into_iter().map(|agent| (call.id, agent)));
        let (node, at) = (call.node, cx.now());
        let claims =
            claimed.into_iter().map(|(agent, capacity)| OfferClaim { call: call.id, agent, capacity, node, at });
        self.claims.extend(claims);
    }

    /// Refuses the claims of a call that nobody knows.
    pub(super) fn refuse(&mut self, call: CallId, steps: &[OfferStep]) {
        let claimed = OfferSteps::of(steps).claimed.into_iter();
        let refused = |(agent, _)| ClaimAnswer { call, agent, result: Err(ClaimRefused::NotWaiting) };
        self.answers.extend(claimed.map(refused));
    }

    /// Carries the batch out, behind the calls themselves: first who is free again, then who is claimed.
    pub(super) async fn settle(self, cx: &Context<'_>, repo: &mut dyn Repo) -> Result<Vec<ClaimAnswer>, StoreError> {
        let Self { accepted, released, over, mut claims, mut answers } = self;
        for (call, agent) in accepted {
            if let Err(refused) = repo.accept_offer(call, agent, cx.now()).await? {
                tracing::error!(?call, %agent, %refused, "an agent took a call that they were not claimed for");
            }
        }
        if !released.is_empty() {
            repo.release_offers(&released).await?;
        }
        if !over.is_empty() {
            repo.release_offers_of_calls(&over).await?;
        }
        // Everybody claims in order of agent: nobody waits in a circle.
        claims.sort_unstable_by_key(|claim| (claim.agent, claim.call));
        for claim in &claims {
            let result = repo.claim_offer(claim).await?;
            answers.push(ClaimAnswer { call: claim.call, agent: claim.agent, result });
        }
        Ok(answers)
    }
}
