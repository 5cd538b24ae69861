//! The edge's questions to the engine.

use async_trait::async_trait;
use dialplane_core::Actor;
use dialplane_core::Engine;
use dialplane_core::Failure;
use dialplane_core::call::{CallRefused, HangupCause};
use dialplane_core::command::call::{InitiateCall, Via};
use dialplane_core::id::NodeId;
use dialplane_core::phone::Rotation;
use dialplane_signaling::edge::{Host, OutboundGrant, OutboundRequest};
use tokio::runtime::Handle;

/// Answers by the engine's rules.
#[derive(Debug)]
pub(super) struct EngineHost {
    engine: Engine,
    node: NodeId,
    runtime: Handle,
}

impl EngineHost {
    /// Answers on the runtime that this is called in.
    pub(super) fn new(engine: Engine, node: NodeId) -> Self {
        Self { engine, node, runtime: Handle::current() }
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
        // Not on the thread that asks, which has calls to carry.
        let engine = self.engine.clone();
        let actor = Actor::system_for(request.company);
        let executed = self.runtime.spawn(async move { engine.execute(&actor, &command).await }).await;
        let initiated = executed.map_err(|_| HangupCause::TemporaryFailure)?.map_err(cause)?;
        Ok(OutboundGrant {
            caller: initiated.allowed.number.number,
            number: initiated.allowed.number.id,
            destination: initiated.allowed.destination,
            trunk: initiated.trunk.map(|trunk| trunk.id),
        })
    }
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
