//! The router with agents, queues and calls.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chrono::DateTime;
use dialplane_core::id::{CallId, IdSource, QueueId, SeededIds, UserId};
use dialplane_core::people::Availability;
use dialplane_core::queue::decision::Decision;
use dialplane_core::queue::router::{AgentSettings, Arrival, Command, Input, Router, Stands, Why};
use dialplane_core::queue::{AgentSkill, Member, Mode, QueueSettings, Relaxation, SkillNeed};

/// What there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) agents: usize,
    pub(crate) queues: usize,
    /// Queues of each agent.
    pub(crate) each_in: usize,
    /// Skills there are.
    pub(crate) skills: usize,
    /// Skills of each agent.
    pub(crate) each_has: usize,
    /// Whether nobody is there.
    pub(crate) nobody: bool,
    /// Whether the queues ask for other skills as time goes by, the third step by an expression.
    pub(crate) relaxes: bool,
    /// Members of a queue up to which each offer tells how all of them stood.
    pub(crate) explained: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self { agents: 0, queues: 1, each_in: 1, skills: 0, each_has: 0, nobody: false, relaxes: false, explained: 0 }
    }
}

fn need(skill: usize) -> SkillNeed {
    SkillNeed { name: format!("skill_{skill}"), level: 3, required: true }
}

/// Nobody has what is asked for until the second step.
fn relaxed() -> Vec<Relaxation> {
    let step = |after_seconds, skills, rule: Option<&str>| Relaxation {
        after_seconds,
        mode: Mode::Replace,
        skills,
        rule: rule.map(str::to_owned),
    };
    let master = SkillNeed { level: 9, ..need(1) };
    vec![step(20, vec![master], None), step(60, Vec::new(), Some("skill_1 >= 3 || skill_2 >= 5"))]
}

pub(crate) struct Desk {
    router: Router,
    now: Instant,
    agents: Vec<UserId>,
    queues: Vec<QueueId>,
    calls: Vec<CallId>,
    needs: Vec<Vec<SkillNeed>>,
    kept: VecDeque<(CallId, UserId, Why, Option<Stands>)>,
    round: usize,
}

impl Desk {
    pub(crate) fn new(shape: Shape) -> Self {
        let ids = SeededIds::new(1);
        let at = DateTime::UNIX_EPOCH;
        let ids = &ids as &dyn IdSource;
        let agents: Vec<UserId> = (0..shape.agents).map(|_| ids.id(at)).collect();
        let queues: Vec<QueueId> = (0..shape.queues).map(|_| ids.id(at)).collect();
        let calls: Vec<CallId> = (0..1_024).map(|_| ids.id(at)).collect();
        let (mut router, now) = (Router::with_seed(1).explaining(shape.explained), Instant::now());
        for (n, agent) in agents.iter().enumerate() {
            let has = |k: usize| (n * 7 + k * 5 + n / 20) % shape.skills.max(1);
            let skills =
                (0..shape.each_has).map(|k| AgentSkill { name: format!("skill_{}", has(k)), level: 5 }).collect();
            router.handle(
                now,
                Input::AgentConfigured {
                    agent: *agent,
                    settings: AgentSettings { skills, ..AgentSettings::default() },
                },
            );
            router.handle(now, Input::AgentReachable { agent: *agent, reachable: !shape.nobody });
        }
        for (at, queue) in queues.iter().enumerate() {
            let is_in = |n: usize| (0..shape.each_in).any(|k| (n + k * 17) % shape.queues == at);
            let members =
                agents.iter().enumerate().filter(|(n, _)| is_in(*n)).map(|(_, agent)| Member::new(*agent)).collect();
            let mut settings = QueueSettings::new(format!("queue {at}"), members);
            if shape.relaxes {
                settings.relax = relaxed();
            }
            router.handle(now, Input::QueueConfigured { queue: *queue, settings, version: 1 });
        }
        let needs = (0..shape.skills).map(|skill| vec![need(skill)]).collect();
        Self { router, now, agents, queues, calls, needs, kept: VecDeque::with_capacity(1_024), round: 0 }
    }

    /// Time goes on by a millisecond.
    fn turn(&mut self) -> (CallId, Arrival) {
        self.round += 1;
        self.now += Duration::from_millis(1);
        let call = self.calls[self.round % self.calls.len()];
        let mut arrival = Arrival::new(call, self.queues[self.round % self.queues.len()]);
        if !self.needs.is_empty() {
            arrival.skills.clone_from(&self.needs[self.round % self.needs.len()]);
        }
        (call, arrival)
    }

    fn offered(&mut self, arrival: Arrival) -> (UserId, Why, Option<Stands>) {
        self.router.handle(self.now, Input::CallQueued(arrival));
        match self.router.poll_command() {
            Some(Command::Offer { agent, why, stands, .. }) => (agent, why, stands),
            other => panic!("somebody is free: {other:?}"),
        }
    }

    fn end(&mut self, call: CallId, agent: UserId) {
        self.router.handle(self.now, Input::OfferAccepted { call, agent });
        self.router.handle(self.now, Input::CallEnded { call });
    }

    pub(crate) fn serve(&mut self) -> UserId {
        let (call, arrival) = self.turn();
        let (agent, ..) = self.offered(arrival);
        self.end(call, agent);
        agent
    }

    /// A call that nobody can take at first: it waits, what it needs changes twice, then it is taken.
    pub(crate) fn serve_relaxed(&mut self) -> UserId {
        let (call, mut arrival) = self.turn();
        arrival.skills = vec![SkillNeed { level: 8, ..need(0) }];
        self.router.handle(self.now, Input::CallQueued(arrival));
        while let Some(due) = self.router.poll_timeout() {
            self.now = due;
            self.router.handle_timeout(due);
            if let Some(Command::Offer { agent, .. }) = self.router.poll_command() {
                self.end(call, agent);
                return agent;
            }
        }
        panic!("somebody fits at last")
    }

    pub(crate) fn serve_and_keep(&mut self) -> UserId {
        let (call, arrival) = self.turn();
        let (agent, why, stands) = self.offered(arrival);
        if self.kept.len() == 1_024 {
            self.kept.pop_front();
        }
        self.kept.push_back((call, agent, why, stands));
        self.end(call, agent);
        agent
    }

    /// What is kept of a decision, read as it is written to the history of its call.
    pub(crate) fn serve_and_read(&mut self) -> usize {
        let (call, arrival) = self.turn();
        let queue = arrival.queue;
        let (agent, why, stands) = self.offered(arrival);
        let decision = Decision::of(queue, agent, &why, stands.as_ref(), self.now);
        self.end(call, agent);
        decision.candidates.len()
    }

    pub(crate) fn pause(&mut self) {
        self.round += 1;
        self.now += Duration::from_millis(1);
        let agent = self.agents[self.round * 7 % self.agents.len()];
        for availability in [Availability::Break, Availability::Available] {
            self.router.handle(self.now, Input::AgentChose { agent, availability });
        }
    }

    /// So many calls wait.
    pub(crate) fn fill(&mut self, calls: usize) {
        let ids = SeededIds::new(2);
        for _ in 0..calls {
            self.now += Duration::from_millis(1);
            let call = (&ids as &dyn IdSource).id(DateTime::UNIX_EPOCH);
            self.router.handle(self.now, Input::CallQueued(Arrival::new(call, self.queues[0])));
        }
    }

    pub(crate) fn give_up(&mut self) {
        let (call, arrival) = self.turn();
        self.router.handle(self.now, Input::CallQueued(arrival));
        self.router.handle(self.now, Input::CallGone { call });
    }
}
