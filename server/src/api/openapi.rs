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
                       another company by `X-Company-Id`."
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
