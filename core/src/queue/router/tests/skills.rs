//! Who fits, and who fits once a caller has waited.

use super::*;
use crate::queue::{AgentSkill, Mode, Relaxation, SkillNeed};

fn need(name: &str, level: u8) -> SkillNeed {
    SkillNeed { name: name.to_owned(), level, required: true }
}

fn prefer(name: &str) -> SkillNeed {
    SkillNeed { required: false, ..need(name, 1) }
}

fn teach(world: &mut World, agent: UserId, skills: &[(&str, u8)]) {
    let skills = skills.iter().map(|(name, level)| AgentSkill { name: (*name).to_owned(), level: *level }).collect();
    world.tell(Input::AgentConfigured { agent, settings: AgentSettings { skills, ..AgentSettings::default() } });
}

fn step(after_seconds: u32, mode: Mode, skills: Vec<SkillNeed>) -> Relaxation {
    Relaxation { after_seconds, mode, skills, rule: None }
}

#[test]
fn a_call_goes_only_to_those_who_have_what_it_and_the_queue_need() {
    let mut world = World::new();
    let agents = world.agents(3);
    teach(&mut world, agents[0], &[("german", 2)]);
    teach(&mut world, agents[1], &[("german", 5)]);
    teach(&mut world, agents[2], &[("german", 5), ("billing", 1)]);
    let queue = world.queue(&agents, |settings| settings.skills = vec![need("german", 3)]);
    let billing = world.arrive(queue, |arrival| arrival.skills = vec![need("billing", 1)]);
    assert_eq!(world.offers(), [(billing, agents[2])]);
    let plain = world.call(queue);
    assert_eq!(world.offers(), [(plain, agents[1])]);
    let waits = world.call(queue);
    assert_eq!(world.offers(), [], "who speaks too little German is not asked");
    assert_eq!(world.router.standing(world.now, waits, agents[0]).unwrap().standing, Standing::Unfit);
    teach(&mut world, agents[0], &[("german", 3)]);
    assert_eq!(world.offers(), [(waits, agents[0])], "whoever learned it is");
}

#[test]
fn who_has_what_is_preferred_goes_first_and_the_best_fit_is_the_sum_of_levels() {
    let mut world = World::new();
    let agents = world.agents(3);
    teach(&mut world, agents[1], &[("german", 1)]);
    teach(&mut world, agents[2], &[("german", 9), ("sales", 2)]);
    let queue = world.queue(&agents, |_| {});
    let call = world.arrive(queue, |arrival| arrival.skills = vec![prefer("german")]);
    assert_eq!(world.offers(), [(call, agents[1])], "both have it, the first by position is asked");
    let best = world.queue(&agents, |settings| {
        (settings.strategy, settings.skills) = (Strategy::BestSkill, vec![prefer("german"), prefer("sales")]);
    });
    let call = world.call(best);
    assert_eq!(world.offers(), [(call, agents[2])]);
    let call = world.call(best);
    assert_eq!(world.offers(), [(call, agents[0])], "the last who is free need not have it");
}

#[test]
fn what_is_needed_is_relaxed_with_the_wait_and_replaces_or_adds() {
    let mut world = World::new();
    let agents = world.agents(4);
    teach(&mut world, agents[0], &[("german", 5)]);
    teach(&mut world, agents[1], &[("german", 2)]);
    teach(&mut world, agents[2], &[("english", 1)]);
    let queue = world.queue(&agents, |settings| {
        settings.skills = vec![need("german", 5)];
        settings.relax = vec![
            step(10, Mode::Cumulative, vec![need("german", 2)]),
            step(20, Mode::Replace, vec![need("english", 1)]),
            step(30, Mode::Replace, vec![]),
        ];
    });
    for agent in &agents {
        world.tell(Input::AgentEngaged { agent: *agent });
    }
    let call = world.call(queue);
    let mut fitting = |seconds| {
        world.pass(seconds);
        let fits = |candidate: &Candidate| candidate.standing != Standing::Unfit;
        let all = world.router.candidates(world.now, call);
        all.iter().filter(|candidate| fits(candidate)).map(|candidate| candidate.agent).collect::<Vec<_>>()
    };
    assert_eq!(fitting(0), agents[..1]);
    assert_eq!(fitting(10), agents[..2]);
    assert_eq!(fitting(10), agents[2..3]);
    assert_eq!(fitting(10), agents);
    world.tell(Input::AgentReleased { agent: agents[3] });
    assert_eq!(world.offers(), [(call, agents[3])]);
}

#[test]
fn a_step_is_taken_by_itself_when_its_time_comes() {
    let mut world = World::new();
    let agents = world.agents(2);
    teach(&mut world, agents[0], &[("german", 5)]);
    let queue = world.queue(&agents, |settings| {
        settings.skills = vec![need("german", 5)];
        settings.relax = vec![step(15, Mode::Cumulative, vec![])];
    });
    world.tell(Input::AgentEngaged { agent: agents[0] });
    let call = world.call(queue);
    assert_eq!(world.router.poll_timeout(), Some(world.now + Duration::from_secs(15)));
    world.pass(14);
    assert_eq!(world.offers(), []);
    world.pass(1);
    assert_eq!(world.offers(), [(call, agents[1])]);
}

#[test]
fn a_rule_over_skills_lets_pass_whom_it_holds_for_and_one_false_for_all_lets_nobody() {
    let mut world = World::new();
    let agents = world.agents(2);
    teach(&mut world, agents[1], &[("sales", 4), ("support", 1)]);
    let rule = |rule: &str| {
        let rule = rule.to_owned();
        move |settings: &mut QueueSettings| settings.rule = Some(rule)
    };
    let queue = world.queue(&agents, rule("sales >= 5 || (sales >= 3 && support > 0)"));
    let never = world.queue(&agents, rule("sales > 5 && sales < 5"));
    let waits = world.call(never);
    let call = world.call(queue);
    assert_eq!(world.offers(), [(call, agents[1])]);
    world.pass(3_600);
    assert_eq!((world.offers(), world.router.waiting(never)), (vec![], 1));
    world.tell(Input::CallGone { call: waits });
    assert_eq!(world.router.waiting(never), 0);
}

#[test]
fn the_best_skill_is_that_of_the_rules_names_too() {
    let mut world = World::new();
    let agents = world.agents(3);
    for (agent, level) in agents.iter().zip([3, 9, 5]) {
        teach(&mut world, *agent, &[("sql", level)]);
    }
    let queue = world.queue(&agents, |settings| {
        settings.strategy = Strategy::BestSkill;
        settings.rule = Some("sql >= 1".to_owned());
    });
    let call = world.call(queue);
    assert_eq!(world.offers(), [(call, agents[1])]);
}

#[test]
fn pools_that_nobody_waits_in_are_forgotten_when_there_are_many() {
    let mut world = World::new();
    let agents = world.agents(2);
    let queue = world.queue(&agents, |_| {});
    for n in 0..300 {
        let call = world.arrive(queue, |arrival| arrival.skills = vec![need(&format!("skill {n}"), 1)]);
        if n % 3 > 0 {
            world.tell(Input::CallGone { call });
        }
    }
    let waiting = world.router.waiting(queue);
    assert_eq!((world.offers(), waiting), (vec![], 100));
    let pools = world.router.queue(queue).unwrap().pools.len();
    assert!((100..=165).contains(&pools), "{pools}");
    teach(&mut world, agents[0], &[("skill 3", 1)]);
    assert_eq!(world.offers().len(), 1, "the call that needs it is found");
}

#[test]
fn a_preview_tells_who_fits_at_each_step_and_which_step_adds_nobody() {
    let ids: Vec<UserId> = (1..=4).map(|n| UserId::from_uuid(uuid::Uuid::from_u128(n))).collect();
    let skilled = |name: &str, level| AgentSettings {
        skills: vec![AgentSkill { name: name.to_owned(), level }],
        ..AgentSettings::default()
    };
    let agents = [(ids[0], skilled("german", 8)), (ids[1], skilled("german", 3)), (ids[2], skilled("english", 9))];
    let settings = QueueSettings {
        skills: vec![need("german", 5)],
        relax: vec![
            step(20, Mode::Replace, vec![need("german", 2)]),
            step(40, Mode::Cumulative, vec![need("french", 1)]),
            step(60, Mode::Replace, Vec::new()),
        ],
        ..QueueSettings::new("Support", ids.iter().map(|id| Member::new(*id)).collect())
    };
    let told = |needs: &[SkillNeed]| -> Vec<(u64, usize, u32, u32)> {
        let steps = preview(World::new().now, settings.clone(), agents.clone(), needs);
        steps.iter().map(|step| (step.after.as_secs(), step.matching.len(), step.added, step.lost)).collect()
    };
    assert_eq!(told(&[]), [(0, 1, 1, 0), (20, 2, 1, 0), (40, 2, 0, 0), (60, 4, 2, 0)]);
    // What the call needs goes with the first step only.
    assert_eq!(told(&[need("english", 1)]), [(0, 0, 0, 0), (20, 2, 2, 0), (40, 2, 0, 0), (60, 4, 2, 0)]);
}

#[test]
fn an_offer_tells_of_all_members_how_they_stood_those_without_the_skills_and_of_later_tiers_too() {
    let mut world = World::new();
    let agents = world.agents(5);
    for (agent, level) in [(0, 5), (1, 7), (2, 1), (4, 9)] {
        teach(&mut world, agents[agent], &[("german", level)]);
    }
    let queue = world.queue(&agents, |settings| {
        settings.strategy = Strategy::BestSkill;
        settings.skills = vec![need("german", 5)];
        settings.tier_wait_seconds = 10;
        settings.members[4].tier = 2;
    });
    world.tell(Input::AgentChose { agent: agents[0], availability: Availability::Break });
    let call = world.call(queue);
    let commands = world.commands();
    let [Command::Offer { agent, stands: Some(stands), .. }] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(*agent, agents[1]);
    assert_eq!(stands.needed(), Some("german >= 5"));
    let told: Vec<_> =
        stands.candidates(*agent, world.now).map(|own| (own.agent, own.tier, own.standing, own.fit)).collect();
    let first = world.router.candidates(world.now, call)[0].tier;
    assert_eq!(
        told,
        [
            (agents[0], first, Standing::Unavailable(AgentState::OnBreak), 5),
            (agents[1], first, Standing::Chosen, 7),
            (agents[2], first, Standing::Unfit, 1),
            (agents[3], first, Standing::Unfit, 0),
            (agents[4], 2, Standing::LaterTier, 9),
        ]
    );
    // Whoever learns it is told of as one who fits.
    teach(&mut world, agents[3], &[("german", 6)]);
    world.fail(call, agents[1], OfferFailure::Declined);
    let commands = world.commands();
    let [Command::Offer { agent, stands: Some(stands), .. }] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(*agent, agents[3]);
    let declined = stands.candidates(*agent, world.now).find(|own| own.agent == agents[1]);
    assert_eq!(declined.map(|own| own.standing), Some(Standing::Tried));
}

#[test]
fn what_a_call_needs_is_told_as_a_rule_reads() {
    let mut world = World::new();
    let agents = world.agents(1);
    let queue = world.queue(&agents, |settings| {
        settings.skills = vec![need("german", 5)];
        settings.rule = Some("sales > 2 || billing > 2".to_owned());
        settings.relax = vec![step(10, Mode::Cumulative, vec![need("english", 1)]), step(20, Mode::Replace, vec![])];
    });
    let call = world.arrive(queue, |arrival| arrival.skills = vec![need("care", 3)]);
    let needed = |world: &World| world.router.needed(world.now, call);
    assert_eq!(needed(&world).as_deref(), Some("(german >= 5) && (care >= 3) && (sales > 2 || billing > 2)"));
    world.pass(10);
    let relaxed = "((german >= 5) && (care >= 3) && (sales > 2 || billing > 2)) || (english >= 1)";
    assert_eq!(needed(&world).as_deref(), Some(relaxed));
    world.pass(10);
    assert_eq!(needed(&world), None);
}
