//! What the server asks of whatever carries calls. The telephony edge implements it; without one, placing a call is 503.

use async_trait::async_trait;
use dialplane_core::command::call::Initiated;
use dialplane_core::id::{CallId, CompanyId, NodeId};

use crate::problem::Problem;

/// Why a call could not be placed or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ControlError {
    /// The agent has no registered phone.
    #[error("no phone of the agent is registered")]
    NoPhone,
    /// There is no trunk to call out by.
    #[error("no trunk is set up to call out by")]
    NoTrunk,
    /// This process does not carry such a call.
    #[error("there is no such call in progress")]
    NoSuchCall,
    /// No room: too many calls, or no ports left.
    #[error("there is no room for another call")]
    Congested,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let message = error.to_string();
        match error {
            ControlError::NoPhone => Self::conflict("no_phone_registered", message),
            ControlError::NoTrunk => Self::conflict("no_trunk", message),
            ControlError::NoSuchCall => Self::conflict("call_not_in_progress", message),
            ControlError::Congested => Self::unavailable("congested", message, 5),
            ControlError::Stopping => Self::unavailable("stopping", message, 5),
        }
    }
}

/// Places and ends calls.
#[async_trait]
pub(crate) trait CallControl: Send + Sync + 'static {
    /// The process that carries the calls: their records name it.
    fn node(&self) -> NodeId;

    /// Rings the agent's phones, then the destination. Returns once the attempt has begun; how it goes is in the call's record. On
    /// an error the record has been ended as well.
    async fn originate(&self, initiated: Initiated) -> Result<(), ControlError>;

    /// Ends a call of a company.
    async fn hang_up(&self, company: CompanyId, call: CallId) -> Result<(), ControlError>;

    /// Takes no new call, ends those in progress, and returns when their ends are recorded.
    async fn shut_down(&self);
}
