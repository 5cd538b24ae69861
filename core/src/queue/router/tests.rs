//! The router's promises, by story and by chance.

mod chance;
mod found;
mod skills;
mod strategies;
mod waiting;

use super::*;
use crate::call::OfferFailure;
use crate::id::{IdSource, SeededIds};
use crate::people::Availability;
use crate::queue::{Member, QueueSettings, Strategy};

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
        Self { router: Router::with_seed(7).explaining(64), now: Instant::now(), ids: SeededIds::new(1) }
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
        let members = members.map(|(at, agent)| Member { position: at as u16, ..Member::new(*agent) }).collect();
        let mut settings = QueueSettings::new("sales", members);
        edit(&mut settings);
        self.tell(Input::QueueConfigured { queue, settings, version: 1 });
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
        self.arrive(queue, |_| {})
    }

    fn arrive(&mut self, queue: QueueId, edit: impl FnOnce(&mut Arrival)) -> CallId {
        let call = self.id();
        let mut arrival = Arrival::new(call, queue);
        edit(&mut arrival);
        self.tell(Input::CallQueued(arrival));
        call
    }

    fn accept(&mut self, call: CallId, agent: UserId) {
        self.tell(Input::OfferAccepted { call, agent });
    }

    fn fail(&mut self, call: CallId, agent: UserId, reason: OfferFailure) {
        self.tell(Input::OfferFailed { call, agent, reason });
    }

    fn commands(&mut self) -> Vec<Command> {
        std::iter::from_fn(|| self.router.poll_command()).collect()
    }

    /// What is wanted, without how members stood to calls that leave.
    fn wanted(&mut self) -> Vec<Command> {
        let bare = |command| match command {
            Command::Overflow { call, reason, .. } => overflow(call, reason),
            other => other,
        };
        self.commands().into_iter().map(bare).collect()
    }

    /// What is offered; nothing else is wanted.
    fn offers(&mut self) -> Vec<(CallId, UserId)> {
        let offer = |command| match command {
            Command::Offer { call, agent, .. } => (call, agent),
            other => panic!("unexpected {other:?}"),
        };
        self.commands().into_iter().map(offer).collect()
    }

    fn state(&self, agent: UserId) -> AgentState {
        self.router.agent_state(self.now, agent).unwrap()
    }
}

const fn overflow(call: CallId, reason: OverflowReason) -> Command {
    Command::Overflow { call, reason, candidates: Vec::new() }
}

#[test]
fn an_offer_in_vain_goes_to_the_next_agent_and_comes_back_only_at_last() {
    let mut world = World::new();
    let agents = world.agents(2);
    let queue = world.queue(&agents, |_| {});
    let call = world.call(queue);
    assert_eq!(world.offers(), [(call, agents[0])]);
    world.fail(call, agents[0], OfferFailure::NoAnswer);
    assert_eq!(world.offers(), [(call, agents[1])]);
    world.fail(call, agents[1], OfferFailure::Busy);
    assert_eq!(world.offers(), []);
    world.pass(NO_ANSWER_DELAY.as_secs());
    assert_eq!(world.offers(), [(call, agents[0])]);
}

#[test]
fn whoever_was_asked_in_vain_is_asked_after_those_who_were_not() {
    let mut world = World::new();
    let agents = world.agents(3);
    let queue = world.queue(&agents, |settings| settings.strategy = Strategy::TopDown);
    world.tell(Input::AgentEngaged { agent: agents[1] });
    let call = world.call(queue);
    world.fail(call, agents[0], OfferFailure::Unreachable);
    assert_eq!(world.offers(), [(call, agents[0]), (call, agents[2])]);
    world.pass(UNREACHABLE_DELAY.as_secs());
    world.tell(Input::AgentReleased { agent: agents[1] });
    world.fail(call, agents[2], OfferFailure::NoAnswer);
    assert_eq!(world.offers(), [(call, agents[1])], "the first by position was asked before");
}

#[test]
fn whoever_could_not_be_claimed_is_left_alone_for_a_moment_and_asked_again() {
    let mut world = World::new();
    let agents = world.agents(2);
    let queue = world.queue(&agents, |_| {});
    let call = world.call(queue);
    assert_eq!(world.offers(), [(call, agents[0])]);
    world.fail(call, agents[0], OfferFailure::Unclaimed);
    assert_eq!(world.offers(), [(call, agents[1])]);
    world.fail(call, agents[1], OfferFailure::Unclaimed);
    assert_eq!(world.offers(), [], "the router does not spin");
    world.pass(UNCLAIMED_DELAY.as_secs());
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
    world.fail(first, agents[0], OfferFailure::Declined);
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
    assert_eq!(world.state(agent), AgentState::OnCall);
    let call = world.call(queue);
    assert_eq!(world.offers(), []);
    world.tell(Input::AgentReleased { agent });
    assert_eq!((world.offers(), world.state(agent)), (vec![(call, agent)], AgentState::Offered));
    world.accept(call, agent);
    world.tell(Input::CallEnded { call });
    let next = world.call(queue);
    assert_eq!(world.offers(), []);
    assert!(matches!(world.state(agent), AgentState::Resting(Rest::WrapUp, _)));
    world.tell(Input::AgentChose { agent, availability: Availability::Break });
    world.pass(30);
    assert_eq!((world.offers(), world.state(agent)), (vec![], AgentState::OnBreak));
    world.tell(Input::AgentReachable { agent, reachable: false });
    world.tell(Input::AgentChose { agent, availability: Availability::Available });
    assert_eq!((world.offers(), world.state(agent)), (vec![], AgentState::Unreachable));
    world.tell(Input::AgentReachable { agent, reachable: true });
    assert_eq!(world.offers(), [(next, agent)]);
}

#[test]
fn wrap_up_holds_across_queues_and_can_be_ended_or_made_longer() {
    let mut world = World::new();
    let agents = world.agents(1);
    let agent = agents[0];
    let slow = world.queue(&agents, |settings| settings.wrap_up_seconds = 30);
    let quick = world.queue(&agents, |_| {});
    let call = world.call(slow);
    world.accept(call, agent);
    world.tell(Input::CallEnded { call });
    world.commands();
    let next = world.call(quick);
    world.pass(29);
    world.tell(Input::WrapUpChanged { agent, left: Duration::from_secs(60) });
    world.pass(59);
    assert_eq!(world.offers(), []);
    world.tell(Input::WrapUpChanged { agent, left: Duration::ZERO });
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
    world.accept(call, agents[0]);
    world.tell(Input::CallEnded { call });
    assert_eq!(world.commands(), [Command::Pause { agent: agents[0], reason: PauseReason::Served }]);
    world.call(queue);
    assert_eq!(world.offers(), []);
}

#[test]
fn who_misses_too_many_offers_in_a_row_is_put_on_a_break() {
    let mut world = World::new();
    let agents = world.agents(1);
    let agent = agents[0];
    let settings = AgentSettings { missed_max: 2, ..AgentSettings::default() };
    world.tell(Input::AgentConfigured { agent, settings });
    let queue = world.queue(&agents, |_| {});
    let call = world.call(queue);
    for (reason, paused) in
        [(OfferFailure::NoAnswer, false), (OfferFailure::Busy, false), (OfferFailure::NoAnswer, true)]
    {
        assert_eq!(world.offers(), [(call, agent)]);
        world.fail(call, agent, reason);
        if paused {
            assert_eq!(world.commands(), [Command::Pause { agent, reason: PauseReason::Missed }]);
        }
        world.pass(BUSY_DELAY.as_secs());
    }
    assert_eq!((world.offers(), world.state(agent)), (vec![], AgentState::OnBreak));
}

#[test]
fn an_agent_with_room_for_two_calls_is_offered_a_second() {
    let mut world = World::new();
    let agents = world.agents(1);
    let agent = agents[0];
    world.tell(Input::AgentConfigured { agent, settings: AgentSettings { capacity: 2, ..AgentSettings::default() } });
    let queue = world.queue(&agents, |_| {});
    let (one, two, three) = (world.call(queue), world.call(queue), world.call(queue));
    assert_eq!(world.offers(), [(one, agent)], "one offer at a time");
    world.accept(one, agent);
    assert_eq!(world.offers(), [(two, agent)]);
    world.accept(two, agent);
    assert_eq!(world.offers(), []);
    world.tell(Input::CallEnded { call: one });
    assert_eq!(world.offers(), [(three, agent)]);
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
    let overflow = |call| overflow(call, OverflowReason::MaxWait);
    assert_eq!(world.wanted(), [overflow(waiting)]);
    world.fail(ringing, agents[0], OfferFailure::NoAnswer);
    assert_eq!(world.wanted(), [overflow(ringing)]);
    assert_eq!((world.router.calls(), world.router.poll_timeout().is_some()), (0, true));
    world.pass(60);
    assert_eq!(world.router.poll_timeout(), None);
}

#[test]
fn a_caller_who_gives_up_leaves_no_timer_behind() {
    let mut world = World::new();
    let queue = world.queue(&[], |settings| settings.max_wait_seconds = 600);
    let call = world.call(queue);
    assert!(world.router.poll_timeout().is_some());
    world.tell(Input::CallGone { call });
    assert_eq!(world.router.poll_timeout(), None);
}

#[test]
fn a_full_queue_takes_nobody_and_an_empty_desk_lets_callers_go_after_a_while() {
    let mut world = World::new();
    let agents = world.agents(1);
    let queue = world.queue(&agents, |settings| (settings.max_length, settings.no_agent_wait_seconds) = (1, Some(20)));
    world.tell(Input::AgentEngaged { agent: agents[0] });
    let waiting = world.call(queue);
    let late = world.call(queue);
    assert_eq!(world.wanted(), [overflow(late, OverflowReason::Full)]);
    world.pass(60);
    assert_eq!(world.commands(), [], "somebody is there, though busy");
    let leave = |world: &mut World, reachable| world.tell(Input::AgentReachable { agent: agents[0], reachable });
    leave(&mut world, false);
    world.pass(19);
    leave(&mut world, true);
    world.pass(5);
    leave(&mut world, false);
    world.pass(19);
    assert_eq!(world.commands(), []);
    world.pass(1);
    assert_eq!(world.wanted(), [overflow(waiting, OverflowReason::NoAgents)]);
    // Who comes later goes later, each after their own wait.
    let queue = world.queue(&agents, |settings| settings.no_agent_wait_seconds = Some(20));
    let first = world.call(queue);
    world.pass(15);
    let second = world.call(queue);
    world.pass(5);
    assert_eq!(world.wanted(), [overflow(first, OverflowReason::NoAgents)]);
    world.pass(14);
    assert_eq!(world.commands(), []);
    world.pass(1);
    assert_eq!(world.wanted(), [overflow(second, OverflowReason::NoAgents)]);
}

#[test]
fn who_is_rung_in_vain_while_the_last_one_leaves_does_not_wait_for_nobody() {
    let mut world = World::new();
    let agents = world.agents(1);
    let queue = world.queue(&agents, |settings| settings.no_agent_wait_seconds = Some(20));
    let call = world.call(queue);
    assert_eq!(world.offers(), [(call, agents[0])]);
    world.tell(Input::AgentReachable { agent: agents[0], reachable: false });
    world.fail(call, agents[0], OfferFailure::NoAnswer);
    assert_eq!(world.commands(), []);
    world.pass(20);
    assert_eq!(world.wanted(), [overflow(call, OverflowReason::NoAgents)]);
}

#[test]
fn among_queues_the_earliest_turn_that_fits_comes_first_and_weight_and_priority_are_a_bounded_credit() {
    let mut world = World::new();
    let agents = world.agents(1);
    let nobody = world.queue(&[], |_| {});
    let (one, two) = (world.queue(&agents, |_| {}), world.queue(&agents, |settings| settings.weight = 5));
    world.tell(Input::AgentEngaged { agent: agents[0] });
    world.call(nobody);
    world.pass(1);
    let first = world.call(one);
    world.pass(29);
    // Five points are thirty seconds: this one came 29 s later.
    let weighty = world.call(two);
    let urgent = world.arrive(one, |arrival| arrival.priority = 10);
    let humble = world.arrive(one, |arrival| arrival.priority = -100);
    world.pass(599);
    let last = world.call(one);
    for expected in [urgent, weighty, first, last, humble] {
        world.tell(Input::AgentReleased { agent: agents[0] });
        assert_eq!(world.offers(), [(expected, agents[0])]);
        world.accept(expected, agents[0]);
        world.tell(Input::AgentEngaged { agent: agents[0] });
        world.tell(Input::CallEnded { call: expected });
    }
}

#[test]
fn a_call_waits_a_while_for_whom_it_wishes_and_then_takes_anybody() {
    let mut world = World::new();
    let agents = world.agents(3);
    let queue = world.queue(&agents[..2], |_| {});
    let wish = |agent, seconds| move |arrival: &mut Arrival| arrival.wish = Some((agent, Duration::from_secs(seconds)));
    // Who is free is offered the call, a member or not.
    let call = world.arrive(queue, wish(agents[2], 0));
    assert_eq!(world.offers(), [(call, agents[2])]);
    world.accept(call, agents[2]);
    let patient = world.arrive(queue, wish(agents[2], 30));
    world.pass(29);
    assert_eq!((world.offers(), world.router.waiting(queue)), (vec![], 1));
    world.pass(1);
    assert_eq!((world.offers(), world.router.waiting(queue)), (vec![(patient, agents[0])], 0));
    let lucky = world.arrive(queue, wish(agents[2], 30));
    world.tell(Input::CallEnded { call });
    assert_eq!(world.offers(), [(lucky, agents[2])]);
    // Whoever declined, or went home, is not waited for.
    world.fail(lucky, agents[2], OfferFailure::Declined);
    assert_eq!(world.offers(), [(lucky, agents[1])]);
    let waiting = world.arrive(queue, wish(agents[2], 30));
    world.tell(Input::CallGone { call: lucky });
    assert_eq!(world.offers(), []);
    world.tell(Input::AgentChose { agent: agents[2], availability: Availability::Offline });
    assert_eq!(world.offers(), [(waiting, agents[1])]);
}

#[test]
fn a_call_can_be_given_to_somebody_by_hand() {
    let mut world = World::new();
    let agents = world.agents(2);
    let queue = world.queue(&agents[..1], |_| {});
    world.tell(Input::AgentChose { agent: agents[0], availability: Availability::Break });
    let (first, second) = (world.call(queue), world.call(queue));
    assert_eq!(world.router.next_for(agents[0]), Some(first));
    assert_eq!(world.router.next_for(agents[1]), None);
    assert_eq!(world.router.assign(world.now, second, agents[1]), Ok(()));
    assert_eq!(world.offers(), [(second, agents[1])]);
    assert_eq!(world.router.assign(world.now, second, agents[0]), Err(AssignRefused::Offered));
    assert_eq!(world.router.assign(world.now, first, agents[1]), Err(AssignRefused::Busy));
    world.accept(second, agents[1]);
    assert_eq!(world.router.assign(world.now, second, agents[0]), Err(AssignRefused::NotWaiting));
    world.tell(Input::AgentReachable { agent: agents[0], reachable: false });
    assert_eq!(world.router.assign(world.now, first, agents[0]), Err(AssignRefused::Unreachable));
}

#[test]
fn callers_of_a_removed_queue_overflow_and_what_rings_may_be_answered() {
    let mut world = World::new();
    let agents = world.agents(2);
    let queue = world.queue(&agents, |settings| settings.wrap_up_seconds = 10);
    let (answered, missed, waiting) = (world.call(queue), world.call(queue), world.call(queue));
    assert_eq!(world.offers(), [(answered, agents[0]), (missed, agents[1])]);
    world.tell(Input::QueueRemoved { queue });
    let overflow = |call| overflow(call, OverflowReason::NoQueue);
    assert_eq!(world.wanted(), [overflow(waiting)]);
    world.accept(answered, agents[0]);
    world.fail(missed, agents[1], OfferFailure::NoAnswer);
    assert_eq!(world.wanted(), [overflow(missed)]);
    world.tell(Input::CallEnded { call: answered });
    assert_eq!(world.state(agents[0]), AgentState::Idle);
    let late = world.call(queue);
    assert_eq!(world.wanted(), [overflow(late)]);
}

#[test]
fn a_queue_that_changes_keeps_its_callers_in_their_turn() {
    let mut world = World::new();
    let agents = world.agents(3);
    let queue = world.queue(&agents[..1], |_| {});
    let ringing = world.call(queue);
    world.pass(1);
    let calls: Vec<CallId> = (0..3).map(|_| world.call(queue)).collect();
    assert_eq!(world.offers(), [(ringing, agents[0])]);
    let members = agents[1..].iter().zip(1..).map(|(agent, position)| Member { position, ..Member::new(*agent) });
    let settings = QueueSettings { max_wait_seconds: 60, ..QueueSettings::new("sales", members.collect()) };
    world.tell(Input::QueueConfigured { queue, settings, version: 2 });
    assert_eq!(world.offers(), [(calls[0], agents[1]), (calls[1], agents[2])]);
    // Who is no member any more may still answer, and is offered nothing further.
    world.fail(ringing, agents[0], OfferFailure::NoAnswer);
    world.pass(10);
    assert_eq!((world.offers(), world.router.waiting(queue)), (vec![], 2));
    world.accept(calls[0], agents[1]);
    world.tell(Input::CallEnded { call: calls[0] });
    assert_eq!(world.offers(), [(ringing, agents[1])], "it came before the others");
    world.pass(50);
    assert_eq!(world.wanted(), [overflow(calls[2], OverflowReason::MaxWait)]);
}

#[test]
fn an_answer_that_comes_too_late_is_sent_back() {
    let mut world = World::new();
    let agents = world.agents(1);
    let queue = world.queue(&agents, |_| {});
    let call = world.call(queue);
    world.fail(call, agents[0], OfferFailure::NoAnswer);
    world.commands();
    world.accept(call, agents[0]);
    assert_eq!(world.commands(), [Command::Rescind { call, agent: agents[0] }]);
    let unknown = world.id();
    world.accept(unknown, agents[0]);
    assert_eq!(world.commands(), [Command::Rescind { call: unknown, agent: agents[0] }]);
}

#[test]
fn every_decision_says_why_and_every_member_how_they_stand() {
    let mut world = World::new();
    let agents = world.agents(5);
    let queue = world.queue(&agents, |settings| settings.members.swap(0, 1));
    world.tell(Input::AgentEngaged { agent: agents[2] });
    world.tell(Input::AgentChose { agent: agents[3], availability: Availability::Break });
    world.pass(5);
    let call = world.call(queue);
    let Some(Command::Offer { why, agent, .. }) = world.router.poll_command() else { panic!("no offer") };
    assert_eq!(agent, agents[0]);
    assert_eq!(
        why,
        Why {
            occasion: Occasion::CallSought,
            waited: Duration::ZERO,
            members: 5,
            fitting: 5,
            free: 3,
            tier: 1,
            order: 0,
            next: Some((agents[1], 0)),
            tried: 0,
            tie_break: Some(TieBreak::Position),
            strategy: Strategy::LongestIdle,
            version: 1
        }
    );
    let standing: Vec<Standing> =
        world.router.candidates(world.now, call).into_iter().map(|candidate| candidate.standing).collect();
    assert_eq!(
        standing,
        [
            Standing::Chosen,
            Standing::Free,
            Standing::Unavailable(AgentState::OnCall),
            Standing::Unavailable(AgentState::OnBreak),
            Standing::Free
        ]
    );
    let stranger = world.agents(1)[0];
    assert_eq!(world.router.standing(world.now, call, stranger).unwrap().standing, Standing::NoMember);
    assert_eq!(world.router.candidates(world.now, world.id()), []);
}
