//! Taking leads in, working on them, selling and deleting them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dialplane_core::command::lead::{AssignLead, ConvertLead, CreateLead, DeleteLead, PreviewRoute, UpdateLead};
use dialplane_core::id::{LeadKind, UserId};
use dialplane_core::lead::{Lead, LeadRefused};
use dialplane_core::{Failure, Permission};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::input::{LeadInput, cents};
use super::routing::DecisionView;
use super::view::{LeadAnswer, LeadAssignmentView, LeadChanged, LeadCreated, detail, people};
use crate::http::answer::Done;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::{Input, MaybeInput, Params, PathId};
use crate::problem::Reply;
use crate::state::{App, Shared};

/// How a lead is taken in.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub(crate) struct CreateQuery {
    /// Only says who would get the lead and why.
    #[serde(alias = "dry_run")]
    dry_run: bool,
}

/// Take in a lead. Without `assignedTo` the company's routing finds somebody to work on it; an agent's lead is their own.
#[utoipa::path(post, path = "/leads", tag = "leads", params(CreateQuery), request_body = LeadInput,
    responses((status = 201, body = LeadCreated), (status = 200, body = LeadCreated, description = "who would get it")))]
pub(crate) async fn create_lead(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<CreateQuery>,
    draft: Draft<LeadInput>,
) -> Reply<(StatusCode, Versioned<LeadCreated>)> {
    authed.demand(Permission::WorkLeads)?;
    let home = authed.company.default_country;
    let lead = draft.checked(|body, faults| body.new_lead(home, faults))?;
    let (status, message, (lead, decision)) = if query.dry_run {
        let shown = app.engine.execute(&authed.actor, &PreviewRoute { lead }).await?;
        (StatusCode::OK, "Nothing was saved", shown)
    } else {
        let made = app.engine.execute(&authed.actor, &CreateLead { lead }).await?;
        (StatusCode::CREATED, "Lead created successfully", made)
    };
    let mut tx = app.engine.read(&authed.actor).await?;
    let telecaller = people(&mut tx, lead.assigned_to.into_iter()).await?.into_values().next();
    let assignment = LeadAssignmentView { success: telecaller.is_some(), telecaller };
    let shown = detail(&mut tx, &lead).await?;
    let routing = decision.as_ref().map(|decision| DecisionView::of(decision, &authed.actor));
    Ok((status, versioned(lead.version, LeadCreated::new(message, shown, assignment, routing))))
}

async fn answered(app: &App, authed: &Authed, lead: &Lead, message: &'static str) -> Reply<Versioned<LeadChanged>> {
    let mut tx = app.engine.read(&authed.actor).await?;
    Ok(versioned(lead.version, LeadChanged::new(message, detail(&mut tx, lead).await?)))
}

/// Change a lead: what is absent stays. One's own, or for those who manage leads any.
#[utoipa::path(put, path = "/leads/{id}", tag = "leads", params(("id" = Uuid, Path, description = "the lead")),
    request_body = LeadInput, responses((status = 200, body = LeadAnswer)))]
pub(crate) async fn update_lead(
    State(app): State<Shared>,
    authed: Authed,
    PathId(lead): PathId<LeadKind>,
    IfMatch(expected_version): IfMatch,
    draft: Draft<LeadInput>,
) -> Reply<Versioned<LeadAnswer>> {
    super::list::visible(&app, &authed, lead).await?;
    let home = authed.company.default_country;
    let change = draft.checked(|body, faults| body.change(home, faults))?;
    let command = UpdateLead { lead, change: change.change, assign: change.assign, expected_version };
    let lead = app.engine.execute(&authed.actor, &command).await?;
    let mut tx = app.engine.read(&authed.actor).await?;
    Ok(versioned(lead.version, LeadAnswer::new(detail(&mut tx, &lead).await?)))
}

/// Delete a lead with its notes. For admins.
#[utoipa::path(delete, path = "/leads/{id}", tag = "leads", params(("id" = Uuid, Path, description = "the lead")),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete_lead(
    State(app): State<Shared>,
    authed: Authed,
    PathId(lead): PathId<LeadKind>,
    IfMatch(expected_version): IfMatch,
) -> Reply<Json<Done>> {
    app.engine.execute(&authed.actor, &DeleteLead { lead, expected_version }).await?;
    Ok(Done::say("Lead deleted successfully"))
}

/// To whom a lead goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeadAssignment {
    /// The person; null takes the lead back.
    #[serde(alias = "assigned_to")]
    #[schema(value_type = Option<uuid::Uuid>)]
    #[serde(deserialize_with = "crate::http::input::nullable")]
    assigned_to: Option<Option<UserId>>,
}

/// Give a lead to somebody. For those who manage leads.
#[utoipa::path(post, path = "/leads/{id}/assign", tag = "leads", params(("id" = Uuid, Path, description = "the lead")),
    request_body = LeadAssignment, responses((status = 200, body = LeadChanged)))]
pub(crate) async fn assign_lead(
    State(app): State<Shared>,
    authed: Authed,
    PathId(lead): PathId<LeadKind>,
    IfMatch(expected_version): IfMatch,
    Input(body): Input<LeadAssignment>,
) -> Reply<Versioned<LeadChanged>> {
    let command = AssignLead { lead, user: body.assigned_to.flatten(), expected_version };
    let lead = app.engine.execute(&authed.actor, &command).await?;
    answered(&app, &authed, &lead, "Lead assigned successfully").await
}

/// How a lead was sold.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct Conversion {
    /// For how much, in the company's currency; what is known of it stays when nothing is said.
    value: Option<f64>,
}

/// Note that a lead was sold. One's own, or for those who manage leads any.
#[utoipa::path(post, path = "/leads/{id}/convert", tag = "leads", params(("id" = Uuid, Path, description = "the lead")),
    request_body = Conversion, responses((status = 200, body = LeadChanged)))]
pub(crate) async fn convert_lead(
    State(app): State<Shared>,
    authed: Authed,
    PathId(lead): PathId<LeadKind>,
    IfMatch(expected_version): IfMatch,
    MaybeInput(body): MaybeInput<Conversion>,
) -> Reply<Versioned<LeadChanged>> {
    let value = body.value.map(cents).transpose().map_err(Failure::<LeadRefused>::Refused)?;
    let command = ConvertLead { lead, value, expected_version };
    let lead = app.engine.execute(&authed.actor, &command).await?;
    answered(&app, &authed, &lead, "Lead converted successfully").await
}
