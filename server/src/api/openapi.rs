//! The description of the API, generated from the handlers.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Ref, RefOr, ResponseBuilder, content::ContentBuilder};
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
        .merge(super::operations::routes());
    let (_, mut openapi) = router.split_for_parts();
    for item in openapi.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().filter_map(Option::as_mut);
        for operation in operations {
            operation.responses.responses.entry("default".to_owned()).or_insert_with(problem);
        }
    }
    openapi
}

fn problem() -> RefOr<utoipa::openapi::Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemBody"))).build();
    let response = ResponseBuilder::new().description("an error").content("application/json", content).build();
    RefOr::T(response)
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
