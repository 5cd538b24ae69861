//! What happens in a world: callers, agents, time, and the end of the process.

use std::time::Duration;

use super::draw;
use super::fault::Desk;
use super::model::{Agent, Call, Stage};
use super::verdict::{Promise as P, Verdict, ensure};
use super::world::World;
use crate::call::OfferFailure;
use crate::id::CallId;
use crate::people::Availability;
use crate::queue::router::{
    Arrival, AssignRefused, BUSY_DELAY, DECLINED_DELAY, Input, NO_ANSWER_DELAY, PauseReason, Rest, UNCLAIMED_DELAY,
    UNREACHABLE_DELAY,
};

/// With more calls than this, callers hang up rather than come.
const CALLS_MAX: usize = 40;

impl World {
    /// Agents and queues come in.
    pub(super) fn open(&mut self) -> Verdict {
        for _ in 0..2 + self.luck.below(6) {
            self.hire()?;
        }
        for _ in 0..1 + self.luck.below(4) {
            self.found_queue(None)?;
        }
        Ok(())
    }

    /// Something happens.
    pub(super) fn step(&mut self) -> Verdict {
        if self.model.calls.len() > CALLS_MAX {
            return self.hang_up();
        }
        match self.luck.below(1_000) {
            0..215 if !self.luck.once_in(self.load) => Ok(()),
            0..215 => self.arrive(),
            215..220 => (0..5 + self.luck.below(12)).try_for_each(|_| self.arrive()),
            220..450 => {
                let millis = self.luck.below(6_000) as u64;
                self.pass(millis)
            }
            450..600 => self.answer(1),
            600..630 => self.answer(2),
            630..700 => {
                let reason = self.luck.one_of(&[
                    OfferFailure::NoAnswer,
                    OfferFailure::Busy,
                    OfferFailure::Declined,
                    OfferFailure::Unreachable,
                    OfferFailure::Rescinded,
                ]);
                let Some((call, agent)) = self.some_ring() else { return Ok(()) };
                self.fail(call, agent, reason)
            }
            700..730 => self.hang_up(),
            730..835 => self.end_talk(),
            835..870 => self.reach(),
            870..915 => self.choose(),
            915..940 => self.engage_elsewhere(),
            940..955 => self.assign(),
            955..967 => self.change_wrap_up(),
            967..977 => self.change_queue(),
            977..987 => self.change_agent(),
            987..989 => self.rename_skill(),
            989..991 => self.remove_queue(),
            991..993 => self.dismiss(),
            993..995 => {
                self.note("a day begins");
                self.tell(Input::DayBegan);
                self.obey()
            }
            995..997 => self.jump(),
            _ => self.crash(),
        }
    }

    /// Nobody comes any more, and everything ends.
    pub(super) fn wind_down(&mut self) -> Verdict {
        for _ in 0..40 {
            while let Some((call, agent)) = self.some_ring() {
                self.accept_or_fail(call, agent)?;
                self.obey()?;
            }
            while self.some_talk().is_some() {
                self.end_talk()?;
            }
            self.pass(20_000)?;
        }
        while !self.model.calls.is_empty() {
            self.hang_up()?;
            while self.some_talk().is_some() {
                self.end_talk()?;
            }
        }
        // The longest that anything lasts: wrap-up that an agent made longer.
        self.pass(7_200_000)?;
        ensure(self.desk.calls() == 0, P::Ends, || format!("{} calls are left over", self.desk.calls()))?;
        ensure(self.desk.poll_timeout().is_none(), P::Ends, || "a timer is left over".to_owned())
    }

    fn arrive(&mut self) -> Verdict {
        self.come();
        self.obey()
    }

    /// A call comes into some queue.
    fn come(&mut self) {
        let at = self.luck.below(self.model.queues.len());
        let call: CallId = self.id();
        let now = self.model.now;
        let waited = match self.luck.below(8) {
            0 => self.luck.below(40_000) as u64,
            _ => 0,
        };
        let keeps_place = waited > 0 || self.luck.once_in(50);
        // A place in the future is none.
        let wanted = keeps_place.then(|| if waited == 0 { now + 5_000 } else { now.saturating_sub(waited) });
        let wish = self.luck.once_in(6).then(|| {
            let agent = self.luck.below(self.model.agents.len());
            (agent, now + self.luck.one_of(&[0, 2_000, 15_000]))
        });
        let needs = if self.luck.once_in(3) { draw::needs(&mut self.luck, &self.skills) } else { Vec::new() };
        let priority = self.luck.one_of(&[0, 0, 0, 0, 1, 5, -3, 100, -100]);
        let since = wanted.filter(|since| *since <= now).unwrap_or(now);
        self.seen.calls += 1;
        let number = self.seen.calls;
        self.note(&format!("call {number} comes to queue {at}: {priority}, {waited} ms, {needs:?}, {wish:?}"));
        let made = Call {
            number,
            queue: Some(at).filter(|at| self.model.queues[*at].exists),
            since,
            entered: now,
            priority,
            needs,
            wish,
            stage: Stage::Waiting,
            losers: Vec::new(),
            sought: vec![now],
        };
        self.enter(call, made, at, wanted);
    }

    /// A call comes in, or comes back.
    fn enter(&mut self, id: CallId, mut call: Call, at: usize, since: Option<u64>) {
        let now = self.model.now;
        let queue = &self.model.queues[at];
        let most = if queue.exists { queue.settings.max_length as usize } else { 0 };
        // Who has a place already is not turned away.
        if most > 0 && since.is_none_or(|since| since > now) && self.model.waiting(at) >= most {
            self.refused = Some(id);
        }
        let wish = call.wish.map(|(agent, until)| (self.model.agents[agent].id, Duration::from_millis(until - now)));
        let idle = call.wish.is_some_and(|(agent, _)| self.model.is_idle(agent));
        call.wish.take_if(|(_, until)| *until <= now && !idle);
        let arrival = Arrival {
            since: since.map(|since| self.at(since)),
            priority: call.priority,
            skills: call.needs.clone(),
            wish,
            ..Arrival::new(id, queue.id)
        };
        self.model.calls.insert(id, call);
        self.model.settle();
        self.tell(Input::CallQueued(arrival));
    }

    fn some_ring(&mut self) -> Option<(CallId, usize)> {
        let at = self.luck.below(self.ringing.len());
        self.ringing.get(at).map(|(call, agent, _)| (*call, *agent))
    }

    fn some_talk(&mut self) -> Option<CallId> {
        let talks = |call: &Call| matches!(call.stage, Stage::Talks { .. });
        let talking: Vec<CallId> = self.model.calls.iter().filter(|(_, call)| talks(call)).map(|(id, _)| *id).collect();
        let at = self.luck.below(talking.len());
        talking.get(at).copied()
    }

    /// Some who ring for one call answer in the same instant.
    fn answer(&mut self, together: usize) -> Verdict {
        let Some((call, agent)) = self.some_ring() else { return Ok(()) };
        let others = self.ringing.iter().filter(|(other, who, _)| *other == call && *who != agent);
        let all: Vec<usize> = std::iter::once(agent).chain(others.map(|(_, who, _)| *who)).take(together).collect();
        for agent in all {
            self.accept_or_fail(call, agent)?;
        }
        self.obey()
    }

    /// Who has gone, or has taken another call meanwhile, cannot answer.
    fn accept_or_fail(&mut self, call: CallId, agent: usize) -> Verdict {
        let who = &self.model.agents[agent];
        if !who.reachable {
            return self.fail(call, agent, OfferFailure::Unreachable);
        }
        if self.model.engaged(agent) >= who.room() {
            return self.fail(call, agent, OfferFailure::Busy);
        }
        self.note(&format!("agent {agent} answers call {}", self.number(call)));
        self.ringing.retain(|(other, who, _)| (*other, *who) != (call, agent));
        let queues = &self.model.queues;
        let mut late = true;
        if let Some(found) = self.model.calls.get_mut(&call)
            && let Stage::Rings(agents) = &mut found.stage
        {
            found.losers = std::mem::take(agents);
            found.losers.retain(|loser| *loser != agent);
            let wrap_up = found.queue.map_or(0, |queue| queues[queue].settings.wrap_up_seconds);
            found.stage = Stage::Talks { agent, wrap_up };
            late = false;
        }
        if late {
            self.late.push((call, agent));
        } else {
            self.model.agents[agent].missed = 0;
            self.seen.answered += 1;
        }
        let agent = self.model.agents[agent].id;
        self.tell(Input::OfferAccepted { call, agent });
        Ok(())
    }

    fn fail(&mut self, call: CallId, at: usize, reason: OfferFailure) -> Verdict {
        self.note(&format!("call {} rings in vain at agent {at}: {reason:?}", self.number(call)));
        self.ringing.retain(|(other, who, _)| (*other, *who) != (call, at));
        let agent = self.model.agents[at].id;
        let input = Input::OfferFailed { call, agent, reason };
        let Some(Call { stage: Stage::Rings(agents), .. }) = self.model.calls.get_mut(&call) else {
            // Somebody else was faster: this is no news.
            self.tell(input);
            return self.obey();
        };
        agents.retain(|agent| *agent != at);
        if agents.is_empty()
            && let Some(found) = self.model.calls.get_mut(&call)
        {
            (found.stage, found.wish) = (Stage::Waiting, None);
        }
        let now = self.model.now;
        let agent = &mut self.model.agents[at];
        let rest = match reason {
            OfferFailure::Busy => Some((Rest::Busy, BUSY_DELAY)),
            OfferFailure::Declined => Some((Rest::Declined, DECLINED_DELAY)),
            OfferFailure::NoAnswer => Some((Rest::NoAnswer, NO_ANSWER_DELAY)),
            OfferFailure::Unreachable => Some((Rest::Unreachable, UNREACHABLE_DELAY)),
            OfferFailure::Unclaimed => Some((Rest::Unclaimed, UNCLAIMED_DELAY)),
            OfferFailure::Rescinded => None,
        };
        if let Some((rest, delay)) = rest {
            agent.rest(now, rest, delay.as_millis() as u64);
        }
        if reason == OfferFailure::NoAnswer {
            agent.missed += 1;
            if agent.settings.missed_max > 0 && agent.missed >= agent.settings.missed_max {
                agent.missed = 0;
                agent.pause = agent.works().then_some(PauseReason::Missed);
            }
        }
        self.tell(input);
        self.obey()
    }

    /// Phones that have rung long enough.
    pub(super) fn stop_ringing(&mut self) -> Verdict {
        let now = self.model.now;
        while let Some((call, agent, _)) = self.ringing.iter().find(|(.., until)| *until <= now).copied() {
            self.fail(call, agent, OfferFailure::NoAnswer)?;
        }
        Ok(())
    }

    fn hang_up(&mut self) -> Verdict {
        let at = self.luck.below(self.model.calls.len());
        let Some(id) = self.model.calls.keys().nth(at).copied() else { return Ok(()) };
        if matches!(self.model.calls.get(&id), Some(Call { stage: Stage::Talks { .. }, .. })) {
            return self.end(id, Input::CallGone { call: id });
        }
        self.note(&format!("call {} hangs up", self.number(id)));
        self.ringing.retain(|(call, ..)| *call != id);
        self.model.calls.remove(&id);
        self.tell(Input::CallGone { call: id });
        self.obey()
    }

    fn end_talk(&mut self) -> Verdict {
        match self.some_talk() {
            Some(call) => self.end(call, Input::CallEnded { call }),
            None => Ok(()),
        }
    }

    fn end(&mut self, id: CallId, input: Input) -> Verdict {
        let Some(Call { number, stage: Stage::Talks { agent: at, wrap_up }, .. }) = self.model.calls.remove(&id) else {
            return Ok(());
        };
        self.note(&format!("call {number} ends"));
        let now = self.model.now;
        let agent = &mut self.model.agents[at];
        let wrap_up = agent.settings.wrap_up_seconds.unwrap_or(wrap_up);
        agent.rest(now, Rest::WrapUp, u64::from(wrap_up) * 1_000);
        if agent.chosen == Availability::OnDemand {
            agent.pause = Some(PauseReason::Served);
        }
        self.tell(input);
        self.obey()
    }

    pub(super) fn some_agent(&mut self) -> usize {
        self.luck.below(self.model.agents.len())
    }

    /// A phone goes, or comes back: more often back, so that somebody is there.
    fn reach(&mut self) -> Verdict {
        let at = self.some_agent();
        let reachable = !self.luck.once_in(5);
        self.note(&format!("agent {at} can be reached: {reachable}"));
        let agent = &mut self.model.agents[at];
        agent.reachable = reachable;
        let agent = agent.id;
        self.model.settle();
        self.tell(Input::AgentReachable { agent, reachable });
        self.obey()
    }

    fn choose(&mut self) -> Verdict {
        let at = self.some_agent();
        let availability = self.luck.one_of(&[
            Availability::Available,
            Availability::Available,
            Availability::Available,
            Availability::Available,
            Availability::Available,
            Availability::Available,
            Availability::OnDemand,
            Availability::Break,
            Availability::Offline,
        ]);
        self.note(&format!("agent {at} chooses {availability:?}"));
        let agent = &mut self.model.agents[at];
        agent.chosen = availability;
        let agent = agent.id;
        self.model.settle();
        self.tell(Input::AgentChose { agent, availability });
        self.obey()
    }

    /// Agents have calls of their own.
    fn engage_elsewhere(&mut self) -> Verdict {
        let at = self.some_agent();
        let agent = &mut self.model.agents[at];
        let begins = agent.elsewhere == 0;
        agent.elsewhere = if begins { 1 } else { agent.elsewhere - 1 };
        let agent = agent.id;
        self.note(&format!("agent {at} has a call of their own: {begins}"));
        self.tell(if begins { Input::AgentEngaged { agent } } else { Input::AgentReleased { agent } });
        self.obey()
    }

    fn assign(&mut self) -> Verdict {
        let (pick, at) = (self.luck.below(self.model.calls.len()), self.some_agent());
        let Some((id, call)) = self.model.calls.iter().nth(pick) else { return Ok(()) };
        let (id, number) = (*id, call.number);
        let agent = &self.model.agents[at];
        let wanted = match call.stage {
            Stage::Rings(_) => Err(AssignRefused::Offered),
            Stage::Talks { .. } => Err(AssignRefused::NotWaiting),
            Stage::Waiting if self.model.engaged(at) >= agent.room() || self.model.rung(at) > 0 => {
                Err(AssignRefused::Busy)
            }
            Stage::Waiting if !agent.reachable => Err(AssignRefused::Unreachable),
            Stage::Waiting => Ok(()),
        };
        let user = agent.id;
        self.note(&format!("call {number} is given to agent {at} by hand"));
        self.assigned = wanted.is_ok().then_some((id, at));
        let done = self.desk.assign(self.at(self.model.now), id, user);
        ensure(done == wanted || self.fault.is_some(), P::SelfImage, || {
            format!("call {number} by hand to agent {at}: {done:?}, wanted {wanted:?}")
        })?;
        self.assigned.take_if(|_| done.is_err());
        self.obey()
    }

    fn change_wrap_up(&mut self) -> Verdict {
        let wraps = |agent: &Agent| matches!(agent.rest, Some((Rest::WrapUp, until)) if until > self.model.now);
        let Some(at) = self.model.agents.iter().position(wraps) else { return Ok(()) };
        let left = self.luck.one_of(&[0, 0, 20_000]);
        self.note(&format!("agent {at} wants {left} ms of wrap-up"));
        let now = self.model.now;
        let agent = &mut self.model.agents[at];
        agent.rest = (left > 0).then_some((Rest::WrapUp, now + left));
        let agent = agent.id;
        self.tell(Input::WrapUpChanged { agent, left: Duration::from_millis(left) });
        self.obey()
    }

    /// The clock jumps: much is due at once, and something may come in before it is done.
    fn jump(&mut self) -> Verdict {
        let millis = self.luck.one_of(&[30_000, 30_000, 120_000, 7_200_000]);
        self.note(&format!("the clock jumps by {millis} ms"));
        self.model.now += millis;
        if self.luck.once_in(2) {
            self.come();
            self.drain()?;
        }
        self.stop_ringing()?;
        self.obey()
    }

    /// The process dies, perhaps with an offer that is claimed and does not ring yet, and another one begins with what is stored: queues,
    /// agents, waiting calls and calls in hand. What rang waits again, in its old place.
    fn crash(&mut self) -> Verdict {
        if self.luck.once_in(2) {
            self.come();
            self.note("nobody hears what the router wants");
        }
        self.note("the process dies");
        self.seen.crashes += 1;
        self.ringing.clear();
        self.refused.take().and_then(|call| self.model.calls.remove(&call));
        self.desk = Desk::new(self.seed, self.fault);
        let mut calls = std::mem::take(&mut self.model.calls);
        for agent in &mut self.model.agents {
            (agent.rest, agent.missed) = (None, 0);
        }
        for call in calls.values() {
            if let Stage::Talks { agent, .. } = call.stage {
                self.model.agents[agent].elsewhere += 1;
            }
        }
        calls.retain(|_, call| !matches!(call.stage, Stage::Talks { .. }) && call.queue.is_some());
        self.restore_agents_and_queues()?;
        let now = self.model.now;
        let mut calls: Vec<(CallId, Call)> = calls.into_iter().collect();
        calls.sort_by_key(|(_, call)| (self.model.turn(call), call.number));
        for (id, mut call) in calls {
            self.note(&format!("call {} comes back", call.number));
            if let Stage::Rings(_) = call.stage {
                call.wish = None;
            }
            let since = Some(call.since);
            (call.entered, call.sought, call.stage) = (now, vec![now], Stage::Waiting);
            let Some(queue) = call.queue else { continue };
            self.enter(id, call, queue, since);
        }
        self.obey()
    }

    fn restore_agents_and_queues(&mut self) -> Verdict {
        for at in 0..self.model.agents.len() {
            let Agent { id, ref settings, chosen, reachable, elsewhere, .. } = self.model.agents[at];
            let settings = settings.clone();
            self.tell(Input::AgentConfigured { agent: id, settings });
            self.tell(Input::AgentChose { agent: id, availability: chosen });
            self.tell(Input::AgentReachable { agent: id, reachable });
            (0..elsewhere).for_each(|_| self.tell(Input::AgentEngaged { agent: id }));
        }
        for at in 0..self.model.queues.len() {
            let queue = &mut self.model.queues[at];
            queue.empty_since = None;
            if queue.exists {
                let (queue, settings, version) = (queue.id, queue.settings.clone(), queue.version);
                self.tell(Input::QueueConfigured { queue, settings, version });
            }
        }
        self.model.settle();
        self.obey()
    }
}
