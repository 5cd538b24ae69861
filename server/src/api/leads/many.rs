//! Many leads at once: changing them, and finding and merging those that are the same person.

use axum::Json;
use axum::extract::State;
use dialplane_core::Permission;
use dialplane_core::command::lead::{BULK_MAX, BulkAction, BulkLeads, MergeLeads};
use dialplane_core::id::{LeadId, LeadKind, UserId};
use dialplane_core::store::SharedContact;
use serde::Deserialize;
use utoipa::ToSchema;

use super::input::LeadInput;
use super::view::{BulkAnswer, BulkResult, DuplicatesAnswer, DuplicatesView, LeadAnswer, detail, views};
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::{Draft, Faults};
use crate::http::guard::Authed;
use crate::http::input::{Input, PathId, nullable};
use crate::problem::Reply;
use crate::state::Shared;

/// Numbers and addresses that are shown, at most, of each.
const SHARED_MAX: u32 = 50;

/// What to do with many leads.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BulkInput {
    /// assign, edit (or update), or delete.
    action: String,
    /// Which: 1 to 500.
    #[serde(alias = "leadIds", alias = "lead_ids", alias = "ids")]
    #[schema(value_type = Vec<Uuid>)]
    leads: Vec<LeadId>,
    /// Who gets them; null takes them back.
    #[serde(default, deserialize_with = "nullable", alias = "assigned_to")]
    #[schema(value_type = Option<Uuid>)]
    assigned_to: Option<Option<UserId>>,
    /// What changes in each of them.
    #[serde(default, alias = "updates")]
    changes: Option<LeadInput>,
}

impl BulkInput {
    fn action(self, home: dialplane_core::phone::Country, faults: &mut Faults) -> Option<BulkLeads> {
        if self.leads.is_empty() || self.leads.len() > BULK_MAX {
            faults.add("leads", "name 1 to 500 leads");
        }
        let action = match self.action.as_str() {
            "assign" => {
                if self.assigned_to.is_none() {
                    faults.add("assignedTo", "this is required");
                }
                BulkAction::Assign(self.assigned_to.flatten())
            }
            "edit" | "update" => {
                if self.changes.is_none() {
                    faults.add("changes", "this is required");
                }
                BulkAction::Change(Box::new(self.changes.unwrap_or_default().change(home, faults)?.change))
            }
            "delete" => BulkAction::Delete,
            _ => {
                faults.add("action", "an action is assign, edit or delete");
                return None;
            }
        };
        Some(BulkLeads { leads: self.leads, action })
    }
}

/// Assign, change or delete many leads. One that is refused does not keep the others from changing.
#[utoipa::path(post, path = "/leads/bulk", tag = "leads", request_body = BulkInput, responses((status = 200, body = BulkAnswer)))]
pub(crate) async fn bulk_leads(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<BulkInput>,
) -> Reply<Json<BulkAnswer>> {
    let home = authed.company.default_country;
    let command = draft.checked(|body, faults| body.action(home, faults))?;
    let done = app.engine.execute(&authed.actor, &command).await?;
    let results: Vec<BulkResult> = done.iter().map(|(lead, done)| BulkResult::of(*lead, done)).collect();
    let changed = done.iter().filter(|(_, done)| done.is_ok()).count();
    Ok(Json(BulkAnswer::new(changed, done.len() - changed, results)))
}

/// Leads that share a telephone number or an e-mail address; up to 50 numbers and 50 addresses. For those who manage leads.
#[utoipa::path(get, path = "/leads/duplicates", tag = "leads", responses((status = 200, body = DuplicatesAnswer)))]
pub(crate) async fn list_duplicates(State(app): State<Shared>, authed: Authed) -> Reply<Json<DuplicatesAnswer>> {
    authed.demand(Permission::ManageLeads)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let mut duplicates = Vec::new();
    for contact in tx.shared_contacts(SHARED_MAX).await? {
        let (by, value, leads) = match contact {
            SharedContact::Phone(phone) => {
                let leads = tx.leads_by_contact(Some(&phone), None).await?;
                ("phone", phone.as_str().to_owned(), leads)
            }
            SharedContact::Email(email) => {
                let leads = tx.leads_by_contact(None, Some(email.expose())).await?;
                ("email", email.into_inner(), leads)
            }
        };
        duplicates.push(DuplicatesView { by, value, leads: views(&mut tx, &leads).await? });
    }
    Ok(Json(DuplicatesAnswer::new(duplicates)))
}

/// Which leads are the same person.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MergeInput {
    /// Those that go into the lead: 1 to 50.
    #[schema(value_type = Vec<Uuid>)]
    duplicates: Vec<LeadId>,
}

/// Merge duplicates into a lead: it takes over what it does not know, with their notes and calls, and they are gone. For those who
/// manage leads.
#[utoipa::path(post, path = "/leads/{id}/merge", tag = "leads", params(("id" = Uuid, Path, description = "the lead that stays")),
    request_body = MergeInput, responses((status = 200, body = LeadAnswer)))]
pub(crate) async fn merge_leads(
    State(app): State<Shared>,
    authed: Authed,
    PathId(lead): PathId<LeadKind>,
    IfMatch(expected_version): IfMatch,
    Input(body): Input<MergeInput>,
) -> Reply<Versioned<LeadAnswer>> {
    let command = MergeLeads { lead, duplicates: body.duplicates, expected_version };
    let lead = app.engine.execute(&authed.actor, &command).await?;
    let mut tx = app.engine.read(&authed.actor).await?;
    Ok(versioned(lead.version, LeadAnswer::new(detail(&mut tx, &lead).await?)))
}
