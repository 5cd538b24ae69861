//! Whom each strategy asks first.

use super::*;

/// Gives `count` calls of a second each to whoever is asked first, and tells who that was.
fn served(world: &mut World, queue: QueueId, agents: &[UserId], count: usize) -> Vec<usize> {
    let mut served = Vec::new();
    for _ in 0..count {
        let call = world.call(queue);
        let offers = world.offers();
        let [(_, agent)] = offers[..] else { panic!("{offers:?}") };
        world.accept(call, agent);
        world.pass(1);
        world.tell(Input::CallEnded { call });
        served.extend(agents.iter().position(|known| *known == agent));
    }
    served
}

fn world(strategy: Strategy, count: usize) -> (World, QueueId, Vec<UserId>) {
    let mut world = World::new();
    let agents = world.agents(count);
    let queue = world.queue(&agents, |settings| settings.strategy = strategy);
    (world, queue, agents)
}

#[test]
fn the_longest_idle_agent_is_asked_first() {
    let (mut world, queue, agents) = world(Strategy::LongestIdle, 3);
    assert_eq!(served(&mut world, queue, &agents, 4), [0, 1, 2, 0]);
}

#[test]
fn round_robin_goes_on_after_whoever_was_asked_last_even_when_others_took_part_elsewhere() {
    let (mut world, queue, agents) = world(Strategy::RoundRobin, 3);
    let other = world.queue(&agents, |_| {});
    assert_eq!(served(&mut world, queue, &agents, 2), [0, 1]);
    // Calls of another queue change nothing about whose turn it is here.
    served(&mut world, other, &agents, 2);
    assert_eq!(served(&mut world, queue, &agents, 4), [2, 0, 1, 2]);
}

#[test]
fn the_fewest_calls_and_the_least_talk_of_today_go_first() {
    let (mut world, queue, agents) = world(Strategy::FewestCalls, 2);
    let only_first = world.queue(&agents[..1], |_| {});
    served(&mut world, only_first, &agents, 3);
    assert_eq!(served(&mut world, queue, &agents, 5), [1, 1, 1, 0, 1]);
    world.tell(Input::DayBegan);
    assert_eq!(served(&mut world, queue, &agents, 2), [0, 1]);

    let (mut world, queue, agents) = self::world(Strategy::LeastTalkTime, 2);
    let only_first = world.queue(&agents[..1], |_| {});
    let call = world.call(only_first);
    world.commands();
    world.accept(call, agents[0]);
    world.pass(3);
    world.tell(Input::CallEnded { call });
    assert_eq!(served(&mut world, queue, &agents, 5), [1, 1, 1, 0, 1]);
}

#[test]
fn top_down_is_by_position_and_tiers_come_before_everything() {
    let (mut world, queue, agents) = world(Strategy::TopDown, 3);
    assert_eq!(served(&mut world, queue, &agents, 3), [0, 0, 0]);
    let tiered = world.queue(&agents, |settings| {
        for (member, tier) in settings.members.iter_mut().zip([2, 1, 1]) {
            member.tier = tier;
        }
    });
    assert_eq!(served(&mut world, tiered, &agents, 3), [1, 2, 1]);
    let calls: Vec<CallId> = (0..3).map(|_| world.call(tiered)).collect();
    assert_eq!(world.offers().last(), Some(&(calls[2], agents[0])), "the second tier is asked when the first is busy");
}

#[test]
fn a_later_tier_is_asked_after_its_wait() {
    let mut world = World::new();
    let agents = world.agents(3);
    let queue = world.queue(&agents, |settings| {
        settings.tier_wait_seconds = 10;
        for (member, tier) in settings.members.iter_mut().zip([1, 2, 5]) {
            member.tier = tier;
        }
    });
    world.tell(Input::AgentEngaged { agent: agents[0] });
    world.tell(Input::AgentEngaged { agent: agents[1] });
    let call = world.call(queue);
    world.pass(10);
    assert_eq!(world.offers(), []);
    assert_eq!(world.router.standing(world.now, call, agents[2]).unwrap().standing, Standing::LaterTier);
    world.pass(10);
    assert_eq!(world.offers(), [(call, agents[2])]);
}

#[test]
fn chance_is_even_or_by_weight_and_repeats_with_its_seed() {
    let draw = |strategy| {
        let (mut world, queue, agents) = world(strategy, 0);
        assert!(agents.is_empty());
        let agents = world.agents(3);
        let members = agents.iter().zip([1, 2, 7]).map(|(agent, weight)| Member { weight, ..Member::new(*agent) });
        let settings = QueueSettings { strategy, ..QueueSettings::new("chance", members.collect()) };
        world.tell(Input::QueueConfigured { queue, settings, version: 2 });
        let mut counts = [0; 3];
        for at in served(&mut world, queue, &agents, 3_000) {
            counts[at] += 1;
        }
        counts
    };
    let even = draw(Strategy::Random);
    assert!(even.iter().all(|count| (900..1_100).contains(count)), "{even:?}");
    let [one, two, seven] = draw(Strategy::WeightedRandom);
    assert!(
        (250..350).contains(&one) && (530..670).contains(&two) && (2_000..2_200).contains(&seven),
        "{one} {two} {seven}"
    );
    assert_eq!(draw(Strategy::Random), even);
}

#[test]
fn ringing_all_rings_all_of_the_lowest_tier_and_whoever_becomes_free_and_one_wins() {
    let mut world = World::new();
    let agents = world.agents(5);
    let queue = world.queue(&agents, |settings| {
        settings.strategy = Strategy::RingAll;
        settings.members[4].tier = 2;
    });
    world.tell(Input::AgentEngaged { agent: agents[2] });
    let call = world.call(queue);
    assert_eq!(world.offers(), [(call, agents[0]), (call, agents[1]), (call, agents[3])]);
    world.tell(Input::AgentReleased { agent: agents[2] });
    assert_eq!(world.offers(), [(call, agents[2])]);
    let second = world.call(queue);
    assert_eq!(world.offers(), [(second, agents[4])], "all of the first tier are ringing");
    // Two answer in the same moment.
    world.fail(call, agents[3], OfferFailure::Declined);
    world.accept(call, agents[1]);
    world.accept(call, agents[0]);
    let commands = world.commands();
    let rescinded: Vec<UserId> = commands
        .iter()
        .filter_map(|command| match command {
            Command::Rescind { call: rescinded, agent } if *rescinded == call => Some(*agent),
            _ => None,
        })
        .collect();
    assert_eq!(rescinded, [agents[0], agents[2], agents[0]]);
    let first_rescind = commands.iter().position(|command| matches!(command, Command::Rescind { .. }));
    let first_offer = commands.iter().position(|command| matches!(command, Command::Offer { .. }));
    assert!(first_rescind < first_offer, "losers are told before they are offered another call: {commands:?}");
    assert_eq!(world.state(agents[1]), AgentState::OnCall);
    assert_eq!(world.state(agents[0]), AgentState::Offered, "the next call rings");
}

#[test]
fn ringing_progressively_rings_one_more_every_so_often() {
    let mut world = World::new();
    let agents = world.agents(3);
    let queue = world.queue(&agents, |settings| {
        (settings.strategy, settings.progressive_seconds) = (Strategy::RingProgressively, 5);
    });
    let call = world.call(queue);
    assert_eq!(world.offers(), [(call, agents[0])]);
    world.pass(5);
    assert_eq!(world.offers(), [(call, agents[1])]);
    world.fail(call, agents[0], OfferFailure::NoAnswer);
    assert_eq!(world.offers(), []);
    world.pass(5);
    assert_eq!(world.offers(), [(call, agents[2])]);
    world.pass(5);
    assert_eq!(world.offers(), [], "who did not answer is not rung again while others ring");
    world.accept(call, agents[2]);
    assert_eq!(world.commands(), [Command::Rescind { call, agent: agents[1] }]);
    assert_eq!(world.router.poll_timeout(), None);
}

#[test]
fn who_has_a_call_in_hand_and_room_for_another_comes_after_those_who_have_none() {
    for strategy in [Strategy::LongestIdle, Strategy::LeastTalkTime, Strategy::BestSkill] {
        let mut world = World::new();
        let agents = world.agents(3);
        for agent in &agents {
            let settings = AgentSettings { capacity: 2, ..AgentSettings::default() };
            world.tell(Input::AgentConfigured { agent: *agent, settings });
            world.pass(1);
        }
        let queue = world.queue(&agents, |settings| settings.strategy = strategy);
        let mut served = Vec::new();
        let mut calls = Vec::new();
        let serve = |world: &mut World, served: &mut Vec<UserId>| {
            let call = world.call(queue);
            let [(_, agent)] = world.offers()[..] else { panic!("one is offered it") };
            world.accept(call, agent);
            world.pass(1);
            served.push(agent);
            call
        };
        for _ in 0..6 {
            calls.push(serve(&mut world, &mut served));
        }
        assert_eq!(served[..3], agents, "{strategy:?}");
        assert_eq!(served[3..], agents, "{strategy:?}");
        // Whose both calls have ended has none in hand, whose one has ended has.
        for call in [calls[0], calls[1], calls[4]] {
            world.tell(Input::CallEnded { call });
        }
        served.clear();
        serve(&mut world, &mut served);
        assert_eq!(served, [agents[1]], "{strategy:?}");
        // A call of their own counts as well.
        world.tell(Input::CallEnded { call: calls[2] });
        world.tell(Input::CallEnded { call: calls[5] });
        world.tell(Input::AgentEngaged { agent: agents[2] });
        world.tell(Input::CallEnded { call: calls[3] });
        serve(&mut world, &mut served);
        assert_eq!(served[1], agents[0], "{strategy:?}");
    }
}
