//! Reading leads.

use axum::Json;
use axum::extract::State;
use dialplane_core::Permission;
use dialplane_core::id::{LeadId, LeadKind, UserId, UserKind};
use dialplane_core::lead::{Lead, LeadStatus, Priority, Quality, Source};
use dialplane_core::store::LeadFilter;
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::{LeadAnswer, LeadsAnswer, detail, views};
use crate::api::clients::searched;
use crate::http::dates::{self, Span};
use crate::http::etag::{Versioned, versioned};
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::http::paging::Paging;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// What a list of leads can be narrowed by.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct LeadQuery {
    /// How far they have come.
    #[param(value_type = Option<String>)]
    status: Option<LeadStatus>,
    /// Where they came from.
    #[param(value_type = Option<String>)]
    source: Option<Source>,
    /// low, medium, high or urgent.
    #[param(value_type = Option<String>)]
    priority: Option<Priority>,
    /// hot, warm or cold.
    #[param(value_type = Option<String>)]
    quality: Option<Quality>,
    /// Who works on them.
    #[serde(alias = "assigned_to")]
    #[param(value_type = Option<uuid::Uuid>)]
    assigned_to: Option<UserId>,
    /// Whether somebody works on them.
    assigned: Option<bool>,
    /// Created on this local day or later, or at this instant or later.
    #[serde(alias = "date_from")]
    date_from: Option<String>,
    /// Created up to the end of this local day, or before this instant.
    #[serde(alias = "date_to")]
    date_to: Option<String>,
    /// Words and numbers: how words of their name, address, requirements or own fields begin, or their number. All of them must be met.
    #[serde(alias = "search")]
    q: Option<String>,
    /// The `nextCursor` of the page before, instead of a page number.
    #[param(value_type = Option<String>)]
    cursor: Option<LeadId>,
}

impl LeadQuery {
    /// The filter of the store for what the actor may see: everything, or an agent's own.
    ///
    /// # Errors
    /// 403 when an agent asks for somebody else's leads, 400 names what cannot be read.
    pub(crate) fn visible_filter(self, authed: &Authed) -> Reply<LeadFilter> {
        if !sees_all(authed) && self.assigned_to.is_some_and(|id| id != authed.user.id) {
            return Err(Problem::forbidden());
        }
        self.filter(authed)
    }

    fn filter(self, authed: &Authed) -> Reply<LeadFilter> {
        let Span { from, to } =
            dates::span(self.date_from.as_deref(), self.date_to.as_deref(), authed.company.timezone)?;
        Ok(LeadFilter {
            status: self.status,
            source: self.source,
            priority: self.priority,
            quality: self.quality,
            agent: if sees_all(authed) { self.assigned_to } else { Some(authed.user.id) },
            assigned: self.assigned,
            from,
            to,
            search: searched(self.q.as_deref(), authed.company.default_country)?,
            before: self.cursor,
        })
    }
}

fn sees_all(authed: &Authed) -> bool {
    authed.actor.may(Permission::ManageLeads)
}

async fn listed(app: &App, authed: &Authed, filter: LeadFilter, paging: Paging) -> Reply<Json<LeadsAnswer>> {
    let mut page = paging.page();
    if filter.before.is_some() {
        page.offset = 0;
    }
    let mut tx = app.engine.read(&authed.actor).await?;
    let listing = tx.leads(&filter, page).await?;
    let leads = views(&mut tx, &listing.items).await?;
    let more = page.offset + (listing.items.len() as u64) < listing.total;
    let next = listing.items.last().filter(|_| more).map(|lead| lead.id.to_string());
    Ok(Json(LeadsAnswer::new(leads, paging.of(listing.total), next)))
}

/// The company's leads, newest first; an agent sees their own.
#[utoipa::path(get, path = "/leads", tag = "leads", params(LeadQuery, Paging), responses((status = 200, body = LeadsAnswer)))]
pub(crate) async fn list_leads(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<LeadQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<LeadsAnswer>> {
    authed.demand(Permission::WorkLeads)?;
    let filter = query.visible_filter(&authed)?;
    listed(&app, &authed, filter, paging).await
}

/// The leads of one person: one's own, or for those who manage leads anybody's.
#[utoipa::path(get, path = "/leads/assigned/{userId}", tag = "leads",
    params(("userId" = Uuid, Path, description = "who works on them"), LeadQuery, Paging),
    responses((status = 200, body = LeadsAnswer)))]
pub(crate) async fn list_assigned_leads(
    State(app): State<Shared>,
    authed: Authed,
    PathId(user): PathId<UserKind>,
    Params(query): Params<LeadQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<LeadsAnswer>> {
    if user != authed.user.id {
        authed.demand(Permission::ManageLeads)?;
        app.engine.read(&authed.actor).await?.user(user).await?.ok_or_else(|| Problem::not_found("user"))?;
    }
    let filter = LeadFilter { agent: Some(user), ..query.filter(&authed)? };
    listed(&app, &authed, filter, paging).await
}

/// Whether a lead is the actor's to see: to everybody else it does not exist.
pub(super) async fn visible(app: &App, authed: &Authed, id: LeadId) -> Reply<Lead> {
    authed.demand(Permission::WorkLeads)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let lead = tx.lead(id).await?.filter(|lead| sees_all(authed) || lead.assigned_to == Some(authed.user.id));
    lead.ok_or_else(|| Problem::not_found("lead"))
}

/// A lead with its notes.
#[utoipa::path(get, path = "/leads/{id}", tag = "leads", params(("id" = Uuid, Path, description = "the lead")),
    responses((status = 200, body = LeadAnswer)))]
pub(crate) async fn get_lead(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<LeadKind>,
) -> Reply<Versioned<LeadAnswer>> {
    let lead = visible(&app, &authed, id).await?;
    let mut tx = app.engine.read(&authed.actor).await?;
    Ok(versioned(lead.version, LeadAnswer::new(detail(&mut tx, &lead).await?)))
}
