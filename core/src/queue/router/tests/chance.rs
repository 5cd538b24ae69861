//! Histories by chance: the invariants hold after every step ([`Router::is_sound`] is asked by the router itself), and a call is passed
//! only by those that may pass it.

use std::collections::BTreeMap;

use super::*;
use crate::queue::chance::Chance;

/// A call as the test sees it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    queue: usize,
    at: Instant,
    priority: i8,
}

#[test]
fn by_chance_no_agent_holds_two_calls_and_each_call_is_in_one_place() {
    let mut compared = 0;
    for seed in 1..=150u64 {
        let mut chance = Chance(seed);
        let mut pick = |below: usize| (chance.next() % below.max(1) as u64) as usize;
        let mut world = World::new();
        let agents = world.agents(5);
        let strategies = Strategy::ALL;
        let queues: Vec<QueueId> = (0..3)
            .map(|n| {
                let strategy = strategies[pick(strategies.len())];
                world.queue(&agents[n..n + 3], |settings| {
                    settings.strategy = strategy;
                    settings.wrap_up_seconds = [0, 3][n % 2];
                    settings.max_wait_seconds = [0, 20, 0][n];
                    settings.tier_wait_seconds = [0, 0, 4][n];
                    settings.members[2].tier = 2;
                })
            })
            .collect();
        let (mut ringing, mut talking) = (Vec::<(CallId, UserId)>::new(), BTreeMap::<CallId, UserId>::new());
        let mut known: BTreeMap<CallId, Seen> = BTreeMap::new();
        for _ in 0..400 {
            let (kind, queue, agent, n) = (pick(12), pick(3), agents[pick(5)], pick(1_000));
            let rung = ringing.get(n % ringing.len().max(1)).copied();
            match kind {
                0..=2 => {
                    let priority = (n % 5) as i8;
                    let wish = (n % 7 == 0).then_some((agent, Duration::from_secs(5)));
                    let call =
                        world.arrive(queues[queue], |arrival| (arrival.priority, arrival.wish) = (priority, wish));
                    known.insert(call, Seen { queue, at: world.now, priority });
                }
                3 | 4 => world.pass(n as u64 % 6),
                5 | 6 => {
                    if let Some((call, agent)) = rung {
                        // Others who ring for it are rescinded: the world hears of it below.
                        ringing.retain(|(ringing, winner)| (*ringing, *winner) != (call, agent));
                        talking.insert(call, agent);
                        world.accept(call, agent);
                    }
                }
                7 => {
                    if let Some((call, agent)) = rung {
                        let reasons = [
                            OfferFailure::NoAnswer,
                            OfferFailure::Busy,
                            OfferFailure::Declined,
                            OfferFailure::Unreachable,
                        ];
                        ringing.retain(|ringing| *ringing != (call, agent));
                        world.fail(call, agent, reasons[n % 4]);
                    }
                }
                8 => {
                    if let Some(call) = known.keys().nth(n % known.len().max(1)).copied() {
                        ringing.retain(|(ringing, _)| *ringing != call);
                        talking.remove(&call);
                        known.remove(&call);
                        world.tell(Input::CallGone { call });
                    }
                }
                9 => world.tell(Input::AgentReachable { agent, reachable: n % 3 > 0 }),
                10 => {
                    let availability =
                        [Availability::Available, Availability::Available, Availability::Break, Availability::OnDemand]
                            [n % 4];
                    world.tell(Input::AgentChose { agent, availability });
                }
                _ => {
                    if let Some((call, _)) = talking.pop_first() {
                        known.remove(&call);
                        world.tell(Input::CallEnded { call });
                    }
                }
            }
            let commands = world.commands();
            // How the members stood is still to be seen where nothing came after the offer, neither other timers nor the rest of who failed.
            let is_still_so = !matches!(kind, 3 | 4 | 7);
            if let ([Command::Offer { call, agent, stands: Some(stands), .. }], true) =
                (commands.as_slice(), is_still_so)
            {
                let of = |candidate: Candidate| {
                    let order = candidate.order.filter(|_| candidate.agent != *agent);
                    Candidate { order, ..candidate }
                };
                let told: Vec<Candidate> = stands.candidates(*agent, world.now).map(of).collect();
                let seen: Vec<Candidate> = world.router.candidates(world.now, *call).into_iter().map(of).collect();
                assert_eq!(told, seen, "seed {seed}: what is told of the members is not how they stand");
                compared += 1;
            }
            for command in commands {
                match command {
                    Command::Offer { call, agent, why, .. } => {
                        assert!(!talking.contains_key(&call), "seed {seed}: a call that talks is offered");
                        ringing.push((call, agent));
                        // Who came first in this queue and fits the same agents is served first: the credit apart, nobody is passed.
                        if why.occasion == Occasion::AgentFreed {
                            let seen = known[&call];
                            let turn = |seen: Seen| (seen.at, -i64::from(seen.priority));
                            let passed = world.router.calls.iter().filter(|(_, other)| {
                                other.state == CallState::Waiting
                                    && other.wish.is_none()
                                    && other.pool == world.router.calls[world.router.call_ix[&call] as usize].pool
                            });
                            for (_, other) in passed {
                                let other = known[&other.id];
                                let fair = seen.queue != other.queue
                                    || seen.at
                                        <= other.at
                                            + Duration::from_secs(
                                                6 * u64::from((seen.priority - other.priority).max(0) as u8),
                                            );
                                assert!(fair, "seed {seed}: {:?} passed {:?}", turn(seen), turn(other));
                            }
                        }
                    }
                    Command::Rescind { call, agent } => {
                        ringing.retain(|ringing| *ringing != (call, agent));
                    }
                    Command::Overflow { call, .. } => drop(known.remove(&call)),
                    Command::Pause { .. } => {}
                }
            }
            let mut busy: Vec<UserId> =
                ringing.iter().map(|(_, agent)| *agent).chain(talking.values().copied()).collect();
            let held = busy.len();
            busy.sort_unstable();
            busy.dedup();
            assert_eq!(busy.len(), held, "seed {seed}: an agent holds two calls");
            assert_eq!(world.router.calls(), known.len(), "seed {seed}: a call is lost or left over");
        }
    }
    assert!(compared > 1_000, "{compared} offers were compared");
}

#[test]
fn nobody_starves_a_call_is_passed_only_by_those_that_came_within_the_credit() {
    for seed in 1..=30 {
        let mut chance = Chance(seed);
        let mut world = World::new();
        let agents = world.agents(2);
        let humble = world.queue(&agents, |_| {});
        let weighty = world.queue(&agents, |settings| settings.weight = 100);
        for agent in &agents {
            world.tell(Input::AgentEngaged { agent: *agent });
        }
        let victim = world.arrive(humble, |arrival| arrival.priority = -100);
        let came = world.now;
        for agent in &agents {
            world.tell(Input::AgentReleased { agent: *agent });
        }
        // More calls than two agents can take, all of them more urgent.
        let mut talking: Vec<(Instant, CallId)> = Vec::new();
        let mut arrivals: BTreeMap<CallId, Instant> = BTreeMap::new();
        let mut served = false;
        while !served {
            let call = world.arrive(weighty, |arrival| arrival.priority = 100);
            arrivals.insert(call, world.now);
            world.pass(1 + chance.next() % 3);
            let over: Vec<CallId> =
                talking.iter().filter(|(until, _)| *until <= world.now).map(|(_, call)| *call).collect();
            talking.retain(|(until, _)| *until > world.now);
            for call in over {
                world.tell(Input::CallEnded { call });
            }
            for (call, agent) in world.offers() {
                world.accept(call, agent);
                talking.push((world.now + Duration::from_secs(5 + chance.next() % 20), call));
                match arrivals.get(&call) {
                    None => served = call == victim,
                    Some(at) => assert!(
                        *at <= came + CREDIT_MAX,
                        "seed {seed}: it was passed by one that came later than may pass"
                    ),
                }
            }
            assert!(world.now < came + Duration::from_secs(40_000), "seed {seed}: the caller starves");
        }
    }
}
