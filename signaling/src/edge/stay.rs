//! Stays in the lines of queues, for calls of every kind: how they come in, what is learned from their waits, and what is kept of a
//! caller who hangs up.

use std::time::{Duration, Instant};

use dialplane_core::call::{Change, LeaveReason};
use dialplane_core::id::{CallId, CompanyId, QueueId, UserId};
use dialplane_core::phone::E164;
use dialplane_core::queue::estimate::{Calibration, Estimate};
use dialplane_core::queue::router::{Arrival, Candidate, Input};
use dialplane_core::queue::{Stood, Waiting};
use dialplane_ivr::calendar::Opening;

use super::Order;
use super::call_entry::{CallEntry, Plan};
use super::run::Edge;

/// Places beyond this are not counted when a call comes in: what is learned of them would be said to nobody.
const AHEAD_MAX: u32 = 1_000;
/// How long the host may look for the agent who is to get a call first. The caller hears music meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);

/// A stay in a queue.
#[derive(Debug)]
pub(super) struct Stay {
    queue: QueueId,
    /// When it began.
    entered: Instant,
    /// How the router was told of it, with the place that the call has there.
    arrival: Option<Arrival>,
    /// Whether it was offered to anybody.
    offered: bool,
    /// How the members stood when the router let the call go.
    members: Option<Vec<Candidate>>,
    /// How many were before the call, when it had to wait, and what it could be told.
    ahead: Option<(u32, Option<Estimate>)>,
    /// The host is asked whom the call should go to: the name of the question, and the arrival that waits for the answer.
    asked: Option<(u64, Arrival)>,
}

impl Stay {
    /// The queue.
    pub(super) const fn queue(&self) -> QueueId {
        self.queue
    }

    /// It is offered to somebody, and the offer will tell why.
    pub(super) const fn note_offer(&mut self) {
        self.offered = true;
    }

    /// The router has let the call go, and knows no more than this of it.
    pub(super) fn note_members(&mut self, members: Vec<Candidate>) {
        self.members = Some(members);
    }
}

impl Edge {
    /// Whether a queue is closed now.
    pub(super) fn is_closed(&self, queue: QueueId) -> bool {
        let calendar = self.directory.queue(queue).and_then(|queue| queue.calendar.as_ref());
        calendar.is_some_and(|calendar| calendar.at(self.surroundings.clock.now()) != Opening::Open)
    }

    /// A call comes into a queue.
    pub(super) fn join_queue(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, mut arrival: Arrival) {
        let queue = arrival.queue;
        self.note_arrival(now, entry, &arrival);
        arrival.since = self.place_of_callback(now, entry, queue).or(arrival.since);
        let directory = self.directory.clone();
        let settings = directory.queue(queue).map(|queue| &queue.settings);
        let looks = |waiting: &Waiting| waiting.resume_seconds > 0 || waiting.preferred.is_some();
        let caller = settings.filter(|settings| looks(&settings.waiting)).and_then(|_| self.number_of(entry));
        if let (Some(settings), Some(caller)) = (settings, &caller) {
            let patience = Duration::from_secs(settings.waiting.resume_seconds.into());
            let old = (!patience.is_zero()).then(|| self.old_places.resume(now, queue, caller.as_str(), patience));
            arrival.since = old.flatten().or(arrival.since);
        }
        let preferred = settings.and_then(|settings| settings.waiting.preferred);
        let (Some(preferred), Some(caller)) = (preferred, caller) else {
            return self.line_up(now, id, entry, arrival);
        };
        let question = entry.key(None);
        arrival.since = arrival.since.or(Some(now));
        if let Some(stay) = &mut entry.stay {
            stay.asked = Some((question, arrival));
        }
        let (host, company) = (self.surroundings.host.clone(), entry.company);
        self.ask(async move {
            let found = tokio::time::timeout(PATIENCE, host.preferred_agent(company, caller, preferred.agent)).await;
            Order::Preferred { call: id, question, agent: found.ok().flatten() }
        });
    }

    /// The host knows who is to get a call first, or that nobody is.
    pub(super) fn preferred(&mut self, now: Instant, id: CallId, question: u64, agent: Option<UserId>) {
        let Some(mut entry) = self.calls.remove(&id) else { return };
        let asked = entry.stay.as_mut().and_then(|stay| stay.asked.take_if(|(asked, _)| *asked == question));
        if let Some((_, mut arrival)) = asked {
            let settings = self.directory.queue(arrival.queue).map(|queue| &queue.settings);
            arrival.wish = settings.zip(agent).and_then(|(settings, agent)| {
                let patience = Duration::from_secs(settings.waiting.preferred?.patience_seconds.into());
                // The queue's members take its calls, and nobody else.
                settings.members.iter().any(|member| member.agent_id == agent).then_some((agent, patience))
            });
            self.line_up(now, id, &mut entry, arrival);
        }
        self.drive(now, id, entry);
    }

    fn line_up(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, arrival: Arrival) {
        let queue = arrival.queue;
        if let Some(stay) = &mut entry.stay {
            stay.arrival = Some(Arrival { since: arrival.since.or(Some(now)), ..arrival.clone() });
        }
        self.tell_router(now, entry.company, Input::CallQueued(arrival));
        // Who is connected at once has not waited for anybody, and teaches nothing about waiting.
        if let Some(place) = self.routers.get(&entry.company).and_then(|router| router.position(id, AHEAD_MAX)) {
            let told = self.experiences.get(&queue).and_then(|experience| experience.estimate(place - 1));
            if let Some(stay) = entry.stay.as_mut().filter(|_| place <= AHEAD_MAX) {
                stay.ahead = Some((place - 1, told));
            }
        }
        self.begin_announcements(now, entry);
    }

    /// The router has taken the call out of the line, and its chain leads nowhere any more: it goes on to wait, in its place, for the agent
    /// it was to go to, and no longer than it would have.
    pub(super) fn stay_on(&mut self, now: Instant, entry: &mut CallEntry) {
        let overflow_at = self.longest_wait(entry);
        let Some((arrival, entered)) = entry.stay.as_ref().and_then(|stay| Some((stay.arrival.clone()?, stay.entered)))
        else {
            return;
        };
        if let Some(stay) = &mut entry.stay {
            stay.members = None;
        }
        let waited = now.saturating_duration_since(entered);
        let wish = arrival.wish.map(|(agent, patience)| (agent, patience.saturating_sub(waited)));
        self.tell_router(now, entry.company, Input::CallQueued(Arrival { wish, overflow_at, ..arrival }));
    }

    /// When a call will have waited as long as its queue allows.
    fn longest_wait(&self, entry: &CallEntry) -> Option<Instant> {
        let stay = entry.stay.as_ref()?;
        let seconds = self.directory.queue(stay.queue)?.settings.max_wait_seconds;
        (seconds > 0).then(|| stay.entered + Duration::from_secs(seconds.into()))
    }

    /// Whether a call has waited as long as its queue allows.
    pub(super) fn waited_longest(&self, now: Instant, entry: &CallEntry) -> bool {
        self.longest_wait(entry).is_some_and(|until| until <= now)
    }

    /// The call waits in a queue from now on.
    pub(super) fn note_queued(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, queue: QueueId) {
        self.note_arrival(now, entry, &Arrival::new(id, queue));
    }

    fn note_arrival(&mut self, now: Instant, entry: &mut CallEntry, arrival: &Arrival) {
        let queue = arrival.queue;
        entry.stay =
            Some(Stay { queue, entered: now, arrival: None, offered: false, members: None, ahead: None, asked: None });
        self.waiting += 1;
        let before = self.routers.get(&entry.company).map_or(0, |router| router.waiting(queue));
        let position = u32::try_from(before + 1).ok();
        let (priority, needs) = (arrival.priority, arrival.skills.clone());
        self.report(now, arrival.call, entry, Change::Queued { queue, position, priority, needs });
    }

    /// Takes a call out of its queue without an agent; the router is told afterwards, as it knows the place. Whether it was in one.
    pub(super) fn leave_line(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, reason: LeaveReason) -> bool {
        let Some(queue) = entry.waits_in() else { return false };
        let router = self.routers.get(&entry.company);
        let position = router.and_then(|router| router.call(now, id)).map(|(_, call)| call.position);
        let key = (reason == LeaveReason::Key).then(|| entry.hearing.last_key()).flatten();
        let stood = self.stood(now, id, entry).map(Box::new);
        self.report(now, id, entry, Change::LeftQueue { queue, reason, position, key, stood });
        entry.ask_no_more();
        self.end_stay(entry)
    }

    /// How the members of its queue stand to a call that was not offered to anybody.
    fn stood(&self, now: Instant, id: CallId, entry: &CallEntry) -> Option<Stood> {
        let stay = entry.stay.as_ref().filter(|stay| !stay.offered)?;
        match &stay.members {
            Some(members) => Stood::of(members, now),
            None => Stood::of(&self.routers.get(&entry.company)?.explained(now, id), now),
        }
    }

    /// A call is in its queue no more. Whether it was in one.
    pub(super) fn end_stay(&mut self, entry: &mut CallEntry) -> bool {
        let left = entry.stay.take().is_some();
        self.waiting -= usize::from(left);
        left
    }

    /// An agent has answered.
    pub(super) fn stay_answered(&mut self, now: Instant, entry: &CallEntry) {
        let Some(stay) = &entry.stay else { return };
        if let Some((ahead, told)) = stay.ahead {
            let waited = now.saturating_duration_since(stay.entered);
            self.experiences.entry(stay.queue).or_default().answered(ahead, waited, told);
        }
    }

    /// A call ends that may be in a queue. Where its caller has hung up the place is kept for a while.
    pub(super) fn stay_ended(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, reason: LeaveReason) {
        let Some(queue) = entry.stay.as_ref().map(|stay| stay.queue) else { return };
        if reason == LeaveReason::Abandoned {
            // They call again where they called, and not where they were led to.
            let queue = match &entry.plan {
                Plan::Queue(desk) => desk.first_queue().unwrap_or(queue),
                _ => queue,
            };
            let keeps = self.directory.queue(queue).is_some_and(|queue| queue.settings.waiting.resume_seconds > 0);
            let since = self.routers.get(&entry.company).and_then(|router| router.since(id));
            if let (Some(since), Some(caller)) = (since, self.number_of(entry).filter(|_| keeps)) {
                self.old_places.leave(now, queue, caller.as_str(), since);
            }
        }
        self.leave_line(now, id, entry, reason);
    }

    /// The caller's number, where it is one: whoever hides it cannot be told from others who do.
    pub(super) fn number_of(&self, entry: &CallEntry) -> Option<E164> {
        let home = self.directory.company(entry.company)?.default_country;
        E164::parse(&entry.caller, home).ok()
    }

    /// How often the waits that could be told to callers were right, for the queues of a company.
    pub(super) fn calibration(&self, company: CompanyId) -> Vec<(QueueId, Calibration)> {
        let own = |(id, queue): (QueueId, &super::QueueEntry)| (queue.company == company).then_some(id);
        let mut queues: Vec<QueueId> = self.directory.queues().filter_map(own).collect();
        queues.sort_unstable();
        queues.into_iter().filter_map(|id| Some((id, self.experiences.get(&id)?.calibration()))).collect()
    }
}
