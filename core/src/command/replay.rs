//! Days of queues out of the store and into it. Not use cases of their own: reading for those who look back, and reports for those who
//! want a store with a day in it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::call::CallReport;
use crate::call::{
    Call, CallEvent, Change, Direction, Hangup, HangupCause, LeaveReason, LegKind, NewCall, OfferFailure, Side,
};
use crate::company::{Company, end_of_day, start_of_day};
use crate::event::{Envelope, Event};
use crate::id::{CallId, CompanyId, IdSource, QueueId, UserId};
use crate::people::{Availability, User};
use crate::queue::sim::recorded::Recorder;
use crate::queue::sim::replay::{RecordedCall, RecordedDay, RecordedEnd, RecordedQueue};
use crate::store::{CallFilter, EventFilter, Page, Repo, StoreError, UserFilter};

/// The length of a slice, in seconds.
const SLICE_SECONDS: u32 = 1_800;
/// Events that are read at a time.
const EVENTS: u32 = 1_000;

/// A day of a company, from its store.
#[derive(Debug, Clone)]
pub struct StoredDay {
    /// When it began.
    pub begins: DateTime<Utc>,
    /// When it ended, or was read before its end.
    pub ends: DateTime<Utc>,
    /// The day.
    pub day: RecordedDay,
    /// Its agents, as far as they are still there.
    pub people: Vec<User>,
    /// Stays in queues that had not ended when it was read; they are no calls of the day.
    pub unended: u64,
    /// Queues whose settings were changed after the day had begun: those of the day may have been others.
    pub changed: Vec<QueueId>,
}

/// Reads a local day of a company, as far as it has gone by `now`, in slices of half an hour: see [`crate::queue::sim::recorded`] for what is
/// known of it.
///
/// # Errors
/// Those of the store.
pub async fn stored_day(
    repo: &mut dyn Repo,
    company: &Company,
    day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<StoredDay, StoreError> {
    let (begins, ends) = (start_of_day(company.timezone, day), end_of_day(company.timezone, day).min(now));
    let queues: Vec<_> = repo.queues().await?.into_iter().filter(|queue| queue.created_at < ends).collect();
    let changed = queues.iter().filter(|queue| queue.updated_at > begins && queue.version > 1);
    let changed = changed.map(|queue| queue.id).collect();
    let ids: Vec<QueueId> = queues.iter().map(|queue| queue.id).collect();
    let members = queues.iter().flat_map(|queue| &queue.settings.members).map(|member| member.agent_id);
    let members: BTreeSet<UserId> = members.collect();
    let queues = queues.into_iter().map(|queue| RecordedQueue { id: queue.id, settings: queue.settings });
    let mut recorder = Recorder::new(begins, ends, SLICE_SECONDS, queues.collect());
    let people = people(repo, &members).await?;
    let settings: BTreeMap<_, _> =
        repo.agent_profiles().await?.into_iter().map(|profile| (profile.user, profile.settings)).collect();
    for (user, at_start) in chosen_at(repo, &people, begins).await? {
        recorder.agent(user.id, settings.get(&user.id).cloned().unwrap_or_default(), at_start);
        recorder.chose(user.id, user.created_at, Availability::default());
    }
    for envelope in availability(repo, Some(begins), ends, |_| true).await?.iter().rev() {
        // Others than members have queue calls by hand only.
        if matches!(envelope.event, Event::AvailabilityChanged { user, .. } if members.contains(&user)) {
            recorder.event(envelope);
        }
    }
    let others = other_calls(repo, begins, ends, &members, &mut recorder).await?;
    let mut seen: BTreeSet<CallId> = others;
    for queue in ids {
        visits(repo, queue, begins, ends, &mut seen, &mut recorder).await?;
    }
    Ok(StoredDay { begins, ends, unended: recorder.unended(), day: recorder.finish(), people, changed })
}

async fn people(repo: &mut dyn Repo, members: &BTreeSet<UserId>) -> Result<Vec<User>, StoreError> {
    let mut people = Vec::new();
    for number in 1.. {
        let page = repo.users(&UserFilter::default(), Page::number(number, Page::LIMIT_MAX)).await?;
        if page.items.is_empty() {
            break;
        }
        people.extend(page.items.into_iter().filter(|user| members.contains(&user.id)));
    }
    Ok(people)
}

/// What became of the availability of agents in a time, newest first, for as long as `goes_on` says so of the last event of a page.
async fn availability(
    repo: &mut dyn Repo,
    from: Option<DateTime<Utc>>,
    to: DateTime<Utc>,
    mut goes_on: impl FnMut(&[Envelope]) -> bool + Send,
) -> Result<Vec<Envelope>, StoreError> {
    let name = Some("agent.availability_changed".to_owned());
    let mut filter = EventFilter { name, from, to: Some(to), ..EventFilter::default() };
    let mut all = Vec::new();
    loop {
        let page = repo.find_events(&filter, EVENTS).await?;
        let more = page.len() == EVENTS as usize && goes_on(&page);
        filter.before = page.last().map(|last| last.seq);
        all.extend(page);
        if !more {
            return Ok(all);
        }
    }
}

/// What agents had chosen at an instant. Whoever has chosen nothing since is known at once; for others their last choice before is looked
/// for, and who had made none is as everybody is who has just come.
async fn chosen_at<'a>(
    repo: &mut dyn Repo,
    people: &'a [User],
    at: DateTime<Utc>,
) -> Result<Vec<(&'a User, Availability)>, StoreError> {
    let since = people.iter().filter(|user| user.availability_since > at && user.created_at < at);
    let mut open: BTreeSet<UserId> = since.clone().map(|user| user.id).collect();
    let mut known: BTreeMap<UserId, Availability> = BTreeMap::new();
    if let Some(oldest) = since.map(|user| user.created_at).min() {
        let goes_on = |page: &[Envelope]| {
            for envelope in page {
                if let Event::AvailabilityChanged { user, .. } = envelope.event {
                    open.remove(&user);
                }
            }
            !open.is_empty() && page.last().is_some_and(|last| last.at >= oldest)
        };
        for envelope in availability(repo, None, at, goes_on).await? {
            if let Event::AvailabilityChanged { user, availability, .. } = envelope.event {
                known.entry(user).or_insert(availability);
            }
        }
    }
    let chosen = |user: &'a User| {
        let chosen = match known.get(&user.id) {
            _ if user.created_at >= at => Availability::Offline,
            _ if user.availability_since <= at => user.availability,
            Some(known) => *known,
            None => Availability::default(),
        };
        (user, chosen)
    };
    Ok(people.iter().map(chosen).collect())
}

/// Tells the recorder of calls that came through no queue; those of agents to the outside, which stay in no queue as callers do.
async fn other_calls(
    repo: &mut dyn Repo,
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
    members: &BTreeSet<UserId>,
    recorder: &mut Recorder,
) -> Result<BTreeSet<CallId>, StoreError> {
    let mut filter = CallFilter { from: Some(begins), to: Some(ends), ..CallFilter::default() };
    let mut outbound = BTreeSet::new();
    loop {
        let page = repo.calls(&filter, Page { offset: 0, limit: Page::LIMIT_MAX }).await?;
        for call in &page.items {
            if call.direction == Direction::Outbound {
                outbound.insert(call.id);
            }
            if call.direction == Direction::Outbound || call.queue.is_none() {
                for agent in engaged(call).into_iter().flatten().filter(|agent| members.contains(agent)) {
                    recorder.engaged(agent, call.started_at, call.ended_at.unwrap_or(ends));
                }
            }
        }
        match page.items.last() {
            Some(last) => filter.before = Some(last.id),
            None => return Ok(outbound),
        }
    }
}

/// Who was busy with a call that came through no queue: its agent, and whoever talked with a colleague.
fn engaged(call: &Call) -> [Option<UserId>; 2] {
    [call.agent, call.rung().filter(|_| call.direction == Direction::Internal && call.was_connected())]
}

async fn visits(
    repo: &mut dyn Repo,
    queue: QueueId,
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
    seen: &mut BTreeSet<CallId>,
    recorder: &mut Recorder,
) -> Result<(), StoreError> {
    for number in 1.. {
        let page = repo.queue_visits(queue, begins, ends, Page::number(number, Page::LIMIT_MAX)).await?;
        if page.items.is_empty() {
            break;
        }
        // A call that was in several queues, or in one of them twice, is told once.
        let calls: Vec<CallId> = page.items.iter().map(|visit| visit.call).filter(|call| seen.insert(*call)).collect();
        let mut timelines: BTreeMap<CallId, Vec<CallEvent>> = BTreeMap::new();
        for event in repo.timelines(&calls).await? {
            timelines.entry(event.call).or_default().push(event);
        }
        timelines.values().for_each(|timeline| recorder.timeline(timeline));
    }
    Ok(())
}

/// What call control would have reported of the calls of a day that began at `begins`: fills a store with a simulated day.
pub fn reports(day: &RecordedDay, company: CompanyId, begins: DateTime<Utc>, ids: &dyn IdSource) -> Vec<CallReport> {
    day.calls.iter().map(|call| report(call, company, begins, ids)).collect()
}

fn report(call: &RecordedCall, company: CompanyId, begins: DateTime<Utc>, ids: &dyn IdSource) -> CallReport {
    let millis = |millis: u64| TimeDelta::milliseconds(i64::try_from(millis).unwrap_or_default());
    let came = begins + millis(call.came_ms);
    let (left, rang) = (came + millis(call.waited_ms), millis(call.rang_ms));
    let id = ids.id(came);
    let begin = NewCall {
        id,
        company,
        direction: Direction::Inbound,
        from: "anonymous".into(),
        to: "queue".into(),
        agent: None,
        number: None,
        trunk: None,
        lead: None,
        node: None,
        at: came,
    };
    let leg = |leg, kind, agent| Change::LegAdded { leg, kind, party: "line".to_owned(), agent };
    let queued =
        Change::Queued { queue: call.queue, position: None, priority: call.priority, needs: call.needs.clone() };
    let mut changes = vec![(came, leg(0, LegKind::Carrier, None)), (came, queued)];
    let somebody = || ids.id(came);
    for _ in 0..call.missed {
        let agent = somebody();
        changes.push((came, Change::Offered { agent, decision: None }));
        changes.push((came, Change::OfferFailed { agent, reason: OfferFailure::NoAnswer }));
    }
    let ended = |side| Change::Ended { hangup: Hangup { side, cause: HangupCause::NormalClearing, sip_status: None } };
    let leaves = |reason| Change::LeftQueue { queue: call.queue, reason, position: None, key: None, stood: None };
    match call.end {
        RecordedEnd::Answered { agent, talked_ms } => {
            changes.push((left - rang, Change::Offered { agent, decision: None }));
            changes.push((left - rang, leg(1, LegKind::Sip, Some(agent))));
            changes.push((left, Change::Answered { leg: 1, codec: None }));
            changes.push((left, Change::Bridged { a: 0, b: 1 }));
            changes.push((left + millis(talked_ms), ended(Side::Caller)));
        }
        RecordedEnd::Abandoned => {
            if call.rang_ms > 0 {
                changes.push((left - rang, Change::Offered { agent: somebody(), decision: None }));
            }
            changes.push((left, leaves(LeaveReason::Abandoned)));
            changes.push((left, ended(Side::Caller)));
        }
        RecordedEnd::SentOn | RecordedEnd::Left => {
            let reason = if call.end == RecordedEnd::Left { LeaveReason::Key } else { LeaveReason::TimedOut };
            changes.push((left, leaves(reason)));
            changes.push((left, ended(Side::System)));
        }
    }
    CallReport { begin: Some(begin), changes, ..CallReport::nothing(id) }
}
