//! Keeping what calls add up to: the callers' figures and the sums by day. Not use cases of their own: part of every command
//! that ends, enters, edits or deletes a call, in its unit of work, after the call itself was written.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use crate::call::stats::ByDay;
use crate::call::{Call, CallDay, CallFact, CallSums};
use crate::company::Company;
use crate::error::Failure;
use crate::id::{CompanyId, UserId};
use crate::people::Figures;
use crate::store::{Repo, StoreError};

/// Facts that are read at a time when a log is counted anew.
const FACTS: u32 = 10_000;
/// Days that are written at a time.
const DAYS: usize = 1_000;

/// A call's part in the figures before and after a change. A call that goes on has none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    company: CompanyId,
    before: Option<CallFact>,
    after: Option<CallFact>,
}

impl Share {
    /// A call that was not counted yet: it has ended or was entered by hand.
    pub(super) fn added(call: &Call) -> Self {
        Self { company: call.company, before: None, after: CallFact::of(call) }
    }

    /// A call that was edited.
    pub(super) fn edited(before: &Call, after: &Call) -> Self {
        Self { company: after.company, before: CallFact::of(before), after: CallFact::of(after) }
    }

    /// A call that was deleted.
    pub(super) fn removed(call: &Call) -> Self {
        Self { company: call.company, before: CallFact::of(call), after: None }
    }

    fn is_unchanged(&self) -> bool {
        self.before == self.after
    }
}

/// Brings the callers' figures and the sums by day in line with changed calls.
///
/// Everybody locks calls, then caller records, then companies, then days, each in order: nobody waits in a circle.
pub(super) async fn record<R>(repo: &mut dyn Repo, shares: &[Share]) -> Result<(), Failure<R>> {
    let shares: Vec<&Share> = shares.iter().filter(|share| !share.is_unchanged()).collect();
    let facts = shares.iter().flat_map(|share| share.before.into_iter().chain(share.after));
    let agents: BTreeSet<UserId> = facts.filter_map(|fact| fact.agent).collect();
    for agent in agents {
        record_agent(repo, agent, &shares).await?;
    }
    let companies: BTreeSet<CompanyId> = shares.iter().map(|share| share.company).collect();
    for company in companies {
        let zone = repo.hold_timezone(company).await?.ok_or(StoreError::OutOfScope)?;
        let mut days = ByDay::default();
        for share in shares.iter().filter(|share| share.company == company) {
            share.before.iter().for_each(|fact| days.take(zone, fact));
            share.after.iter().for_each(|fact| days.add(zone, fact));
        }
        let rows: Vec<_> = days.rows(company).collect();
        if !rows.is_empty() {
            repo.add_call_days(&rows).await?;
        }
    }
    Ok(())
}

async fn record_agent<R>(repo: &mut dyn Repo, agent: UserId, shares: &[&Share]) -> Result<(), Failure<R>> {
    // Managers talk too, but only agents have a caller record.
    let Some(caller) = repo.caller_for_update(agent).await? else { return Ok(()) };
    let mut figures = caller.figures;
    let mut edge_gone = false;
    let own = |fact: &&CallFact| fact.agent == Some(agent);
    for share in shares {
        if let Some(fact) = share.before.as_ref().filter(own) {
            edge_gone |= figures.take(fact);
        }
        if let Some(fact) = share.after.as_ref().filter(own) {
            figures.add(fact);
        }
    }
    if edge_gone {
        let span = repo.call_span(agent).await?;
        (figures.first_call_at, figures.last_call_at) = (span.map(|span| span.0), span.map(|span| span.1));
    }
    repo.set_figures(agent, &figures).await?;
    Ok(())
}

/// The figures of a user as the log has them: for a caller record that begins when its user has talked before, and for people
/// without a record.
///
/// # Errors
/// [`StoreError`].
pub async fn of_agent(repo: &mut dyn Repo, agent: UserId) -> Result<Figures, StoreError> {
    let Some((first, last)) = repo.call_span(agent).await? else { return Ok(Figures::default()) };
    let days = repo.call_volumes(Some(agent), NaiveDate::MIN, NaiveDate::MAX).await?;
    let sums: CallSums = days.into_iter().map(|(_, sums)| sums).sum();
    let count = |sum: i64| u64::try_from(sum).unwrap_or_default();
    Ok(Figures {
        total_calls: count(sums.calls()),
        connected_calls: count(sums.connected),
        talk_seconds: count(sums.talk_seconds),
        first_call_at: Some(first),
        last_call_at: Some(last),
    })
}

/// Counts a company's whole log anew by the days of `zone`. The company's row must be locked: whoever counts a call waits
/// for it, and then counts by the new zone.
pub(super) async fn recount<R>(repo: &mut dyn Repo, company: CompanyId, zone: Tz) -> Result<(), Failure<R>> {
    let days = fold(repo, zone, DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC).await?;
    repo.clear_call_days().await?;
    let rows: Vec<_> = days.rows(company).collect();
    for rows in rows.chunks(DAYS) {
        repo.add_call_days(rows).await?;
    }
    Ok(())
}

/// The sums by day of `zone` of the calls that began from `from` on and before `to`, from the log itself: for another
/// zone than the company's, and to verify what is stored. Costs as much as there are calls.
///
/// # Errors
/// [`StoreError`].
pub async fn fold(repo: &mut dyn Repo, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<ByDay, StoreError> {
    let mut days = ByDay::default();
    let mut after = None;
    loop {
        let facts = repo.call_facts(from, to, after, FACTS).await?;
        facts.iter().for_each(|fact| days.add(zone, fact));
        match facts.last() {
            Some(last) if facts.len() >= FACTS as usize => after = Some((last.started_at, last.call)),
            _ => return Ok(days),
        }
    }
}

/// A day whose stored sums are not those of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// What is stored.
    pub stored: CallSums,
    /// The day and agent, with what the log adds up to.
    pub counted: CallDay,
}

/// Compares what is stored with the whole log of the scope's company: the sums by day, and the figures of the callers.
///
/// Give it a unit of work that reads, so that it sees one state of both.
///
/// # Errors
/// [`StoreError`].
pub async fn verify(repo: &mut dyn Repo, company: &Company) -> Result<(Vec<Difference>, Vec<UserId>), StoreError> {
    let counted = fold(repo, company.timezone, DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC).await?;
    let mut both: BTreeMap<(NaiveDate, Option<UserId>), Difference> = BTreeMap::new();
    for row in counted.rows(company.id) {
        both.insert((row.day, row.agent), Difference { stored: CallSums::default(), counted: row });
    }
    // Day by day, as one answer has an end.
    for (day, _) in repo.call_volumes(None, NaiveDate::MIN, NaiveDate::MAX).await? {
        for row in repo.call_days(None, day, day).await? {
            let nothing = Difference { stored: row.sums, counted: CallDay { sums: CallSums::default(), ..row } };
            both.entry((row.day, row.agent)).or_insert(nothing).stored = row.sums;
        }
    }
    let mut callers = Vec::new();
    for user in repo.caller_users().await? {
        let stored = repo.caller(user).await?.map(|caller| caller.figures);
        if stored != Some(of_agent(repo, user).await?) {
            callers.push(user);
        }
    }
    Ok((both.into_values().filter(|day| day.stored != day.counted.sums).collect(), callers))
}
