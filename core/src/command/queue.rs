//! What queues refer to: it is there when a queue is set up, and stays while a queue needs it.

use super::own_company;
use super::telephony::takes_calls;
use crate::engine::Context;
use crate::error::Failure;
use crate::flow::Voicemail;
use crate::id::{CompanyId, QueueId};
use crate::phone::E164;
use crate::pii::Pii;
use crate::queue::waiting::Music;
use crate::queue::{OverflowTarget, QueueRefused, QueueSettings};
use crate::store::{Repo, StoreError};

/// The name of a queue whose settings refer to something of its company: what must then not go.
pub(super) async fn queue_user(
    repo: &mut dyn Repo,
    company: CompanyId,
    refers: impl Fn(&QueueSettings) -> bool + Send,
) -> Result<Option<String>, StoreError> {
    let queues = repo.queues().await?;
    let found = queues.into_iter().find(|queue| queue.company == company && refers(&queue.settings));
    Ok(found.map(|queue| queue.settings.name))
}

/// Checks that all a queue refers to is there, and brings it into the form that is stored: numbers in international form, recordings
/// by their names.
pub(super) async fn settle(
    cx: &Context<'_>,
    repo: &mut dyn Repo,
    own: Option<(QueueId, &QueueSettings)>,
    settings: &mut QueueSettings,
) -> Result<(), Failure<QueueRefused>> {
    let waiting = &mut settings.waiting;
    let (own, before) = (own.map(|(id, _)| id), own.map(|(_, before)| &before.waiting));
    let steps = waiting.overflow.iter_mut().map(|step| ("overflow", &mut step.target));
    let keys = waiting.exit_keys.iter_mut().map(|key| ("exitKeys", &mut key.target));
    for (field, target) in steps.chain(keys) {
        // What was checked when it was set must not be in the way of other changes once it is gone.
        if !before.is_some_and(|before| before.leads_to(target)) && !settle_target(cx, repo, own, target).await? {
            return Err(QueueRefused::NoSuchTarget(field, target.kind()).into());
        }
    }
    if let Some(Music::Prompt(word)) = &mut waiting.music {
        *word = prompt_name(repo, "music", word).await?;
    }
    if let Some(word) = waiting.announce.as_mut().and_then(|announce| announce.prompt.as_mut()) {
        *word = prompt_name(repo, "announce", word).await?;
    }
    if let Some(calendar) = waiting.calendar
        && repo.calendar(calendar).await?.is_none()
    {
        return Err(QueueRefused::NoSuchCalendar.into());
    }
    Ok(())
}

/// Whether callers can be led there.
async fn settle_target(
    cx: &Context<'_>,
    repo: &mut dyn Repo,
    own: Option<QueueId>,
    target: &mut OverflowTarget,
) -> Result<bool, Failure<QueueRefused>> {
    Ok(match target {
        OverflowTarget::Queue(id) => Some(*id) != own && repo.queue(*id).await?.is_some(),
        OverflowTarget::Flow(id) => repo.flow(*id).await?.is_some_and(|flow| flow.active.is_some()),
        OverflowTarget::Agent(id) => repo.user(*id).await?.is_some_and(|user| takes_calls(&user)),
        OverflowTarget::Extension(id) => repo.extension(*id).await?.is_some(),
        OverflowTarget::Voicemail(mailbox) => match Voicemail::mailbox(mailbox) {
            Ok(name) => {
                *mailbox = name;
                true
            }
            Err(_) => false,
        },
        OverflowTarget::Number(number) => {
            let home = own_company(cx, repo).await?.default_country;
            match E164::parse(number.expose(), home) {
                Ok(parsed) => {
                    *number = Pii::new(parsed.as_str().to_owned());
                    true
                }
                Err(_) => false,
            }
        }
        OverflowTarget::Callback => true,
    })
}

/// The name of the recording that is meant by a name or an id.
async fn prompt_name(repo: &mut dyn Repo, field: &'static str, word: &str) -> Result<String, Failure<QueueRefused>> {
    if !repo.prompts_named(word).await?.is_empty() {
        return Ok(word.to_owned());
    }
    let by_id = match word.parse() {
        Ok(id) => repo.prompt(id).await?,
        Err(_) => None,
    };
    by_id.map(|prompt| prompt.name).ok_or_else(|| QueueRefused::NoSuchPrompt(field, word.to_owned()).into())
}
