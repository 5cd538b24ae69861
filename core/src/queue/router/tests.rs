//! The router's promises, by story and by chance.

use super::*;
use crate::id::{IdSource, SeededIds};
use crate::queue::Member;

struct World {
    router: Router,
    now: Instant,
    ids: SeededIds,
}

impl World {
    #[expect(
        clippy::disallowed_methods,
        reason = "an instant cannot be made in another way; only distances from it matter"
    )]
    fn new() -> Self {
        Self { router: Router::new(), now: Instant::now(), ids: SeededIds::new(1) }
    }

    fn id<K>(&self) -> crate::id::Id<K> {
        (&self.ids as &dyn IdSource).id(chrono::DateTime::UNIX_EPOCH)
    }

    fn agents(&mut self, count: usize) -> Vec<UserId> {
        let agents: Vec<UserId> = (0..count).map(|_| self.id()).collect();
        for agent in &agents {
            self.tell(Input::AgentReachable { agent: *agent, reachable: true });
        }
        agents
    }

    fn queue(&mut self, members: &[UserId], edit: impl FnOnce(&mut QueueSettings)) -> QueueId {
        let queue = self.id();
        let members = members.iter().enumerate();
        let mut settings = QueueSettings {
            name: "sales".into(),
            strategy: Strategy::LongestIdle,
            ring_seconds: 20,
            wrap_up_seconds: 0,
            max_wait_seconds: 0,
            members: members.map(|(i, agent_id)| Member { agent_id: *agent_id, tier: 1, position: i as u16 }).collect(),
        };
        edit(&mut settings);
        self.tell(Input::QueueConfigured { queue, settings });
        queue
    }

    fn tell(&mut self, input: Input) {
        self.router.handle(self.now, input);
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.router.handle_timeout(self.now);
    }

    fn call(&mut self, queue: QueueId) -> CallId {
        let call = self.id();
        self.tell(Input::CallQueued { call, queue });
        call
    }

    fn offers(&mut self) -> Vec<(CallId, UserId)> {
        std::iter::from_fn(|| self.router.poll_command())
            .map(|command| match command {
                Command::Offer { call, agent, .. } => (call, agent),
                other @ Command::Overflow { .. } => panic!("unexpected {other:?}"),
            })
            .collect()
    }
}

#[test]
fn the_longest_idle_agent_is_offered_the_call() {
    let mut world = World::new();
    let agents = world.agents(3);
    let queue = world.queue(&agents, |_| {});
    for expected in [0, 1, 2, 0] {
        let call = world.call(queue);
        assert_eq!(world.offers(), [(call, agents[expected])]);
        world.tell(Input::OfferAccepted { call });
        world.pass(60);
        world.tell(Input::CallEnded { call });
    }
}

#[test]
fn an_offer_in_vain_goes_to_the_next_agent_and_comes_back_only_at_last() {
    let mut world = World::new();
    let agents = world.agents(2);
    let queue = world.queue(&agents, |_| {});
    let call = world.call(queue);
    assert_eq!(world.offers(), [(call, agents[0])]);
    world.tell(Input::OfferFailed { call, reason: OfferFailure::NoAnswer });
    assert_eq!(world.offers(), [(call, agents[1])]);
    world.tell(Input::OfferFailed { call, reason: OfferFailure::Busy });
    assert_eq!(world.offers(), []);
    world.pass(NO_ANSWER_DELAY.as_secs());
    assert_eq!(world.offers(), [(call, agents[0])]);
}

#[test]
fn a_caller_keeps_the_place_through_an_offer_in_vain() {
    let mut world = World::new();
    let agents = world.agents(1);
    let queue = world.queue(&agents, |_| {});
    let first = world.call(queue);
    world.pass(1);
    let _second = world.call(queue);
    assert_eq!(world.offers(), [(first, agents[0])]);
    world.tell(Input::OfferFailed { call: first, reason: OfferFailure::Declined });
    world.pass(DECLINED_DELAY.as_secs());
    assert_eq!(world.offers(), [(first, agents[0])]);
}

#[test]
fn nobody_is_offered_a_call_while_engaged_resting_unreachable_or_on_a_break() {
    let mut world = World::new();
    let agents = world.agents(1);
    let agent = agents[0];
    let queue = world.queue(&agents, |settings| settings.wrap_up_seconds = 30);
    world.tell(Input::AgentEngaged { agent });
    let call = world.call(queue);
    assert_eq!(world.offers(), []);
    world.tell(Input::AgentReleased { agent });
    assert_eq!(world.offers(), [(call, agent)]);
    world.tell(Input::OfferAccepted { call });
    world.tell(Input::CallEnded { call });
    let next = world.call(queue);
    assert_eq!(world.offers(), []);
    world.tell(Input::AgentChose { agent, availability: Availability::Break });
    world.pass(30);
    assert_eq!(world.offers(), []);
    world.tell(Input::AgentReachable { agent, reachable: false });
    world.tell(Input::AgentChose { agent, availability: Availability::Available });
    assert_eq!(world.offers(), []);
    world.tell(Input::AgentReachable { agent, reachable: true });
    assert_eq!(world.offers(), [(next, agent)]);
}

#[test]
fn on_demand_means_one_call() {
    let mut world = World::new();
    let agents = world.agents(1);
    let queue = world.queue(&agents, |_| {});
    world.tell(Input::AgentChose { agent: agents[0], availability: Availability::OnDemand });
    let call = world.call(queue);
    assert_eq!(world.offers(), [(call, agents[0])]);
    world.tell(Input::OfferAccepted { call });
    world.tell(Input::CallEnded { call });
    world.call(queue);
    assert_eq!(world.offers(), []);
}

#[test]
fn the_longest_wait_ends_in_an_overflow_but_a_ringing_phone_comes_first() {
    let mut world = World::new();
    let agents = world.agents(1);
    let queue = world.queue(&agents, |settings| settings.max_wait_seconds = 15);
    let ringing = world.call(queue);
    let waiting = world.call(queue);
    assert_eq!(world.offers(), [(ringing, agents[0])]);
    world.pass(15);
    let overflow = |call| Some(Command::Overflow { call, reason: OverflowReason::MaxWait });
    assert_eq!(world.router.poll_command(), overflow(waiting));
    assert_eq!(world.router.poll_command(), None);
    world.tell(Input::OfferFailed { call: ringing, reason: OfferFailure::NoAnswer });
    assert_eq!(world.router.poll_command(), overflow(ringing));
    assert_eq!(world.router.calls(), 0);
}

#[test]
fn among_queues_the_longest_waiting_caller_that_fits_comes_first() {
    let mut world = World::new();
    let agents = world.agents(1);
    let nobody = world.queue(&[], |_| {});
    let (one, two) = (world.queue(&agents, |_| {}), world.queue(&agents, |_| {}));
    world.tell(Input::AgentEngaged { agent: agents[0] });
    world.call(nobody);
    world.pass(1);
    let first = world.call(two);
    world.pass(1);
    world.call(one);
    world.tell(Input::AgentReleased { agent: agents[0] });
    assert_eq!(world.offers(), [(first, agents[0])]);
}

#[test]
fn callers_of_a_removed_queue_overflow() {
    let mut world = World::new();
    let queue = world.queue(&[], |_| {});
    let call = world.call(queue);
    world.tell(Input::QueueRemoved { queue });
    let expected = Command::Overflow { call, reason: OverflowReason::NoQueue };
    assert_eq!(world.router.poll_command(), Some(expected));
    let late = world.call(queue);
    assert_eq!(world.router.poll_command(), Some(Command::Overflow { call: late, reason: OverflowReason::NoQueue }));
}

/// A xorshift generator: the tests need chance that repeats.
fn chance(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn by_chance_no_agent_holds_two_calls_and_no_caller_waits_while_a_fitting_agent_idles() {
    for seed in 1..=200u64 {
        let mut world = World::new();
        let agents = world.agents(4);
        let queues = [world.queue(&agents[..3], |s| s.wrap_up_seconds = 3), world.queue(&agents[1..], |_| {})];
        let mut state = seed;
        let (mut offered, mut talking) = (BTreeMap::<CallId, UserId>::new(), BTreeMap::<CallId, UserId>::new());
        for _ in 0..300 {
            let pick = |map: &BTreeMap<CallId, UserId>, n: u64| map.keys().nth(n as usize % map.len().max(1)).copied();
            let n = chance(&mut state);
            match n % 7 {
                0 | 1 => drop(world.call(queues[n as usize / 7 % 2])),
                2 => world.pass(n / 7 % 8),
                3 => {
                    if let Some(call) = pick(&offered, n / 7) {
                        talking.extend(offered.remove_entry(&call));
                        world.tell(Input::OfferAccepted { call });
                    }
                }
                4 => {
                    if let Some(call) = pick(&offered, n / 7) {
                        offered.remove(&call);
                        world.tell(Input::OfferFailed { call, reason: OfferFailure::NoAnswer });
                    }
                }
                5 => {
                    if let Some(call) = pick(&offered, n / 7) {
                        offered.remove(&call);
                        world.tell(Input::CallGone { call });
                    }
                }
                _ => {
                    if let Some(call) = pick(&talking, n / 7) {
                        talking.remove(&call);
                        world.tell(Input::CallEnded { call });
                    }
                }
            }
            offered.extend(world.offers());
            let mut busy: Vec<UserId> = offered.values().chain(talking.values()).copied().collect();
            let held = busy.len();
            busy.sort_unstable();
            busy.dedup();
            assert_eq!(busy.len(), held, "seed {seed}: an agent holds two calls");
            assert!(world.router.next_match(world.now).is_none(), "seed {seed}: a caller waits while an agent idles");
        }
    }
}
