//! What callers are told while they wait, and when they leave without an agent.

use super::*;

#[test]
fn the_place_of_a_call_is_counted_in_its_queue_by_turn_and_as_far_as_is_asked() {
    let mut world = World::new();
    let agents = world.agents(1);
    let queue = world.queue(&agents, |_| {});
    let other = world.queue(&agents, |settings| settings.name = "other".to_owned());
    let position = |world: &World, call| world.router.position(call, 3);
    let rings = world.call(queue);
    assert_eq!((world.offers(), position(&world, rings)), (vec![(rings, agents[0])], None));
    let first = world.call(queue);
    world.call(other);
    world.pass(1);
    let second = world.call(queue);
    assert_eq!([first, second].map(|call| position(&world, call)), [Some(1), Some(2)]);
    let since = world.now.checked_sub(Duration::from_secs(60));
    let back = world.arrive(queue, |arrival| arrival.since = since);
    assert_eq!([back, first, second].map(|call| position(&world, call)), [Some(1), Some(2), Some(3)]);
    assert_eq!(world.router.since(back), since);
    world.pass(1);
    let late = [world.call(queue), world.call(queue)];
    assert_eq!(late.map(|call| position(&world, call)), [Some(4), Some(4)], "no more than 3 are counted before it");
    world.tell(Input::CallGone { call: back });
    assert_eq!((position(&world, second), position(&world, back)), (Some(2), None));
}

#[test]
fn places_are_counted_over_what_calls_need() {
    let mut world = World::new();
    let queue = world.queue(&[], |_| {});
    let need = crate::queue::SkillNeed { name: "german".to_owned(), level: 1, required: true };
    let first = world.arrive(queue, |arrival| arrival.skills = vec![need]);
    world.pass(1);
    let second = world.call(queue);
    assert_eq!([first, second].map(|call| world.router.position(call, 9)), [Some(1), Some(2)]);
}

#[test]
fn a_call_leaves_at_the_time_of_its_chain_or_of_the_queue_whichever_is_first_and_not_while_it_rings() {
    let mut world = World::new();
    let queue = world.queue(&[], |settings| settings.max_wait_seconds = 60);
    let at = |world: &World, seconds| Some(world.now + Duration::from_secs(seconds));
    let late = world.now;
    let short = world.arrive(queue, |arrival| arrival.overflow_at = Some(late + Duration::from_secs(30)));
    let long = world.arrive(queue, |arrival| arrival.overflow_at = Some(late + Duration::from_secs(90)));
    assert_eq!(world.router.poll_timeout(), at(&world, 30));
    world.pass(30);
    assert_eq!(world.wanted(), [overflow(short, OverflowReason::Chain)]);
    world.pass(30);
    assert_eq!(world.wanted(), [overflow(long, OverflowReason::MaxWait)]);

    let agents = world.agents(1);
    let queue = world.queue(&agents, |_| {});
    let due = at(&world, 5);
    let call = world.arrive(queue, |arrival| arrival.overflow_at = due);
    assert_eq!(world.offers(), [(call, agents[0])]);
    world.pass(10);
    assert_eq!(world.commands(), []);
    world.fail(call, agents[0], OfferFailure::NoAnswer);
    assert_eq!(world.wanted(), [overflow(call, OverflowReason::Chain)]);
    assert_eq!((world.router.calls(), world.router.since(call)), (0, None));
}

#[test]
fn other_settings_leave_a_call_its_own_time() {
    let mut world = World::new();
    let queue = world.queue(&[], |_| {});
    let due = world.now + Duration::from_secs(30);
    world.arrive(queue, |arrival| arrival.overflow_at = Some(due));
    let settings = QueueSettings { max_wait_seconds: 20, ..QueueSettings::new("sales", Vec::new()) };
    world.tell(Input::QueueConfigured { queue, settings, version: 2 });
    assert_eq!(world.router.poll_timeout(), Some(world.now + Duration::from_secs(20)));
    let settings = QueueSettings::new("sales", Vec::new());
    world.tell(Input::QueueConfigured { queue, settings, version: 3 });
    assert_eq!(world.router.poll_timeout(), Some(due));
}

#[test]
fn who_leaves_without_an_offer_takes_along_how_the_members_stood() {
    let mut world = World::new();
    let agents = world.agents(2);
    let queue = world.queue(&agents, |settings| settings.max_wait_seconds = 10);
    world.tell(Input::AgentEngaged { agent: agents[0] });
    world.tell(Input::AgentChose { agent: agents[1], availability: Availability::Break });
    let call = world.call(queue);
    world.pass(9);
    let before = world.router.candidates(world.now, call);
    world.pass(1);
    let commands = world.commands();
    let [Command::Overflow { call: left, candidates, .. }] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!((*left, candidates), (call, &before));
    let stood = crate::queue::Stood::of(candidates, world.now).unwrap();
    let verdicts: Vec<&str> = agents.iter().map(|agent| stood.verdict_of(*agent).as_str()).collect();
    assert_eq!(verdicts, ["on_call", "on_break"]);
    // An offer in vain has told it already.
    world.tell(Input::AgentReleased { agent: agents[0] });
    let call = world.call(queue);
    assert_eq!(world.offers(), [(call, agents[0])]);
    world.pass(10);
    world.fail(call, agents[0], OfferFailure::NoAnswer);
    let commands = world.commands();
    assert_eq!(commands, [overflow(call, OverflowReason::MaxWait)]);
}

#[test]
fn who_waits_to_be_called_back_takes_no_place_on_the_line() {
    let mut world = World::new();
    let agents = world.agents(1);
    let queue = world.queue(&agents, |settings| settings.max_length = 1);
    world.tell(Input::AgentEngaged { agent: agents[0] });
    for _ in 0..2 {
        world.arrive(queue, |arrival| arrival.on_line = false);
    }
    let first = world.call(queue);
    assert_eq!(world.wanted(), []);
    let second = world.call(queue);
    assert_eq!(world.wanted(), [overflow(second, OverflowReason::Full)]);
    // A caller who leaves makes room, a callback that is had does not.
    world.tell(Input::AgentReleased { agent: agents[0] });
    assert_eq!(world.offers().len(), 1);
    let third = world.call(queue);
    assert_eq!(world.wanted(), [overflow(third, OverflowReason::Full)]);
    world.tell(Input::CallGone { call: first });
    world.call(queue);
    assert_eq!(world.wanted(), []);
}
