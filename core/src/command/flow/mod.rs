//! Flows: drafts, publishing, rolling back; and what belongs to them, a file each.

pub mod calendar;
pub mod check;
mod left;
pub mod prompt;
pub mod voicemail;

use async_trait::async_trait;

pub use left::Left;

use self::check::{check_document, check_users};
use super::queue::queue_user;
use super::{company_of, fresh, on_duplicate};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::flow::{DOCUMENT_BYTES_MAX, FLOWS_MAX, Flow, FlowRefused, FlowUses, FlowVersion, Problem};
use crate::id::FlowId;
use crate::phone::InboundTarget;
use crate::queue::{OverflowTarget, QueueSettings};
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// Creates a flow, with or without a first draft.
#[derive(Debug, Clone)]
pub struct CreateFlow {
    /// Its name.
    pub name: String,
    /// The document of its draft.
    pub document: Option<String>,
}

/// A draft need not make sense yet, but it ends somewhere.
fn check_length(document: Option<&str>) -> Result<(), FlowRefused> {
    let fits = document.is_none_or(|document| document.len() <= DOCUMENT_BYTES_MAX);
    if fits { Ok(()) } else { Err(FlowRefused::TooLong) }
}

#[async_trait]
impl Command for CreateFlow {
    type Output = Flow;
    type Refused = FlowRefused;
    const NAME: &'static str = "create_flow";

    fn permission(&self) -> Permission {
        Permission::ManageFlows
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Flow, Failure<FlowRefused>> {
        let company = company_of(cx)?;
        let name = Flow::name(&self.name)?;
        check_length(self.document.as_deref())?;
        if repo.flows().await?.len() >= FLOWS_MAX {
            return Err(FlowRefused::TooMany.into());
        }
        let (id, now) = (cx.id(), cx.now());
        let flow = Flow { id, company, name, active: None, published: 0, version: 1, created_at: now, updated_at: now };
        on_duplicate(repo.insert_flow(&flow).await, "name", FlowRefused::NameTaken)?;
        if self.document.is_some() {
            repo.write_flow_draft(flow.id, self.document.as_deref()).await?;
        }
        cx.emit(company, Event::FlowUpdated { flow: flow.id });
        Ok(flow)
    }
}

/// Renames a flow or saves its draft: only what is `Some` changes. Calls go on through the active version.
#[derive(Debug, Clone)]
pub struct UpdateFlow {
    /// Which.
    pub flow: FlowId,
    /// A new name.
    pub name: Option<String>,
    /// A new draft.
    pub document: Option<String>,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

/// The flow to change, as the client knows it.
async fn current(repo: &mut dyn Repo, flow: FlowId, expected: Option<u32>) -> Result<Flow, Failure<FlowRefused>> {
    let flow = repo.flow(flow).await?.ok_or(FlowRefused::NotFound)?;
    if fresh(expected, flow.version) { Ok(flow) } else { Err(FlowRefused::Stale.into()) }
}

/// The name of an active flow whose document refers to something: what must then neither go nor be called otherwise.
pub(super) async fn active_user(
    repo: &mut dyn Repo,
    refers: impl Fn(&FlowUses) -> bool + Send,
) -> Result<Option<String>, StoreError> {
    let versions = repo.active_flow_versions().await?;
    let Some(version) = versions.iter().find(|version| refers(&version.uses)) else { return Ok(None) };
    Ok(repo.flow(version.flow).await?.map(|flow| flow.name))
}

/// Refuses while an active flow goes through this one.
async fn check_unused(repo: &mut dyn Repo, flow: &Flow) -> Result<(), Failure<FlowRefused>> {
    match active_user(repo, |uses| uses.flows.contains(&flow.name)).await? {
        Some(user) => Err(FlowRefused::InUse(user).into()),
        None => Ok(()),
    }
}

#[async_trait]
impl Command for UpdateFlow {
    type Output = Flow;
    type Refused = FlowRefused;
    const NAME: &'static str = "update_flow";

    fn permission(&self) -> Permission {
        Permission::ManageFlows
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Flow, Failure<FlowRefused>> {
        let old = current(repo, self.flow, self.expected_version).await?;
        let name = self.name.as_deref().map(Flow::name).transpose()?.unwrap_or_else(|| old.name.clone());
        check_length(self.document.as_deref())?;
        if name != old.name {
            // Flows call each other by name.
            check_unused(repo, &old).await?;
        }
        let flow = Flow { name, ..old }.changed(cx.now());
        on_duplicate(repo.update_flow(&flow).await, "name", FlowRefused::NameTaken)?;
        if self.document.is_some() {
            repo.write_flow_draft(flow.id, self.document.as_deref()).await?;
        }
        cx.emit(flow.company, Event::FlowUpdated { flow: flow.id });
        Ok(flow)
    }
}

/// Refuses while calls can still get to the flow from elsewhere.
async fn check_unreached(repo: &mut dyn Repo, flow: &Flow) -> Result<(), Failure<FlowRefused>> {
    let target = InboundTarget::Flow(flow.id);
    if repo.inbound_routes().await?.iter().any(|route| route.target == target) {
        return Err(FlowRefused::Routed.into());
    }
    let target = OverflowTarget::Flow(flow.id);
    let leads_here = |queue: &QueueSettings| queue.waiting.targets().any(|(_, other)| *other == target);
    if let Some(queue) = queue_user(repo, flow.company, leads_here).await? {
        return Err(FlowRefused::InQueue(queue).into());
    }
    check_unused(repo, flow).await
}

/// Removes a flow with its versions. Traces of calls stay with the calls, and calls that are in it go on.
#[derive(Debug, Clone, Copy)]
pub struct DeleteFlow {
    /// Which.
    pub flow: FlowId,
    /// The version the client knows.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for DeleteFlow {
    type Output = ();
    type Refused = FlowRefused;
    const NAME: &'static str = "delete_flow";

    fn permission(&self) -> Permission {
        Permission::ManageFlows
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<FlowRefused>> {
        let flow = current(repo, self.flow, self.expected_version).await?;
        check_unreached(repo, &flow).await?;
        if !repo.delete_flow(flow.id).await? {
            return Err(FlowRefused::NotFound.into());
        }
        if flow.active.is_some() {
            cx.emit(flow.company, Event::FlowActivated { flow: flow.id, number: None });
        }
        cx.emit(flow.company, Event::FlowUpdated { flow: flow.id });
        Ok(())
    }
}

/// Leads calls through a version from now on: the draft, which becomes the next version, or an earlier one. Without a draft and
/// a number it is the newest. Calls that are in the flow keep the version they began with.
#[derive(Debug, Clone)]
pub struct ActivateFlow {
    /// Which.
    pub flow: FlowId,
    /// The number of a version: that is rolling back.
    pub number: Option<u32>,
    /// What is said about a version that is published by it.
    pub note: Option<String>,
    /// The version of the flow that the client knows.
    pub expected_version: Option<u32>,
}

/// A flow that calls are led through, and what is not quite right with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    /// The flow.
    pub flow: Flow,
    /// Warnings.
    pub problems: Vec<Problem>,
}

#[async_trait]
impl Command for ActivateFlow {
    type Output = Activated;
    type Refused = FlowRefused;
    const NAME: &'static str = "activate_flow";

    fn permission(&self) -> Permission {
        Permission::ManageFlows
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Activated, Failure<FlowRefused>> {
        let old = current(repo, self.flow, self.expected_version).await?;
        let note = Flow::note(self.note.as_deref())?;
        let draft = if self.number.is_none() { repo.flow_draft(old.id).await? } else { None };
        let number = match (self.number, old.published) {
            (Some(number), _) => number,
            (None, 0) if draft.is_none() => return Err(FlowRefused::Empty.into()),
            (None, newest) => newest.saturating_add(u32::from(draft.is_some())),
        };
        let document = match &draft {
            Some(draft) => draft.clone(),
            None => repo.flow_document(old.id, number).await?.ok_or(FlowRefused::NoSuchVersion)?,
        };
        // An earlier version is looked at again: what it refers to may be gone.
        let checked = check_document(repo, &old.name, &document).await?;
        if checked.problems.iter().any(Problem::is_error) {
            return Err(FlowRefused::Invalid(checked.problems).into());
        }
        check_users(repo, &old, &document).await?;
        // The flow goes first: who comes second finds it changed, and publishes nothing.
        let flow = Flow { active: Some(number), published: old.published.max(number), ..old }.changed(cx.now());
        repo.update_flow(&flow).await?;
        if draft.is_some() {
            let version = FlowVersion {
                flow: flow.id,
                company: flow.company,
                number,
                note,
                author: cx.actor().user_id(),
                uses: checked.uses,
                created_at: cx.now(),
            };
            repo.insert_flow_version(&version, &document).await?;
            repo.write_flow_draft(flow.id, None).await?;
        }
        cx.emit(flow.company, Event::FlowActivated { flow: flow.id, number: flow.active });
        Ok(Activated { flow, problems: checked.problems })
    }
}

/// Leads no more calls into a flow. Calls that are in it go on.
#[derive(Debug, Clone, Copy)]
pub struct DeactivateFlow {
    /// Which.
    pub flow: FlowId,
    /// The version the client knows.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for DeactivateFlow {
    type Output = Flow;
    type Refused = FlowRefused;
    const NAME: &'static str = "deactivate_flow";

    fn permission(&self) -> Permission {
        Permission::ManageFlows
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Flow, Failure<FlowRefused>> {
        let old = current(repo, self.flow, self.expected_version).await?;
        if old.active.is_none() {
            return Ok(old);
        }
        check_unreached(repo, &old).await?;
        let flow = Flow { active: None, ..old }.changed(cx.now());
        repo.update_flow(&flow).await?;
        cx.emit(flow.company, Event::FlowActivated { flow: flow.id, number: None });
        Ok(flow)
    }
}
