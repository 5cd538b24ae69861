//! The description of the API, generated from the handlers.

use axum::http::{Method, StatusCode};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder, content::ContentBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use crate::problem::{FieldError, ProblemBody};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Dialplane",
        description = "A contact-centre engine: people, phone numbers with daily allowances, telephony and calls.\n\nEvery resource \
                       is served below `/api` and below `/api/v1`. Request fields are accepted in camelCase and in snake_case. \
                       POST requests take an `Idempotency-Key`; resources with a `version` take `If-Match`. A platform admin acts in \
                       another company by `X-Company-Id`.\n\n\
                       ## Live events\n\n\
                       `GET /api/events` is a stream of server-sent events. Socket.IO (version 4) is served at `/socket.io`: connect with \
                       the access token as `auth: {token}`, as `Authorization` header or as the query parameter `token`; a connection \
                       that is refused gets `connect_error` with a message that begins with the error's code. Events, each with its `seq` as second \
                       argument:\n\n\
                       | event | payload |\n|---|---|\n\
                       | `new-lead-assigned` | `{leadId, leadName, leadPhone, assignedAt}`, to whom it was given |\n\
                       | `call-status-updated` | `{callId, status, duration}`: seconds talked, 0 until the call is over |\n\
                       | `user-status-updated` | `{userId, status, lastActive}`: the availability that was chosen, and when |\n\
                       | `event` | the envelope of every event, as `/api/events` sends it; for sockets with `auth: {envelopes: true}` |\n\
                       | `queue-state` | how a queue stands, once a second at most when that has changed; for sockets with `auth: {queueStates: true}`. Not kept, \
                       without `seq`. Of `/api/events` it is asked for by `types=queue.state` |\n\
                       | `cursor` | `{seq}`: there is nothing more to know up to here; after connecting, and when others were told something |\n\
                       | `replay-reset` | `{seq}`: more was missed than is repeated, read the state anew |\n\
                       | `end` | `{reason}`, before the server disconnects: `token_expired`, `token_revoked`, `too_slow`, `stopping` |\n\n\
                       Rooms follow from the token: admins and managers are told everything of the company, others what concerns \
                       themselves and the calls of the queues they are members of. `join-user-room` with one's own user id is acknowledged with \
                       `{success: true, userId}`; somebody else's room is refused with `{success: false, code, message}`. A client \
                       that connects again gives the last `seq` it was told as `auth: {token, lastSeq}` and is sent what it has missed, \
                       in order and once, up to 10,000 events of the company; make `auth` a function, so that it is asked anew each time. \
                       After the server has disconnected a socket (`io server disconnect`) the client connects by itself with a fresh \
                       token; when the server stops, Socket.IO tries again on its own. A platform admin follows another company with \
                       `auth: {companyId}`."
    ),
    components(schemas(ProblemBody, FieldError)),
    security(("bearer" = [])),
    modifiers(&Bearer)
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        openapi.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The description of everything that is served.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    let router = OpenApiRouter::with_openapi(Description::openapi())
        .nest("/api", super::resources())
        .nest("/api", super::webhooks())
        .merge(super::operations::routes());
    let (_, mut openapi) = router.split_for_parts();
    for (path, item) in &mut openapi.paths.paths {
        let operations = [
            (Method::GET, &mut item.get),
            (Method::PUT, &mut item.put),
            (Method::POST, &mut item.post),
            (Method::DELETE, &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation.as_mut().filter(|_| path.starts_with("/api/")) {
                complete(path, &method, operation);
            }
        }
    }
    openapi
}

/// Adds the answers that follow from what a route is, and not from what it does: the layers and extractors give them.
fn complete(path: &str, method: &Method, operation: &mut Operation) {
    let public = operation.security.as_ref().is_some_and(|security| security.contains(&SecurityRequirement::default()));
    let (has_body, names_one) = (operation.request_body.is_some(), path.contains('{'));
    let rules = [
        (StatusCode::NOT_MODIFIED, *method == Method::GET && names_one),
        (StatusCode::BAD_REQUEST, true),
        (StatusCode::UNAUTHORIZED, true),
        (StatusCode::FORBIDDEN, true),
        // Every route behind a sign-in takes the header that names a company, which may not be there.
        (StatusCode::NOT_FOUND, !public || has_body),
        (StatusCode::CONFLICT, *method != Method::GET),
        (StatusCode::PAYLOAD_TOO_LARGE, has_body || *method == Method::POST),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, has_body),
        (StatusCode::UNPROCESSABLE_ENTITY, has_body),
        (StatusCode::TOO_MANY_REQUESTS, true),
        (StatusCode::SERVICE_UNAVAILABLE, true),
    ];
    for (status, _) in rules.into_iter().filter(|(_, applies)| *applies) {
        let answer = || if status == StatusCode::NOT_MODIFIED { unchanged() } else { problem(status) };
        // A route that says more about one of them keeps its words; the body is the same everywhere.
        let entry = operation.responses.responses.entry(status.as_str().to_owned()).or_insert_with(answer);
        if let RefOr::T(response) = entry
            && status.as_u16() >= 400
        {
            response.content.entry("application/json".to_owned()).or_insert_with(|| RefOr::T(body()));
        }
    }
}

fn body() -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemBody"))).build()
}

fn unchanged() -> RefOr<Response> {
    RefOr::T(ResponseBuilder::new().description("the client has it already").build())
}

fn problem(status: StatusCode) -> RefOr<Response> {
    let description = status.canonical_reason().unwrap_or("an error").to_lowercase();
    RefOr::T(ResponseBuilder::new().description(description).content("application/json", body()).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_own_name_and_says_what_it_does() {
        let json = serde_json::to_value(document()).unwrap();
        assert_eq!(json["openapi"], "3.1.0");
        let mut names = std::collections::BTreeSet::new();
        for (path, item) in json["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{method} {path}: {name} is taken");
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            }
        }
        assert!(names.len() > 50, "{}", names.len());
    }
}
