//! `/queues`: waiting calls and who takes them.

mod preview;
mod shadow;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::telephony::{CreateQueue, DeleteQueue, UpdateQueue};
use dialplane_core::id::{CalendarId, QueueKind, UserId};
use dialplane_core::queue::{
    AgentSkill, LEVEL_MAX, Member, Mode, Queue, QueueRefused, QueueSettings, Relaxation, SkillNeed, Strategy,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::queue_waiting::{
    AnnounceView, CallbackFirstView, ExitKeyView, OverflowStepView, PreferredView, WaitingView,
};
use crate::http::answer::{Done, answer};
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::{Draft, Faults};
use crate::http::guard::Authed;
use crate::http::input::{PathId, nullable};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list_queues, create_queue))
        .routes(routes!(get_queue, update_queue, delete_queue))
        .routes(routes!(preview::preview_queue, preview::try_queue))
        .routes(routes!(shadow::get_shadow, shadow::cast_shadow, shadow::end_shadow))
}

/// A member of a queue.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MemberView {
    /// The agent.
    #[serde(alias = "agent_id")]
    #[schema(value_type = Uuid)]
    agent_id: UserId,
    /// Lower tiers are asked first.
    #[serde(default = "first")]
    tier: u16,
    /// The place within the tier.
    #[serde(default = "first")]
    position: u16,
    /// With weighted_random, how often they are drawn in comparison with others: 1 to 1,000.
    #[serde(default = "first")]
    weight: u16,
}

impl MemberView {
    const fn of(member: &Member) -> Self {
        let Member { agent_id, tier, position, weight } = *member;
        Self { agent_id, tier, position, weight }
    }

    const fn member(self) -> Member {
        let Self { agent_id, tier, position, weight } = self;
        Member { agent_id, tier, position, weight }
    }
}

const fn first() -> u16 {
    1
}

/// A skill of an agent.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SkillView {
    /// The skill, by a word such as `german`.
    name: String,
    /// How well: 1 to 10.
    #[serde(default = "highest")]
    level: u8,
}

const fn highest() -> u8 {
    LEVEL_MAX
}

impl SkillView {
    /// The skill.
    pub(crate) fn of(skill: AgentSkill) -> Self {
        let AgentSkill { name, level } = skill;
        Self { name, level }
    }
}

impl From<SkillView> for AgentSkill {
    fn from(view: SkillView) -> Self {
        let SkillView { name, level } = view;
        Self { name, level }
    }
}

/// What calls need in an agent.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct NeedView {
    /// The skill.
    name: String,
    /// The least level: 1 to 10.
    #[serde(default = "lowest")]
    level: u8,
    /// Whether nobody without it may take the call; else those who have it go first.
    #[serde(default = "yes")]
    required: bool,
}

const fn lowest() -> u8 {
    1
}

const fn yes() -> bool {
    true
}

impl NeedView {
    fn of(need: &SkillNeed) -> Self {
        let SkillNeed { name, level, required } = need.clone();
        Self { name, level, required }
    }
}

impl From<NeedView> for SkillNeed {
    fn from(view: NeedView) -> Self {
        let NeedView { name, level, required } = view;
        Self { name: name.trim().to_owned(), level, required }
    }
}

/// What a queue needs once a caller has waited.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RelaxView {
    /// After how many seconds of waiting.
    #[serde(alias = "after_seconds")]
    after_seconds: u32,
    /// replace (usual): from then on only this is needed; cumulative: whoever fits this may take the call, too.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    mode: Mode,
    /// The skills needed from then on; none at all means everyone.
    #[serde(default)]
    skills: Vec<NeedView>,
    /// A rule as well.
    rule: Option<String>,
}

impl RelaxView {
    fn of(step: &Relaxation) -> Self {
        let Relaxation { after_seconds, mode, skills, rule } = step;
        let skills = skills.iter().map(NeedView::of).collect();
        Self { after_seconds: *after_seconds, mode: *mode, skills, rule: rule.clone() }
    }
}

impl From<RelaxView> for Relaxation {
    fn from(view: RelaxView) -> Self {
        let RelaxView { after_seconds, mode, skills, rule } = view;
        Self { after_seconds, mode, skills: skills.into_iter().map(SkillNeed::from).collect(), rule }
    }
}

/// A queue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueView {
    id: Uuid,
    name: String,
    /// Who is asked first.
    strategy: &'static str,
    ring_seconds: u32,
    /// With ring_progressively, seconds until one agent more is rung.
    progressive_seconds: u32,
    wrap_up_seconds: u32,
    /// 0 means as long as callers like.
    max_wait_seconds: u32,
    /// 0 means any number of callers.
    max_length: u32,
    /// Seconds callers wait on while no member is there; null means as long as for busy ones.
    no_agent_wait_seconds: Option<u32>,
    /// Points that its calls gain on those of other queues.
    weight: u8,
    /// Seconds until the next tier is asked as well; 0 asks every tier at once.
    tier_wait_seconds: u32,
    /// Calls answered within so many seconds are in time.
    service_level_seconds: u32,
    /// What its calls need in an agent.
    skills: Vec<NeedView>,
    /// A rule over the skills of an agent as well.
    rule: Option<String>,
    /// What they need once they have waited.
    relax: Vec<RelaxView>,
    members: Vec<MemberView>,
    #[serde(flatten)]
    waiting: WaitingView,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl QueueView {
    fn of(queue: &Queue) -> Self {
        let settings = &queue.settings;
        Self {
            id: queue.id.as_uuid(),
            name: settings.name.clone(),
            strategy: settings.strategy.as_str(),
            ring_seconds: settings.ring_seconds,
            progressive_seconds: settings.progressive_seconds,
            wrap_up_seconds: settings.wrap_up_seconds,
            max_wait_seconds: settings.max_wait_seconds,
            max_length: settings.max_length,
            no_agent_wait_seconds: settings.no_agent_wait_seconds,
            weight: settings.weight,
            tier_wait_seconds: settings.tier_wait_seconds,
            service_level_seconds: settings.service_level_seconds,
            skills: settings.skills.iter().map(NeedView::of).collect(),
            rule: settings.rule.clone(),
            relax: settings.relax.iter().map(RelaxView::of).collect(),
            members: settings.members.iter().map(MemberView::of).collect(),
            waiting: WaitingView::of(&settings.waiting),
            version: queue.version,
            created_at: queue.created_at,
            updated_at: queue.updated_at,
        }
    }
}

answer! { /** One queue. */ QueueAnswer { queue: QueueView } }
answer! { /** The queues. */ QueuesAnswer { queues: Vec<QueueView> } }

/// A queue to create or change; on a change what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueInput {
    /// Its name.
    name: Option<String>,
    /// longest_idle (usual), round_robin, fewest_calls, least_talk_time, top_down, random, weighted_random, ring_all,
    /// ring_progressively, best_skill.
    strategy: Option<String>,
    /// Seconds an agent's phone rings, 5 to 120; 20 when absent.
    #[serde(alias = "ring_seconds")]
    ring_seconds: Option<u32>,
    /// With ring_progressively, seconds until one agent more is rung, 1 to 120; 10 when absent.
    #[serde(alias = "progressive_seconds")]
    progressive_seconds: Option<u32>,
    /// Seconds after a call in which an agent is offered none.
    #[serde(alias = "wrap_up_seconds")]
    wrap_up_seconds: Option<u32>,
    /// Seconds a caller waits at most; 0 means as long as they like.
    #[serde(alias = "max_wait_seconds")]
    max_wait_seconds: Option<u32>,
    /// Callers who wait at most; 0 means any number.
    #[serde(alias = "max_length")]
    max_length: Option<u32>,
    /// Seconds callers wait on while no member is there; null means as long as for busy ones.
    #[serde(alias = "no_agent_wait_seconds", default, deserialize_with = "nullable")]
    no_agent_wait_seconds: Option<Option<u32>>,
    /// Points that its calls gain on those of other queues with the same agents, six seconds each: 0 to 100.
    weight: Option<u8>,
    /// Seconds until the next tier is asked as well; 0 asks every tier at once, the lowest first.
    #[serde(alias = "tier_wait_seconds")]
    tier_wait_seconds: Option<u32>,
    /// Calls answered within so many seconds are in time; 20 when absent.
    #[serde(alias = "service_level_seconds")]
    service_level_seconds: Option<u32>,
    /// What its calls need in an agent.
    skills: Option<Vec<NeedView>>,
    /// A rule over the skills of an agent as well, such as `german >= 3 && (sales >= 5 || support > 0)`: each name is the agent's
    /// level, 0 without the skill.
    #[serde(default, deserialize_with = "nullable")]
    rule: Option<Option<String>>,
    /// What they need once they have waited, in the order of the times; at most 10 steps.
    relax: Option<Vec<RelaxView>>,
    /// Who takes its calls.
    members: Option<Vec<MemberView>>,
    /// Whether callers are answered at once; null means where there is something to hear or a key to press.
    #[serde(default, deserialize_with = "nullable")]
    pub(super) answer: Option<Option<bool>>,
    /// default, ringing, none, or a prompt by its name or id; null means ringing, or music where callers are answered.
    #[serde(default, deserialize_with = "nullable")]
    pub(super) music: Option<Option<String>>,
    /// What callers are told from time to time.
    #[serde(default, deserialize_with = "nullable")]
    pub(super) announce: Option<Option<AnnounceView>>,
    /// The language callers are spoken to in, such as en or pt-BR.
    #[serde(default, deserialize_with = "nullable")]
    pub(super) language: Option<Option<String>>,
    /// Where callers go whom no agent takes, in the order of the times.
    pub(super) overflow: Option<Vec<OverflowStepView>>,
    /// Keys by which callers leave.
    #[serde(alias = "exit_keys")]
    pub(super) exit_keys: Option<Vec<ExitKeyView>>,
    /// The calendar of its opening hours; null means always open.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Uuid>)]
    pub(super) calendar: Option<Option<CalendarId>>,
    /// Whether those who wait at closing time overflow.
    #[serde(alias = "close_waiting")]
    pub(super) close_waiting: Option<bool>,
    /// Seconds within which a caller who hung up may call again and takes their old place, 0 to 3,600; 0 means never.
    #[serde(alias = "resume_seconds")]
    pub(super) resume_seconds: Option<u32>,
    /// A member who gets a call first.
    #[serde(default, deserialize_with = "nullable")]
    pub(super) preferred: Option<Option<PreferredView>>,
    /// Who is rung first where somebody is called back; agent when absent.
    #[serde(alias = "callback_first")]
    pub(super) callback_first: Option<CallbackFirstView>,
}

impl QueueInput {
    fn settings(mut self, old: Option<&QueueSettings>, faults: &mut Faults) -> Option<QueueSettings> {
        let waiting = self.waiting(old.map(|old| (*old.waiting).clone()).unwrap_or_default(), faults);
        let strategy = self.strategy.map(|text| text.parse()).transpose();
        let strategy: Option<Strategy> = faults.rule::<_, QueueRefused>(strategy).flatten();
        let name = self.name.or_else(|| old.map(|old| old.name.clone())).ok_or_else(|| Problem::required("name"));
        let old = old.cloned().unwrap_or_else(|| QueueSettings::new("", Vec::new()));
        let settings = QueueSettings {
            name: faults.check(name).unwrap_or_default(),
            strategy: strategy.unwrap_or(old.strategy),
            ring_seconds: self.ring_seconds.unwrap_or(old.ring_seconds),
            progressive_seconds: self.progressive_seconds.unwrap_or(old.progressive_seconds),
            wrap_up_seconds: self.wrap_up_seconds.unwrap_or(old.wrap_up_seconds),
            max_wait_seconds: self.max_wait_seconds.unwrap_or(old.max_wait_seconds),
            max_length: self.max_length.unwrap_or(old.max_length),
            no_agent_wait_seconds: self.no_agent_wait_seconds.unwrap_or(old.no_agent_wait_seconds),
            weight: self.weight.unwrap_or(old.weight),
            tier_wait_seconds: self.tier_wait_seconds.unwrap_or(old.tier_wait_seconds),
            service_level_seconds: self.service_level_seconds.unwrap_or(old.service_level_seconds),
            skills: self.skills.map_or(old.skills, |skills| skills.into_iter().map(SkillNeed::from).collect()),
            rule: self.rule.unwrap_or(old.rule),
            relax: self.relax.map_or(old.relax, |steps| steps.into_iter().map(Relaxation::from).collect()),
            members: self.members.map_or(old.members, |members| members.into_iter().map(MemberView::member).collect()),
            waiting: Box::new(waiting),
        };
        faults.rules(settings.faults());
        Some(settings)
    }
}

/// The company's queues; an agent sees those they are a member of.
#[utoipa::path(get, path = "/queues", tag = "queues", responses((status = 200, body = QueuesAnswer)))]
pub(crate) async fn list_queues(State(app): State<Shared>, authed: Authed) -> Reply<Json<QueuesAnswer>> {
    let mut tx = app.engine.read(&authed.actor).await?;
    let queues = tx.queues().await?;
    Ok(Json(QueuesAnswer::new(queues.iter().filter(|queue| sees(&authed, queue)).map(QueueView::of).collect())))
}

fn sees(authed: &Authed, queue: &Queue) -> bool {
    authed.actor.may(Permission::ManageQueues)
        || queue.settings.members.iter().any(|member| member.agent_id == authed.user.id)
}

/// Create a queue. For admins and managers.
#[utoipa::path(post, path = "/queues", tag = "queues", request_body = QueueInput, responses((status = 201, body = QueueAnswer)))]
pub(crate) async fn create_queue(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<QueueInput>,
) -> Reply<(StatusCode, Versioned<QueueAnswer>)> {
    authed.demand(Permission::ManageQueues)?;
    let settings = draft.checked(|body, faults| body.settings(None, faults))?;
    let queue = app.engine.execute(&authed.actor, &CreateQueue { settings }).await?;
    Ok((StatusCode::CREATED, versioned(queue.version, QueueAnswer::new(QueueView::of(&queue)))))
}

/// A queue; an agent sees those they are a member of.
#[utoipa::path(get, path = "/queues/{id}", tag = "queues", params(("id" = Uuid, Path, description = "the queue")),
    responses((status = 200, body = QueueAnswer)))]
pub(crate) async fn get_queue(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<QueueKind>,
) -> Reply<Versioned<QueueAnswer>> {
    let mut tx = app.engine.read(&authed.actor).await?;
    let queue = tx.queue(id).await?.filter(|queue| sees(&authed, queue)).ok_or_else(|| Problem::not_found("queue"))?;
    Ok(versioned(queue.version, QueueAnswer::new(QueueView::of(&queue))))
}

/// Change a queue: what is absent stays. For admins and managers.
#[utoipa::path(put, path = "/queues/{id}", tag = "queues", params(("id" = Uuid, Path, description = "the queue")),
    request_body = QueueInput, responses((status = 200, body = QueueAnswer)))]
pub(crate) async fn update_queue(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<QueueKind>,
    IfMatch(expected): IfMatch,
    draft: Draft<QueueInput>,
) -> Reply<Versioned<QueueAnswer>> {
    authed.demand(Permission::ManageQueues)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let old = tx.queue(id).await?.ok_or_else(|| Problem::not_found("queue"))?;
    drop(tx);
    let settings = draft.checked(|body, faults| body.settings(Some(&old.settings), faults))?;
    // What was absent was read just now: the change holds for that version only.
    let expected_version = Some(expected.unwrap_or(old.version));
    let queue = app.engine.execute(&authed.actor, &UpdateQueue { queue: id, settings, expected_version }).await?;
    Ok(versioned(queue.version, QueueAnswer::new(QueueView::of(&queue))))
}

/// Delete a queue that no route leads to: who waits in it on the line goes on by its overflow chain, and who is to be called back is called
/// off. For admins and managers.
#[utoipa::path(delete, path = "/queues/{id}", tag = "queues", params(("id" = Uuid, Path, description = "the queue")),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete_queue(
    State(app): State<Shared>,
    authed: Authed,
    PathId(queue): PathId<QueueKind>,
) -> Reply<Json<Done>> {
    app.engine.execute(&authed.actor, &DeleteQueue { queue }).await?;
    Ok(Done::say("Queue deleted successfully"))
}
