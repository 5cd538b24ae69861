//! `/ivr`: call flows, with their versions, calendars and prompts.

mod calendars;
mod check;
mod flows;
mod prompts;
mod trace;
mod versions;

use dialplane_core::flow::{Problem, Severity};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Shared;

/// The most problems of a document that one answer tells.
const PROBLEMS_MAX: usize = 1_000;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(flows::list_flows, flows::create_flow))
        .routes(routes!(flows::get_flow, flows::update_flow, flows::delete_flow))
        .routes(routes!(versions::activate_flow))
        .routes(routes!(versions::deactivate_flow))
        .routes(routes!(versions::list_versions))
        .routes(routes!(versions::get_version))
        .routes(routes!(versions::diff_versions))
        .routes(routes!(versions::roll_back))
        .routes(routes!(check::validate_flow))
        .routes(routes!(check::simulate_flow))
        .routes(routes!(check::flow_schema))
        .routes(routes!(trace::get_trace))
        .routes(routes!(calendars::list_calendars, calendars::create_calendar))
        .routes(routes!(calendars::get_calendar, calendars::update_calendar, calendars::delete_calendar))
        .routes(routes!(prompts::list_prompts, prompts::upload_prompt))
        .routes(routes!(prompts::get_prompt, prompts::delete_prompt))
        .routes(routes!(prompts::play_prompt))
}

/// Something that is wrong with the document of a flow.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FlowProblem {
    /// error or warning; a flow with errors cannot be activated.
    severity: &'static str,
    /// What kind it is, in one word such as unknown_target.
    code: &'static str,
    /// The node; null where it concerns the flow as a whole.
    node: Option<String>,
    /// Where in the node, or in the document, by names and numbers with dots.
    path: String,
    /// What is wrong, for people.
    message: String,
}

impl FlowProblem {
    /// As many as one answer tells.
    fn list(problems: Vec<Problem>) -> Vec<Self> {
        problems.into_iter().take(PROBLEMS_MAX).map(Self::of).collect()
    }

    fn of(problem: Problem) -> Self {
        Self {
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            code: problem.code.as_str(),
            node: problem.node,
            path: problem.path,
            message: problem.message,
        }
    }
}
