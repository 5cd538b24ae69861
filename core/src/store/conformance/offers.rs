//! Agents are claimed for calls: never for more than they take, and a call is never in two hands.

use chrono::TimeDelta;
use futures::future::join_all;

use super::fixtures::{Rows, begin, breathe, ends_of_time, founded, read, retried, write};
use crate::call::{Call, Change, Hangup, HangupCause, Side};
use crate::company::Company;
use crate::id::{CallId, NodeId, UserId};
use crate::queue::claim::{AcceptRefused, ClaimRefused, Offer, OfferClaim, OfferState};
use crate::scope::Scope;
use crate::store::{Access, Store, StoreError};

/// A claim of an agent who takes one call at a time.
fn claim(rows: &Rows, call: &Call, agent: UserId) -> OfferClaim {
    OfferClaim { call: call.id, agent, capacity: 1, node: None, at: rows.now() }
}

/// Stores calls that wait.
async fn waiting<const N: usize>(store: &dyn Store, rows: &Rows, company: &Company) -> [Call; N] {
    let calls = std::array::from_fn(|_| rows.call(company.id));
    write!(store, Scope::System, tx => tx.insert_calls(&calls).await.unwrap());
    calls
}

/// The call after its end.
fn ended(rows: &Rows, call: &Call) -> Call {
    let mut call = call.clone();
    let hangup = Hangup { side: Side::Caller, cause: HangupCause::NormalClearing, sip_status: None };
    call.apply(rows.now(), &Change::Ended { hangup }).expect("a call that waits can end");
    Call { version: call.version + 1, ..call }
}

async fn all(store: &dyn Store, scope: Scope) -> Vec<Offer> {
    read!(store, scope, tx => tx.offers().await.unwrap())
}

/// Every field of an offer comes back as it was claimed, and says when it was accepted.
pub async fn an_offer_reads_back_as_it_was_claimed(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let [plain, full] = waiting(store, &rows, &company).await;
    let (agent, node) = (rows.id(), rows.id());
    let (first, last) = ends_of_time();
    write!(store, scope, tx => {
        tx.claim_offer(&OfferClaim { at: last, ..claim(&rows, &plain, agent) }).await.unwrap().unwrap();
        let claim = OfferClaim { capacity: 20, node: Some(node), at: first, ..claim(&rows, &full, agent) };
        tx.claim_offer(&claim).await.unwrap().unwrap();
        // Whoever has it keeps it as it is.
        tx.claim_offer(&OfferClaim { at: last, ..claim }).await.unwrap().unwrap();
    });
    let offer = |call: &Call, slot, node, at| Offer {
        company: company.id,
        call: call.id,
        agent,
        slot,
        node,
        state: OfferState::Offered,
        at,
    };
    let (one, two) = (offer(&plain, 0, None, last), offer(&full, 1, Some(node), first));
    assert_eq!(all(store, scope).await, [one.clone(), two.clone()]);
    let at = rows.now();
    assert_eq!(write!(store, scope, tx => tx.accept_offer(full.id, agent, at).await.unwrap()), Ok(Vec::new()));
    // Said again, it is as it was.
    assert_eq!(write!(store, scope, tx => tx.accept_offer(full.id, agent, last).await.unwrap()), Ok(Vec::new()));
    assert_eq!(all(store, scope).await, [one, Offer { state: OfferState::Accepted, at, ..two }]);
}

/// An agent is claimed for as many calls as they take, in the lowest slots that are free.
pub async fn an_agent_is_claimed_for_as_many_calls_as_they_take(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let calls: [Call; 4] = waiting(store, &rows, &company).await;
    let agent = rows.id();
    let claim = |n: usize, capacity| OfferClaim { capacity, ..claim(&rows, &calls[n], agent) };
    write!(store, scope, tx => {
        tx.claim_offer(&claim(0, 2)).await.unwrap().unwrap();
        tx.claim_offer(&claim(1, 2)).await.unwrap().unwrap();
        assert_eq!(tx.claim_offer(&claim(2, 2)).await.unwrap(), Err(ClaimRefused::AgentBusy));
        // What they have in hand is not taken from them when they are to take less.
        assert_eq!(tx.claim_offer(&claim(2, 1)).await.unwrap(), Err(ClaimRefused::AgentBusy));
        assert_eq!(tx.claim_offer(&claim(2, 0)).await.unwrap(), Err(ClaimRefused::AgentBusy));
        assert_eq!(tx.release_offers(&[(calls[0].id, agent)]).await.unwrap(), 1);
        tx.claim_offer(&claim(2, 3)).await.unwrap().unwrap();
        tx.claim_offer(&claim(3, 3)).await.unwrap().unwrap();
        // Somebody else is as free as they were.
        tx.claim_offer(&OfferClaim { agent: rows.id(), ..claim(0, 1) }).await.unwrap().unwrap();
    });
    let own = all(store, scope).await.into_iter().filter(|offer| offer.agent == agent);
    let own: Vec<(CallId, u8)> = own.map(|offer| (offer.call, offer.slot)).collect();
    assert_eq!(own, [(calls[2].id, 0), (calls[1].id, 1), (calls[3].id, 2)]);
}

/// A call rings many, one gets it, and the others are free in the same unit of work.
pub async fn a_call_is_offered_to_many_and_given_to_one(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let [call, other] = waiting(store, &rows, &company).await;
    let agents: [UserId; 3] = std::array::from_fn(|_| rows.id());
    write!(store, scope, tx => {
        for agent in agents {
            tx.claim_offer(&claim(&rows, &call, agent)).await.unwrap().unwrap();
        }
        let stranger = tx.accept_offer(call.id, rows.id(), rows.now()).await.unwrap();
        assert_eq!(stranger, Err(AcceptRefused::NotOffered));
        assert_eq!(tx.accept_offer(other.id, agents[0], rows.now()).await.unwrap(), Err(AcceptRefused::NotOffered));
    });
    let won = write!(store, scope, tx => tx.accept_offer(call.id, agents[1], rows.now()).await.unwrap());
    assert_eq!(won, Ok(vec![agents[0], agents[2]]));
    write!(store, scope, tx => {
        assert_eq!(tx.accept_offer(call.id, agents[0], rows.now()).await.unwrap(), Err(AcceptRefused::NotOffered));
        assert_eq!(tx.claim_offer(&claim(&rows, &call, agents[0])).await.unwrap(), Err(ClaimRefused::CallTaken));
        tx.claim_offer(&claim(&rows, &other, agents[0])).await.unwrap().unwrap();
        assert_eq!(tx.claim_offer(&claim(&rows, &other, agents[1])).await.unwrap(), Err(ClaimRefused::AgentBusy));
        // When the agent's part is over, the call can be offered again.
        assert_eq!(tx.release_offers(&[(call.id, agents[1])]).await.unwrap(), 1);
        tx.claim_offer(&claim(&rows, &call, agents[2])).await.unwrap().unwrap();
    });
    assert_eq!(all(store, scope).await.len(), 2);
}

/// Only a call that goes on is claimed, and one that a process carries only by that.
pub async fn a_call_is_claimed_while_it_goes_on_by_who_carries_it(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let [over] = waiting(store, &rows, &company).await;
    let [here, there]: [NodeId; 2] = std::array::from_fn(|_| rows.id());
    let carried = Call { node: Some(here), ..rows.call(company.id) };
    let (ann, bob) = (rows.id(), rows.id());
    write!(store, scope, tx => {
        tx.insert_calls(std::slice::from_ref(&carried)).await.unwrap();
        tx.update_call(&ended(&rows, &over)).await.unwrap();
        for gone in [over.clone(), rows.call(company.id)] {
            assert_eq!(tx.claim_offer(&claim(&rows, &gone, ann)).await.unwrap(), Err(ClaimRefused::NotWaiting));
        }
        for node in [None, Some(there)] {
            let elsewhere = OfferClaim { node, ..claim(&rows, &carried, ann) };
            assert_eq!(tx.claim_offer(&elsewhere).await.unwrap(), Err(ClaimRefused::CallTaken));
        }
        tx.claim_offer(&OfferClaim { node: Some(here), ..claim(&rows, &carried, ann) }).await.unwrap().unwrap();
        // A call that nobody carries is anybody's, but not twice for the same agent.
        let [free] = [rows.call(company.id)];
        tx.insert_calls(std::slice::from_ref(&free)).await.unwrap();
        tx.claim_offer(&OfferClaim { node: Some(here), ..claim(&rows, &free, bob) }).await.unwrap().unwrap();
        let again = OfferClaim { node: Some(there), capacity: 2, ..claim(&rows, &free, bob) };
        assert_eq!(tx.claim_offer(&again).await.unwrap(), Err(ClaimRefused::AgentBusy));
    });
    assert_eq!(all(store, scope).await.len(), 2);
}

/// Offers are released by call and agent, by call, by node and all at once; what is not there is passed over.
pub async fn offers_are_released_one_by_one_and_together(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let calls: [Call; 4] = waiting(store, &rows, &company).await;
    let agents: [UserId; 8] = std::array::from_fn(|_| rows.id());
    let node = rows.id();
    write!(store, scope, tx => {
        for (n, agent) in agents.into_iter().enumerate() {
            let node = (n == 7).then_some(node);
            let offered = OfferClaim { node, ..claim(&rows, &calls[n / 2], agent) };
            tx.claim_offer(&offered).await.unwrap().unwrap();
        }
        tx.accept_offer(calls[0].id, agents[0], rows.now()).await.unwrap().unwrap();
        assert_eq!(tx.release_offers(&[]).await.unwrap(), 0);
        let some = [(calls[0].id, agents[0]), (calls[0].id, agents[1]), (calls[1].id, agents[2]), (calls[0].id, agents[7])];
        assert_eq!(tx.release_offers(&some).await.unwrap(), 2);
        assert_eq!(tx.release_offers_of_calls(&[]).await.unwrap(), 0);
        assert_eq!(tx.release_offers_of_calls(&[calls[0].id, calls[1].id, calls[2].id]).await.unwrap(), 3);
        assert_eq!(tx.release_offers_of_node(Some(rows.id())).await.unwrap(), 0);
        assert_eq!(tx.release_offers_of_node(Some(node)).await.unwrap(), 1);
    });
    assert_eq!(all(store, scope).await.iter().map(|offer| offer.agent).collect::<Vec<_>>(), [agents[6]]);
    assert_eq!(write!(store, scope, tx => tx.release_offers_of_node(None).await.unwrap()), 1);
}

/// Another company's calls cannot be claimed, nor its offers seen, accepted or released; an agent's slots are those of one company.
pub async fn another_companys_offers_are_absent(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let (inside, outside) = (Scope::Company(ours.id), Scope::Company(theirs.id));
    let ([own], [foreign, second]) = (waiting(store, &rows, &ours).await, waiting(store, &rows, &theirs).await);
    let (agent, node) = (rows.id(), rows.id());
    let theirs = OfferClaim { node: Some(node), ..claim(&rows, &foreign, agent) };
    write!(store, outside, tx => tx.claim_offer(&theirs).await.unwrap().unwrap());
    write!(store, inside, tx => {
        assert_eq!(tx.claim_offer(&claim(&rows, &second, rows.id())).await.unwrap(), Err(ClaimRefused::NotWaiting));
        assert_eq!(tx.accept_offer(foreign.id, agent, rows.now()).await.unwrap(), Err(AcceptRefused::NotOffered));
        assert_eq!(tx.release_offers(&[(foreign.id, agent)]).await.unwrap(), 0);
        assert_eq!(tx.release_offers_of_calls(&[foreign.id]).await.unwrap(), 0);
        assert_eq!(tx.release_offers_of_node(Some(node)).await.unwrap(), 0);
        assert_eq!(tx.release_offers_of_node(None).await.unwrap(), 0);
        assert_eq!(tx.offers().await.unwrap(), []);
        tx.claim_offer(&claim(&rows, &own, agent)).await.unwrap().unwrap();
    });
    assert_eq!(all(store, outside).await.iter().map(|offer| offer.call).collect::<Vec<_>>(), [foreign.id]);
    assert_eq!(all(store, Scope::System).await.len(), 2);
    // The system acts for both.
    write!(store, Scope::System, tx => {
        assert_eq!(tx.accept_offer(foreign.id, agent, rows.now()).await.unwrap(), Ok(Vec::new()));
        assert_eq!(tx.release_offers_of_calls(&[own.id, foreign.id]).await.unwrap(), 2);
    });
}

/// Claiming, accepting and releasing need write access.
pub async fn offers_need_write_access(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let [call] = waiting(store, &rows, &company).await;
    let agent = rows.id();
    let offer = claim(&rows, &call, agent);
    write!(store, scope, tx => tx.claim_offer(&offer).await.unwrap().unwrap());
    let mut tx = begin(store, scope, Access::Read).await;
    let refused = |error| assert!(matches!(error, StoreError::Backend(_)), "{error:?}");
    refused(tx.claim_offer(&offer).await.unwrap_err());
    refused(tx.accept_offer(call.id, agent, rows.now()).await.unwrap_err());
    refused(tx.release_offers(&[(call.id, agent)]).await.unwrap_err());
    refused(tx.release_offers_of_calls(&[call.id]).await.unwrap_err());
    refused(tx.release_offers_of_node(None).await.unwrap_err());
    assert_eq!(tx.offers().await.unwrap().len(), 1);
}

/// Of fifty claims of one agent at once, exactly as many have them as they take calls.
pub async fn of_fifty_claims_at_once_an_agent_has_as_many_as_they_take(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    for capacity in [1, 3] {
        let calls: [Call; 50] = waiting(store, &rows, &company).await;
        let agent = rows.id();
        let attempt = async |call: &Call| {
            let mut tx = store.begin(scope, Access::Write).await?;
            let claimed = tx.claim_offer(&OfferClaim { capacity, ..claim(&rows, call, agent) }).await?;
            breathe().await;
            tx.commit().await?;
            Ok::<_, StoreError>(claimed)
        };
        let claimed = join_all(calls.iter().map(|call| retried(async move || attempt(call).await))).await;
        let claimed: Vec<_> = claimed.into_iter().map(Result::unwrap).collect();
        assert!(claimed.iter().all(|claimed| matches!(claimed, Ok(()) | Err(ClaimRefused::AgentBusy))), "{claimed:?}");
        assert_eq!(claimed.iter().filter(|claimed| claimed.is_ok()).count(), usize::from(capacity));
        let own = all(store, scope).await.into_iter().filter(|offer| offer.agent == agent);
        assert!(own.map(|offer| offer.slot).eq(0..capacity));
    }
}

/// Of those who answer a call at once one has it, and nobody else is held.
pub async fn of_twenty_who_accept_at_once_one_has_the_call(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let [call] = waiting(store, &rows, &company).await;
    let agents: [UserId; 20] = std::array::from_fn(|_| rows.id());
    write!(store, scope, tx => {
        for agent in agents {
            tx.claim_offer(&claim(&rows, &call, agent)).await.unwrap().unwrap();
        }
    });
    let accept = async |agent| {
        let mut tx = store.begin(scope, Access::Write).await?;
        let accepted = tx.accept_offer(call.id, agent, rows.now()).await?;
        breathe().await;
        tx.commit().await?;
        Ok::<_, StoreError>(accepted)
    };
    let accepted = join_all(agents.map(|agent| retried(async move || accept(agent).await))).await;
    let accepted: Vec<_> = accepted.into_iter().map(Result::unwrap).collect();
    let winners: Vec<_> = accepted.iter().zip(agents).filter(|(accepted, _)| accepted.is_ok()).collect();
    assert_eq!(winners.len(), 1, "{accepted:?}");
    let left = all(store, scope).await;
    assert_eq!(
        left.iter().map(|offer| (offer.agent, offer.state)).collect::<Vec<_>>(),
        [(winners[0].1, OfferState::Accepted)]
    );
}

/// Whether a call ends or is claimed first, a call that has ended holds nobody.
pub async fn a_call_that_ends_while_it_is_claimed_holds_nobody(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let calls: [Call; 16] = waiting(store, &rows, &company).await;
    let claimed = async |call: &Call| {
        let mut tx = store.begin(scope, Access::Write).await?;
        let claimed = tx.claim_offer(&claim(&rows, call, rows.id())).await?;
        breathe().await;
        tx.commit().await?;
        Ok::<_, StoreError>(claimed)
    };
    let end = async |call: &Call| {
        let mut tx = store.begin(scope, Access::Write).await?;
        let found = tx.call_for_update(call.id).await?.expect("the call is there");
        breathe().await;
        tx.update_call(&ended(&rows, &found)).await?;
        tx.release_offers_of_calls(&[call.id]).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(())
    };
    let claims = calls.iter().map(|call| retried(async move || claimed(call).await));
    let ends = calls.iter().map(|call| retried(async move || end(call).await));
    let (claims, ends) = futures::join!(join_all(claims), join_all(ends));
    ends.into_iter().for_each(Result::unwrap);
    for claimed in claims {
        assert!(matches!(claimed.unwrap(), Ok(()) | Err(ClaimRefused::NotWaiting)));
    }
    assert_eq!(all(store, scope).await, []);
    let late = claim(&rows, &calls[0], rows.id());
    let late = OfferClaim { at: late.at + TimeDelta::seconds(1), ..late };
    assert_eq!(write!(store, scope, tx => tx.claim_offer(&late).await.unwrap()), Err(ClaimRefused::NotWaiting));
}
