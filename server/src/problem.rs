//! The error answer, and the only place that maps errors to HTTP status codes.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dialplane_core::error::{Failure, Kind, Refusal};
use dialplane_core::store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::ivr::FlowProblem;
use crate::http::request_id;

/// Seconds after which a client may try again when the store is busy.
const BUSY_RETRY_SECONDS: u64 = 1;

/// One field of the input that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The field, as a path such as `members[0].agentId`.
    pub(crate) field: String,
    /// What is wrong with it, for people.
    pub(crate) message: String,
}

/// The body of every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProblemBody {
    /// Always false.
    success: bool,
    /// A stable word for programs.
    #[schema(value_type = String)]
    code: Cow<'static, str>,
    /// A sentence for people.
    message: String,
    /// The fields at fault; of 400 and 422 only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// What is wrong with the document of a flow; of `flow_invalid` only. At most 1,000 are told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<FlowProblem>,
    /// The id of what stands in the way, where it can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    existing: Option<String>,
    /// The id of the request, as in `X-Request-Id`.
    request_id: String,
}

/// An error on its way to a client.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    errors: Vec<FieldError>,
    /// Apart, as errors are passed on by value.
    problems: Option<Arc<Vec<FlowProblem>>>,
    retry_after: Option<u64>,
    existing: Option<String>,
}

/// What handlers return.
pub(crate) type Reply<T> = Result<T, Problem>;

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let (message, errors) = (message.into(), Vec::new());
        Self { status, code, message, errors, problems: None, retry_after: None, existing: None }
    }

    /// Malformed input, without a field to name.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// A field of the input is wrong.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            errors: vec![FieldError { field: field.into(), message: message.clone() }],
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_input", message)
        }
    }

    /// A field is missing.
    pub(crate) fn required(field: impl Into<String>) -> Self {
        Self::field(field, "this is required")
    }

    /// Fields of the input are wrong; `code` is the word for the first.
    pub(crate) fn fields(code: &'static str, errors: Vec<FieldError>) -> Self {
        let message = match errors.as_slice() {
            [only] => only.message.clone(),
            several => {
                let names: Vec<&str> = several.iter().map(|error| error.field.as_str()).collect();
                format!("{} fields are wrong: {}", several.len(), names.join(", "))
            }
        };
        let code = if errors.len() == 1 { code } else { "invalid_input" };
        Self { errors, ..Self::new(StatusCode::BAD_REQUEST, code, message) }
    }

    /// Nobody is signed in.
    pub(crate) fn no_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "no_token", "Access denied. No token provided.")
    }

    /// The proof is not valid (any more). One answer for every reason, so that nothing can be learnt from it.
    pub(crate) fn bad_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_token", "Access denied. The token is not valid or has expired.")
    }

    /// What was delivered is not signed, or not by whom it should be.
    pub(crate) fn bad_signature() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_signature", "the signature of this delivery is missing or wrong")
    }

    /// The e-mail address or the password is wrong: never says which.
    pub(crate) fn bad_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_credentials", "the e-mail address or the password is wrong")
    }

    /// The actor may not do this.
    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Access denied. Insufficient permissions.")
    }

    /// There is no such thing, or it is another company's.
    pub(crate) fn not_found(entity: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {entity}"))
    }

    /// No route of this path.
    pub(crate) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no_such_route", "Resource not found")
    }

    /// The path exists, the method does not.
    pub(crate) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take this method")
    }

    /// The state does not allow it.
    pub(crate) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// It was there and is no longer.
    pub(crate) fn gone(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, code, message)
    }

    /// Tells what is wrong with the document of a flow.
    pub(crate) fn of_flow(self, problems: Vec<FlowProblem>) -> Self {
        Self { problems: Some(Arc::new(problems)), ..self }
    }

    /// Names what stands in the way.
    pub(crate) fn existing(self, id: impl ToString) -> Self {
        Self { existing: Some(id.to_string()), ..self }
    }

    /// A rule of somebody else's refused it.
    pub(crate) fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    /// A message that is not from whom it says it is.
    pub(crate) fn untrusted(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "invalid_signature", message)
    }

    /// The body is too large.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("the body is larger than {limit} bytes"))
    }

    /// The body is of a type this route does not read.
    pub(crate) fn media_type(expected: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!("expected Content-Type {expected}"),
        )
    }

    /// A file is not audio that is read.
    pub(crate) fn not_audio(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_audio", message)
    }

    /// Too many attempts.
    pub(crate) fn rate_limited(retry_after: u64) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "too many requests, try again later")
        }
    }

    /// Not possible at the moment.
    pub(crate) fn unavailable(code: &'static str, message: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message) }
    }

    /// The same, with the seconds after which it is worth trying again.
    pub(crate) fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// A fault of ours: the reason goes to the log, never to the client.
    pub(crate) fn internal(reason: &dyn std::fmt::Display) -> Self {
        tracing::error!(%reason, "internal error");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side")
    }

    /// Its code.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// Its message.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The status it answers with.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The fields at fault.
    pub(crate) fn errors(&self) -> &[FieldError] {
        &self.errors
    }
}

/// The status code of each kind of failure.
const fn status_of(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<dialplane_core::Error> for Problem {
    fn from(error: dialplane_core::Error) -> Self {
        let status = status_of(error.kind());
        match std::error::Error::source(&error) {
            Some(source) if status.is_server_error() => tracing::error!(%source, detail = ?source, "a command failed"),
            Some(source) => tracing::debug!(%source, "a command was refused"),
            None => {}
        }
        let names_fields = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
        let errors = error
            .field()
            .filter(|_| names_fields)
            .map(|field| FieldError { field: field.to_owned(), message: error.message().to_owned() });
        Self {
            status,
            code: error.code(),
            message: error.message().to_owned(),
            errors: errors.into_iter().collect(),
            problems: None,
            existing: None,
            retry_after: matches!(error.kind(), Kind::Unavailable | Kind::RateLimited).then_some(BUSY_RETRY_SECONDS),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        dialplane_core::Error::from(error).into()
    }
}

impl<R: Refusal> From<Failure<R>> for Problem {
    fn from(failure: Failure<R>) -> Self {
        dialplane_core::Error::from(failure).into()
    }
}

/// For clients that are told in words: the code and the message.
impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            success: false,
            code: Cow::Borrowed(self.code),
            message: self.message,
            errors: self.errors,
            problems: self.problems.map(Arc::unwrap_or_clone).unwrap_or_default(),
            existing: self.existing,
            request_id: request_id::current(),
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_field_and_a_fault_names_nothing() {
        let problem = Problem::from(dialplane_core::Error::invalid("email", "this is not an e-mail address"));
        assert_eq!((problem.status, problem.errors.len()), (StatusCode::BAD_REQUEST, 1));
        let fault = Problem::from(StoreError::Backend("SELECT secret FROM users failed at /var/lib".into()));
        assert_eq!(fault.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!fault.message.contains("SELECT") && !fault.message.contains("/var"));
    }

    #[test]
    fn a_busy_store_says_when_to_come_back() {
        let problem = Problem::from(StoreError::Contention);
        assert_eq!((problem.status, problem.retry_after), (StatusCode::SERVICE_UNAVAILABLE, Some(1)));
    }
}
