//! Callbacks: asking for them, calling them off, dialling them, and what becomes of it.

use async_trait::async_trait;

use super::{company_of, own_company};
use crate::call::{Call, Change, Direction, NewCall};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::{CallId, CallbackId, CompanyId, NodeId, QueueId, UserId};
use crate::lead::LeadStatus;
use crate::phone::{E164, InboundTarget, Trunk};
use crate::pii::Pii;
use crate::queue::claim::OfferClaim;
use crate::queue::{ASKED_MAX, Attempt, Callback, CallbackRefused, CallbackRequest, asked_in_vain};
use crate::scope::Permission;
use crate::store::{CallFilter, Page, Repo, StoreError};

fn changed(cx: &mut Context<'_>, callback: &Callback) {
    let Callback { id, queue, state, agent, .. } = *callback;
    cx.emit(callback.company, Event::CallbackUpdated { callback: id, queue, state, agent });
}

/// Asks for a callback. Whoever waits already in the queue keeps their place.
#[derive(Debug, Clone)]
pub struct RequestCallback {
    /// What is asked for.
    pub request: CallbackRequest,
}

#[async_trait]
impl Command for RequestCallback {
    type Output = Callback;
    type Refused = CallbackRefused;
    const NAME: &'static str = "request_callback";

    fn permission(&self) -> Permission {
        Permission::TakeCalls
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Callback, Failure<CallbackRefused>> {
        let queue = repo.queue(self.request.queue).await?.ok_or(CallbackRefused::NoSuchQueue)?;
        if !cx.actor().may(Permission::ManageQueues) {
            let own = |user| queue.settings.members.iter().any(|member| member.agent_id == user);
            cx.actor().user_id().filter(|user| own(*user)).ok_or(CallbackRefused::NoSuchQueue)?;
            let home = own_company(cx, repo).await?.default_country;
            if self.request.number.country() != Some(home) {
                return Err(CallbackRefused::Abroad.into());
            }
        }
        if let Some(shown) = &self.request.shown
            && !repo.inbound_routes().await?.iter().any(|route| route.number == *shown)
        {
            return Err(CallbackRefused::NotOurs.into());
        }
        way_out(repo, self.request.queue, self.request.shown.as_ref()).await?;
        ask(cx, repo, queue.company, self.request.clone()).await
    }
}

async fn ask(
    cx: &mut Context<'_>,
    repo: &mut dyn Repo,
    company: CompanyId,
    request: CallbackRequest,
) -> Result<Callback, Failure<CallbackRefused>> {
    let open = repo.open_callbacks_for_update(&request.number).await?;
    if let Some(waiting) =
        open.into_iter().find(|callback| (callback.company, callback.queue) == (company, request.queue))
    {
        return Ok(waiting);
    }
    let callback = Callback::request(cx.id(), company, request, cx.now())?;
    match repo.insert_callback(&callback).await {
        // Somebody asked in the same moment: the next attempt finds theirs.
        Err(StoreError::Duplicate { constraint: "number", .. }) => return Err(StoreError::Contention.into()),
        inserted => inserted?,
    }
    changed(cx, &callback);
    Ok(callback)
}

/// Calls a callback off.
#[derive(Debug, Clone, Copy)]
pub struct CancelCallback {
    /// Which.
    pub callback: CallbackId,
}

#[async_trait]
impl Command for CancelCallback {
    type Output = Callback;
    type Refused = CallbackRefused;
    const NAME: &'static str = "cancel_callback";

    fn permission(&self) -> Permission {
        Permission::ManageQueues
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Callback, Failure<CallbackRefused>> {
        let callback = repo.callback_for_update(self.callback).await?.ok_or(CallbackRefused::NotFound)?;
        let callback = callback.cancel(cx.now())?;
        repo.update_callback(&callback).await?;
        changed(cx, &callback);
        Ok(callback)
    }
}

/// Begins the call to whoever is to be called back: exactly one process does so, however many believe it is their turn. A callback
/// that agents were asked to make in vain rests instead: see [`Callback::rest`].
#[derive(Debug, Clone, Copy)]
pub struct StartCallback {
    /// Which.
    pub callback: CallbackId,
    /// The call that will be made.
    pub call: CallId,
    /// Who makes it, and is claimed for it; nobody where the person is rung first.
    pub agent: Option<UserId>,
    /// The process that carries it.
    pub node: NodeId,
}

/// A callback that may be dialled now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialling {
    /// The callback.
    pub callback: Callback,
    /// The record of the call.
    pub call: Call,
    /// The trunk to call out by.
    pub trunk: Trunk,
    /// The number that is shown.
    pub shown: E164,
}

#[async_trait]
impl Command for StartCallback {
    /// Nothing when the person asked not to be called: the callback is called off then. Nor when it rests.
    type Output = Option<Dialling>;
    type Refused = CallbackRefused;
    const NAME: &'static str = "start_callback";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(
        &self,
        cx: &mut Context<'_>,
        repo: &mut dyn Repo,
    ) -> Result<Option<Dialling>, Failure<CallbackRefused>> {
        let company = company_of(cx)?;
        let callback = repo.callback_for_update(self.callback).await?.ok_or(CallbackRefused::NotFound)?;
        let same = repo.leads_by_contact(Some(&callback.number), None).await?;
        if same.iter().any(|lead| lead.status == LeadStatus::DoNotCall) {
            let off = callback.cancel(cx.now())?;
            repo.update_callback(&off).await?;
            changed(cx, &off);
            return Ok(None);
        }
        if let Some(agent) = self.agent {
            let asked = asked_since(repo, &callback).await?;
            if let Some(resting) = callback.clone().rest(&asked, agent, cx.now())? {
                repo.update_callback(&resting).await?;
                changed(cx, &resting);
                return Ok(None);
            }
        }
        let (trunk, shown) = match way_out(repo, callback.queue, callback.shown.as_ref()).await {
            Err(Failure::Refused(refused)) => {
                tracing::warn!(callback = %callback.id, %refused, "a callback cannot be made");
                let missed = callback.miss(cx.now())?;
                repo.update_callback(&missed).await?;
                changed(cx, &missed);
                return Ok(None);
            }
            way => way?,
        };
        let callback = callback.start(self.call, self.agent, cx.now())?;
        let mut call = Call::begin(NewCall {
            id: self.call,
            company,
            direction: Direction::Outbound,
            from: Pii::new(shown.as_str().to_owned()),
            to: Pii::new(callback.number.as_str().to_owned()),
            agent: self.agent,
            number: None,
            trunk: Some(trunk.id),
            lead: None,
            node: Some(self.node),
            at: cx.now(),
        });
        call.queue = Some(callback.queue);
        super::call::find_parties(repo, std::slice::from_mut(&mut call)).await?;
        repo.insert_calls(std::slice::from_ref(&call)).await?;
        if let Some(agent) = self.agent {
            let capacity = repo.agent_profile(agent).await?.map_or(1, |profile| profile.settings.capacity);
            let claim = OfferClaim { call: call.id, agent, capacity, node: Some(self.node), at: cx.now() };
            repo.claim_offer(&claim).await?.map_err(|_| CallbackRefused::AgentBusy)?;
        }
        repo.update_callback(&callback).await?;
        changed(cx, &callback);
        Ok(Some(Dialling { callback, call, trunk, shown }))
    }
}

/// Whom a callback was offered to in vain since its time came. The log of calls knows: of a queue's calls to the outside, those to
/// the number are its attempts.
async fn asked_since(repo: &mut dyn Repo, callback: &Callback) -> Result<Vec<UserId>, StoreError> {
    let attempts = CallFilter {
        queue: Some(callback.queue),
        direction: Some(Direction::Outbound),
        party: Some(callback.number.clone()),
        from: Some(callback.due_at),
        ..CallFilter::default()
    };
    let attempts = repo.calls(&attempts, Page::number(1, ASKED_MAX as u32)).await?.items;
    Ok(attempts.iter().filter_map(asked_in_vain).collect())
}

/// The trunk by which people of a queue are called back, and the number that they see: the one that was asked for, or one that leads to
/// the queue.
async fn way_out(
    repo: &mut dyn Repo,
    queue: QueueId,
    shown: Option<&E164>,
) -> Result<(Trunk, E164), Failure<CallbackRefused>> {
    let trunk = repo.trunks().await?.into_iter().find(|trunk| trunk.is_default).ok_or(CallbackRefused::NoTrunk)?;
    if let Some(shown) = shown {
        return Ok((trunk, shown.clone()));
    }
    let mut routes = repo.inbound_routes().await?.into_iter();
    let leads_here = routes.find(|route| route.target == InboundTarget::Queue(queue));
    Ok((trunk, leads_here.ok_or(CallbackRefused::NoNumber)?.number))
}

/// Keeps the callbacks that callers asked for in a call. What cannot be kept is logged: it must not keep the call from being written.
pub(super) async fn keep(
    cx: &mut Context<'_>,
    repo: &mut dyn Repo,
    call: &Call,
    change: &Change,
) -> Result<(), StoreError> {
    let Change::CallbackRequested { number, queue, delay_seconds, attempts, retry_seconds } = change else {
        return Ok(());
    };
    let seconds = |seconds: u64| u32::try_from(seconds).unwrap_or(u32::MAX);
    let Some(number) = E164::from_stored(number) else { return Ok(()) };
    let request = CallbackRequest {
        queue: *queue,
        number,
        shown: E164::from_stored(call.to.expose()),
        since: Some(call.started_at),
        delay_seconds: seconds(*delay_seconds),
        attempts: *attempts,
        retry_seconds: seconds(*retry_seconds),
        asked_in: Some(call.id),
    };
    if repo.queue(*queue).await?.is_none() {
        tracing::warn!(call = ?call.id, "a callback into a queue that is gone is passed over");
        return Ok(());
    }
    match ask(cx, repo, call.company, request).await {
        Ok(_) => Ok(()),
        Err(Failure::Store(error)) => Err(error),
        Err(Failure::Refused(refused)) => {
            tracing::warn!(call = ?call.id, %refused, "a callback is passed over");
            Ok(())
        }
        Err(Failure::Denied(_)) => Ok(()),
    }
}

/// What follows for callbacks from calls that have ended: the attempts they were, and the people who were answered without one.
pub(super) async fn settle(cx: &mut Context<'_>, repo: &mut dyn Repo, ended: &[Call]) -> Result<(), StoreError> {
    for call in ended.iter().filter(|call| call.queue.is_some()) {
        let now = call.ended_at.unwrap_or_else(|| cx.now());
        let settled = match call.direction {
            Direction::Outbound => {
                let callback = repo.callback_of_call_for_update(call.id).await?;
                let settled = callback.and_then(|callback| callback.settle(call.id, Attempt::of(call), now));
                // Where the person was rung first, whoever came to them is known only now.
                settled.map(|callback| Callback { agent: callback.agent.or(call.agent), ..callback })
            }
            Direction::Inbound if call.was_connected() => {
                let Some(number) = call.outside() else { continue };
                let open = repo.open_callbacks_for_update(&number).await?;
                let same = |callback: &Callback| (callback.company, Some(callback.queue)) == (call.company, call.queue);
                open.into_iter().find(same).and_then(|callback| callback.answered_otherwise(now))
            }
            _ => None,
        };
        if let Some(callback) = settled {
            repo.update_callback(&callback).await?;
            changed(cx, &callback);
        }
    }
    Ok(())
}

/// Calls off what waits in a queue that goes.
pub(super) async fn drop_queue(cx: &mut Context<'_>, repo: &mut dyn Repo, queue: QueueId) -> Result<(), StoreError> {
    for callback in repo.open_callbacks_of_queue_for_update(queue).await? {
        let off = callback.lose_queue(cx.now());
        repo.update_callback(&off).await?;
        changed(cx, &off);
    }
    Ok(())
}
