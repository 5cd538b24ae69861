//! What explorations have found, each as a story of its own.

use super::*;
use crate::queue::{AgentSkill, SkillNeed};

fn configure(world: &mut World, agent: UserId, edit: impl FnOnce(&mut AgentSettings)) {
    let mut settings = AgentSettings::default();
    edit(&mut settings);
    world.tell(Input::AgentConfigured { agent, settings });
}

#[test]
fn a_wrap_up_is_made_shorter_neither_by_a_phone_that_rang_in_vain_nor_by_the_end_of_another_call() {
    let mut world = World::new();
    let agent = world.agents(1)[0];
    configure(&mut world, agent, |settings| settings.capacity = 3);
    let long = world.queue(&[agent], |settings| settings.wrap_up_seconds = 60);
    let none = world.queue(&[agent], |_| {});
    let (one, two) = (world.call(long), world.call(none));
    world.accept(one, agent);
    world.accept(two, agent);
    let three = world.call(none);
    assert_eq!(world.offers(), [(one, agent), (two, agent), (three, agent)]);
    world.tell(Input::CallEnded { call: one });
    world.tell(Input::CallEnded { call: two });
    world.fail(three, agent, OfferFailure::NoAnswer);
    world.pass(59);
    assert_eq!((world.offers(), world.router.waiting(none)), (vec![], 1));
    world.pass(1);
    assert_eq!(world.offers(), [(three, agent)]);
}

#[test]
fn whoever_asked_for_one_call_is_offered_no_second_beside_it() {
    let mut world = World::new();
    let agent = world.agents(1)[0];
    configure(&mut world, agent, |settings| settings.capacity = 2);
    world.tell(Input::AgentChose { agent, availability: Availability::OnDemand });
    let queue = world.queue(&[agent], |_| {});
    let (call, _) = (world.call(queue), world.call(queue));
    assert_eq!(world.offers(), [(call, agent)]);
    world.accept(call, agent);
    assert_eq!((world.offers(), world.state(agent)), (vec![], AgentState::OnCall));
}

#[test]
fn a_call_does_not_wait_for_somebody_who_goes_on_a_break_after_their_call() {
    let mut world = World::new();
    let agents = world.agents(2);
    let queue = world.queue(&agents[..1], |_| {});
    world.tell(Input::AgentEngaged { agent: agents[1] });
    world.tell(Input::AgentChose { agent: agents[1], availability: Availability::Break });
    let call = world.arrive(queue, |arrival| arrival.wish = Some((agents[1], Duration::from_secs(60))));
    assert_eq!(world.offers(), [(call, agents[0])]);
}

#[test]
fn whoever_went_home_while_it_rang_is_not_put_on_a_break() {
    let mut world = World::new();
    let agent = world.agents(1)[0];
    configure(&mut world, agent, |settings| settings.missed_max = 1);
    let queue = world.queue(&[agent], |_| {});
    let call = world.call(queue);
    world.tell(Input::AgentChose { agent, availability: Availability::Offline });
    assert_eq!(world.offers(), [(call, agent)]);
    world.fail(call, agent, OfferFailure::NoAnswer);
    assert_eq!((world.commands(), world.state(agent)), (vec![], AgentState::Offline));
}

#[test]
fn a_shorter_wait_at_an_empty_desk_holds_for_those_who_wait_there() {
    let mut world = World::new();
    let queue = world.queue(&[], |settings| settings.no_agent_wait_seconds = Some(600));
    let call = world.call(queue);
    world.pass(30);
    let settings = QueueSettings { no_agent_wait_seconds: Some(40), ..QueueSettings::new("sales", Vec::new()) };
    world.tell(Input::QueueConfigured { queue, settings, version: 2 });
    world.pass(0);
    assert_eq!(world.commands(), []);
    world.pass(10);
    assert_eq!(world.wanted(), [overflow(call, OverflowReason::NoAgents)]);
}

#[test]
fn whoever_learns_what_a_waiting_call_needs_is_offered_it_though_its_queue_needs_nothing() {
    let mut world = World::new();
    let agent = world.agents(1)[0];
    let queue = world.queue(&[agent], |_| {});
    let german = SkillNeed { name: "german".to_owned(), level: 1, required: true };
    let call = world.arrive(queue, |arrival| arrival.skills = vec![german]);
    assert_eq!(world.offers(), []);
    configure(&mut world, agent, |settings| {
        settings.skills = vec![AgentSkill { name: "german".to_owned(), level: 5 }];
    });
    assert_eq!(world.offers(), [(call, agent)]);
}

#[test]
fn whoever_has_a_place_already_is_not_turned_away_from_a_full_queue() {
    let mut world = World::new();
    let queue = world.queue(&[], |settings| settings.max_length = 1);
    world.call(queue);
    let since = world.now;
    world.pass(5);
    world.arrive(queue, |arrival| arrival.since = Some(since));
    assert_eq!((world.commands(), world.router.waiting(queue)), (vec![], 2));
    let new = world.call(queue);
    assert_eq!(world.wanted(), [overflow(new, OverflowReason::Full)]);
}

#[test]
fn of_calls_that_wait_for_one_agent_the_earliest_turn_goes_first_even_if_all_is_done_late() {
    let mut world = World::new();
    let agents = world.agents(1);
    let queue = world.queue(&agents, |settings| settings.wrap_up_seconds = 60);
    let call = world.call(queue);
    world.accept(call, agents[0]);
    world.tell(Input::CallEnded { call });
    world.commands();
    let agent = agents[0];
    let wished = |world: &mut World, priority| {
        world.arrive(queue, |arrival| {
            (arrival.priority, arrival.wish) = (priority, Some((agent, Duration::from_secs(9))));
        })
    };
    wished(&mut world, 0);
    let urgent = wished(&mut world, 5);
    // The process was stopped for an hour: both patiences and the wrap-up are over at once.
    world.pass(3_600);
    assert_eq!(world.offers(), [(urgent, agent)]);
}

#[test]
fn a_call_that_waits_for_somebody_who_is_there_does_not_leave_for_an_empty_desk_until_then() {
    let mut world = World::new();
    let agent = world.agents(1)[0];
    world.tell(Input::AgentEngaged { agent });
    let queue = world.queue(&[], |settings| settings.no_agent_wait_seconds = Some(5));
    let call = world.arrive(queue, |arrival| arrival.wish = Some((agent, Duration::from_secs(60))));
    world.pass(59);
    assert_eq!(world.commands(), []);
    world.pass(1);
    world.pass(0);
    assert_eq!(world.wanted(), [overflow(call, OverflowReason::NoAgents)]);
}

#[test]
fn whoever_takes_fewer_calls_from_now_on_is_not_found_by_calls_that_are_sorted_anew() {
    let mut world = World::new();
    let agent = world.agents(1)[0];
    configure(&mut world, agent, |settings| settings.capacity = 2);
    let german = |level| AgentSkill { name: "german".to_owned(), level };
    let queue = world.queue(&[agent], |_| {});
    let one = world.call(queue);
    world.accept(one, agent);
    let need = SkillNeed { name: "german".to_owned(), level: 3, required: true };
    world.arrive(queue, |arrival| arrival.skills = vec![need]);
    assert_eq!(world.offers(), [(one, agent)]);
    configure(&mut world, agent, |settings| settings.skills = vec![german(5)]);
    assert_eq!((world.offers(), world.router.waiting(queue)), (vec![], 1));
}

#[test]
fn whoever_learns_something_is_offered_the_call_with_the_earliest_turn_of_all_their_queues() {
    let mut world = World::new();
    let agent = world.agents(1)[0];
    let german = || SkillNeed { name: "german".to_owned(), level: 1, required: true };
    let one = world.queue(&[agent], |settings| settings.skills = vec![german()]);
    let two = world.queue(&[agent], |settings| settings.skills = vec![german()]);
    let first = world.call(two);
    world.pass(1);
    world.call(one);
    configure(&mut world, agent, |settings| {
        settings.skills = vec![AgentSkill { name: "german".to_owned(), level: 5 }];
    });
    assert_eq!(world.offers(), [(first, agent)]);
}
