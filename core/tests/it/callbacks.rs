//! Callbacks, from the request to what becomes of them.

use chrono::TimeDelta;
use dialplane_core::Actor;
use dialplane_core::call::{CallStatus, Change, Hangup, HangupCause, LegKind, Side};
use dialplane_core::command::call::{CallReport, CloseLostCalls, RecordCalls};
use dialplane_core::command::callback::{CancelCallback, RequestCallback, StartCallback};
use dialplane_core::command::telephony::{CreateInboundRoute, CreateQueue, CreateTrunk, DeleteQueue, DeleteTrunk};
use dialplane_core::id::{CallId, Id, NodeId, QueueId, UserId};
use dialplane_core::people::Role;
use dialplane_core::phone::trunk::{TrunkAuth, TrunkSettings, TrunkTransport};
use dialplane_core::phone::{E164, InboundTarget};
use dialplane_core::queue::{Callback, CallbackRefused, CallbackRequest, CallbackState, Member, QueueSettings};

use crate::world::World;

struct Desk {
    world: World,
    queue: QueueId,
    agent: UserId,
    node: NodeId,
}

fn person() -> E164 {
    E164::from_stored("+12025550177").unwrap()
}

fn carrier() -> CreateTrunk {
    let settings = TrunkSettings {
        name: "carrier".to_owned(),
        transport: TrunkTransport::Udp,
        host: "192.0.2.1".to_owned(),
        port: 5060,
        auth: TrunkAuth::Address { addresses: vec!["192.0.2.1".parse().unwrap()] },
        is_default: true,
    };
    CreateTrunk { settings }
}

impl Desk {
    /// A queue that a number leads to, with one agent and a trunk.
    async fn new() -> Self {
        let world = World::new().await;
        let agent = world.user("Ann Agent", "ann@example.com", Role::Agent).await.id;
        let queue = world.run(CreateQueue { settings: QueueSettings::new("Sales", Vec::new()) }).await.id;
        let route = CreateInboundRoute { number: "+12025550100".to_owned(), target: InboundTarget::Queue(queue) };
        world.run(route).await;
        world.run(carrier()).await;
        let node = world.engine.ids().id(world.engine.now());
        Self { world, queue, agent, node }
    }

    fn id<K>(&self) -> Id<K> {
        self.world.engine.ids().id(self.world.engine.now())
    }

    async fn ask(&self) -> Callback {
        let request = CallbackRequest {
            queue: self.queue,
            number: person(),
            shown: None,
            since: None,
            delay_seconds: 0,
            attempts: 2,
            retry_seconds: 600,
            asked_in: None,
        };
        self.world.run(RequestCallback { request }).await
    }

    fn start(&self, callback: &Callback) -> StartCallback {
        StartCallback { callback: callback.id, call: self.id(), agent: Some(self.agent), node: self.node }
    }

    async fn dial(&self, callback: &Callback) -> CallId {
        let start = self.start(callback);
        let dialling = self.world.engine.execute(&self.system(), &start).await.unwrap().unwrap();
        assert_eq!((dialling.call.status, dialling.call.queue), (CallStatus::Initiated, Some(self.queue)));
        assert_eq!(dialling.shown.as_str(), "+12025550100", "a number that leads to the queue");
        start.call
    }

    fn system(&self) -> Actor {
        Actor::system_for(self.world.company.id)
    }

    async fn end(&self, call: CallId, cause: HangupCause) {
        self.tell(call, vec![ended(Side::System, cause)]).await;
    }

    async fn tell(&self, call: CallId, changes: Vec<Change>) {
        let changes = changes.into_iter().map(|change| (self.world.engine.now(), change)).collect();
        let reports = vec![CallReport { changes, ..CallReport::nothing(call) }];
        self.world.engine.execute(&self.system(), &RecordCalls { reports }).await.unwrap();
    }

    async fn stored(&self, callback: &Callback) -> Callback {
        self.world.engine.read(&self.world.admin).await.unwrap().callback(callback.id).await.unwrap().unwrap()
    }
}

fn ended(side: Side, cause: HangupCause) -> Change {
    Change::Ended { hangup: Hangup { side, cause, sip_status: None } }
}

#[tokio::test]
async fn a_person_who_is_rung_first_holds_no_agent_and_hangs_up_of_their_own_will_once() {
    let desk = Desk::new().await;
    let callback = desk.ask().await;
    let customer = Change::LegAdded { leg: 0, kind: LegKind::Carrier, party: person().to_string(), agent: None };
    let start = StartCallback { agent: None, ..desk.start(&callback) };
    let dialling = desk.world.engine.execute(&desk.system(), &start).await.unwrap().unwrap();
    assert_eq!((dialling.call.agent, dialling.callback.agent), (None, None));
    let again = StartCallback { call: desk.id(), ..start };
    assert!(desk.world.engine.execute(&desk.system(), &again).await.unwrap_err().to_string().contains("waits no more"));
    // The agent is free for another call meanwhile.
    let other = CallbackRequest { number: E164::from_stored("+12025550188").unwrap(), ..request_of(&callback) };
    let other = desk.world.run(RequestCallback { request: other }).await;
    desk.dial(&other).await;
    // Nobody answers: the next attempt comes later.
    desk.tell(start.call, vec![customer.clone(), ended(Side::Callee, HangupCause::NoAnswer)]).await;
    let later = desk.stored(&callback).await;
    assert_eq!((later.state, later.attempts), (CallbackState::Waiting, 1));
    desk.world.pass(700);
    let second = StartCallback { call: desk.id(), ..start };
    desk.world.engine.execute(&desk.system(), &second).await.unwrap().unwrap();
    let answered = Change::Answered { leg: 0, codec: None };
    let queued = Change::queued(desk.queue, Some(1));
    let left = ended(Side::Caller, HangupCause::NormalClearing);
    desk.tell(second.call, vec![customer, answered, queued, left]).await;
    let done = desk.stored(&callback).await;
    assert_eq!((done.state, done.attempts), (CallbackState::Done, 2));
    let call = desk.world.engine.read(&desk.world.admin).await.unwrap().call(second.call).await.unwrap().unwrap();
    assert_eq!((call.status, call.queue), (CallStatus::Abandoned, Some(desk.queue)));
}

#[tokio::test]
async fn a_callback_that_all_agents_declined_rests_without_losing_its_place() {
    let desk = Desk::new().await;
    let bob = desk.world.user("Bob Agent", "bob@example.com", Role::Agent).await.id;
    let callback = desk.ask().await;
    for agent in [desk.agent, bob] {
        let start = StartCallback { agent: Some(agent), ..desk.start(&callback) };
        desk.world.engine.execute(&desk.system(), &start).await.unwrap().unwrap();
        let phone = Change::LegAdded { leg: 0, kind: LegKind::Sip, party: "line".to_owned(), agent: Some(agent) };
        desk.tell(start.call, vec![phone, ended(Side::Callee, HangupCause::CallRejected)]).await;
        desk.world.pass(5);
    }
    let again = desk.start(&callback);
    assert_eq!(desk.world.engine.execute(&desk.system(), &again).await.unwrap(), None);
    let resting = desk.stored(&callback).await;
    let due = desk.world.engine.now() + TimeDelta::seconds(600);
    assert_eq!((resting.state, resting.attempts, resting.due_at), (CallbackState::Waiting, 0, due));
    assert_eq!(resting.since, callback.since);
    let early = desk.world.engine.execute(&desk.system(), &again).await.unwrap_err();
    assert!(early.to_string().contains("waits no more"), "{early}");
    desk.world.pass(600);
    desk.dial(&resting).await;
}

#[tokio::test]
async fn asked_twice_is_one_callback_and_begun_twice_is_one_call() {
    let desk = Desk::new().await;
    let callback = desk.ask().await;
    desk.world.pass(5);
    assert_eq!(desk.ask().await, callback, "the first place stays");
    desk.dial(&callback).await;
    let again = desk.world.engine.execute(&desk.system(), &desk.start(&callback)).await;
    assert!(again.unwrap_err().to_string().contains("waits no more"));
}

#[tokio::test]
async fn a_trunk_that_cannot_be_used_costs_an_attempt_and_an_agent_who_is_gone_does_not() {
    let desk = Desk::new().await;
    let callback = desk.ask().await;
    let call = desk.dial(&callback).await;
    desk.end(call, HangupCause::SubscriberAbsent).await;
    let back = desk.stored(&callback).await;
    assert_eq!((back.state, back.attempts, back.due_at), (CallbackState::Waiting, 0, callback.due_at));
    let call = desk.dial(&callback).await;
    desk.end(call, HangupCause::NoRoute).await;
    let later = desk.stored(&callback).await;
    assert_eq!((later.state, later.attempts), (CallbackState::Waiting, 1));
    assert!(later.due_at > desk.world.engine.now());
    desk.world.pass(700);
    let call = desk.dial(&callback).await;
    desk.end(call, HangupCause::NoRoute).await;
    assert_eq!(desk.stored(&callback).await.state, CallbackState::Failed);
}

#[tokio::test]
async fn an_agent_with_a_call_in_hand_is_not_given_another() {
    let desk = Desk::new().await;
    let callback = desk.ask().await;
    desk.dial(&callback).await;
    let request = CallbackRequest { number: E164::from_stored("+12025550188").unwrap(), ..request_of(&callback) };
    let second = desk.world.run(RequestCallback { request }).await;
    let refused = desk.world.engine.execute(&desk.system(), &desk.start(&second)).await.unwrap_err();
    assert!(refused.to_string().contains("in hand"), "{refused}");
    assert_eq!(desk.stored(&second).await, second);
}

fn request_of(callback: &Callback) -> CallbackRequest {
    CallbackRequest {
        queue: callback.queue,
        number: callback.number.clone(),
        shown: None,
        since: None,
        delay_seconds: 0,
        attempts: 1,
        retry_seconds: 60,
        asked_in: None,
    }
}

#[tokio::test]
async fn the_call_of_a_process_that_died_is_made_again() {
    let desk = Desk::new().await;
    let callback = desk.ask().await;
    desk.dial(&callback).await;
    desk.world
        .engine
        .execute(&Actor::system(), &CloseLostCalls { node: Some(desk.node), last_seen: None })
        .await
        .unwrap();
    let back = desk.stored(&callback).await;
    assert_eq!((back.state, back.attempts, back.since), (CallbackState::Waiting, 0, callback.since));
    desk.dial(&callback).await;
}

#[tokio::test]
async fn a_callback_is_called_off_by_hand_and_with_its_queue() {
    let desk = Desk::new().await;
    let callback = desk.ask().await;
    assert_eq!(desk.world.run(CancelCallback { callback: callback.id }).await.state, CallbackState::Cancelled);
    assert_eq!(desk.world.refused(CancelCallback { callback: callback.id }).await, CallbackRefused::NotWaiting);
    let other = desk.world.run(CreateQueue { settings: QueueSettings::new("Support", Vec::new()) }).await.id;
    let request = CallbackRequest { queue: other, ..request_of(&callback) };
    let unseen = desk.world.refused(RequestCallback { request: request.clone() }).await;
    assert_eq!(unseen, CallbackRefused::NoNumber, "it could never be made");
    let request = CallbackRequest { shown: E164::from_stored("+12025550100"), ..request };
    let waiting = desk.world.run(RequestCallback { request }).await;
    desk.world.run(DeleteQueue { queue: other }).await;
    assert_eq!(desk.stored(&waiting).await.state, CallbackState::Cancelled);
    let gone = CallbackRequest { queue: other, ..request_of(&callback) };
    assert_eq!(desk.world.refused(RequestCallback { request: gone }).await, CallbackRefused::NoSuchQueue);
}

#[tokio::test]
async fn an_agent_asks_for_nobody_abroad_and_nobody_shows_a_number_that_is_not_theirs() {
    let desk = Desk::new().await;
    let settings = QueueSettings::new("Members", vec![Member::new(desk.agent)]);
    let queue = desk.world.run(CreateQueue { settings }).await.id;
    let ours = E164::from_stored("+12025550100");
    let home = CallbackRequest { queue, shown: ours, ..request_of(&desk.ask().await) };
    let abroad = CallbackRequest { number: E164::from_stored("+4930123456").unwrap(), ..home.clone() };
    let agent = Actor::user(desk.agent, desk.world.company.id, Role::Agent.kind(), false);
    let asked = |request| async {
        let asked = desk.world.engine.execute(&agent, &RequestCallback { request }).await;
        asked.map(|_| ()).map_err(|error| error.refusal().cloned().unwrap())
    };
    assert_eq!(asked(abroad.clone()).await, Err(CallbackRefused::Abroad));
    assert_eq!(asked(home.clone()).await, Ok(()));
    desk.world.run(RequestCallback { request: abroad }).await;
    let foreign = CallbackRequest { shown: E164::from_stored("+12025550999"), ..home };
    assert_eq!(desk.world.refused(RequestCallback { request: foreign }).await, CallbackRefused::NotOurs);
}

#[tokio::test]
async fn a_callback_that_cannot_be_made_costs_an_attempt_and_one_that_is_being_made_cannot_be_called_off() {
    let desk = Desk::new().await;
    let callback = desk.ask().await;
    let trunk = desk.world.engine.read(&desk.world.admin).await.unwrap().trunks().await.unwrap().remove(0);
    desk.world.run(DeleteTrunk { trunk: trunk.id }).await;
    let begun = desk.world.engine.execute(&desk.system(), &desk.start(&callback)).await.unwrap();
    let stored = desk.stored(&callback).await;
    assert_eq!((begun, stored.state, stored.attempts, stored.call), (None, CallbackState::Waiting, 1, None));
    desk.world.run(carrier()).await;
    desk.world.pass(600);
    desk.dial(&callback).await;
    assert_eq!(desk.world.refused(CancelCallback { callback: callback.id }).await, CallbackRefused::NotWaiting);
    assert_eq!(desk.stored(&callback).await.state, CallbackState::Dialling);
}
