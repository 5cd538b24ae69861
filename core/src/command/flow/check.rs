//! Whether a document fits what its company has: queues, calendars, prompts and other flows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use dialplane_ivr::check::{Surroundings, check};
use dialplane_ivr::{Calendar, Flow as Document};

use crate::error::Failure;
use crate::flow::document::uses;
use crate::flow::{Flow, FlowRefused, FlowUses, Problem};
use crate::store::{Repo, StoreError};

/// What a document was found to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Everything that is wrong with it, errors first.
    pub problems: Vec<Problem>,
    /// What it refers to; nothing when it cannot be read.
    pub uses: FlowUses,
}

/// Looks at the document of the flow called `name`, with all that its company has.
///
/// # Errors
/// [`StoreError`]; what is wrong with the document is among its problems.
pub async fn check_document(repo: &mut dyn Repo, name: &str, text: &str) -> Result<Checked, StoreError> {
    match Document::read(text) {
        Ok(document) => {
            let around = surroundings(repo, name, &document).await?;
            Ok(Checked { problems: check(&document, &around), uses: uses(&document) })
        }
        Err(problems) => Ok(Checked { problems, uses: FlowUses::default() }),
    }
}

/// Refuses a document with which an active flow that goes through this one would no longer work.
pub(super) async fn check_users(repo: &mut dyn Repo, flow: &Flow, text: &str) -> Result<(), Failure<FlowRefused>> {
    let Ok(own) = Document::read(text) else { return Ok(()) };
    for version in repo.active_flow_versions().await? {
        if version.flow == flow.id || !version.uses.flows.contains(&flow.name) {
            continue;
        }
        let Some(user) = repo.flow(version.flow).await? else { continue };
        let Some(document) = active_document(repo, &user).await? else { continue };
        let mut around = surroundings(repo, &user.name, &document).await?;
        around.flows.get_or_insert_default().to_mut().insert(flow.name.clone(), own.clone());
        if check(&document, &around).iter().any(Problem::is_error) {
            return Err(FlowRefused::Breaks(user.name).into());
        }
    }
    Ok(())
}

/// What there is around a document of the flow called `name`: what it is checked against and compiled with.
///
/// # Errors
/// [`StoreError`].
pub async fn surroundings(
    repo: &mut dyn Repo,
    name: &str,
    document: &Document,
) -> Result<Surroundings<'static>, StoreError> {
    let mut calendars = BTreeMap::new();
    for calendar in repo.calendars().await? {
        match serde_json::from_value::<Calendar>(calendar.hours) {
            Ok(hours) => drop(calendars.insert(calendar.name, hours)),
            Err(error) => tracing::error!(calendar = ?calendar.id, %error, "the hours of a calendar cannot be read"),
        }
    }
    let audio: BTreeSet<String> = repo.prompts().await?.into_iter().map(|prompt| prompt.name).collect();
    let queues = repo.queues().await?;
    let queues = queues.into_iter().flat_map(|queue| [queue.id.to_string(), queue.settings.name]).collect();
    let flows = reached(repo, name, document).await?;
    Ok(Surroundings {
        calendars: Some(Cow::Owned(calendars)),
        audio: Some(Cow::Owned(audio)),
        queues: Some(Cow::Owned(queues)),
        flows: Some(Cow::Owned(flows)),
    })
}

/// The active flows that a document goes through, and those they go through; and itself, so that a circle is seen.
async fn reached(
    repo: &mut dyn Repo,
    name: &str,
    document: &Document,
) -> Result<BTreeMap<String, Document>, StoreError> {
    let mut found = BTreeMap::from([(name.to_owned(), document.clone())]);
    let mut wanted = uses(document).flows;
    if wanted.is_empty() {
        return Ok(found);
    }
    let flows: BTreeMap<String, Flow> = repo.flows().await?.into_iter().map(|flow| (flow.name.clone(), flow)).collect();
    while let Some(next) = wanted.pop() {
        if found.contains_key(&next) {
            continue;
        }
        let Some(flow) = flows.get(&next) else { continue };
        let Some(document) = active_document(repo, flow).await? else { continue };
        wanted.extend(uses(&document).flows);
        found.insert(next, document);
    }
    Ok(found)
}

/// The document that calls run through.
async fn active_document(repo: &mut dyn Repo, flow: &Flow) -> Result<Option<Document>, StoreError> {
    let Some(number) = flow.active else { return Ok(None) };
    let Some(text) = repo.flow_document(flow.id, number).await? else { return Ok(None) };
    // What was activated could be read, and documents of every version can.
    Ok(Document::read(&text).ok())
}
