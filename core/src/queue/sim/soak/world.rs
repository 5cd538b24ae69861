//! The world around a router: it tells what happens, does what is wanted, and holds every command against the model.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chrono::DateTime;

use super::Explored;
use super::fault::{Desk, Fault};
use super::model::{Call, Model, Stage};
use super::verdict::{Promise as P, Verdict, ensure};
use crate::id::{CallId, Id, IdSource, SeededIds, UserId};
use crate::people::Availability;
use crate::queue::router::{AgentState, CREDIT_MAX, Command, Input, Occasion, OverflowReason, PauseReason, Why};
use crate::queue::sim::luck::Luck;

/// How many of the last events a failure names.
const EVENTS_KEPT: usize = 60;

/// See the module.
pub(super) struct World {
    pub(super) desk: Desk,
    pub(super) model: Model,
    pub(super) luck: Luck,
    pub(super) seed: u64,
    pub(super) fault: Option<Fault>,
    /// Calls come once in so many times: some centres are full, in others agents wait.
    pub(super) load: usize,
    /// The skills there are.
    pub(super) skills: Vec<String>,
    pub(super) seen: Explored,
    /// Phones that ring, and until when.
    pub(super) ringing: Vec<(CallId, usize, u64)>,
    /// Answers that came too late and are to be sent back.
    pub(super) late: Vec<(CallId, usize)>,
    /// A call that somebody gave to an agent by hand.
    pub(super) assigned: Option<(CallId, usize)>,
    /// A call that came to a full queue.
    pub(super) refused: Option<CallId>,
    ids: SeededIds,
    epoch: Instant,
    events: VecDeque<String>,
}

impl World {
    #[expect(
        clippy::disallowed_methods,
        reason = "an instant cannot be made in another way; only distances from it matter"
    )]
    pub(super) fn new(seed: u64, fault: Option<Fault>) -> Self {
        let mut luck = Luck::new(seed);
        Self {
            desk: Desk::new(seed, fault),
            model: Model::default(),
            load: luck.one_of(&[1, 2, 4]),
            luck,
            seed,
            fault,
            skills: ["german", "sales", "billing"].map(str::to_owned).to_vec(),
            // The hash begins as that of no bytes (FNV-1a).
            seen: Explored { hash: 0xcbf2_9ce4_8422_2325, ..Explored::default() },
            ringing: Vec::new(),
            late: Vec::new(),
            assigned: None,
            refused: None,
            ids: SeededIds::new(seed),
            epoch: Instant::now(),
            events: VecDeque::new(),
        }
    }

    pub(super) fn explored(&self) -> Explored {
        self.seen
    }

    pub(super) fn last_events(&self) -> Vec<String> {
        self.events.iter().cloned().collect()
    }

    /// Keeps what happens, and mixes it into the hash.
    pub(super) fn note(&mut self, what: &str) {
        let line = format!("{:>9} ms  {what}", self.model.now);
        for byte in line.bytes() {
            self.seen.hash = (self.seen.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(line);
    }

    pub(super) fn id<K>(&self) -> Id<K> {
        (&self.ids as &dyn IdSource).id(DateTime::UNIX_EPOCH)
    }

    pub(super) fn at(&self, millis: u64) -> Instant {
        self.epoch + Duration::from_millis(millis)
    }

    /// Milliseconds of an instant.
    pub(super) fn millis(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.epoch).as_millis() as u64
    }

    /// The number of a call, for the log.
    pub(super) fn number(&self, call: CallId) -> u64 {
        self.model.calls.get(&call).map_or(0, |call| call.number)
    }

    pub(super) fn tell(&mut self, input: Input) {
        self.desk.handle(self.at(self.model.now), input);
    }

    /// Does what the router wants, then what is due; then everything must be as promised.
    pub(super) fn obey(&mut self) -> Verdict {
        self.drain()?;
        self.desk.handle_timeout(self.at(self.model.now));
        self.drain()?;
        let now = self.model.now;
        self.model.handled = now;
        for call in self.model.calls.values_mut().filter(|call| call.stage == Stage::Waiting) {
            call.wish.take_if(|(_, until)| *until <= now);
        }
        self.check()
    }

    /// Time goes on, and everything happens at its time.
    pub(super) fn pass(&mut self, millis: u64) -> Verdict {
        let until = self.model.now + millis;
        loop {
            let timer = self.desk.poll_timeout().map(|at| self.millis(at)).filter(|at| *at <= until);
            let rings = self.ringing.iter().map(|(.., until)| *until).min().filter(|at| *at <= until);
            let Some(next) = timer.into_iter().chain(rings).min() else { break };
            self.model.now = self.model.now.max(next);
            self.stop_ringing()?;
            self.obey()?;
        }
        self.model.now = until;
        self.obey()
    }

    pub(super) fn drain(&mut self) -> Verdict {
        while let Some(command) = self.desk.poll_command() {
            self.take_note(&command);
            match command {
                Command::Offer { call, agent, ring, why, .. } => {
                    let agent = self.agent(agent)?;
                    self.offered(call, agent, &why)?;
                    let until = self.model.now + ring.as_millis() as u64;
                    self.ringing.push((call, agent, until));
                    self.seen.offers += 1;
                }
                Command::Rescind { call, agent } => {
                    let agent = self.agent(agent)?;
                    self.rescinded(call, agent)?;
                    self.seen.rescinded += 1;
                }
                Command::Overflow { call, reason, .. } => {
                    self.overflowed(call, reason)?;
                    self.seen.overflowed += 1;
                }
                Command::Pause { agent, reason } => {
                    let agent = self.agent(agent)?;
                    self.paused(agent, reason)?;
                    self.seen.paused += 1;
                }
            }
        }
        Ok(())
    }

    fn take_note(&mut self, command: &Command) {
        let agent = |id| self.model.agent_at(id).unwrap_or(usize::MAX);
        let line = match command {
            Command::Offer { call, agent: id, why, .. } => {
                format!("-> offer call {} to agent {} ({:?})", self.number(*call), agent(*id), why.occasion)
            }
            Command::Rescind { call, agent: id } => {
                format!("-> rescind call {} at agent {}", self.number(*call), agent(*id))
            }
            Command::Overflow { call, reason, .. } => format!("-> call {} overflows: {reason:?}", self.number(*call)),
            Command::Pause { agent: id, reason } => format!("-> pause agent {}: {reason:?}", agent(*id)),
        };
        self.note(&line);
    }

    fn agent(&self, id: UserId) -> Verdict<usize> {
        self.model.agent_at(id).ok_or_else(|| (P::SelfImage, "a command about an agent who never was".to_owned()))
    }

    fn offered(&mut self, id: CallId, at: usize, why: &Why) -> Verdict {
        let model = &self.model;
        let Some(call) = model.calls.get(&id) else {
            return Err((P::OnePlace, "a call that is over is offered".to_owned()));
        };
        let number = call.number;
        let joins = why.occasion == Occasion::Joined;
        let place = match &call.stage {
            Stage::Waiting => !joins,
            Stage::Rings(agents) => joins && !agents.contains(&at),
            Stage::Talks { .. } => false,
        };
        ensure(place, P::OnePlace, || format!("call {number} is offered while it is {:?}", call.stage))?;
        let told = model.calls.values().all(|call| !call.losers.contains(&at));
        ensure(told, P::Rescind, || format!("agent {at} is offered call {number} and was not told to stop ringing"))?;
        let agent = &model.agents[at];
        let (engaged, rung) = (model.engaged(at), model.rung(at));
        let by_hand = why.occasion == Occasion::Assigned;
        ensure(engaged < agent.room() && rung == 0, P::Capacity, || {
            format!("agent {at} is offered a call, holds {engaged} of {} and is rung for {rung}", agent.room())
        })?;
        ensure(agent.reachable && (by_hand || agent.works()), P::Presence, || {
            format!("agent {at} is offered a call and {:?}, reachable: {}", agent.chosen, agent.reachable)
        })?;
        let rests = agent.rests(model.now).filter(|_| !by_hand);
        ensure(rests.is_none(), P::WrapUp, || format!("agent {at} is offered a call and rests: {rests:?}"))?;
        let fits = match why.occasion {
            Occasion::Wished => call.wish.is_some_and(|(wished, _)| wished == at),
            Occasion::Assigned => self.assigned == Some((id, at)),
            // What is due now may not have been done, and who rings may ring on as they began.
            _ => [model.now, model.handled].iter().chain(&call.sought).any(|then| model.fits(call, at, *then)),
        };
        ensure(fits, P::Fit, || format!("agent {at} does not fit call {number}"))?;
        if !joins && !by_hand {
            self.check_turn(id, at)?;
        }
        let waited = model.now.saturating_sub(call.since);
        let queue = call.queue.map(|queue| &model.queues[queue]);
        let said = why.waited.as_millis() as u64 == waited
            && queue.is_some_and(|queue| {
                queue.version == why.version && queue.settings.members.len() as u32 == why.members
            });
        ensure(said, P::SelfImage, || format!("call {number} waited {waited} ms, but {why:?}"))?;
        self.assigned.take_if(|_| by_hand);
        let Model { now, handled, .. } = self.model;
        if let Some(call) = self.model.calls.get_mut(&id) {
            match &mut call.stage {
                Stage::Rings(agents) => agents.push(at),
                stage => {
                    *stage = Stage::Rings(vec![at]);
                    call.sought = vec![now, handled];
                    call.wish.take_if(|_| why.occasion != Occasion::Wished);
                }
            }
        }
        Ok(())
    }

    /// Nobody who waits, fits the agent and has an earlier turn may be passed.
    fn check_turn(&self, id: CallId, at: usize) -> Verdict {
        let model = &self.model;
        let Some(chosen) = model.calls.get(&id) else { return Ok(()) };
        let turn = model.turn(chosen);
        let fits = |call: &Call| match call.wish {
            // Who has waited for somebody long enough may look for others already.
            Some((wished, until)) => wished == at && until > model.now,
            None => model.fits(call, at, model.now) && model.fits(call, at, model.handled),
        };
        let others = model.calls.iter().filter(|(other, call)| **other != id && call.stage == Stage::Waiting);
        for (_, other) in others {
            let late = chosen.since > other.since + CREDIT_MAX.as_millis() as u64;
            if (late || model.turn(other) < turn) && fits(other) {
                let promise = if late { P::Credit } else { P::Turn };
                return Err((
                    promise,
                    format!("agent {at} gets call {}, which passes {}", chosen.number, other.number),
                ));
            }
        }
        Ok(())
    }

    fn rescinded(&mut self, id: CallId, at: usize) -> Verdict {
        let loser = self.model.calls.get_mut(&id).and_then(|call| {
            let place = call.losers.iter().position(|loser| *loser == at)?;
            Some(call.losers.remove(place))
        });
        if loser.is_some() {
            self.ringing.retain(|(call, agent, _)| (*call, *agent) != (id, at));
            return Ok(());
        }
        let late = self.late.iter().position(|late| *late == (id, at));
        let late = late.map(|place| self.late.remove(place));
        ensure(late.is_some(), P::Rescind, || format!("agent {at} is told to stop ringing, and nothing rings"))
    }

    fn overflowed(&mut self, id: CallId, reason: OverflowReason) -> Verdict {
        let model = &self.model;
        let Some(call) = model.calls.get(&id) else {
            return Err((P::OnePlace, "a call that is over overflows".to_owned()));
        };
        let due = |at: Option<u64>| at.is_some_and(|at| at <= model.now);
        let right = call.stage == Stage::Waiting
            && match reason {
                OverflowReason::MaxWait => due(model.deadline(call)),
                OverflowReason::NoQueue => call.queue.is_none(),
                OverflowReason::Full => self.refused == Some(id),
                OverflowReason::NoAgents => due(model.given_up(call)),
                // What the worlds explored do not have.
                OverflowReason::Chain | OverflowReason::Closed => false,
            };
        ensure(right, P::Overflow, || format!("{reason:?} is no reason for {call:?}"))?;
        self.refused.take_if(|refused| *refused == id);
        self.model.calls.remove(&id);
        Ok(())
    }

    fn paused(&mut self, at: usize, reason: PauseReason) -> Verdict {
        let agent = &mut self.model.agents[at];
        let wanted = agent.pause.take();
        ensure(wanted == Some(reason), P::Pause, || format!("agent {at} is paused: {reason:?}, wanted: {wanted:?}"))?;
        agent.chosen = Availability::Break;
        self.model.settle();
        Ok(())
    }

    /// All that is promised between two steps.
    fn check(&self) -> Verdict {
        let model = &self.model;
        ensure(self.late.is_empty(), P::Rescind, || format!("late answers are not sent back: {:?}", self.late))?;
        ensure(self.refused.is_none(), P::Overflow, || "a call came into a full queue and stays".to_owned())?;
        ensure(self.assigned.is_none(), P::Fit, || "a call was given by hand and is not offered".to_owned())?;
        for (at, agent) in model.agents.iter().enumerate() {
            ensure(agent.pause.is_none(), P::Pause, || format!("agent {at} is not paused: {:?}", agent.pause))?;
        }
        let idle: Vec<usize> = (0..model.agents.len()).filter(|agent| model.is_idle(*agent)).collect();
        for call in model.calls.values() {
            let number = call.number;
            ensure(call.losers.is_empty(), P::Rescind, || format!("call {number} rings on at {:?}", call.losers))?;
            if call.stage != Stage::Waiting {
                continue;
            }
            ensure(call.queue.is_some(), P::Overflow, || format!("call {number} waits in no queue"))?;
            for (at, why) in [(model.deadline(call), "its longest wait"), (model.given_up(call), "everybody")] {
                ensure(at.is_none_or(|at| at > model.now), P::Overflow, || {
                    format!("call {number} waits on after {why} is gone")
                })?;
            }
            let taker = idle.iter().find(|agent| match call.wish {
                Some((wished, _)) => wished == **agent,
                None => model.fits(call, **agent, model.now),
            });
            ensure(taker.is_none(), P::NobodyIdles, || format!("call {number} waits while {taker:?} idles"))?;
        }
        let calls = self.desk.calls();
        ensure(calls == model.calls.len() || self.fault.is_some(), P::OnePlace, || {
            format!("the router knows {calls} calls, there are {}", model.calls.len())
        })?;
        self.check_self_image(&idle)
    }

    /// What the router says of agents and queues.
    fn check_self_image(&self, idle: &[usize]) -> Verdict {
        let (Some(router), model) = (self.desk.sole(), &self.model) else { return Ok(()) };
        let now = self.at(model.now);
        for (at, agent) in model.agents.iter().enumerate() {
            let state = match agent.chosen {
                _ if model.engaged(at) >= agent.room() => AgentState::OnCall,
                _ if model.rung(at) > 0 => AgentState::Offered,
                Availability::Offline => AgentState::Offline,
                Availability::Break => AgentState::OnBreak,
                _ if !agent.reachable => AgentState::Unreachable,
                _ => match agent.rest.filter(|(_, until)| *until > model.now) {
                    Some((rest, until)) => AgentState::Resting(rest, self.at(until)),
                    None => AgentState::Idle,
                },
            };
            let said = router.agent_state(now, agent.id);
            ensure(said == Some(state), P::SelfImage, || format!("agent {at} is {state:?}, the router says {said:?}"))?;
        }
        for (at, queue) in model.queues.iter().enumerate().filter(|(_, queue)| queue.exists) {
            let present = model.members(at).filter(|agent| model.agents[*agent].is_present()).count();
            let free = model.members(at).filter(|agent| idle.contains(agent)).count();
            let waiting = model.waiting(at);
            let said = router.state(now, queue.id).map(|now| (now.present, now.free, now.waiting));
            let is = (present as u32, free as u32, waiting as u32);
            ensure(said == Some(is), P::SelfImage, || format!("queue {at} is {is:?}, the router says {said:?}"))?;
        }
        Ok(())
    }
}
