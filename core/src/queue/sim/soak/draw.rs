//! Random settings of queues, agents and calls.

use crate::id::UserId;
use crate::queue::router::AgentSettings;
use crate::queue::sim::luck::Luck;
use crate::queue::{AgentSkill, Member, Mode, QueueSettings, Relaxation, SkillNeed, Strategy};

impl Luck {
    /// One of some.
    pub(super) fn one_of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len())]
    }

    /// Once in so many times.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

pub(super) fn agent(luck: &mut Luck, skills: &[String]) -> AgentSettings {
    let mut has: Vec<AgentSkill> = Vec::new();
    for name in skills {
        if luck.once_in(2) {
            has.push(AgentSkill { name: name.clone(), level: 1 + luck.below(10) as u8 });
        }
    }
    AgentSettings {
        skills: has,
        capacity: luck.one_of(&[1, 1, 1, 2, 3]),
        wrap_up_seconds: luck.one_of(&[None, None, None, Some(0), Some(4), Some(25)]),
        missed_max: luck.one_of(&[0, 0, 0, 2, 3]),
    }
}

pub(super) fn needs(luck: &mut Luck, skills: &[String]) -> Vec<SkillNeed> {
    let mut needs: Vec<SkillNeed> = Vec::new();
    for name in skills {
        if luck.once_in(4) {
            needs.push(SkillNeed { name: name.clone(), level: 1 + luck.below(6) as u8, required: luck.once_in(2) });
        }
    }
    needs
}

fn rule(luck: &mut Luck, skills: &[String]) -> Option<String> {
    let (one, two) = (&skills[luck.below(skills.len())], &skills[luck.below(skills.len())]);
    match luck.below(8) {
        0 => Some(format!("{one} >= 3 || {two} > 6")),
        1 => Some(format!("{one} + {two} >= 5")),
        // Nobody fits, by the rule itself or because it cannot be computed for them.
        2 => Some(format!("{one} > 10")),
        3 => Some(format!("10 / {one} > 1")),
        _ => None,
    }
}

pub(super) fn queue(luck: &mut Luck, agents: &[UserId], skills: &[String]) -> QueueSettings {
    let mut members = Vec::new();
    for agent in agents {
        if !luck.once_in(3) {
            members.push(Member {
                agent_id: *agent,
                tier: luck.one_of(&[1, 1, 2, 5]),
                position: luck.below(3) as u16,
                weight: 1 + luck.below(9) as u16,
            });
        }
    }
    let mut settings = QueueSettings::new("queue", members);
    // Those that ring several are where most can go wrong.
    settings.strategy = match luck.once_in(3) {
        true => luck.one_of(&[Strategy::RingAll, Strategy::RingProgressively]),
        false => luck.one_of(Strategy::ALL),
    };
    settings.ring_seconds = 5 + luck.below(20) as u32;
    settings.wrap_up_seconds = luck.one_of(&[0, 0, 0, 3, 10, 60]);
    settings.max_wait_seconds = luck.one_of(&[0, 0, 0, 20, 120]);
    settings.progressive_seconds = 1 + luck.below(9) as u32;
    settings.max_length = luck.one_of(&[0, 0, 0, 2, 6]);
    settings.no_agent_wait_seconds = luck.one_of(&[None, None, None, Some(0), Some(15), Some(90)]);
    settings.weight = luck.one_of(&[0, 0, 0, 5, 100]);
    settings.tier_wait_seconds = luck.one_of(&[0, 0, 4, 30]);
    if luck.once_in(2) {
        settings.skills = needs(luck, skills);
        settings.rule = rule(luck, skills);
        let mut after_seconds = 0;
        while luck.once_in(2) && settings.relax.len() < 4 {
            after_seconds += 1 + luck.below(20) as u32;
            let mode = luck.one_of(&[Mode::Replace, Mode::Cumulative]);
            let step = Relaxation { after_seconds, mode, skills: needs(luck, skills), rule: rule(luck, skills) };
            settings.relax.push(step);
        }
    }
    debug_assert!(settings.faults().next().is_none(), "a queue that could not be set up: {settings:?}");
    settings
}
