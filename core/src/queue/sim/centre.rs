//! The centre that a script is played in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use chrono::DateTime;
use rustc_hash::FxHashMap;

use super::Day;
use super::luck::Luck;
use super::replay::{RecordedCall, RecordedEnd};
use super::script::Script;
use crate::call::OfferFailure;
use crate::id::{CallId, IdSource, SeededIds, UserId};
use crate::people::Availability;
use crate::queue::router::{Arrival, Command, Input, Router};

/// What happens of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The next call comes.
    Arrives,
    /// A caller hangs up, or something takes them out of the queue, unless somebody talks to them.
    GivesUp { call: CallId },
    /// An agent answers, if it still rings.
    Answers { call: CallId, agent: usize, offer: u64 },
    /// An agent's phone has rung long enough.
    Misses { call: CallId, agent: usize, offer: u64 },
    /// A talk is over.
    Ends { call: CallId },
    /// An agent chooses what they are going to choose next.
    Chooses { agent: usize, choice: usize },
    /// An agent begins a call that came through no queue, or ends it.
    Engages { agent: usize, begins: bool },
    /// The process dies, and another one goes on with what is stored.
    Dies { death: usize },
}

/// A phone that rings.
#[derive(Debug, Clone, Copy)]
struct Ring {
    agent: usize,
    /// Counts the offers: an agent may be rung for a call twice.
    offer: u64,
    since: u64,
}

/// A call that is not over.
#[derive(Debug)]
struct Live {
    /// Its place in the script.
    place: usize,
    ringing: Vec<Ring>,
    missed: u32,
    /// Since when whom it talks to.
    answered: Option<(u64, usize)>,
    /// How long it rang before that.
    rang: u64,
    /// The process that connected it is dead: the router knows only that the agent is busy.
    orphaned: bool,
}

/// See the module.
pub(super) struct Centre<'a> {
    script: &'a Script,
    seed: u64,
    router: Router,
    luck: Luck,
    ids: SeededIds,
    epoch: Instant,
    /// Milliseconds since the day began.
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    count: u64,
    next_call: usize,
    agents: FxHashMap<UserId, usize>,
    /// What each agent chose last.
    chosen: Vec<Availability>,
    calls: BTreeMap<CallId, Live>,
    day: Day,
    recorded: Vec<RecordedCall>,
}

impl<'a> Centre<'a> {
    /// Plays the script: what came of it, and the calls in the order of their ends. `tell` hears the share of the calls that have come.
    pub(super) fn play(script: &'a Script, seed: u64, tell: &mut dyn FnMut(f64)) -> (Day, Vec<RecordedCall>) {
        let mut centre = Self::open(script, seed);
        let mut told = 0;
        while centre.step() {
            if centre.next_call > told {
                told = centre.next_call;
                tell(told as f64 / script.calls.len() as f64);
            }
        }
        centre.day.close(script);
        (centre.day, centre.recorded)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "an instant cannot be made in another way; only distances from it matter"
    )]
    fn open(script: &'a Script, seed: u64) -> Self {
        let mut centre = Self {
            script,
            seed,
            router: Router::with_seed(seed),
            luck: Luck::new(seed),
            ids: SeededIds::new(!seed),
            epoch: Instant::now(),
            now: 0,
            events: BinaryHeap::new(),
            count: 0,
            next_call: 0,
            agents: script.agents.iter().zip(0..).map(|(agent, at)| (agent.id, at)).collect(),
            chosen: vec![Availability::Offline; script.agents.len()],
            calls: BTreeMap::new(),
            day: Day::new(script),
            recorded: Vec::with_capacity(script.calls.len()),
        };
        centre.configure();
        for agent in 0..script.agents.len() {
            centre.plan_choice(agent, 0);
            for (from, until) in &script.agents[agent].engaged {
                centre.later(*from, Event::Engages { agent, begins: true });
                centre.later(*until, Event::Engages { agent, begins: false });
            }
        }
        for (death, at) in script.deaths.iter().enumerate() {
            centre.later(*at, Event::Dies { death });
        }
        centre.plan_arrival();
        centre
    }

    /// Tells the router of agents and queues.
    fn configure(&mut self) {
        for (at, agent) in self.script.agents.iter().enumerate() {
            let (id, availability) = (agent.id, self.chosen[at]);
            self.tell(Input::AgentConfigured { agent: id, settings: agent.settings.clone() });
            self.tell(Input::AgentChose { agent: id, availability });
            self.tell(Input::AgentReachable { agent: id, reachable: true });
        }
        for (queue, settings) in &self.script.queues {
            self.tell(Input::QueueConfigured { queue: *queue, settings: settings.clone(), version: 1 });
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.epoch + Duration::from_millis(millis)
    }

    fn tell(&mut self, input: Input) {
        let now = self.at(self.now);
        self.router.handle(now, input);
        self.obey();
    }

    fn later(&mut self, at: u64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((at, self.count, event)));
    }

    fn plan_arrival(&mut self) {
        if let Some(call) = self.script.calls.get(self.next_call) {
            self.later(call.at, Event::Arrives);
        }
    }

    fn plan_choice(&mut self, agent: usize, choice: usize) {
        if let Some((at, _)) = self.script.agents[agent].choices.get(choice) {
            self.later((*at).max(self.now), Event::Chooses { agent, choice });
        }
    }

    /// One event, or the router's next timer. `false` when nothing is left.
    fn step(&mut self) -> bool {
        if self.calls.is_empty() && self.next_call >= self.script.calls.len() {
            return false;
        }
        let event = self.events.peek().map(|Reverse((at, ..))| *at);
        let timer = self.router.poll_timeout().map(|at| at.saturating_duration_since(self.epoch).as_millis() as u64);
        match (event, timer) {
            (event, Some(timer)) if event.is_none_or(|event| timer <= event) => {
                // Everything here happens at whole milliseconds, so the timers do, too.
                self.now = self.now.max(timer);
                let now = self.at(self.now);
                self.router.handle_timeout(now);
                self.obey();
            }
            (Some(_), _) => {
                if let Some(Reverse((at, _, event))) = self.events.pop() {
                    self.now = at;
                    self.happen(event);
                }
            }
            (None, _) => return false,
        }
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrives => self.arrive(),
            Event::GivesUp { call } => {
                if self.calls.get(&call).is_some_and(|live| live.answered.is_none()) {
                    self.tell(Input::CallGone { call });
                    let leaves = self.calls.get(&call).is_some_and(|live| self.script.calls[live.place].leaves);
                    self.close(call, if leaves { RecordedEnd::Left } else { RecordedEnd::Abandoned });
                }
            }
            Event::Answers { call, agent, offer } => {
                if let Some(ring) = self.take_ring(call, offer) {
                    self.tell(Input::OfferAccepted { call, agent: self.script.agents[agent].id });
                    self.connect(call, ring);
                }
            }
            Event::Misses { call, agent, offer } => {
                if self.take_ring(call, offer).is_some() {
                    if let Some(live) = self.calls.get_mut(&call) {
                        live.missed += 1;
                    }
                    let agent = self.script.agents[agent].id;
                    self.tell(Input::OfferFailed { call, agent, reason: OfferFailure::NoAnswer });
                }
            }
            Event::Ends { call } => self.end(call),
            Event::Chooses { agent, choice } => {
                if let Some((_, availability)) = self.script.agents[agent].choices.get(choice).copied() {
                    self.chosen[agent] = availability;
                    self.tell(Input::AgentChose { agent: self.script.agents[agent].id, availability });
                }
                self.plan_choice(agent, choice + 1);
            }
            Event::Engages { agent, begins } => {
                let agent = self.script.agents[agent].id;
                self.tell(if begins { Input::AgentEngaged { agent } } else { Input::AgentReleased { agent } });
            }
            Event::Dies { .. } => self.crash(),
        }
    }

    fn arrive(&mut self) {
        let place = self.next_call;
        self.next_call += 1;
        self.plan_arrival();
        let Some(call) = self.script.calls.get(place) else { return };
        let id: CallId = (&self.ids as &dyn IdSource).id(DateTime::UNIX_EPOCH);
        self.day.offered(call.queue, self.now);
        let live = Live { place, ringing: Vec::new(), missed: 0, answered: None, rang: 0, orphaned: false };
        self.calls.insert(id, live);
        if let Some(patience) = call.patience {
            self.later(self.now + patience, Event::GivesUp { call: id });
        }
        self.enqueue(id, place, None);
    }

    fn enqueue(&mut self, id: CallId, place: usize, since: Option<Instant>) {
        let call = &self.script.calls[place];
        let queue = self.script.queues[call.queue].0;
        let (priority, skills) = (call.priority, call.needs.clone());
        self.tell(Input::CallQueued(Arrival { since, priority, skills, ..Arrival::new(id, queue) }));
    }

    fn connect(&mut self, id: CallId, ring: Ring) {
        let Some(live) = self.calls.get_mut(&id) else { return };
        (live.answered, live.rang) = (Some((self.now, ring.agent)), self.now - ring.since);
        live.ringing.clear();
        let call = &self.script.calls[live.place];
        self.later(self.now + call.talk, Event::Ends { call: id });
        let service_level = self.script.queues[call.queue].1.service_level_seconds;
        self.day.answered(call.queue, call.at, self.now, service_level);
    }

    fn end(&mut self, id: CallId) {
        let Some(Live { place, answered: Some((since, agent)), orphaned, .. }) = self.calls.get(&id) else { return };
        let (place, since, agent, orphaned) = (*place, *since, *agent, *orphaned);
        self.day.talked(self.script.calls[place].queue, agent, since, self.now);
        let user = self.script.agents[agent].id;
        self.tell(if orphaned { Input::AgentReleased { agent: user } } else { Input::CallEnded { call: id } });
        self.close(id, RecordedEnd::Answered { agent: user, talked_ms: self.now - since });
    }

    /// A call is over: it is counted, unless that was done when it was answered, and recorded.
    fn close(&mut self, id: CallId, end: RecordedEnd) {
        let Some(live) = self.calls.remove(&id) else { return };
        let call = &self.script.calls[live.place];
        let (queue, settings) = &self.script.queues[call.queue];
        match end {
            RecordedEnd::Answered { .. } => {}
            RecordedEnd::Abandoned => {
                self.day.abandoned(call.queue, call.at, self.now, settings.service_level_seconds);
            }
            RecordedEnd::SentOn | RecordedEnd::Left => self.day.overflowed(call.queue, call.at),
        }
        let until = live.answered.map_or(self.now, |(since, _)| since);
        let rings = live.ringing.iter().map(|ring| self.now - ring.since).max();
        self.recorded.push(RecordedCall {
            came_ms: call.at,
            queue: *queue,
            priority: call.priority,
            needs: call.needs.clone(),
            waited_ms: until - call.at,
            rang_ms: rings.unwrap_or(live.rang),
            missed: live.missed,
            end,
        });
    }

    /// Ends the ringing of an offer, if it rings.
    fn take_ring(&mut self, call: CallId, offer: u64) -> Option<Ring> {
        let ringing = &mut self.calls.get_mut(&call)?.ringing;
        let place = ringing.iter().position(|ring| ring.offer == offer)?;
        Some(ringing.remove(place))
    }

    fn obey(&mut self) {
        while let Some(command) = self.router.poll_command() {
            match command {
                Command::Offer { call, agent, ring, .. } => self.ring(call, agent, ring.as_millis() as u64),
                Command::Rescind { call, agent } => {
                    let agent = self.agents.get(&agent).copied();
                    if let Some(live) = self.calls.get_mut(&call) {
                        live.ringing.retain(|ring| Some(ring.agent) != agent);
                    }
                }
                Command::Overflow { call, .. } => self.close(call, RecordedEnd::SentOn),
                Command::Pause { .. } => {}
            }
        }
    }

    fn ring(&mut self, call: CallId, agent: UserId, longest: u64) {
        let (Some(agent), offer, since) = (self.agents.get(&agent).copied(), self.count, self.now) else { return };
        let misses = self.luck.share() < self.script.missed_share;
        let chance = self.luck.exponential(self.script.answer_seconds).min(longest);
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.ringing.push(Ring { agent, offer, since });
        let rings = self.script.calls[live.place].rings.unwrap_or(chance);
        match misses {
            true => self.later(since + longest, Event::Misses { call, agent, offer }),
            false => self.later(since + rings, Event::Answers { call, agent, offer }),
        }
    }

    /// What rang rings no more, and waits again in its old place; talks go on, and their agents are busy.
    fn crash(&mut self) {
        self.router = Router::with_seed(self.seed);
        self.configure();
        let mut waiting = Vec::new();
        let mut busy = Vec::new();
        for (id, live) in &mut self.calls {
            live.ringing.clear();
            match live.answered {
                Some((_, agent)) => {
                    live.orphaned = true;
                    busy.push(agent);
                }
                None => waiting.push((live.place, *id)),
            }
        }
        for agent in busy {
            self.tell(Input::AgentEngaged { agent: self.script.agents[agent].id });
        }
        // In the order in which they came, which is that of the script.
        waiting.sort_unstable();
        for (place, id) in waiting {
            let since = self.at(self.script.calls[place].at);
            self.enqueue(id, place, Some(since));
        }
    }
}
