//! Settings of queues, agents and skills change, while calls wait.

use super::draw;
use super::model::{Agent, Queue};
use super::verdict::Verdict;
use super::world::World;
use crate::id::UserId;
use crate::people::Availability;
use crate::queue::QueueSettings;
use crate::queue::router::{AgentSettings, Input};

impl World {
    pub(super) fn hire(&mut self) -> Verdict {
        let settings = draw::agent(&mut self.luck, &self.skills);
        let id: UserId = self.id();
        let at = self.model.agents.len();
        self.note(&format!("agent {at}: {settings:?}"));
        self.model.agents.push(Agent {
            id,
            settings: settings.clone(),
            chosen: Availability::Available,
            reachable: true,
            elsewhere: 0,
            missed: 0,
            rest: None,
            pause: None,
        });
        self.tell(Input::AgentConfigured { agent: id, settings });
        self.tell(Input::AgentReachable { agent: id, reachable: true });
        self.obey()
    }

    fn agent_ids(&self) -> Vec<UserId> {
        self.model.agents.iter().map(|agent| agent.id).collect()
    }

    /// A new queue, or one in the place of a queue that is gone.
    pub(super) fn found_queue(&mut self, place: Option<usize>) -> Verdict {
        let agents = self.agent_ids();
        let settings = draw::queue(&mut self.luck, &agents, &self.skills);
        let at = place.unwrap_or(self.model.queues.len());
        let (id, version) = match place {
            // It may come back with its old id, or as another.
            Some(at) if self.luck.once_in(2) => (self.model.queues[at].id, self.model.queues[at].version + 1),
            _ => (self.id(), 1),
        };
        self.note(&format!("queue {at}: {settings:?}"));
        let queue = Queue::new(id, settings.clone(), version);
        match place {
            Some(at) => self.model.queues[at] = queue,
            None => self.model.queues.push(queue),
        }
        self.model.settle();
        self.tell(Input::QueueConfigured { queue: id, settings, version });
        self.obey()
    }

    fn configure_queue(&mut self, at: usize, settings: QueueSettings) {
        let old = &self.model.queues[at];
        let (id, version, empty_since) = (old.id, old.version + 1, old.empty_since);
        self.note(&format!("queue {at}, changed: {settings:?}"));
        self.model.queues[at] = Queue::new(id, settings.clone(), version);
        self.model.queues[at].empty_since = empty_since;
        self.model.settle();
        self.model.look_again(|queue| queue == Some(at));
        self.tell(Input::QueueConfigured { queue: id, settings, version });
    }

    pub(super) fn change_queue(&mut self) -> Verdict {
        let at = self.luck.below(self.model.queues.len());
        if !self.model.queues[at].exists {
            return self.found_queue(Some(at));
        }
        let agents = self.agent_ids();
        let drawn = draw::queue(&mut self.luck, &agents, &self.skills);
        let mut settings = self.model.queues[at].settings.clone();
        match self.luck.below(3) {
            // Members go, and come.
            0 => settings.members = drawn.members,
            1 => settings = drawn,
            _ => {
                let members = std::mem::take(&mut settings.members);
                settings = QueueSettings { members, ..drawn };
            }
        }
        self.configure_queue(at, settings);
        self.obey()
    }

    pub(super) fn remove_queue(&mut self) -> Verdict {
        let at = self.luck.below(self.model.queues.len());
        self.note(&format!("queue {at} is removed"));
        let queue = &mut self.model.queues[at];
        queue.exists = false;
        let id = queue.id;
        for call in self.model.calls.values_mut().filter(|call| call.queue == Some(at)) {
            call.queue = None;
        }
        self.tell(Input::QueueRemoved { queue: id });
        self.obey()
    }

    pub(super) fn change_agent(&mut self) -> Verdict {
        let at = self.some_agent();
        let settings = draw::agent(&mut self.luck, &self.skills);
        self.configure_agent(at, settings);
        self.obey()
    }

    fn configure_agent(&mut self, at: usize, settings: AgentSettings) {
        self.note(&format!("agent {at}, changed: {settings:?}"));
        let agent = &mut self.model.agents[at];
        agent.settings = settings.clone();
        let agent = agent.id;
        self.model.look_again(|_| true);
        self.tell(Input::AgentConfigured { agent, settings });
    }

    /// A skill gets another name, with agents and queues one after the other; calls that wait keep the old one.
    pub(super) fn rename_skill(&mut self) -> Verdict {
        let at = self.luck.below(self.skills.len());
        let (old, new) = (self.skills[at].clone(), format!("skill{}", self.seen.calls));
        if self.skills.contains(&new) {
            return Ok(());
        }
        self.note(&format!("the skill {old} is called {new}"));
        self.skills[at].clone_from(&new);
        for at in 0..self.model.agents.len() {
            let mut settings = self.model.agents[at].settings.clone();
            settings.skills.iter_mut().filter(|skill| skill.name == old).for_each(|skill| skill.name.clone_from(&new));
            self.configure_agent(at, settings);
            self.obey()?;
        }
        for at in self.model.existing() {
            let mut settings = self.model.queues[at].settings.clone();
            let steps = settings.relax.iter_mut();
            let (needs, rules): (Vec<_>, Vec<_>) = steps.map(|step| (&mut step.skills, &mut step.rule)).unzip();
            for need in needs.into_iter().chain([&mut settings.skills]).flatten().filter(|need| need.name == old) {
                need.name.clone_from(&new);
            }
            for rule in rules.into_iter().chain([&mut settings.rule]).flatten() {
                *rule = rule.replace(&old, &new);
            }
            self.configure_queue(at, settings);
            self.obey()?;
        }
        Ok(())
    }

    /// Somebody leaves the company, whatever they are doing, and may come back one day.
    pub(super) fn dismiss(&mut self) -> Verdict {
        let at = self.some_agent();
        self.note(&format!("agent {at} leaves the company"));
        let agent = self.model.agents[at].id;
        for queue in self.model.existing() {
            let mut settings = self.model.queues[queue].settings.clone();
            settings.members.retain(|member| member.agent_id != agent);
            self.configure_queue(queue, settings);
        }
        let who = &mut self.model.agents[at];
        (who.chosen, who.reachable) = (Availability::Offline, false);
        self.model.settle();
        self.tell(Input::AgentChose { agent, availability: Availability::Offline });
        self.tell(Input::AgentReachable { agent, reachable: false });
        self.obey()
    }
}
