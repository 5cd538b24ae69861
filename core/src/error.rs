//! The error that leaves this crate: a closed [`Kind`], a stable [`code`](Error::code) and a message for people.
//!
//! Inside, every decision has its own closed refusal enum (a [`Refusal`]); a command fails with a [`Failure`] of it. At the
//! edge both become an [`Error`], which is all that a transport needs to know.

use std::fmt;

use crate::scope::Permission;
use crate::store::StoreError;

/// What sort of failure it is. Transports map it to their own codes (HTTP 400, 401, 403, 404, 409, 422, 429, 503, 500).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The input is malformed or out of range.
    Invalid,
    /// Nobody is signed in, or the proof is not valid.
    Unauthenticated,
    /// The actor may not do this.
    Forbidden,
    /// There is no such thing, or it belongs to another company.
    NotFound,
    /// The state does not allow it: a duplicate, a stale version, something in use.
    Conflict,
    /// A rule of the business refused it: a limit, a country, calling hours.
    Refused,
    /// Too many attempts.
    RateLimited,
    /// Try again later.
    Unavailable,
    /// A fault of ours.
    Internal,
}

/// A refusal of one decision: a closed enum that says what to tell the outside.
pub trait Refusal: fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// What sort of failure it is.
    fn kind(&self) -> Kind;
    /// A stable word in snake case, owned by the module of the refusal.
    fn code(&self) -> &'static str;
    /// The input field at fault, if one is.
    fn field(&self) -> Option<&'static str>;
}

/// Why a command did not happen: the actor may not, the rule says no, or the store failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure<R> {
    /// The actor lacks the permission.
    #[error("this needs the permission {0:?}")]
    Denied(Permission),
    /// The rule said no.
    #[error("{0}")]
    Refused(R),
    /// The store failed; nothing was changed.
    #[error(transparent)]
    Store(StoreError),
}

impl<R> From<StoreError> for Failure<R> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<R: Refusal> From<R> for Failure<R> {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal)
    }
}

impl<R> Failure<R> {
    /// Carries a failure of one rule over into a command with a wider refusal.
    pub fn widen<W: From<R>>(self) -> Failure<W> {
        match self {
            Self::Denied(permission) => Failure::Denied(permission),
            Self::Refused(refusal) => Failure::Refused(W::from(refusal)),
            Self::Store(error) => Failure::Store(error),
        }
    }

    /// The refusal, when it is one.
    pub fn refusal(&self) -> Option<&R> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// An error as the outside sees it.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    code: &'static str,
    message: String,
    field: Option<&'static str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error without a deeper cause.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), field: None, source: None }
    }

    /// Invalid input in `field`.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(Kind::Invalid, "invalid_input", message) }
    }

    /// There is no such thing here.
    #[must_use]
    pub fn not_found(entity: &str) -> Self {
        Self::new(Kind::NotFound, "not_found", format!("there is no such {entity}"))
    }

    /// What sort of failure it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// A sentence for people. It never holds SQL, paths or secrets.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The input field at fault, if one is.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        self.field
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl<R: Refusal> From<Failure<R>> for Error {
    fn from(failure: Failure<R>) -> Self {
        match failure {
            Failure::Denied(_) => Self::new(Kind::Forbidden, "forbidden", "Access denied. Insufficient permissions."),
            Failure::Refused(refusal) => Self {
                kind: refusal.kind(),
                code: refusal.code(),
                message: refusal.to_string(),
                field: refusal.field(),
                source: None,
            },
            Failure::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let (kind, code, message) = match &error {
            StoreError::Duplicate { entity, .. } => {
                (Kind::Conflict, "duplicate", format!("such a {entity} exists already"))
            }
            StoreError::Stale => (Kind::Conflict, "stale_version", "somebody else changed this in between".to_owned()),
            StoreError::InUse { entity } => (Kind::Conflict, "in_use", format!("the {entity} is still in use")),
            StoreError::Claimed => {
                (Kind::Conflict, "idempotency_in_progress", "this request is being carried out already".to_owned())
            }
            StoreError::Contention | StoreError::Unavailable(_) => {
                (Kind::Unavailable, "unavailable", "the store is busy, try again shortly".to_owned())
            }
            StoreError::Corrupt { .. } | StoreError::Backend(_) | StoreError::OutOfScope => {
                (Kind::Internal, "internal", "something went wrong on our side".to_owned())
            }
        };
        Self { source: Some(Box::new(error)), ..Self::new(kind, code, message) }
    }
}

/// Writes the [`Refusal`] of an error enum: `Variant { .. } => Kind, "code", field`.
macro_rules! refusal {
    ($type:ty { $($pattern:pat => $kind:ident, $code:literal $(, $field:literal)?;)* }) => {
        impl $crate::error::Refusal for $type {
            fn kind(&self) -> $crate::error::Kind {
                match self { $($pattern => $crate::error::Kind::$kind,)* }
            }
            fn code(&self) -> &'static str {
                match self { $($pattern => $code,)* }
            }
            fn field(&self) -> Option<&'static str> {
                match self { $($pattern => refusal!(@field $($field)?),)* }
            }
        }
    };
    (@field) => { None };
    (@field $field:literal) => { Some($field) };
}
pub(crate) use refusal;
