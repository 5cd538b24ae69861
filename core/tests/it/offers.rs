//! Offers of calls to agents, as they come with the reports of the calls.

use dialplane_core::Actor;
use dialplane_core::call::{Change, Direction, Hangup, HangupCause, NewCall, Side};
use dialplane_core::command::call::{CallReport, CloseLostCalls, RecordCalls};
use dialplane_core::command::offer::{AcceptOffer, ClaimOffer, ReleaseOffer};
use dialplane_core::id::{CallId, Id, NodeId, UserId};
use dialplane_core::queue::claim::{AcceptRefused, ClaimRefused, Offer, OfferState, OfferStep};

use crate::world::{World, start};

fn id<K>(world: &World) -> Id<K> {
    world.engine.ids().id(world.engine.now())
}

fn begin(world: &World, call: CallId, node: Option<NodeId>) -> NewCall {
    NewCall {
        id: call,
        company: world.company.id,
        direction: Direction::Inbound,
        from: "+14155550100".into(),
        to: "+12025550101".into(),
        agent: None,
        number: None,
        trunk: None,
        lead: None,
        node,
        at: start(),
    }
}

const fn claim(agent: UserId) -> OfferStep {
    OfferStep::Claim { agent, capacity: 1 }
}

fn over() -> Change {
    Change::Ended { hangup: Hangup { side: Side::Caller, cause: HangupCause::Cancelled, sip_status: None } }
}

/// Records a batch: what became of its claims.
async fn record(world: &World, reports: Vec<CallReport>) -> Vec<(CallId, UserId, Result<(), ClaimRefused>)> {
    let answers = world.engine.execute(&Actor::system(), &RecordCalls { reports }).await.unwrap();
    answers.into_iter().map(|answer| (answer.call, answer.agent, answer.result)).collect()
}

async fn offers(world: &World) -> Vec<(CallId, UserId, OfferState)> {
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    let offers = tx.offers().await.unwrap().into_iter();
    offers.map(|Offer { call, agent, state, .. }| (call, agent, state)).collect()
}

#[tokio::test]
async fn a_call_claims_gives_and_frees_with_its_reports() {
    let world = World::new().await;
    let (call, node) = (id(&world), id(&world));
    let [ann, bob]: [UserId; 2] = [id(&world), id(&world)];
    // The call begins and claims in one unit of work.
    let first = CallReport {
        begin: Some(begin(&world, call, Some(node))),
        offers: vec![claim(ann), claim(bob)],
        ..CallReport::nothing(call)
    };
    assert_eq!(record(&world, vec![first]).await, [(call, ann, Ok(())), (call, bob, Ok(()))]);
    let version = world.engine.read(&world.admin).await.unwrap().call(call).await.unwrap().unwrap().version;
    let given = CallReport { offers: vec![OfferStep::Accept { agent: bob }], ..CallReport::nothing(call) };
    assert_eq!(record(&world, vec![given]).await, []);
    assert_eq!(offers(&world).await, [(call, bob, OfferState::Accepted)]);
    let after = world.engine.read(&world.admin).await.unwrap().call(call).await.unwrap().unwrap().version;
    assert_eq!(version, after, "offers alone do not change the call");
    // Whoever a call frees can be claimed for another in the same batch, in whatever order the calls come.
    let (earlier, later) = (id(&world), id(&world));
    let ends = CallReport { changes: vec![(start(), over())], ..CallReport::nothing(call) };
    let wants = |call| CallReport {
        begin: Some(begin(&world, call, Some(node))),
        offers: vec![claim(bob)],
        ..CallReport::nothing(call)
    };
    let answers = record(&world, vec![wants(earlier), ends, wants(later)]).await;
    assert_eq!(answers, [(earlier, bob, Ok(())), (later, bob, Err(ClaimRefused::AgentBusy))]);
    assert_eq!(offers(&world).await, [(earlier, bob, OfferState::Offered)]);
    // What ended before it was claimed claims nobody, and a call that nobody knows is told so.
    let gone = CallReport { changes: vec![(start(), over())], ..wants(id(&world)) };
    let unknown = CallReport { offers: vec![claim(ann)], ..CallReport::nothing(id(&world)) };
    let name = unknown.call;
    let step = CallReport { offers: vec![OfferStep::Release { agent: bob }], ..CallReport::nothing(earlier) };
    assert_eq!(record(&world, vec![gone, unknown, step]).await, [(name, ann, Err(ClaimRefused::NotWaiting))]);
    assert_eq!(offers(&world).await, []);
}

#[tokio::test]
async fn agents_of_a_dead_process_are_free_and_those_of_others_are_not() {
    let world = World::new().await;
    let (dead, alive): (NodeId, NodeId) = (id(&world), id(&world));
    let agents: [UserId; 4] = std::array::from_fn(|_| id(&world));
    let mut calls = Vec::new();
    for (node, agent) in [dead, dead, alive].into_iter().zip(agents) {
        let call = id(&world);
        calls.push(call);
        let begin = Some(begin(&world, call, Some(node)));
        let report = CallReport { begin, offers: vec![claim(agent)], ..CallReport::nothing(call) };
        assert_eq!(record(&world, vec![report]).await, [(call, agent, Ok(()))]);
    }
    let accepts = CallReport { offers: vec![OfferStep::Accept { agent: agents[0] }], ..CallReport::nothing(calls[0]) };
    record(&world, vec![accepts]).await;
    // One that claimed a call of nobody's.
    let free = id(&world);
    record(&world, vec![CallReport { begin: Some(begin(&world, free, None)), ..CallReport::nothing(free) }]).await;
    let strange = ClaimOffer { call: free, agent: agents[3], capacity: 1, node: Some(dead) };
    world.engine.execute(&Actor::system(), &strange).await.unwrap();
    let close = CloseLostCalls { node: Some(dead), last_seen: None };
    assert_eq!(world.engine.execute(&Actor::system(), &close).await.unwrap(), 2);
    assert_eq!(offers(&world).await, [(calls[2], agents[2], OfferState::Offered)]);
}

#[tokio::test]
async fn offers_are_made_and_taken_one_by_one() {
    let world = World::new().await;
    let [call, other] = std::array::from_fn(|_| id(&world));
    let reports =
        [call, other].map(|call| CallReport { begin: Some(begin(&world, call, None)), ..CallReport::nothing(call) });
    record(&world, reports.to_vec()).await;
    let [ann, bob]: [UserId; 2] = [id(&world), id(&world)];
    let system = Actor::system();
    let claim = |call, agent| ClaimOffer { call, agent, capacity: 1, node: None };
    world.engine.execute(&system, &claim(call, ann)).await.unwrap();
    world.engine.execute(&system, &claim(call, bob)).await.unwrap();
    let busy = world.engine.execute(&system, &claim(other, bob)).await.unwrap_err();
    assert_eq!(busy.refusal(), Some(&ClaimRefused::AgentBusy));
    let accept = |agent| AcceptOffer { call, agent };
    assert_eq!(world.engine.execute(&system, &accept(bob)).await.unwrap(), [ann]);
    let late = world.engine.execute(&system, &accept(ann)).await.unwrap_err();
    assert_eq!(late.refusal(), Some(&AcceptRefused::NotOffered));
    assert!(world.engine.execute(&system, &ReleaseOffer { call, agent: bob }).await.unwrap());
    assert!(!world.engine.execute(&system, &ReleaseOffer { call, agent: bob }).await.unwrap());
    // People do not claim each other.
    assert!(matches!(
        world.engine.execute(&world.admin, &claim(call, ann)).await,
        Err(dialplane_core::Failure::Denied(_))
    ));
}
