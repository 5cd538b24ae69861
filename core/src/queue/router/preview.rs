//! Who could take a call of a queue as its caller waits on: what steps of relaxation and tiers come to, before they are put to use.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::queue::numbered;
use super::setup::{admits, number};
use super::{Input, Router};
use crate::id::{QueueId, UserId};
use crate::queue::{AgentSettings, QueueSettings, SkillNeed};

/// Who could take a call from a time on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewStep {
    /// Once the caller has waited so long.
    pub after: Duration,
    /// The members who fit, in the order of tier and position.
    pub matching: Vec<UserId>,
    /// Those of them who did not fit before.
    pub added: u32,
    /// Those who fitted before and do not any more.
    pub lost: u32,
}

/// Whom a call of a queue may go to at first and after each step and tier, by the rules of the router itself. `agents` are those about
/// whom something is set; `needs` is what the call needs besides the queue. A step that adds nobody is of no use.
#[must_use]
pub fn preview(
    now: Instant,
    settings: QueueSettings,
    agents: impl IntoIterator<Item = (UserId, AgentSettings)>,
    needs: &[SkillNeed],
) -> Vec<PreviewStep> {
    let mut router = Router::new();
    for (agent, settings) in agents {
        router.handle(now, Input::AgentConfigured { agent, settings });
    }
    let id = QueueId::from_uuid(uuid::Uuid::nil());
    router.handle(now, Input::QueueConfigured { queue: id, settings, version: 1 });
    let needs = numbered(needs, &mut |name| number(&mut router.skills, name));
    let mut steps: Vec<PreviewStep> = Vec::new();
    let Some(queue) = router.queue(id) else { return steps };
    let mut before = BTreeSet::new();
    let mut next = Some(Duration::ZERO);
    while let Some(after) = next {
        let requirement = queue.requirement(Some(&needs), after);
        let fits = |agent: u32| admits(&requirement, &queue.rules, &router.agents[agent as usize].skills);
        let members = queue.places.iter().filter(|place| place.tier <= requirement.last_tier && fits(place.agent));
        let matching: Vec<UserId> = members.map(|place| router.agents[place.agent as usize].id).collect();
        let now: BTreeSet<UserId> = matching.iter().copied().collect();
        let (added, lost) = (now.difference(&before).count() as u32, before.difference(&now).count() as u32);
        steps.push(PreviewStep { after, matching, added, lost });
        (before, next) = (now, queue.next_change(after));
    }
    steps
}
