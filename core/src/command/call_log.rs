//! Keeping the call log by hand: entering calls that others carried, and deleting calls. Notes and corrections are
//! [`AnnotateCall`](super::call::AnnotateCall).

use async_trait::async_trait;

use super::call::find_parties;
use super::figures::{self, Share};
use super::lead::{Contact, move_by_outcome, move_contact, own, touch_leads};
use super::{company_of, fresh};
use crate::call::{Call, CallEntry, CallRefused, Origin};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::{CallId, LeadId, UserId};
use crate::phone::E164;
use crate::pii::Pii;
use crate::scope::Permission;
use crate::store::Repo;

/// Enters a call that was carried elsewhere. Agents enter their own; it does not count against an allowance.
#[derive(Debug, Clone)]
pub struct EnterCall {
    /// What is known of it; without an agent it is the actor's own.
    pub entry: CallEntry,
    /// What came of it.
    pub outcome: Option<String>,
    /// Notes.
    pub notes: Option<String>,
}

#[async_trait]
impl Command for EnterCall {
    type Output = Call;
    type Refused = CallRefused;
    const NAME: &'static str = "enter_call";

    fn permission(&self) -> Permission {
        Permission::TakeCalls
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Call, Failure<CallRefused>> {
        let agent = self.entry.agent.or(cx.actor().user_id());
        let mut entry = CallEntry { agent, ..checked(cx, repo, &self.entry, None).await? };
        if entry.number.is_none() {
            entry.number = number_of(repo, &entry).await?;
        }
        for text in [&self.outcome, &self.notes].into_iter().flatten() {
            super::call::text_fits(text)?;
        }
        let call = Call::entered(cx.id(), company_of(cx)?, &entry, cx.now()).map_err(CallRefused::from)?;
        let mut call = [Call { outcome: self.outcome.clone(), notes: self.notes.clone(), ..call }];
        find_parties(repo, &mut call).await?;
        let [mut call] = call;
        // What somebody says stands.
        call.concern(&entry);
        repo.insert_calls(std::slice::from_ref(&call)).await?;
        figures::record(repo, &[Share::added(&call)]).await?;
        touch_leads(cx, repo, Contact::of(&call).into_iter().collect()).await?;
        move_by_outcome(cx, repo, &call).await?;
        cx.emit(call.company, Event::CallEntered { call: call.id, agent: call.agent });
        Ok(call)
    }
}

/// The number of whom an entry names: the client's main one, or else the lead's.
async fn number_of(repo: &mut dyn Repo, entry: &CallEntry) -> Result<Option<Pii<String>>, Failure<CallRefused>> {
    let mut number = None;
    if let Some(client) = entry.client.flatten() {
        number = repo.client(client).await?.and_then(|client| client.numbers().first().copied().cloned());
    }
    if let (None, Some(lead)) = (&number, entry.lead.flatten()) {
        number = repo.lead(lead).await?.and_then(|lead| lead.phone);
    }
    Ok(number.map(|number| Pii::new(number.as_str().to_owned())))
}

/// Checks what an entry refers to, and reads its number by the company's country. A lead that the call is about already may be
/// somebody else's.
pub(super) async fn checked(
    cx: &Context<'_>,
    repo: &mut dyn Repo,
    entry: &CallEntry,
    known: Option<LeadId>,
) -> Result<CallEntry, Failure<CallRefused>> {
    if let Some(agent) = entry.agent {
        if !cx.actor().may_for(agent, Permission::ManageCalls) {
            return Err(Failure::Denied(Permission::ManageCalls));
        }
        exists(repo, agent).await?;
    }
    if let Some(client) = entry.client.flatten() {
        repo.client(client).await?.ok_or(CallRefused::UnknownClient)?;
    }
    if let Some(lead) = entry.lead.flatten().filter(|lead| Some(*lead) != known) {
        repo.lead(lead).await?.filter(|lead| own(cx, lead)).ok_or(CallRefused::UnknownLead)?;
    }
    let mut entry = entry.clone();
    if let Some(number) = &entry.number {
        let home = super::own_company(cx, repo).await?.default_country;
        let number = E164::parse(number.expose(), home).map_err(CallRefused::OtherEnd)?;
        entry.number = Some(Pii::new(number.as_str().to_owned()));
    }
    Ok(entry)
}

async fn exists(repo: &mut dyn Repo, agent: UserId) -> Result<(), Failure<CallRefused>> {
    repo.user(agent).await?.map(|_| ()).ok_or(Failure::Refused(CallRefused::UnknownAgent))
}

/// Deletes a call that has ended, with its timeline; the figures are as if it had never been. Agents delete their own entries.
#[derive(Debug, Clone, Copy)]
pub struct DeleteCall {
    /// Which.
    pub call: CallId,
    /// The version that the caller has seen, if it is to be checked.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for DeleteCall {
    type Output = ();
    type Refused = CallRefused;
    const NAME: &'static str = "delete_call";

    fn permission(&self) -> Permission {
        Permission::TakeCalls
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<CallRefused>> {
        let call = super::call::visible_for_update(cx, repo, self.call).await?;
        if call.origin == Origin::Carried {
            cx.demand(Permission::ManageCalls)?;
        }
        if !fresh(self.expected_version, call.version) {
            return Err(CallRefused::Stale.into());
        }
        if !repo.delete_call(call.id).await? {
            return Err(CallRefused::GoesOn.into());
        }
        figures::record(repo, &[Share::removed(&call)]).await?;
        move_contact(cx, repo, &call, None).await?;
        cx.emit(call.company, Event::CallDeleted { call: call.id, agent: call.agent });
        Ok(())
    }
}
