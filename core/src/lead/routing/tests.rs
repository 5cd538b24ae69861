//! Routing, by example and by chance.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::id::{IdSource, SeededIds};
use crate::lead::WorkingHours;

fn agents(count: usize) -> Vec<Candidate> {
    let ids = SeededIds::new(6);
    let ids: &dyn IdSource = &ids;
    let agent = || Candidate {
        user: ids.id(DateTime::UNIX_EPOCH),
        availability: Availability::Available,
        profile: LeadProfileSettings::default(),
        leads: AgentLeads::default(),
        pass: 0,
    };
    let mut agents: Vec<Candidate> = (0..count).map(|_| agent()).collect();
    agents.sort_by_key(|agent| agent.user);
    agents
}

fn question(needs: &Needs) -> Question<'_> {
    Question {
        needs,
        previous: None,
        returned_from: None,
        turn: 0,
        settings_version: 3,
        zone: chrono_tz::UTC,
        now: "2026-06-01T10:00:00Z".parse().unwrap(),
    }
}

fn by(strategy: Strategy) -> LeadSettings {
    LeadSettings { strategy, ..LeadSettings::default() }
}

/// Routes `count` leads one after another, as a company does; how many each agent got.
fn run(settings: &LeadSettings, agents: &mut [Candidate], turn: &mut u64, count: usize) -> BTreeMap<UserId, usize> {
    let mut given = BTreeMap::new();
    for _ in 0..count {
        let routed = route(settings, &Question { turn: *turn, ..question(&Needs::default()) }, agents);
        let Some(chosen) = routed.decision.chosen else { continue };
        let agent = agents.iter_mut().find(|agent| agent.user == chosen).unwrap();
        (agent.pass, *turn) = routed.turns.unwrap();
        agent.leads.total += 1;
        agent.leads.open += 1;
        *given.entry(chosen).or_default() += 1;
    }
    given
}

fn reasons(decision: &Decision) -> Vec<Reason> {
    decision.candidates.iter().map(|one| one.reason).collect()
}

#[test]
fn round_robin_is_even_and_in_order() {
    let mut agents = agents(7);
    let (mut turn, settings) = (0, by(Strategy::RoundRobin));
    let given = run(&settings, &mut agents, &mut turn, 700);
    assert!(agents.iter().all(|agent| given[&agent.user] == 100));
    let next = route(&settings, &Question { turn, ..question(&Needs::default()) }, &agents).decision;
    assert_eq!((next.chosen, next.tie_break.as_deref()), (Some(agents[0].user), Some("order_of_id")));
    assert_eq!((next.config_version, next.considered), (3, 7));
}

#[test]
fn who_was_away_does_not_make_up_for_it() {
    let mut agents = agents(3);
    let (mut turn, settings) = (0, LeadSettings { online_only: true, ..by(Strategy::RoundRobin) });
    agents[1].availability = Availability::Break;
    run(&settings, &mut agents, &mut turn, 100);
    agents[1].availability = Availability::Available;
    let given = run(&settings, &mut agents, &mut turn, 30);
    assert!(given.values().all(|count| (9..=11).contains(count)), "{given:?}");
}

#[test]
fn the_least_loaded_comes_first() {
    let mut agents = agents(3);
    agents[0].leads.open = 2;
    agents[1].leads.open = 1;
    agents[2].leads.open = 2;
    let settings = by(Strategy::LeastLoaded);
    let decision = route(&settings, &question(&Needs::default()), &agents).decision;
    assert_eq!((decision.chosen, decision.tie_break), (Some(agents[1].user), None));
    assert_eq!(decision.candidates[0].score, -1.0);
    run(&settings, &mut agents, &mut 0, 10);
    assert!(agents.iter().all(|agent| agent.leads.open == 5));
}

#[test]
fn who_sells_more_gets_more_in_proportion() {
    let mut agents = agents(3);
    for (agent, converted) in agents.iter_mut().zip([600, 300, 0]) {
        agent.leads = AgentLeads { total: 1_000, open: 0, converted };
    }
    let settings = by(Strategy::WeightedByConversion);
    let (mut turn, mut given) = (0, BTreeMap::new());
    for _ in 0..950 {
        let routed = route(&settings, &Question { turn, ..question(&Needs::default()) }, &agents);
        let agent = agents.iter_mut().find(|agent| Some(agent.user) == routed.decision.chosen).unwrap();
        (agent.pass, turn) = routed.turns.unwrap();
        *given.entry(agent.user).or_insert(0i32) += 1;
    }
    let shares: Vec<i32> = agents.iter().map(|agent| given[&agent.user]).collect();
    // 59, 30 and the least that counts, 5 percent.
    for (share, expected) in shares.iter().zip([596, 303, 51]) {
        assert!((share - expected).abs() <= 5, "{shares:?}");
    }
}

#[test]
fn the_best_match_brings_most_of_what_is_asked_for() {
    let mut agents = agents(3);
    agents[1].profile.languages = vec!["es".to_owned()];
    agents[2].profile.languages = vec!["es".to_owned()];
    agents[2].profile.skills = vec!["boats".to_owned()];
    let needs =
        Needs { skills: vec!["boats".to_owned()], language: Some("es".to_owned()), territory: Some("mx".to_owned()) };
    let decision = route(&by(Strategy::BestMatch), &question(&needs), &agents).decision;
    assert_eq!(decision.chosen, Some(agents[2].user));
    assert_eq!(decision.candidates.iter().map(|one| one.score).collect::<Vec<_>>(), [2.0, 1.0, 0.0]);
    agents[2].profile.territories = vec!["us".to_owned()];
    let strict = LeadSettings { require_match: true, ..by(Strategy::RoundRobin) };
    let decision = route(&strict, &question(&needs), &agents).decision;
    assert_eq!(decision.chosen, None);
    assert_eq!(reasons(&decision), [Reason::MissingSkill, Reason::MissingSkill, Reason::OtherTerritory]);
    agents[0].profile.skills = vec!["boats".to_owned()];
    let decision = route(&strict, &question(&needs), &agents).decision;
    assert_eq!(decision.chosen, Some(agents[0].user), "who names no language and territory is not limited to any");
}

#[test]
fn the_previous_owner_comes_first_and_nobody_loses_their_turn() {
    let agents = agents(3);
    let needs = Needs::default();
    let asked = Question { previous: Some(agents[2].user), ..question(&needs) };
    let routed = route(&by(Strategy::RoundRobin), &asked, &agents);
    assert_eq!(routed.decision.chosen, Some(agents[2].user));
    assert_eq!(reasons(&routed.decision), [Reason::PreviousOwner, Reason::Eligible, Reason::Eligible]);
    let others: Vec<UserId> = routed.decision.candidates[1..].iter().map(|one| one.agent_id).collect();
    assert_eq!(others, [agents[0].user, agents[1].user]);
    assert_eq!(routed.turns, Some((STRIDE, 0)));
    let not_sticky = LeadSettings { sticky_owner: false, ..by(Strategy::RoundRobin) };
    assert_eq!(route(&not_sticky, &asked, &agents).decision.chosen, Some(agents[0].user));
}

#[test]
fn every_reason_to_be_out_is_named() {
    let mut agents = agents(6);
    agents[0].profile.takes_leads = false;
    agents[1].availability = Availability::Offline;
    agents[2].leads.open = 4;
    let mondays: WorkingHours = serde_json::from_value(json!({"monday": [{"from": "11:00", "to": "12:00"}]})).unwrap();
    agents[3].profile.working_hours = Some(mondays);
    agents[5].leads.open = 4;
    agents[5].profile.capacity = Some(5);
    let settings = LeadSettings { online_only: true, capacity: 4, ..LeadSettings::default() };
    let needs = Needs::default();
    let asked = Question { returned_from: Some(agents[4].user), ..question(&needs) };
    let decision = route(&settings, &asked, &agents).decision;
    assert_eq!(decision.chosen, Some(agents[5].user), "their own capacity counts");
    let expected = [
        Reason::Chosen,
        Reason::TakesNoLeads,
        Reason::NotAvailable,
        Reason::AtCapacity,
        Reason::OutsideWorkingHours,
        Reason::LeftUntouched,
    ];
    assert_eq!(reasons(&decision), expected);
    assert_eq!(
        decision.candidates.iter().map(|one| one.included).collect::<Vec<_>>(),
        [true, false, false, false, false, false]
    );
}

#[test]
fn by_hand_means_nobody_is_looked_at() {
    let decision = route(&by(Strategy::Manual), &question(&Needs::default()), &agents(3)).decision;
    assert_eq!((decision.chosen, decision.considered, decision.candidates.len()), (None, 0, 0));
}

#[test]
fn an_explanation_has_a_limit_and_says_how_many_there_were() {
    let decision = route(&by(Strategy::RoundRobin), &question(&Needs::default()), &agents(150)).decision;
    assert_eq!((decision.candidates.len(), decision.considered), (EXPLAINED_MAX, 150));
}

/// Whatever the agents are like: nobody is chosen who is out, nobody beyond their capacity, and the same question has the same
/// answer in whatever order the agents come.
#[test]
fn by_chance_nobody_is_chosen_who_may_not_be() {
    let dice = SeededIds::new(2_026);
    let roll = |sides: u8| {
        let mut byte = [0];
        dice.fill(&mut byte);
        byte[0] % sides
    };
    for round in 0..3_000 {
        let mut agents = agents(1 + usize::from(roll(8)));
        for agent in &mut agents {
            agent.profile.takes_leads = roll(5) > 0;
            agent.profile.capacity = (roll(2) == 0).then(|| u32::from(roll(4)));
            agent.availability = if roll(3) == 0 { Availability::Break } else { Availability::Available };
            agent.leads = AgentLeads { total: 9, open: u64::from(roll(5)), converted: u64::from(roll(9)) };
            agent.pass = u64::from(roll(4)) * STRIDE;
        }
        let strategy = Strategy::ALL[usize::from(roll(5))];
        let settings = LeadSettings { online_only: roll(2) == 0, capacity: u32::from(roll(4)), ..by(strategy) };
        let needs = Needs::default();
        let previous = agents.get(usize::from(roll(10))).map(|agent| agent.user);
        let asked = Question { previous, turn: u64::from(roll(4)) * STRIDE, ..question(&needs) };
        let routed = route(&settings, &asked, &agents);
        if let Some(chosen) = routed.decision.chosen {
            let agent = agents.iter().find(|agent| agent.user == chosen).unwrap();
            assert_eq!(excluded(&settings, &asked, agent), None, "round {round}");
            let limit = agent.profile.capacity.unwrap_or(settings.capacity);
            assert!(limit == 0 || agent.leads.open < u64::from(limit), "round {round}");
            assert!(routed.turns.unwrap().0 > agent.pass, "round {round}");
        } else {
            let open = agents.iter().any(|agent| excluded(&settings, &asked, agent).is_none());
            assert!(!open || strategy == Strategy::Manual, "round {round}");
        }
        agents.reverse();
        let again = route(&settings, &asked, &agents);
        assert_eq!((again.decision.chosen, again.turns), (routed.decision.chosen, routed.turns), "round {round}");
    }
}
