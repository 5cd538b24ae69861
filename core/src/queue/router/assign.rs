//! Calls look for agents, free agents look for calls, and what becomes of offers.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::agent::{AgentState, Rest};
use super::call::{Call, CallState, Wish};
use super::io::{Arrival, Command, Occasion, OverflowReason, PauseReason, TieBreak, Why};
use super::pool::{AgentIx, CallIx, fit, tier};
use super::queue::numbered;
use super::setup::{number, order};
use super::{BUSY_DELAY, DECLINED_DELAY, Due, NO_ANSWER_DELAY, Router, UNCLAIMED_DELAY, UNREACHABLE_DELAY, retime};
use crate::call::OfferFailure;
use crate::id::{CallId, UserId};
use crate::people::Availability;
use crate::queue::Strategy;

/// The most agents that ring for one call.
pub const RINGING_MAX: usize = 50;

/// Why a call cannot be given to an agent by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssignRefused {
    /// The call is not, or no longer, in a queue.
    #[error("the call waits in no queue")]
    NotWaiting,
    /// The call rings somewhere already.
    #[error("the call is being offered already")]
    Offered,
    /// The agent is on as many calls as they take, or is being offered one.
    #[error("the agent has a call in hand")]
    Busy,
    /// No phone of the agent can be reached.
    #[error("no phone of the agent can be reached")]
    Unreachable,
}

/// What decided between two keys of one pool.
const fn tie_break(chosen: u64, next: u64) -> TieBreak {
    if tier(chosen) != tier(next) {
        TieBreak::Tier
    } else if fit(chosen) != fit(next) {
        TieBreak::Skills
    } else if chosen != next {
        TieBreak::Order
    } else {
        TieBreak::Position
    }
}

impl Router {
    pub(super) fn enqueue(&mut self, now: Instant, arrival: Arrival) {
        let Arrival { call: id, queue, since, priority, skills, wish, overflow_at, on_line } = arrival;
        if self.call_ix.contains_key(&id) {
            return;
        }
        let overflow = |reason| Command::Overflow { call: id, reason, candidates: Vec::new() };
        let Some(queue_at) = self.queue_ix.get(&queue).copied() else {
            return self.commands.push_back(overflow(OverflowReason::NoQueue));
        };
        let queue = &self.queues[queue_at as usize];
        let (length, max_wait) = (queue.settings.max_length, queue.settings.max_wait_seconds);
        let since = since.filter(|since| *since <= now);
        // Who has a place already is not turned away.
        if length > 0 && since.is_none() && on_line && queue.on_line >= length {
            return self.commands.push_back(overflow(OverflowReason::Full));
        }
        let since = since.unwrap_or(now);
        let turn = self.micros(since) - queue.credit(priority);
        let needs =
            (!skills.is_empty()).then(|| Box::new(numbered(&skills, &mut |name| number(&mut self.skills, name))));
        let wish = wish.map(|(agent, patience)| Wish { agent: self.agent_at(now, agent), until: now + patience });
        let mut call = Call {
            id,
            queue: queue_at,
            pool: 0,
            turn,
            since,
            state: CallState::Waiting,
            offers: SmallVec::new(),
            tried: SmallVec::new(),
            entered: now,
            priority,
            on_line,
            wrap_up: 0,
            wish,
            deadline: None,
            overflow_at,
            timer: None,
            needs,
        };
        call.set_deadline(max_wait);
        let at = self.calls.insert(call) as CallIx;
        self.call_ix.insert(id, at);
        self.seek(now, at);
    }

    /// Looks for an agent for a call that is in no line; else puts it into one.
    pub(super) fn seek(&mut self, now: Instant, at: CallIx) {
        if self.seek_wished(now, at) {
            return;
        }
        let pool = self.pool_for(now, at);
        let call = &mut self.calls[at as usize];
        (call.pool, call.wish) = (pool, None);
        let queue = call.queue;
        let strategy = self.queues[queue as usize].settings.strategy;
        let mut any = false;
        while let Some((agent, key)) = self.pick(at) {
            self.offer(now, at, agent, if any { Occasion::Joined } else { Occasion::CallSought });
            any = true;
            // Ringing all means all of the tier that rings.
            let same_tier = |router: &mut Self| {
                let first = router.queues[queue as usize].pools[pool as usize].first(&mut router.chance);
                first.is_some_and(|(_, next)| tier(next) == tier(key))
            };
            let all = strategy == Strategy::RingAll && self.calls[at as usize].offers.len() < RINGING_MAX;
            if !all || !same_tier(self) {
                break;
            }
        }
        if !any {
            self.line_up(now, at);
        }
    }

    /// The same for the agent a call should go to. `false` when it need not wait for them.
    fn seek_wished(&mut self, now: Instant, at: CallIx) -> bool {
        let Some(wish) = self.calls[at as usize].wish else { return false };
        let agent = &self.agents[wish.agent as usize];
        // Whose rest is over and who has not been looked at since takes the first of all who wait for them.
        if agent.free {
            self.calls[at as usize].pool = self.pool_for(now, at);
            self.offer(now, at, wish.agent, Occasion::Wished);
            return true;
        }
        // Whoever is not there, on a call or not, may not come back in time.
        if !agent.is_present() || wish.until <= now {
            return false;
        }
        let call = &mut self.calls[at as usize];
        call.state = CallState::Waiting;
        let (turn, queue, on_line) = (call.turn, call.queue, call.on_line);
        self.agents[wish.agent as usize].own_line.insert((turn, at));
        let queue = &mut self.queues[queue as usize];
        queue.waiting += 1;
        queue.on_line += u32::from(on_line);
        self.set_call_timer(at, Some(wish.until));
        true
    }

    fn line_up(&mut self, now: Instant, at: CallIx) {
        let call = &mut self.calls[at as usize];
        call.state = CallState::Waiting;
        let (turn, queue, pool) = (call.turn, call.queue, call.pool);
        let waited = now.saturating_duration_since(call.since);
        let (since, entered) = (call.since, call.entered);
        let found = &mut self.queues[queue as usize];
        found.waiting += 1;
        found.on_line += u32::from(call.on_line);
        found.pools[pool as usize].line.insert((turn, at));
        let change = found.next_change(waited).map(|after| since + after);
        if found.present == 0 {
            self.watch_presence(now, queue, entered);
        }
        self.set_call_timer(at, change);
    }

    /// Takes a call that waits out of its line.
    pub(super) fn leave_line(&mut self, at: CallIx) {
        let call = &self.calls[at as usize];
        let (turn, wish) = (call.turn, call.wish);
        let Some(queue) = self.queues.get_mut(call.queue as usize) else { return };
        queue.waiting -= 1;
        queue.on_line -= u32::from(call.on_line);
        match wish {
            Some(wish) => {
                self.agents[wish.agent as usize].own_line.remove(&(turn, at));
            }
            None => {
                queue.pools[call.pool as usize].line.remove(&(turn, at));
            }
        }
    }

    /// The first of a call's pool, by preference one who was not asked in vain. They stay where they are.
    fn pick(&mut self, at: CallIx) -> Option<(AgentIx, u64)> {
        let call = &self.calls[at as usize];
        let pool = &mut self.queues[call.queue as usize].pools[call.pool as usize];
        let first = pool.first(&mut self.chance)?;
        if !call.tried.contains(&first.0) {
            return Some(first);
        }
        let mut passed: SmallVec<[_; 4]> = SmallVec::new();
        let mut found = None;
        while let Some((agent, key)) = pool.first(&mut self.chance) {
            if !call.tried.contains(&agent) {
                found = Some((agent, key));
                break;
            }
            let Some(seat) = self.agents[agent as usize].seat_in(call.queue, call.pool) else { break };
            pool.leave(seat.place);
            passed.push((agent, seat));
        }
        for (agent, seat) in passed {
            self.queues[call.queue as usize].seat(&seat, &self.agents[agent as usize]);
        }
        found.or(Some(first))
    }

    /// Rings an agent for a call that is in no line.
    pub(super) fn offer(&mut self, now: Instant, at: CallIx, agent_at: AgentIx, occasion: Occasion) {
        self.withdraw(agent_at);
        self.count += 1;
        let call = &mut self.calls[at as usize];
        call.state = CallState::Offered;
        call.offers.push(agent_at);
        let agent = &mut self.agents[agent_at as usize];
        agent.offers.push(at);
        let queue = &mut self.queues[call.queue as usize];
        let pool = &mut queue.pools[call.pool as usize];
        let seat = agent.seat_in(call.queue, call.pool);
        let place = seat.and_then(|seat| queue.places.get_mut(seat.member as usize));
        let order = order(queue.settings.strategy, agent, place.as_deref());
        if let Some(place) = place {
            place.turn = self.count;
        }
        let settings = &queue.settings;
        let more = matches!(settings.strategy, Strategy::RingAll | Strategy::RingProgressively);
        if more {
            pool.ringing.insert((call.turn, at));
        }
        let random = matches!(settings.strategy, Strategy::Random | Strategy::WeightedRandom);
        let next = if random { None } else { pool.first(&mut self.chance) };
        let chosen_among_others = matches!(occasion, Occasion::CallSought | Occasion::Joined);
        let tie_break = chosen_among_others.then(|| match (next, seat) {
            _ if pool.free == 0 => TieBreak::Alone,
            (Some((next, _)), _) if call.tried.contains(&next) => TieBreak::Untried,
            (Some((_, key)), Some(seat)) => tie_break(seat.key(order), key),
            _ => TieBreak::Chance,
        });
        let why = Why {
            occasion,
            waited: now.saturating_duration_since(call.since),
            members: queue.places.len() as u32,
            fitting: pool.agents.len() as u32,
            free: pool.free + 1,
            tier: seat.map_or(0, |seat| seat.tier),
            order,
            next: next.map(|(next, key)| (self.agents[next as usize].id, super::pool::order(key))),
            tried: call.tried.len() as u8,
            tie_break,
            strategy: settings.strategy,
            version: queue.version,
        };
        let ring = Duration::from_secs(settings.ring_seconds.into());
        let progressive = Duration::from_secs(settings.progressive_seconds.into());
        let another = (settings.strategy == Strategy::RingProgressively).then(|| now + progressive);
        // Who joins others was explained with the first of them.
        let explains = occasion != Occasion::Joined && queue.places.len() <= self.explained_max;
        let (call, agent) = (&self.calls[at as usize], self.agents[agent_at as usize].id);
        let queue = &self.queues[call.queue as usize];
        let pool = queue.pools.get(call.pool as usize).filter(|_| explains);
        let stands = pool.and_then(|pool| self.stands(now, queue, pool, &call.tried));
        self.commands.push_back(Command::Offer { call: call.id, queue: queue.id, agent, ring, why, stands });
        self.note_state(now, agent_at);
        self.set_call_timer(at, another);
    }

    /// What an agent is free for, now that they are: a call that waits for them, or their places in the pools.
    pub(super) fn review(&mut self, now: Instant, at: AgentIx) {
        self.note_state(now, at);
        let agent = &self.agents[at as usize];
        let idle = agent.state(now) == AgentState::Idle;
        match (idle, agent.free) {
            (true, false) => match self.next_call(at) {
                Some((call, occasion)) => {
                    if self.calls[call as usize].state == CallState::Waiting {
                        self.leave_line(call);
                    }
                    if occasion == Occasion::Wished {
                        self.calls[call as usize].pool = self.pool_for(now, call);
                    }
                    self.offer(now, call, at, occasion);
                }
                None => self.present(at),
            },
            (false, true) => self.withdraw(at),
            _ => {}
        }
    }

    /// The first by its turn of the calls that wait for an agent; else one that rings and may ring them, too.
    fn next_call(&self, at: AgentIx) -> Option<(CallIx, Occasion)> {
        let agent = &self.agents[at as usize];
        let own = agent.own_line.first().map(|first| (*first, Occasion::Wished));
        let pools = || {
            agent.seats.iter().filter_map(|seat| self.queues.get(seat.queue as usize)?.pools.get(seat.pool as usize))
        };
        let waiting = pools().filter_map(|pool| pool.line.first()).min().map(|first| (*first, Occasion::AgentFreed));
        let ringing = || {
            let open = |(_, call): &&(i64, CallIx)| {
                let call = &self.calls[*call as usize];
                call.offers.len() < RINGING_MAX && !call.tried.contains(&at) && self.rings_all(call)
            };
            pools().filter_map(|pool| pool.ringing.iter().find(open)).min().map(|first| (*first, Occasion::Joined))
        };
        let first = own.into_iter().chain(waiting).min_by_key(|(first, _)| *first).or_else(ringing);
        first.map(|((_, call), occasion)| (call, occasion))
    }

    fn rings_all(&self, call: &Call) -> bool {
        self.queues.get(call.queue as usize).is_some_and(|queue| queue.settings.strategy == Strategy::RingAll)
    }

    pub(super) fn accepted(&mut self, now: Instant, id: CallId, agent: UserId) {
        let at = self.call_ix.get(&id).copied();
        let agent_at = self.agent_ix.get(&agent).copied();
        let offered = at.zip(agent_at).filter(|(call, agent)| self.calls[*call as usize].offers.contains(agent));
        let Some((at, agent_at)) = offered else {
            // Too late: somebody else was faster, or the offer had ended.
            return self.commands.push_back(Command::Rescind { call: id, agent });
        };
        let call = &mut self.calls[at as usize];
        call.state = CallState::Taken { agent: agent_at, since: now };
        call.wrap_up = self.queues.get(call.queue as usize).map_or(0, |queue| queue.settings.wrap_up_seconds);
        let offers = std::mem::take(&mut call.offers);
        self.stop_ringing(at);
        self.set_call_timer(at, None);
        // Losers are told before they can be offered anything else.
        let losers = offers.iter().filter(|offer| **offer != agent_at);
        self.commands
            .extend(losers.clone().map(|offer| Command::Rescind { call: id, agent: self.agents[*offer as usize].id }));
        for offer in &offers {
            self.agents[*offer as usize].offers.retain(|call| *call != at);
            if *offer != agent_at {
                self.note_state(now, *offer);
            }
        }
        let winner = &mut self.agents[agent_at as usize];
        winner.engaged += 1;
        winner.missed = 0;
        winner.calls_taken += 1;
        self.review(now, agent_at);
        for offer in offers.iter().filter(|offer| **offer != agent_at) {
            self.review(now, *offer);
        }
    }

    pub(super) fn failed(&mut self, now: Instant, id: CallId, agent: UserId, reason: OfferFailure) {
        let (Some(at), Some(agent_at)) = (self.call_ix.get(&id).copied(), self.agent_ix.get(&agent).copied()) else {
            return;
        };
        let call = &mut self.calls[at as usize];
        let Some(place) = call.offers.iter().position(|offer| *offer == agent_at) else { return };
        call.offers.remove(place);
        self.agents[agent_at as usize].offers.retain(|offered| *offered != at);
        if reason != OfferFailure::Rescinded {
            call.note_tried(agent_at);
        }
        self.note_state(now, agent_at);
        let call = &mut self.calls[at as usize];
        if call.offers.is_empty() {
            self.stop_ringing(at);
            let call = &mut self.calls[at as usize];
            call.wish = None;
            let overdue = call.overdue(now);
            match (self.queues.contains(call.queue as usize), overdue) {
                (true, Some(reason)) => self.overflow(now, at, reason),
                (true, None) => self.seek(now, at),
                (false, _) => self.overflow(now, at, OverflowReason::NoQueue),
            }
        }
        self.rest_after(now, agent_at, reason);
        self.review(now, agent_at);
    }

    fn rest_after(&mut self, now: Instant, at: AgentIx, reason: OfferFailure) {
        let (rest, delay) = match reason {
            OfferFailure::Busy => (Rest::Busy, BUSY_DELAY),
            OfferFailure::Declined => (Rest::Declined, DECLINED_DELAY),
            OfferFailure::NoAnswer => (Rest::NoAnswer, NO_ANSWER_DELAY),
            OfferFailure::Unreachable => (Rest::Unreachable, UNREACHABLE_DELAY),
            OfferFailure::Unclaimed => (Rest::Unclaimed, UNCLAIMED_DELAY),
            OfferFailure::Rescinded => return,
        };
        self.rest(now, at, rest, delay);
        let agent = &mut self.agents[at as usize];
        if reason == OfferFailure::NoAnswer {
            agent.missed = agent.missed.saturating_add(1);
            if agent.missed_max > 0 && agent.missed >= agent.missed_max {
                agent.missed = 0;
                self.pause(now, at, PauseReason::Missed);
            }
        }
    }

    /// Puts an agent on a break, and tells so. Who takes no calls anyway stays as they are.
    fn pause(&mut self, now: Instant, at: AgentIx, reason: PauseReason) {
        let agent = &self.agents[at as usize];
        if !agent.takes_calls() {
            return;
        }
        self.commands.push_back(Command::Pause { agent: agent.id, reason });
        self.change_presence(now, at, |agent| agent.chosen = Availability::Break);
    }

    /// Lets an agent rest. Of two rests the longer one counts: neither a phone that rang in vain nor the end of another call makes a wrap-up
    /// shorter.
    fn rest(&mut self, now: Instant, at: AgentIx, rest: Rest, length: Duration) {
        let until = now + length;
        if !length.is_zero() && self.agents[at as usize].rest.is_none_or(|(_, other)| other < until) {
            self.set_rest(at, Some((rest, until)));
        }
    }

    pub(super) fn set_rest(&mut self, at: AgentIx, rest: Option<(Rest, Instant)>) {
        if let Some((_, until)) = std::mem::replace(&mut self.agents[at as usize].rest, rest) {
            self.timers.remove(&(until, Due::Agent(at)));
        }
        self.timers.extend(rest.map(|(_, until)| (until, Due::Agent(at))));
    }

    pub(super) fn rested(&mut self, now: Instant, at: AgentIx) {
        if let Some(agent) = self.agents.get_mut(at as usize) {
            agent.rest.take_if(|(_, until)| *until <= now);
            self.review(now, at);
        }
    }

    /// A call is over, or is no business of the queue any more.
    pub(super) fn forget(&mut self, now: Instant, id: CallId) {
        let Some(at) = self.call_ix.remove(&id) else { return };
        self.clear_call_timer(at);
        self.stop_ringing(at);
        if self.calls[at as usize].state == CallState::Waiting {
            self.leave_line(at);
        }
        let call = self.calls.remove(at as usize);
        // Being rung in vain costs an agent neither place nor rest.
        for offer in &call.offers {
            self.agents[*offer as usize].offers.retain(|offered| *offered != at);
        }
        if let CallState::Taken { agent: agent_at, since } = call.state {
            let idle_since = self.millis(now);
            // Who had room for another call meanwhile sits where the last one put them.
            self.withdraw(agent_at);
            let agent = &mut self.agents[agent_at as usize];
            agent.engaged = agent.engaged.saturating_sub(1);
            agent.talked += now.saturating_duration_since(since);
            agent.idle_since = idle_since;
            let wrap_up = Duration::from_secs(agent.wrap_up.unwrap_or(call.wrap_up).into());
            let on_demand = agent.chosen == Availability::OnDemand;
            self.rest(now, agent_at, Rest::WrapUp, wrap_up);
            if on_demand {
                // One call was asked for; the next one is asked for anew.
                self.pause(now, agent_at, PauseReason::Served);
            }
            self.review(now, agent_at);
        }
        for offer in &call.offers {
            self.review(now, *offer);
        }
    }

    pub(super) fn overflow(&mut self, now: Instant, at: CallIx, reason: OverflowReason) {
        self.clear_call_timer(at);
        let call = &self.calls[at as usize];
        let candidates = if call.tried.is_empty() { self.explained(now, call.id) } else { Vec::new() };
        let call = self.calls.remove(at as usize);
        self.call_ix.remove(&call.id);
        self.commands.push_back(Command::Overflow { call: call.id, reason, candidates });
    }

    /// A timer of a call.
    pub(super) fn call_due(&mut self, now: Instant, at: CallIx) {
        let Some(call) = self.calls.get_mut(at as usize) else { return };
        call.timer = None;
        match call.state {
            CallState::Waiting => {
                let overdue = call.overdue(now);
                self.leave_line(at);
                match overdue {
                    Some(reason) => self.overflow(now, at, reason),
                    None => self.seek(now, at),
                }
            }
            CallState::Offered => self.ring_another(now, at),
            CallState::Taken { .. } => {}
        }
    }

    /// Rings one agent more for a call that rings.
    fn ring_another(&mut self, now: Instant, at: CallIx) {
        let call = &self.calls[at as usize];
        let Some(queue) = self.queues.get(call.queue as usize) else { return };
        let every = Duration::from_secs(queue.settings.progressive_seconds.into());
        if queue.settings.strategy != Strategy::RingProgressively || call.offers.len() >= RINGING_MAX {
            return;
        }
        match self.pick(at).filter(|(agent, _)| !self.calls[at as usize].tried.contains(agent)) {
            Some((agent, _)) => self.offer(now, at, agent, Occasion::Joined),
            None => self.set_call_timer(at, Some(now + every)),
        }
    }

    /// The queue of a call that rings has changed.
    pub(super) fn ring_on(&mut self, now: Instant, at: CallIx) {
        let pool = self.pool_for(now, at);
        let call = &mut self.calls[at as usize];
        call.pool = pool;
        let queue = &mut self.queues[call.queue as usize];
        if matches!(queue.settings.strategy, Strategy::RingAll | Strategy::RingProgressively) {
            queue.pools[pool as usize].ringing.insert((call.turn, at));
        }
        if queue.settings.strategy == Strategy::RingProgressively {
            let every = Duration::from_secs(queue.settings.progressive_seconds.into());
            self.set_call_timer(at, Some(now + every));
        }
    }

    fn stop_ringing(&mut self, at: CallIx) {
        let call = &self.calls[at as usize];
        let queue = self.queues.get_mut(call.queue as usize);
        if let Some(pool) = queue.and_then(|queue| queue.pools.get_mut(call.pool as usize)) {
            pool.ringing.remove(&(call.turn, at));
        }
    }

    /// A call that is over has no timer, not even for its deadline.
    fn clear_call_timer(&mut self, at: CallIx) {
        retime(&mut self.timers, &mut self.calls[at as usize].timer, None, Due::Call(at));
    }

    /// Sets the one timer of a call: its deadline, while it waits, or what is to come before.
    pub(super) fn set_call_timer(&mut self, at: CallIx, wanted: Option<Instant>) {
        let call = &mut self.calls[at as usize];
        let deadline = call.deadline.filter(|_| call.state == CallState::Waiting);
        let wanted = wanted.into_iter().chain(deadline).min();
        retime(&mut self.timers, &mut call.timer, wanted, Due::Call(at));
    }

    /// The call that an agent would be offered next, if they were free: the first by its turn of those that wait for them.
    #[must_use]
    pub fn next_for(&self, agent: UserId) -> Option<CallId> {
        let (call, occasion) = self.next_call(*self.agent_ix.get(&agent)?)?;
        (occasion != Occasion::Joined).then(|| self.calls[call as usize].id)
    }

    /// Gives a waiting call to an agent by hand, whether they are a member of its queue, on a break or resting.
    ///
    /// # Errors
    /// [`AssignRefused`].
    pub fn assign(&mut self, now: Instant, call: CallId, agent: UserId) -> Result<(), AssignRefused> {
        let at = *self.call_ix.get(&call).ok_or(AssignRefused::NotWaiting)?;
        let agent_at = *self.agent_ix.get(&agent).ok_or(AssignRefused::Unreachable)?;
        match self.calls[at as usize].state {
            CallState::Waiting => {}
            CallState::Offered => return Err(AssignRefused::Offered),
            CallState::Taken { .. } => return Err(AssignRefused::NotWaiting),
        }
        let found = &self.agents[agent_at as usize];
        match found.state(now) {
            AgentState::OnCall | AgentState::Offered => return Err(AssignRefused::Busy),
            _ if !found.reachable => return Err(AssignRefused::Unreachable),
            _ => {}
        }
        self.leave_line(at);
        if self.calls[at as usize].wish.take().is_some() {
            self.calls[at as usize].pool = self.pool_for(now, at);
        }
        self.offer(now, at, agent_at, Occasion::Assigned);
        Ok(())
    }
}
