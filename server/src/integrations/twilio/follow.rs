//! Asks Twilio about calls that nothing was heard of for too long: callbacks get lost, and an answer to a request does.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dialplane_core::Actor;
use dialplane_core::call::carrier::{CarrierCall, End, EndReport, EndStatus};
use dialplane_core::call::{Call, HangupCause};
use dialplane_core::command::carrier::{ClaimCarrierCalls, RecordCarrierReport, Reported};
use dialplane_core::phone::E164;
use tokio_util::sync::CancellationToken;

use super::client::{ApiError, CallResource};
use super::{Line, Twilio, words};
use crate::problem::Reply;

/// Calls asked about in one turn.
const BATCH: u32 = 20;
/// How often due calls are looked for.
const LOOK: Duration = Duration::from_secs(5);
/// A call goes on for a day at most; what is older is over, whatever Twilio says.
const LIFE: TimeDelta = TimeDelta::hours(25);
/// How old a call must be before its absence at Twilio means that it was never placed: no request takes that long to arrive.
const ABSENCE: TimeDelta = TimeDelta::seconds(30);
/// How far Twilio's clock may be from ours when a call is recognised by its ends and the time of its making.
const SKEW: TimeDelta = TimeDelta::seconds(5);

/// Asks until told to stop.
pub(crate) async fn run(twilio: Twilio, stop: CancellationToken) {
    loop {
        tokio::select! {
            // What was being asked is asked again when it is due.
            () = stop.cancelled() => return,
            done = turn(&twilio) => if let Err(error) = done {
                tracing::warn!(?error, "calls at twilio could not be followed, trying again");
            },
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn turn(twilio: &Twilio) -> Reply<()> {
    loop {
        let claimed = twilio.0.engine.execute(&Actor::system(), &ClaimCarrierCalls { limit: BATCH }).await?;
        let count = claimed.len();
        for (call, row) in claimed {
            follow(twilio, &call, &row).await?;
        }
        if count < BATCH as usize {
            return Ok(());
        }
    }
}

async fn follow(twilio: &Twilio, call: &Call, row: &CarrierCall) -> Reply<()> {
    if twilio.0.engine.now() - row.created_at > LIFE {
        return over(twilio, call, HangupCause::TimerExpired).await;
    }
    let Some(line) = twilio.line_of(row).await? else {
        tracing::warn!(call = %call.id, "there is no account at twilio any more that a call could be asked about with");
        return Ok(());
    };
    let asked = match &row.sid {
        Some(sid) => ask(&line, call, sid).await,
        None => find(&line, call, row).await,
    };
    match asked {
        Ok(()) => Ok(()),
        Err(Failed::Api(error)) => {
            tracing::warn!(call = %call.id, %error, "twilio could not be asked about a call, trying again later");
            Ok(())
        }
        Err(Failed::Ours(problem)) => Err(problem),
    }
}

enum Failed {
    Api(ApiError),
    Ours(crate::problem::Problem),
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<crate::problem::Problem> for Failed {
    fn from(problem: crate::problem::Problem) -> Self {
        Self::Ours(problem)
    }
}

/// Asks about a call whose name is known.
async fn ask(line: &Line, call: &Call, sid: &str) -> Result<(), Failed> {
    let twilio = &line.twilio;
    let Some(parent) = line.client.call(sid).await? else {
        return Ok(over(twilio, call, HangupCause::TimerExpired).await?);
    };
    let Some(status) = words::status(&parent.status, None) else { return Ok(()) };
    let is_over = matches!(status, EndStatus::Completed | EndStatus::Unanswered(_));
    let answered = matches!(status, EndStatus::Completed | EndStatus::InProgress);
    let child = if answered { line.client.children(sid).await?.into_iter().next() } else { None };
    tell(twilio, call, End::Agent, &parent).await?;
    match child {
        Some(child) => tell(twilio, call, End::Destination, &child).await?,
        // The agent hung up before anybody was called.
        None if is_over => over(twilio, call, HangupCause::Cancelled).await?,
        None => {}
    }
    Ok(())
}

/// Looks for a call that Twilio may have placed without our hearing of it.
async fn find(line: &Line, call: &Call, row: &CarrierCall) -> Result<(), Failed> {
    let twilio = &line.twilio;
    let Some(telephone) = call.legs.first().map(|leg| leg.party.as_str()) else { return Ok(()) };
    let caller = row.caller.as_ref().map_or(call.from.expose().as_str(), E164::as_str);
    let mut found = line.client.calls_between(caller, telephone).await?;
    let made = row.created_at - SKEW..row.created_at + ABSENCE;
    found.retain(|candidate| made_at(candidate).is_some_and(|at| made.contains(&at)));
    found.sort_by_key(made_at);
    for candidate in found {
        let sid = Some(candidate.sid.clone());
        let command = RecordCarrierReport { call: call.id, sid, report: None };
        let told = twilio.0.engine.execute(&Actor::system(), &command).await;
        // One that is another call of ours is not this one.
        if told.map_err(crate::problem::Problem::from)? != Reported::Foreign {
            return ask(line, call, &candidate.sid).await;
        }
    }
    if twilio.0.engine.now() - row.created_at < ABSENCE {
        return Ok(());
    }
    tracing::info!(call = %call.id, "twilio has no such call");
    Ok(over(twilio, call, HangupCause::TimerExpired).await?)
}

fn made_at(call: &CallResource) -> Option<DateTime<Utc>> {
    call.date_created.as_deref().and_then(words::instant)
}

async fn tell(twilio: &Twilio, call: &Call, end: End, resource: &CallResource) -> Reply<()> {
    let Some(status) = words::status(&resource.status, None) else { return Ok(()) };
    let at = resource.end_time.as_deref().and_then(words::instant).unwrap_or_else(|| twilio.0.engine.now());
    let talk_seconds = resource.duration.as_deref().and_then(|text| text.parse().ok());
    report(twilio, call, EndReport { end, status, at, talk_seconds, sip_status: None }).await
}

/// The call is over, and nothing more will be heard of it.
async fn over(twilio: &Twilio, call: &Call, cause: HangupCause) -> Reply<()> {
    let (status, at) = (EndStatus::Unanswered(cause), twilio.0.engine.now());
    report(twilio, call, EndReport { end: End::Call, status, at, talk_seconds: None, sip_status: None }).await
}

async fn report(twilio: &Twilio, call: &Call, report: EndReport) -> Reply<()> {
    let command = RecordCarrierReport { call: call.id, sid: None, report: Some(report) };
    twilio.0.engine.execute(&Actor::system(), &command).await?;
    Ok(())
}
