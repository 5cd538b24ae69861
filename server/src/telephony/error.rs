//! Why call control did not do what it was asked.

use dialplane_signaling::edge::EdgeError;

use crate::problem::Problem;

/// Why a call could not be placed or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ControlError {
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
            ControlError::NoSuchCall => Self::conflict("call_not_in_progress", message),
            ControlError::Congested => Self::unavailable("congested", message, 5),
            ControlError::Stopping => Self::unavailable("stopping", message, 5),
        }
    }
}

impl From<EdgeError> for ControlError {
    fn from(error: EdgeError) -> Self {
        match error {
            EdgeError::Stopped => Self::Stopping,
            EdgeError::NoSuchCall => Self::NoSuchCall,
            EdgeError::Full => Self::Congested,
        }
    }
}

impl From<EdgeError> for Problem {
    fn from(error: EdgeError) -> Self {
        ControlError::from(error).into()
    }
}
