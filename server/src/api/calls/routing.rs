//! Why a call was offered to whom, and why it was not to somebody else.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::call::{CallEvent, Change, LeaveReason};
use dialplane_core::id::{CallKind, QueueId, UserId};
use dialplane_core::queue::Stood;
use dialplane_core::queue::decision::{Considered, Decision, Others, Verdict};
use dialplane_signaling::edge::Explained;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::answer::answer;
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::problem::{Problem, Reply};
use crate::state::Shared;
use crate::telephony::own_edge;

/// Whom it is about.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct RoutingQuery {
    /// An agent of the company: why the call was, or was not, offered to them. Agents ask about themselves.
    #[serde(alias = "agentId", alias = "agent_id")]
    #[param(value_type = Option<Uuid>)]
    agent: Option<UserId>,
}

/// What was compared of an agent, in this order; each but the fit goes by the lower figure first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScoreView {
    tier: u16,
    /// How well they fit what the call needs; higher is better.
    fit: u16,
    /// What the queue's strategy compares of those who are free: milliseconds, turns, calls or seconds.
    order: Option<u64>,
}

/// How an agent stood to a call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CandidateView {
    agent_id: Uuid,
    /// Null when the account is gone.
    name: Option<String>,
    /// Whether they could have been offered the call.
    included: bool,
    /// The reason in one word.
    standing: &'static str,
    /// The reason in a sentence.
    reason: String,
    /// Absent where nothing was compared of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<ScoreView>,
}

/// Members who stood alike and are not told one by one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OthersView {
    standing: &'static str,
    reason: &'static str,
    count: u32,
}

impl OthersView {
    const fn of(others: &Others) -> Self {
        Self { standing: others.verdict.as_str(), reason: others.verdict.says(), count: others.count }
    }
}

/// Why a call was offered to an agent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallDecisionView {
    at: DateTime<Utc>,
    queue: Uuid,
    /// The agent who was offered the call.
    chosen: Uuid,
    /// Why they were, in a sentence.
    reason: String,
    /// call_sought, agent_freed, wished, joined or assigned.
    #[schema(value_type = String)]
    occasion: dialplane_core::queue::router::Occasion,
    /// Who gave the call to them, where somebody did by hand.
    assigned_by: Option<Uuid>,
    /// What came of it: answered, or no_answer, busy, declined, unreachable, rescinded; null while it rings.
    outcome: Option<String>,
    strategy: &'static str,
    waited_seconds: u64,
    members: u32,
    /// Members who fitted what the call needed then.
    fitting: u32,
    /// Those of them who were free.
    free: u32,
    /// Agents who had been asked in vain.
    tried: u8,
    /// The skills that the call needed then, as a rule reads; null where it needed none, and of a queue with more than 64 members.
    needed: Option<String>,
    /// Who would have been next.
    next: Option<Uuid>,
    /// What decided between the two: alone, untried, tier, skills, order, position or chance; null where nobody had to be chosen.
    #[schema(value_type = Option<String>)]
    tie_break: Option<dialplane_core::queue::router::TieBreak>,
    /// The version of the queue's settings.
    config_version: u32,
    /// The members in the order in which they would have been asked: 20 at most, and none of a queue with more than 64. An agent sees
    /// themselves only.
    candidates: Vec<CandidateView>,
    /// The members who are not among them, by how they stood.
    others: Vec<OthersView>,
    /// The agent who was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<CandidateView>,
}

/// How the call stands now, while it has no agent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StillWaitingView {
    queue: Uuid,
    waited_seconds: u64,
    position: u32,
    /// How the members of the queue stand to it; none of a queue with more than 64.
    candidates: Vec<CandidateView>,
    /// The agent who was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<CandidateView>,
}

/// How a call left a queue in which it was offered to nobody.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeftView {
    at: DateTime<Utc>,
    queue: Uuid,
    /// abandoned, timed_out, no_agents, full, closed, no_queue, sent_on, key, flow or ended.
    #[schema(value_type = String)]
    reason: LeaveReason,
    waited_seconds: u64,
    /// How the members of the queue stood to it then: 20 at most, and none of a queue with more than 64. An agent sees themselves only.
    candidates: Vec<CandidateView>,
    /// The members who are not among them, by how they stood.
    others: Vec<OthersView>,
    /// The agent who was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<CandidateView>,
}

answer! {
    /// Why a call went where it went.
    CallRoutingAnswer {
        /// Every offer of the call from a queue, in order.
        decisions: Vec<CallDecisionView>,
        /// How it stands now, while it waits or rings.
        #[serde(skip_serializing_if = "Option::is_none")]
        waiting: Option<StillWaitingView>,
        /// How it left the queue it was in last, where it was offered to nobody there.
        #[serde(skip_serializing_if = "Option::is_none")]
        left: Option<LeftView>,
    }
}

/// What somebody may see of the decisions about a call.
struct Viewer {
    names: BTreeMap<UserId, String>,
    /// Agents see how they stood themselves.
    only: Option<UserId>,
    asked: Option<UserId>,
}

impl Viewer {
    fn candidate(&self, own: &Considered, reason: String) -> CandidateView {
        let score = Some(ScoreView { tier: own.tier, fit: own.fit, order: own.order });
        CandidateView { score, ..self.uncompared(own.agent, own.verdict, reason) }
    }

    fn sees(&self, own: &Considered) -> bool {
        self.only.is_none_or(|only| own.agent == only)
    }

    /// The agent who was asked about, in one decision.
    fn asked_in(&self, decision: &Decision) -> Option<CandidateView> {
        let agent = self.asked?;
        if let Some(own) = decision.candidates.iter().find(|own| own.agent == agent) {
            return Some(self.candidate(own, decision.reason_of(own)));
        }
        let verdict = decision.verdict_of(agent);
        let reason = if verdict == Verdict::Chosen { decision.reason() } else { verdict.says().to_owned() };
        Some(self.uncompared(agent, verdict, reason))
    }

    /// Somebody of whom nothing was compared.
    fn uncompared(&self, agent: UserId, verdict: Verdict, reason: String) -> CandidateView {
        let (agent_id, name) = (agent.as_uuid(), self.names.get(&agent).cloned());
        let (included, standing) = (verdict.is_included(), verdict.as_str());
        CandidateView { agent_id, name, included, standing, reason, score: None }
    }

    fn left(&self, left: &Left) -> LeftView {
        let candidate = |own: &Considered| self.uncompared(own.agent, own.verdict, own.says(None));
        let asked = |agent| match left.stood.candidates.iter().find(|own| own.agent == agent) {
            Some(own) => candidate(own),
            None => {
                let verdict = left.stood.verdict_of(agent);
                self.uncompared(agent, verdict, verdict.says().to_owned())
            }
        };
        LeftView {
            at: left.at,
            queue: left.queue.as_uuid(),
            reason: left.reason,
            waited_seconds: left.waited_seconds,
            candidates: left.stood.candidates.iter().filter(|own| self.sees(own)).map(candidate).collect(),
            others: left.stood.others.iter().map(OthersView::of).collect(),
            agent: self.asked.map(asked),
        }
    }

    fn decision(&self, at: DateTime<Utc>, decision: &Decision, outcome: Option<String>) -> CallDecisionView {
        let listed = decision.candidates.iter().filter(|own| self.sees(own));
        CallDecisionView {
            at,
            queue: decision.queue.as_uuid(),
            chosen: decision.chosen.as_uuid(),
            reason: decision.reason(),
            occasion: decision.occasion,
            assigned_by: decision.by.map(|by| by.as_uuid()),
            outcome,
            strategy: decision.strategy.as_str(),
            waited_seconds: decision.waited_ms / 1_000,
            members: decision.members,
            fitting: decision.fitting,
            free: decision.free,
            tried: decision.tried,
            needed: decision.needed.clone(),
            next: decision.next.filter(|_| self.only.is_none()).map(|next| next.agent.as_uuid()),
            tie_break: decision.tie_break,
            config_version: decision.version,
            candidates: listed.map(|own| self.candidate(own, decision.reason_of(own))).collect(),
            others: decision.others.iter().map(OthersView::of).collect(),
            agent: self.asked_in(decision),
        }
    }

    fn waiting(&self, explained: &Explained) -> StillWaitingView {
        let listed = explained.candidates.iter().filter(|own| self.sees(own));
        StillWaitingView {
            queue: explained.queue.as_uuid(),
            waited_seconds: explained.call.waited.as_secs(),
            position: explained.call.position,
            candidates: listed.map(|own| self.candidate(own, own.says_now(explained.needed.as_deref()))).collect(),
            agent: explained.asked.as_ref().map(|own| self.candidate(own, own.says_now(explained.needed.as_deref()))),
        }
    }
}

/// A decision, when it was made, and what came of it.
struct Made {
    at: DateTime<Utc>,
    decision: Decision,
    outcome: Option<String>,
}

/// The end of a stay in a queue without an offer.
struct Left {
    at: DateTime<Utc>,
    queue: QueueId,
    reason: LeaveReason,
    waited_seconds: u64,
    stood: Stood,
}

/// How the stay in a queue ended that was the last in a timeline, where the call was offered to nobody in it.
fn left(events: &[CallEvent]) -> Option<Left> {
    let (mut entered, mut left) = (None, None);
    for event in events {
        match event.change() {
            Some(Change::Queued { .. }) => (entered, left) = (Some(event.at), None),
            Some(Change::Offered { .. }) => entered = None,
            Some(Change::LeftQueue { queue, reason, stood, .. }) => {
                left = entered.take().map(|entered| Left {
                    at: event.at,
                    queue,
                    reason,
                    waited_seconds: (event.at - entered).num_seconds().max(0).unsigned_abs(),
                    stood: stood.map(|stood| *stood).unwrap_or_default(),
                });
            }
            _ => {}
        }
    }
    left
}

/// The decisions in a timeline.
fn decisions(events: &[CallEvent]) -> Vec<Made> {
    let changes: Vec<(DateTime<Utc>, Change)> =
        events.iter().filter_map(|event| Some((event.at, event.change()?))).collect();
    let mut made = Vec::new();
    for (place, (at, change)) in changes.iter().enumerate() {
        let Change::Offered { agent, decision: Some(decision) } = change else { continue };
        let rest = changes.get(place + 1..).unwrap_or_default();
        let legs: Vec<u32> = changes
            .iter()
            .filter_map(|(_, change)| match change {
                Change::LegAdded { leg, agent: Some(own), .. } if own == agent => Some(*leg),
                _ => None,
            })
            .collect();
        let outcome = rest.iter().find_map(|(_, change)| match change {
            Change::OfferFailed { agent: own, reason } if own == agent => {
                serde_json::to_value(reason).ok()?.as_str().map(str::to_owned)
            }
            Change::Bridged { a, b } if legs.contains(a) || legs.contains(b) => Some("answered".to_owned()),
            _ => None,
        });
        made.push(Made { at: *at, decision: Decision::clone(decision), outcome });
    }
    made
}

/// Why the call was offered to whom: each decision of a queue with everybody who was looked at and the reason, and how the members stand
/// while the call waits, or stood as it left without an offer. For admins and managers; an agent sees their own part in it.
#[utoipa::path(get, path = "/calls/{id}/routing", tag = "calls",
    params(("id" = Uuid, Path, description = "the call"), RoutingQuery), responses((status = 200, body = CallRoutingAnswer)))]
pub(crate) async fn get_routing(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<CallKind>,
    Params(query): Params<RoutingQuery>,
) -> Reply<Json<CallRoutingAnswer>> {
    authed.demand(Permission::TakeCalls)?;
    let me = authed.user.id;
    let only = (!authed.actor.may(Permission::ViewAllCalls)).then_some(me);
    if only.is_some() && query.agent.is_some_and(|agent| agent != me) {
        return Err(Problem::forbidden());
    }
    let mut tx = app.engine.read(&authed.actor).await?;
    let call = tx.call(id).await?.ok_or_else(|| Problem::not_found("call"))?;
    if let Some(agent) = query.agent {
        tx.user(agent).await?.ok_or_else(|| Problem::not_found("agent"))?;
    }
    let events = tx.call_events(id).await?;
    let (made, left) = (decisions(&events), left(&events));
    let explained = match own_edge(&app) {
        Some(edge) if !call.status.is_final() => edge.explain(authed.company_id(), id, query.agent.or(only)).await?,
        _ => None,
    };
    let took_part = |own: UserId| {
        let looked_at = |verdict| !matches!(verdict, Verdict::NoMember | Verdict::Unlisted);
        let now = explained.as_ref().and_then(|explained| explained.asked);
        call.agent == Some(own)
            || made.iter().any(|made| looked_at(made.decision.verdict_of(own)))
            || left.as_ref().is_some_and(|left| looked_at(left.stood.verdict_of(own)))
            || now.is_some_and(|now| looked_at(now.verdict))
    };
    if only.is_some_and(|own| !took_part(own)) {
        return Err(Problem::not_found("call"));
    }
    let mut people: Vec<UserId> = made.iter().flat_map(|made| &made.decision.candidates).map(|own| own.agent).collect();
    people.extend(explained.iter().flat_map(|explained| &explained.candidates).map(|own| own.agent));
    people.extend(left.iter().flat_map(|left| &left.stood.candidates).map(|own| own.agent));
    people.extend(query.agent);
    people.sort_unstable();
    people.dedup();
    let names = tx.users_by_ids(&people).await?.into_iter().map(|user| (user.id, user.name.into_inner())).collect();
    let viewer = Viewer { names, only, asked: query.agent };
    let decided = made.into_iter().map(|made| viewer.decision(made.at, &made.decision, made.outcome)).collect();
    let waiting = explained.as_ref().map(|explained| viewer.waiting(explained));
    Ok(Json(CallRoutingAnswer::new(decided, waiting, left.as_ref().map(|left| viewer.left(left)))))
}
