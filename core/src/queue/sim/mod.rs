//! A whole contact centre on virtual time: the production router, callers who lose patience, agents who miss calls and take breaks.
//!
//! The same plan and seed give the same day, event by event. Nothing waits: a day takes as long as its events take to compute.
//!
//! ```
//! use dialplane_core::queue::sim::{Plan, run};
//!
//! let plan = Plan::simple(12, &[60.0; 4], 180.0, 120.0);
//! let day = run(&plan, 7);
//! assert_eq!(day.slices.len(), 4);
//! assert_eq!(day, run(&plan, 7));
//! assert!(day.total.answered + day.total.abandoned + day.total.overflowed == day.total.offered);
//! ```

mod day;
mod luck;
mod plan;

pub use day::{Day, Slice};
pub use plan::{Plan, PlannedAgent, PlannedQueue};

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use chrono::DateTime;

use super::Member;
use super::router::{AgentSettings, Arrival, Command, Input, Router};
use crate::call::OfferFailure;
use crate::id::{CallId, IdSource, QueueId, SeededIds, UserId};
use crate::people::Availability;
use luck::Luck;

/// What happens of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A call comes into a queue.
    Arrives {
        queue: usize,
    },
    /// A caller hangs up, unless somebody talks to them.
    GivesUp {
        call: CallId,
    },
    /// An agent answers, if it still rings.
    Answers {
        call: CallId,
        agent: UserId,
    },
    /// An agent's phone has rung long enough.
    Misses {
        call: CallId,
        agent: UserId,
    },
    /// A talk is over.
    Ends {
        call: CallId,
    },
    /// An agent goes on a break, or comes back.
    Leaves {
        agent: usize,
    },
    Returns {
        agent: usize,
    },
}

/// A call that is not over.
#[derive(Debug)]
struct Live {
    queue: usize,
    came: u64,
    ringing: Vec<UserId>,
    answered: Option<(u64, UserId)>,
}

struct Centre<'a> {
    plan: &'a Plan,
    router: Router,
    chance: Luck,
    ids: SeededIds,
    epoch: Instant,
    /// Milliseconds since the day began.
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    count: u64,
    queues: Vec<QueueId>,
    agents: Vec<UserId>,
    calls: BTreeMap<CallId, Live>,
    day: Day,
}

/// Plays a day. `seed` decides chance.
#[must_use]
pub fn run(plan: &Plan, seed: u64) -> Day {
    let mut centre = Centre::open(plan, seed);
    while centre.step() {}
    centre.day.close(plan);
    centre.day
}

impl<'a> Centre<'a> {
    #[expect(
        clippy::disallowed_methods,
        reason = "an instant cannot be made in another way; only distances from it matter"
    )]
    fn open(plan: &'a Plan, seed: u64) -> Self {
        let (ids, router) = (SeededIds::new(seed), Router::with_seed(seed));
        let mut centre = Self {
            plan,
            router,
            chance: Luck::new(seed),
            ids,
            epoch: Instant::now(),
            now: 0,
            events: BinaryHeap::new(),
            count: 0,
            queues: Vec::new(),
            agents: Vec::new(),
            calls: BTreeMap::new(),
            day: Day::new(plan),
        };
        for planned in &plan.agents {
            let agent = centre.id();
            centre.agents.push(agent);
            let settings = AgentSettings { skills: planned.skills.clone(), ..AgentSettings::default() };
            centre.tell(Input::AgentConfigured { agent, settings });
            centre.tell(Input::AgentReachable { agent, reachable: true });
        }
        for (at, planned) in plan.queues.iter().enumerate() {
            let queue = centre.id();
            centre.queues.push(queue);
            let members = plan.agents.iter().zip(&centre.agents).filter(|(planned, _)| planned.queues.contains(&at));
            let members = members.map(|(_, agent)| Member::new(*agent)).collect();
            let settings = super::QueueSettings { members, ..planned.settings.clone() };
            centre.tell(Input::QueueConfigured { queue, settings, version: 1 });
            centre.next_arrival(at);
        }
        for agent in 0..plan.agents.len() {
            centre.next_break(agent);
        }
        centre
    }

    fn id<K>(&self) -> crate::id::Id<K> {
        (&self.ids as &dyn IdSource).id(DateTime::UNIX_EPOCH)
    }

    fn at(&self) -> Instant {
        self.epoch + Duration::from_millis(self.now)
    }

    fn tell(&mut self, input: Input) {
        let now = self.at();
        self.router.handle(now, input);
        self.obey();
    }

    fn later(&mut self, after: u64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((self.now + after, self.count, event)));
    }

    /// One event, or the router's next timer. `false` when nothing is left.
    fn step(&mut self) -> bool {
        let event = self.events.peek().map(|Reverse((at, ..))| *at);
        let timer = self.router.poll_timeout().map(|at| at.saturating_duration_since(self.epoch).as_millis() as u64);
        match (event, timer) {
            (None, _) if self.calls.is_empty() => return false,
            (event, Some(timer)) if event.is_none_or(|event| timer <= event) => {
                // Everything here happens at whole milliseconds, so the timers do, too.
                self.now = self.now.max(timer);
                let now = self.at();
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
            Event::Arrives { queue } => self.arrive(queue),
            Event::GivesUp { call } => {
                if self.calls.get(&call).is_some_and(|live| live.answered.is_none()) {
                    self.tell(Input::CallGone { call });
                    if let Some(live) = self.calls.remove(&call) {
                        self.day.abandoned(live.came, self.now);
                    }
                }
            }
            Event::Answers { call, agent } => {
                if self.rings(call, agent) {
                    self.tell(Input::OfferAccepted { call, agent });
                    self.connect(call, agent);
                }
            }
            Event::Misses { call, agent } => {
                if self.rings(call, agent) {
                    self.forget_ringing(call, agent);
                    self.tell(Input::OfferFailed { call, agent, reason: OfferFailure::NoAnswer });
                }
            }
            Event::Ends { call } => {
                if let Some(Live { answered: Some((since, _)), .. }) = self.calls.remove(&call) {
                    self.day.talked(since, self.now);
                    self.tell(Input::CallEnded { call });
                }
            }
            Event::Leaves { agent } => {
                self.choose(agent, Availability::Break);
                let length = self.chance.exponential(self.plan.break_seconds);
                self.later(length, Event::Returns { agent });
            }
            Event::Returns { agent } => {
                self.choose(agent, Availability::Available);
                self.next_break(agent);
            }
        }
    }

    fn choose(&mut self, agent: usize, availability: Availability) {
        let agent = self.agents[agent];
        self.tell(Input::AgentChose { agent, availability });
    }

    fn arrive(&mut self, queue: usize) {
        self.next_arrival(queue);
        let call = self.id();
        let planned = &self.plan.queues[queue];
        let skills = match planned.needs.len() {
            0 => Vec::new(),
            kinds => planned.needs[self.chance.below(kinds)].clone(),
        };
        self.day.offered(self.now);
        self.calls.insert(call, Live { queue, came: self.now, ringing: Vec::new(), answered: None });
        let patience = self.chance.exponential(planned.patience_seconds);
        self.later(patience, Event::GivesUp { call });
        self.tell(Input::CallQueued(Arrival { skills, ..Arrival::new(call, self.queues[queue]) }));
    }

    fn connect(&mut self, call: CallId, agent: UserId) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.answered = Some((self.now, agent));
        live.ringing.clear();
        let (came, queue) = (live.came, live.queue);
        let planned = &self.plan.queues[queue];
        self.day.answered(came, self.now, planned.settings.service_level_seconds);
        let length = self.chance.log_normal(planned.talk_seconds, planned.talk_deviation);
        self.later(length, Event::Ends { call });
    }

    fn rings(&self, call: CallId, agent: UserId) -> bool {
        self.calls.get(&call).is_some_and(|live| live.ringing.contains(&agent))
    }

    fn forget_ringing(&mut self, call: CallId, agent: UserId) {
        if let Some(live) = self.calls.get_mut(&call) {
            live.ringing.retain(|ringing| *ringing != agent);
        }
    }

    fn obey(&mut self) {
        while let Some(command) = self.router.poll_command() {
            match command {
                Command::Offer { call, agent, ring, .. } => {
                    if let Some(live) = self.calls.get_mut(&call) {
                        live.ringing.push(agent);
                    }
                    let misses = self.chance.share() < self.plan.missed_share;
                    let after = match misses {
                        true => ring.as_millis() as u64,
                        false => self.chance.exponential(self.plan.answer_seconds).min(ring.as_millis() as u64),
                    };
                    let event = if misses { Event::Misses { call, agent } } else { Event::Answers { call, agent } };
                    self.later(after, event);
                }
                Command::Rescind { call, agent } => self.forget_ringing(call, agent),
                Command::Overflow { call, .. } => {
                    if let Some(live) = self.calls.remove(&call) {
                        self.day.overflowed(live.came);
                    }
                }
                Command::Pause { .. } => {}
            }
        }
    }

    /// The next call of a queue: exponential gaps at the rate of the slice it falls into.
    fn next_arrival(&mut self, queue: usize) {
        let (slice_ms, rates) = (self.plan.slice_ms(), &self.plan.queues[queue].calls);
        let mut from = self.now;
        loop {
            let slice = (from / slice_ms) as usize;
            let Some(rate) = rates.get(slice) else { return };
            let end = (slice as u64 + 1) * slice_ms;
            let gap = if *rate > 0.0 { self.chance.exponential(slice_ms as f64 / 1_000.0 / rate) } else { slice_ms };
            if from + gap < end {
                return self.later(from + gap - self.now, Event::Arrives { queue });
            }
            // Without memory the wait begins anew with the next slice.
            from = end;
        }
    }

    fn next_break(&mut self, agent: usize) {
        if self.plan.breaks_every_seconds > 0.0 {
            let after = self.chance.exponential(self.plan.breaks_every_seconds);
            if self.now + after < self.plan.length_ms() {
                self.later(after, Event::Leaves { agent });
            }
        }
    }
}

#[cfg(test)]
mod tests;
