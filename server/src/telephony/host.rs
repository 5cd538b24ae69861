//! The edge's questions to the engine.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use dialplane_core::Actor;
use dialplane_core::Engine;
use dialplane_core::Failure;
use dialplane_core::call::{Call, CallRefused, CallStatus, HangupCause};
use dialplane_core::command::call::{AdmitTransfer, AdmittedTransfer, InitiateCall, Via};
use dialplane_core::command::callback::StartCallback;
use dialplane_core::command::people::SetAvailability;
use dialplane_core::id::{CallId, CallbackId, CompanyId, NodeId, RecordingId, UserId};
use dialplane_core::people::Availability;
use dialplane_core::phone::{E164, Rotation};
use dialplane_core::queue::CallbackRefused;
use dialplane_core::queue::router::PauseReason;
use dialplane_core::queue::waiting::PreferredAgent;
use dialplane_core::store::{CallFilter, Page, StoreError};
use dialplane_ivr::machine::{Answer, PlayFailure, Request, RequestFailure, Sound};
use dialplane_signaling::edge::{CallbackGrant, Host, Message, OutboundGrant, OutboundRequest};
use dialplane_signaling::media::relay::Segment;
use tokio::runtime::Handle;

use super::sounds::Sounds;
use super::takes::Takes;
use crate::outgoing::{Outgoing, SigningKey};
use crate::settings::Secret;
use crate::speech::Speaker;
use crate::state::App;

/// Calls of a number that are looked at for whoever talked with it last.
const LATEST: u32 = 20;
/// How often, and after which pause, a callback's agent is looked at again who has a call in hand: that their last one is over goes
/// into the store with other reports, and the callback would lose its turn to whoever comes next.
const RELEASE_LOOKS: u32 = 40;
/// See [`RELEASE_LOOKS`].
const RELEASE_PAUSE: Duration = Duration::from_millis(50);

/// Answers by the engine's rules, and does for flows what takes files, other programs and other machines.
#[derive(Debug)]
pub(super) struct EngineHost {
    engine: Engine,
    node: NodeId,
    runtime: Handle,
    sounds: Sounds,
    outgoing: Outgoing,
    /// What requests of flows are signed by.
    secret: Secret,
    takes: Takes,
}

impl EngineHost {
    /// Answers on the runtime that this is called in.
    pub(super) fn new(app: &App, node: NodeId, speaker: Speaker, takes: Takes) -> Self {
        Self {
            engine: app.engine.clone(),
            node,
            runtime: Handle::current(),
            sounds: Sounds::new(app.engine.clone(), speaker, app.prompts.clone()),
            outgoing: Outgoing::new(app.settings.allow_private_webhooks),
            secret: SigningKey::secret(app).clone(),
            takes,
        }
    }

    /// Does something on the runtime: not on the thread that asks, which has calls to carry.
    async fn away<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.runtime.spawn(work).await.ok()
    }
}

#[async_trait]
impl Host for EngineHost {
    async fn admit(&self, request: OutboundRequest) -> Result<OutboundGrant, HangupCause> {
        let command = InitiateCall {
            call: Some(request.call),
            agent: request.agent,
            to: Some(request.dialled),
            lead: None,
            via: Via::Trunk,
            rotation: Rotation::default(),
            node: Some(self.node),
        };
        let engine = self.engine.clone();
        let actor = Actor::system_for(request.company);
        let executed = self.away(async move { engine.execute(&actor, &command).await }).await;
        let initiated = executed.ok_or(HangupCause::TemporaryFailure)?.map_err(cause)?;
        Ok(OutboundGrant {
            caller: initiated.allowed.number.number,
            number: Some(initiated.allowed.number.id),
            destination: initiated.allowed.destination,
            trunk: initiated.trunk.map(|trunk| trunk.id),
        })
    }

    async fn admit_transfer(
        &self,
        company: CompanyId,
        agent: UserId,
        dialled: String,
    ) -> Result<OutboundGrant, HangupCause> {
        let (engine, actor) = (self.engine.clone(), Actor::system_for(company));
        let command = AdmitTransfer { agent, to: dialled };
        let executed = self.away(async move { engine.execute(&actor, &command).await }).await;
        let AdmittedTransfer { allowed, trunk } = executed.ok_or(HangupCause::TemporaryFailure)?.map_err(cause)?;
        Ok(OutboundGrant {
            caller: allowed.number.number,
            number: Some(allowed.number.id),
            destination: allowed.destination,
            trunk: trunk.map(|trunk| trunk.id),
        })
    }

    async fn sounds(
        &self,
        company: CompanyId,
        sounds: Vec<Sound>,
        language: &str,
    ) -> Result<Vec<Segment>, PlayFailure> {
        let (ready, language) = (self.sounds.clone(), language.to_owned());
        let ready = self.away(async move { ready.ready(company, sounds, &language).await });
        ready.await.unwrap_or(Err(PlayFailure::Unreadable))
    }

    async fn web_request(
        &self,
        company: CompanyId,
        call: CallId,
        attempt: u32,
        request: Request,
    ) -> Result<Answer, RequestFailure> {
        let outgoing = self.outgoing.clone();
        let key = SigningKey::of(self.secret.expose().as_bytes(), &company.to_string());
        let id = format!("msg_{call}_{attempt}");
        let asked = self.away(async move { outgoing.send(request, &id, &key).await }).await;
        asked.unwrap_or(Err(RequestFailure::Unreachable))
    }

    async fn call_back(
        &self,
        company: CompanyId,
        callback: CallbackId,
        call: CallId,
        agent: Option<UserId>,
    ) -> Option<CallbackGrant> {
        let command = StartCallback { callback, call, agent, node: self.node };
        let (engine, actor) = (self.engine.clone(), Actor::system_for(company));
        let begun = async move {
            for _ in 0..RELEASE_LOOKS {
                match engine.execute(&actor, &command).await {
                    Err(Failure::Refused(CallbackRefused::AgentBusy)) => tokio::time::sleep(RELEASE_PAUSE).await,
                    executed => return executed,
                }
            }
            engine.execute(&actor, &command).await
        };
        let executed = self.away(begun).await?;
        match executed {
            Ok(dialling) => dialling.map(|dialling| CallbackGrant {
                queue: dialling.callback.queue,
                since: dialling.callback.since,
                caller: dialling.shown,
                destination: dialling.callback.number,
                trunk: dialling.trunk.id,
            }),
            Err(error) => {
                tracing::warn!(%error, %callback, "a callback was not begun");
                None
            }
        }
    }

    async fn pause(&self, company: CompanyId, agent: UserId, reason: PauseReason) {
        let word = match reason {
            PauseReason::Missed => "missed",
            _ => "served",
        };
        let command = SetAvailability { user: agent, availability: Availability::Break, reason: Some(word.to_owned()) };
        let (engine, actor) = (self.engine.clone(), Actor::system_for(company));
        let executed = self.away(async move { engine.execute(&actor, &command).await }).await;
        match executed {
            Some(Ok(_)) => tracing::info!(%agent, ?reason, "an agent was put on a break"),
            Some(Err(error)) => tracing::error!(%error, %agent, ?reason, "a break of an agent was not noted"),
            None => tracing::error!(%agent, "a break of an agent was not noted"),
        }
    }

    async fn preferred_agent(&self, company: CompanyId, caller: E164, which: PreferredAgent) -> Option<UserId> {
        let (engine, actor) = (self.engine.clone(), Actor::system_for(company));
        let found = self.away(async move { preferred(&engine, &actor, &caller, which).await }).await?;
        // A caller who does not get the agent they know is no reason to lose the call.
        found.inspect_err(|error| tracing::warn!(%error, "the agent of a caller was not looked up")).ok().flatten()
    }

    fn message_file(&self, message: &Message) -> std::io::Result<(File, PathBuf)> {
        self.takes.begin(message)
    }

    fn recording_file(&self, company: CompanyId, recording: RecordingId) -> std::io::Result<(File, PathBuf)> {
        self.takes.open(company, recording)
    }
}

/// The agent who is to get a call of this number first.
async fn preferred(
    engine: &Engine,
    actor: &Actor,
    caller: &E164,
    which: PreferredAgent,
) -> Result<Option<UserId>, StoreError> {
    let mut tx = engine.read(actor).await?;
    Ok(match which {
        PreferredAgent::Owner => {
            // Of several leads with the number, the one that was given to somebody last.
            let leads = tx.leads_by_contact(Some(caller), None).await?;
            leads.into_iter().max_by_key(|lead| (lead.assigned_at, lead.id)).and_then(|lead| lead.assigned_to)
        }
        PreferredAgent::Last => {
            let party = Some(caller.clone());
            let filter = CallFilter { party, status: Some(CallStatus::Completed), ..CallFilter::default() };
            let latest = tx.calls(&filter, Page::number(1, LATEST)).await?.items;
            latest.into_iter().filter(Call::was_connected).find_map(|call| call.agent)
        }
    })
}

fn cause(failure: Failure<CallRefused>) -> HangupCause {
    use dialplane_core::phone::AllowanceRefused;
    match failure {
        Failure::Refused(CallRefused::Number(_) | CallRefused::Allowance(AllowanceRefused::Number(_))) => {
            HangupCause::InvalidNumber
        }
        Failure::Refused(_) | Failure::Denied(_) => HangupCause::NotAllowed,
        Failure::Store(error) => {
            tracing::error!(%error, "a call was not admitted");
            HangupCause::TemporaryFailure
        }
    }
}
