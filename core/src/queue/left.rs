//! How the members of a queue stood to a call that left it and was never offered to anybody: there is no [`Decision`](super::Decision)
//! that tells.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::decision::{CANDIDATES_MAX, Considered, MEMBERS_EXPLAINED_MAX, Others, Verdict};
use super::router::{AgentState, Arrival, Candidate, Input, Router, Standing};
use super::{AgentSettings, QueueSettings};
use crate::id::UserId;

/// See the module. Kept with the change by which the call left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stood {
    /// The members: [`CANDIDATES_MAX`] at most, those first who were nearest to the call. Nothing was compared of them.
    pub candidates: Vec<Considered>,
    /// How the members stood who are not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Others>,
}

impl Stood {
    /// How members stand at `now` to a call that came by `arrival`, whether the router of the company knows it still or not. `agents` is
    /// what is set about the members. `None` for a queue with more than [`MEMBERS_EXPLAINED_MAX`].
    #[must_use]
    pub fn of(
        now: Instant,
        router: &Router,
        settings: &QueueSettings,
        agents: impl IntoIterator<Item = (UserId, AgentSettings)>,
        arrival: &Arrival,
    ) -> Option<Self> {
        if settings.members.len() > MEMBERS_EXPLAINED_MAX {
            return None;
        }
        // Where nobody works the call waits for everybody, and the rules say whom it may go to by now.
        let mut idle = Router::new();
        for (agent, settings) in agents {
            idle.handle(now, Input::AgentConfigured { agent, settings });
        }
        idle.handle(now, Input::QueueConfigured { queue: arrival.queue, settings: settings.clone(), version: 0 });
        let since = arrival.since.or(Some(now));
        idle.handle(now, Input::CallQueued(Arrival { since, wish: None, overflow_at: None, ..arrival.clone() }));
        let candidates = idle.candidates(now, arrival.call).into_iter().map(|own| {
            let standing = match (own.standing, router.agent_state(now, own.agent)) {
                (Standing::Unavailable(_), Some(AgentState::Idle)) if arrival.wish.is_some() => Standing::Kept,
                (Standing::Unavailable(_), Some(AgentState::Idle)) => Standing::Free,
                (Standing::Unavailable(_), Some(state)) => Standing::Unavailable(state),
                (other, _) => other,
            };
            Considered::of(&Candidate { standing, order: 0, ..own }, now)
        });
        let mut candidates: Vec<Considered> = candidates.collect();
        // A stable order keeps the members' places.
        candidates.sort_by_key(|own| (own.verdict, own.tier, Reverse(own.fit)));
        let mut others: BTreeMap<Verdict, u32> = BTreeMap::new();
        for own in candidates.iter().skip(CANDIDATES_MAX) {
            *others.entry(own.verdict).or_default() += 1;
        }
        candidates.truncate(CANDIDATES_MAX);
        let others = others.into_iter().map(|(verdict, count)| Others { verdict, count }).collect();
        Some(Self { candidates, others })
    }

    /// How an agent stood. Where not all members were kept, somebody who is not among them is [`Verdict::Unlisted`], or no member.
    #[must_use]
    pub fn verdict_of(&self, agent: UserId) -> Verdict {
        match self.candidates.iter().find(|own| own.agent == agent) {
            Some(own) => own.verdict,
            None if !self.candidates.is_empty() && self.others.is_empty() => Verdict::NoMember,
            None => Verdict::Unlisted,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::id::{CallId, IdSource, QueueId, SeededIds};
    use crate::people::Availability;
    use crate::queue::{AgentSkill, Member, SkillNeed};

    #[expect(
        clippy::disallowed_methods,
        reason = "an instant cannot be made in another way; only distances from it matter"
    )]
    fn begin() -> Instant {
        Instant::now()
    }

    /// The router of a company with a queue of so many agents, those at the tiers that are given; each third one speaks German.
    struct Desk {
        now: Instant,
        live: Router,
        settings: QueueSettings,
        agents: Vec<(UserId, AgentSettings)>,
        arrival: Arrival,
    }

    fn desk(tiers: &[u16]) -> Desk {
        let ids: &dyn IdSource = &SeededIds::new(7);
        let at = chrono::DateTime::UNIX_EPOCH;
        let (now, mut live) = (begin(), Router::new());
        let (call, queue): (CallId, QueueId) = (ids.id(at), ids.id(at));
        let skills = |n: usize| match n % 3 {
            0 => vec![AgentSkill { name: "german".to_owned(), level: 5 }],
            _ => Vec::new(),
        };
        let agents: Vec<(UserId, AgentSettings)> = (0..tiers.len())
            .map(|n| (ids.id(at), AgentSettings { skills: skills(n), ..AgentSettings::default() }))
            .collect();
        let members = agents.iter().zip(tiers).enumerate();
        let members = members.map(|(n, ((agent, _), tier))| Member {
            agent_id: *agent,
            tier: *tier,
            position: n as u16 + 1,
            ..Member::new(*agent)
        });
        let settings = QueueSettings { tier_wait_seconds: 60, ..QueueSettings::new("sales", members.collect()) };
        for (agent, settings) in agents.clone() {
            live.handle(now, Input::AgentConfigured { agent, settings });
        }
        live.handle(now, Input::QueueConfigured { queue, settings: settings.clone(), version: 3 });
        Desk { now, live, settings, agents, arrival: Arrival::new(call, queue) }
    }

    impl Desk {
        fn choose(&mut self, agent: usize, availability: Availability) {
            let agent = self.agents[agent].0;
            self.live.handle(self.now, Input::AgentReachable { agent, reachable: true });
            self.live.handle(self.now, Input::AgentChose { agent, availability });
        }

        fn stood(&self) -> Option<Stood> {
            Stood::of(self.now, &self.live, &self.settings, self.agents.clone(), &self.arrival)
        }

        fn verdicts(&self) -> Vec<&'static str> {
            let stood = self.stood().unwrap();
            self.agents.iter().map(|(agent, _)| stood.verdict_of(*agent).as_str()).collect()
        }
    }

    #[test]
    fn it_is_what_the_router_says_while_it_knows_the_call() {
        let mut desk = desk(&[1, 1, 1, 2, 2]);
        desk.arrival.skills = vec![SkillNeed { name: "german".to_owned(), level: 3, required: true }];
        desk.arrival.since = Some(desk.now);
        desk.choose(0, Availability::Break);
        desk.choose(1, Availability::Available);
        desk.choose(3, Availability::Available);
        desk.live.handle(desk.now, Input::CallQueued(desk.arrival.clone()));
        for passed in [0, 30] {
            desk.now = desk.arrival.since.unwrap() + Duration::from_secs(passed);
            assert_eq!(desk.verdicts(), ["on_break", "unfit", "unfit", "later_tier", "unfit"]);
            let told = desk.live.candidates(desk.now, desk.arrival.call);
            let told: Vec<_> =
                told.iter().map(|own| (own.agent, own.tier, Considered::of(own, desk.now).verdict, own.fit)).collect();
            let mut kept = desk.stood().unwrap().candidates;
            kept.sort_by_key(|own| desk.agents.iter().position(|(agent, _)| *agent == own.agent));
            let kept: Vec<_> = kept.iter().map(|own| (own.agent, own.tier, own.verdict, own.fit)).collect();
            assert_eq!(kept, told);
        }
        // Also once it has forgotten the call.
        let before = desk.stood();
        desk.live.handle(desk.now, Input::CallGone { call: desk.arrival.call });
        assert_eq!(desk.stood(), before);
    }

    #[test]
    fn who_is_free_was_kept_from_a_call_that_waited_for_somebody_else() {
        let mut desk = desk(&[1, 1]);
        desk.choose(0, Availability::Offline);
        desk.choose(1, Availability::Available);
        desk.arrival.wish = Some((desk.agents[0].0, Duration::from_secs(30)));
        assert_eq!(desk.verdicts(), ["offline", "kept"]);
    }

    #[test]
    fn twenty_are_named_the_others_counted_and_nothing_is_told_of_a_large_queue() {
        let mut desk = desk(&[1; 64]);
        desk.choose(40, Availability::Available);
        desk.live.handle(desk.now, Input::AgentEngaged { agent: desk.agents[40].0 });
        let stood = desk.stood().unwrap();
        assert_eq!(stood.candidates.len(), CANDIDATES_MAX);
        assert_eq!(stood.candidates[0].agent, desk.agents[40].0, "who is on a call is nearer than who has no phone");
        assert_eq!(stood.others, [Others { verdict: Verdict::Unreachable, count: 44 }]);
        assert_eq!(stood.verdict_of(desk.agents[63].0), Verdict::Unlisted);
        assert!(self::desk(&[1; 65]).stood().is_none());
    }
}
