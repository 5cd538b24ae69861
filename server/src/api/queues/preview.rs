//! `/queues/:id/preview`: who could take a call as its caller waits on.

use std::collections::HashMap;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use dialplane_core::Permission;
use dialplane_core::id::{QueueId, QueueKind, UserId};
use dialplane_core::queue::router::{PreviewStep, preview};
use dialplane_core::queue::{Queue, Relaxation, SkillNeed};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NeedView, RelaxView};
use crate::api::users::Person;
use crate::http::answer::answer;
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::{PathId, nullable};
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// Members that a step names at most; all are counted.
const NAMED_MAX: usize = 100;

/// What to try; what is absent is as the queue has it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewInput {
    /// What its calls need in an agent.
    skills: Option<Vec<NeedView>>,
    /// A rule over the skills of an agent as well.
    #[serde(default, deserialize_with = "nullable")]
    rule: Option<Option<String>>,
    /// What they need once they have waited.
    relax: Option<Vec<RelaxView>>,
    /// Seconds until the next tier is asked as well.
    #[serde(alias = "tier_wait_seconds")]
    tier_wait_seconds: Option<u32>,
    /// What the call itself needs besides.
    #[serde(alias = "call_skills", default)]
    call_skills: Vec<NeedView>,
}

/// Who could take a call from a time on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StepView {
    /// Once the caller has waited so many seconds.
    after_seconds: u64,
    /// Members who fit.
    count: usize,
    /// Those of them who did not before.
    added: u32,
    /// Those who did before and do not any more.
    lost: u32,
    /// The members by tier and position, at most 100.
    members: Vec<Person>,
}

answer! {
    /// Who could take a call of a queue, at first and after each step.
    PreviewAnswer {
        steps: Vec<StepView>,
        /// Steps that are of no use, in words.
        warnings: Vec<String>,
    }
}

async fn shown(app: &App, authed: &Authed, queue: Queue, needs: &[SkillNeed]) -> Reply<Json<PreviewAnswer>> {
    let mut tx = app.engine.read(&authed.actor).await?;
    let profiles = tx.agent_profiles().await?.into_iter().map(|profile| (profile.user, profile.settings));
    let steps = preview(Instant::now(), queue.settings, profiles, needs);
    let mut named: Vec<UserId> = steps.iter().flat_map(|step| step.matching.iter().take(NAMED_MAX)).copied().collect();
    named.sort_unstable();
    named.dedup();
    let users = tx.users_by_ids(&named).await?;
    let people: HashMap<UserId, Person> = users.iter().map(|user| (user.id, Person::of(user))).collect();
    let warnings = warnings(&steps);
    let steps = steps.into_iter().map(|step| StepView {
        after_seconds: step.after.as_secs(),
        count: step.matching.len(),
        added: step.added,
        lost: step.lost,
        members: step.matching.iter().take(NAMED_MAX).filter_map(|agent| people.get(agent).cloned()).collect(),
    });
    Ok(Json(PreviewAnswer::new(steps.collect(), warnings)))
}

fn warnings(steps: &[PreviewStep]) -> Vec<String> {
    let mut warnings = Vec::new();
    for step in steps.iter().skip(1).filter(|step| step.added == 0) {
        warnings.push(format!("nobody more can take the call after {} s", step.after.as_secs()));
    }
    if steps.last().is_some_and(|last| last.matching.is_empty()) {
        warnings.push("in the end nobody can take the call".to_owned());
    }
    warnings
}

async fn stored(app: &App, authed: &Authed, queue: QueueId) -> Reply<Queue> {
    authed.demand(Permission::ManageQueues)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    tx.queue(queue).await?.ok_or_else(|| Problem::not_found("queue"))
}

/// Who could take a call of the queue, at first and after each step of relaxation and tier. For admins and managers.
#[utoipa::path(get, path = "/queues/{id}/preview", tag = "queues", params(("id" = Uuid, Path, description = "the queue")),
    responses((status = 200, body = PreviewAnswer)))]
pub(crate) async fn preview_queue(
    State(app): State<Shared>,
    authed: Authed,
    PathId(queue): PathId<QueueKind>,
) -> Reply<Json<PreviewAnswer>> {
    let queue = stored(&app, &authed, queue).await?;
    shown(&app, &authed, queue, &[]).await
}

/// The same with changes that are not made: to see what they come to. For admins and managers.
#[utoipa::path(post, path = "/queues/{id}/preview", tag = "queues", params(("id" = Uuid, Path, description = "the queue")),
    request_body = PreviewInput, responses((status = 200, body = PreviewAnswer)))]
pub(crate) async fn try_queue(
    State(app): State<Shared>,
    authed: Authed,
    PathId(queue): PathId<QueueKind>,
    draft: Draft<PreviewInput>,
) -> Reply<Json<PreviewAnswer>> {
    let mut queue = stored(&app, &authed, queue).await?;
    let needs = draft.checked(|body, faults| {
        let needs = |skills: Vec<NeedView>| -> Vec<SkillNeed> { skills.into_iter().map(SkillNeed::from).collect() };
        let settings = &mut queue.settings;
        if let Some(skills) = body.skills {
            settings.skills = needs(skills);
        }
        if let Some(rule) = body.rule {
            settings.rule = rule;
        }
        if let Some(steps) = body.relax {
            settings.relax = steps.into_iter().map(Relaxation::from).collect();
        }
        settings.tier_wait_seconds = body.tier_wait_seconds.unwrap_or(settings.tier_wait_seconds);
        faults.rules(settings.faults());
        let needs = needs(body.call_skills);
        if !SkillNeed::are_sound(&needs) {
            faults.add("callSkills", "skills have a name of 1 to 50 characters, none twice, and a level of 1 to 10");
        }
        Some(needs)
    })?;
    shown(&app, &authed, queue, &needs).await
}
