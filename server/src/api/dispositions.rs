//! `/dispositions`: what can come of a call, in two levels, and where each leads the call's lead.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::lead::{CreateDisposition, DeleteDisposition, UpdateDisposition};
use dialplane_core::id::{DispositionId, DispositionKind};
use dialplane_core::lead::{Disposition, DispositionSettings, LeadRefused, LeadStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::answer::{Done, answer};
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::{Draft, Faults};
use crate::http::guard::Authed;
use crate::http::input::{PathId, nullable};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list_dispositions, create_disposition)).routes(routes!(
        get_disposition,
        update_disposition,
        delete_disposition
    ))
}

/// Something that can come of a call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DispositionView {
    id: Uuid,
    /// The word that a call's `outcome` holds.
    code: String,
    label: String,
    /// The disposition it refines.
    parent_id: Option<Uuid>,
    /// Where it leads the call's lead; where its parent does when null.
    lead_status: Option<&'static str>,
    position: u16,
    /// Whether it is offered.
    is_active: bool,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl DispositionView {
    fn of(one: &Disposition) -> Self {
        let settings = &one.settings;
        Self {
            id: one.id.as_uuid(),
            code: settings.code.clone(),
            label: settings.label.clone(),
            parent_id: settings.parent.map(|id| id.as_uuid()),
            lead_status: settings.lead_status.map(LeadStatus::as_str),
            position: settings.position,
            is_active: settings.is_active,
            version: one.version,
            created_at: one.created_at,
            updated_at: one.updated_at,
        }
    }
}

answer! { /** One disposition. */ DispositionAnswer { disposition: DispositionView } }
answer! { /** The dispositions. */ DispositionsAnswer { dispositions: Vec<DispositionView> } }

/// A disposition to create or change; on a change what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DispositionInput {
    /// The word that a call's `outcome` holds: letters, digits, dashes and underscores.
    code: Option<String>,
    /// What people read.
    label: Option<String>,
    /// The disposition it refines, which is of the first level; null for none.
    #[serde(deserialize_with = "nullable", alias = "parent_id", alias = "parent")]
    #[schema(value_type = Option<Uuid>)]
    parent_id: Option<Option<DispositionId>>,
    /// Where it leads the call's lead: contacted, qualified, interested, converted, lost or do_not_call; null for nowhere of its own.
    #[serde(deserialize_with = "nullable", alias = "lead_status")]
    #[schema(value_type = Option<String>)]
    lead_status: Option<Option<String>>,
    /// Its place among its like.
    position: Option<u16>,
    /// Whether it is offered.
    #[serde(alias = "is_active")]
    is_active: Option<bool>,
}

impl DispositionInput {
    fn settings(self, old: Option<&DispositionSettings>, faults: &mut Faults) -> Option<DispositionSettings> {
        let first = DispositionSettings { is_active: true, ..DispositionSettings::default() };
        let old_or_first = old.unwrap_or(&first);
        for (field, given) in [("code", &self.code), ("label", &self.label)] {
            if old.is_none() && given.is_none() {
                faults.add(field, "this is required");
            }
        }
        let lead_status = match self.lead_status {
            None => old_or_first.lead_status,
            Some(None) => None,
            Some(Some(word)) => match word.parse::<LeadStatus>().map_err(LeadRefused::from) {
                Ok(status) => Some(status),
                Err(unknown) => {
                    faults.add("leadStatus", unknown.to_string());
                    None
                }
            },
        };
        Some(DispositionSettings {
            code: self.code.unwrap_or_else(|| old_or_first.code.clone()),
            label: self.label.unwrap_or_else(|| old_or_first.label.clone()),
            parent: self.parent_id.unwrap_or(old_or_first.parent),
            lead_status,
            position: self.position.unwrap_or(old_or_first.position),
            is_active: self.is_active.unwrap_or(old_or_first.is_active),
        })
    }
}

/// The company's dispositions: those of the first level in their order, each followed by those that refine it.
#[utoipa::path(get, path = "/dispositions", tag = "dispositions", responses((status = 200, body = DispositionsAnswer)))]
pub(crate) async fn list_dispositions(State(app): State<Shared>, authed: Authed) -> Reply<Json<DispositionsAnswer>> {
    authed.demand(Permission::WorkLeads)?;
    let mut all = app.engine.read(&authed.actor).await?.dispositions().await?;
    let place = |one: &Disposition| (one.settings.position, one.id);
    let parents: std::collections::BTreeMap<_, _> = all.iter().map(|one| (one.id, place(one))).collect();
    all.sort_by_cached_key(|one| {
        let parent = one.settings.parent.and_then(|id| parents.get(&id).copied());
        (parent.unwrap_or(place(one)), parent.is_some(), place(one))
    });
    Ok(Json(DispositionsAnswer::new(all.iter().map(DispositionView::of).collect())))
}

/// Create a disposition. For admins and managers.
#[utoipa::path(post, path = "/dispositions", tag = "dispositions", request_body = DispositionInput,
    responses((status = 201, body = DispositionAnswer)))]
pub(crate) async fn create_disposition(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<DispositionInput>,
) -> Reply<(StatusCode, Versioned<DispositionAnswer>)> {
    authed.demand(Permission::ConfigureLeads)?;
    let settings = draft.checked(|body, faults| body.settings(None, faults))?;
    let one = app.engine.execute(&authed.actor, &CreateDisposition { settings }).await?;
    Ok((StatusCode::CREATED, versioned(one.version, DispositionAnswer::new(DispositionView::of(&one)))))
}

/// A disposition.
#[utoipa::path(get, path = "/dispositions/{id}", tag = "dispositions",
    params(("id" = Uuid, Path, description = "the disposition")), responses((status = 200, body = DispositionAnswer)))]
pub(crate) async fn get_disposition(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<DispositionKind>,
) -> Reply<Versioned<DispositionAnswer>> {
    authed.demand(Permission::WorkLeads)?;
    let one = app.engine.read(&authed.actor).await?.disposition(id).await?;
    let one = one.ok_or_else(|| Problem::not_found("disposition"))?;
    Ok(versioned(one.version, DispositionAnswer::new(DispositionView::of(&one))))
}

/// Change a disposition: what is absent stays. For admins and managers.
#[utoipa::path(put, path = "/dispositions/{id}", tag = "dispositions",
    params(("id" = Uuid, Path, description = "the disposition")), request_body = DispositionInput,
    responses((status = 200, body = DispositionAnswer)))]
pub(crate) async fn update_disposition(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<DispositionKind>,
    IfMatch(expected): IfMatch,
    draft: Draft<DispositionInput>,
) -> Reply<Versioned<DispositionAnswer>> {
    authed.demand(Permission::ConfigureLeads)?;
    let old = app.engine.read(&authed.actor).await?.disposition(id).await?;
    let old = old.ok_or_else(|| Problem::not_found("disposition"))?;
    let settings = draft.checked(|body, faults| body.settings(Some(&old.settings), faults))?;
    // What was absent was read just now: the change holds for that version only.
    let expected_version = Some(expected.unwrap_or(old.version));
    let command = UpdateDisposition { disposition: id, settings, expected_version };
    let one = app.engine.execute(&authed.actor, &command).await?;
    Ok(versioned(one.version, DispositionAnswer::new(DispositionView::of(&one))))
}

/// Delete a disposition that none refines; calls keep the word. For admins and managers.
#[utoipa::path(delete, path = "/dispositions/{id}", tag = "dispositions",
    params(("id" = Uuid, Path, description = "the disposition")), responses((status = 200, body = Done)))]
pub(crate) async fn delete_disposition(
    State(app): State<Shared>,
    authed: Authed,
    PathId(disposition): PathId<DispositionKind>,
) -> Reply<Json<Done>> {
    app.engine.execute(&authed.actor, &DeleteDisposition { disposition }).await?;
    Ok(Done::say("Disposition deleted successfully"))
}
