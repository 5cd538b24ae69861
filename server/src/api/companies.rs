//! `/companies`: the tenants.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dialplane_core::command::company::{CreateCompany, UpdateCompany};
use dialplane_core::company::{self, Company};
use dialplane_core::id::{CompanyId, CompanyKind};
use dialplane_core::store::UserFilter;
use dialplane_core::{Actor, Permission};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::answer::answer;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::http::paging::{Pagination, Paging};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list_companies, create_company)).routes(routes!(
        get_company,
        update_company,
        delete_company
    ))
}

/// A company.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompanyView {
    id: Uuid,
    name: String,
    /// The IANA time zone that defines its day.
    timezone: String,
    /// The country of numbers typed without an international prefix.
    country: String,
    is_active: bool,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl CompanyView {
    /// The company as clients see it.
    pub(crate) fn of(company: &Company) -> Self {
        Self {
            id: company.id.as_uuid(),
            name: company.name.clone(),
            timezone: company.timezone.name().to_owned(),
            country: company.default_country.to_string(),
            is_active: company.is_active,
            version: company.version,
            created_at: company.created_at,
            updated_at: company.updated_at,
        }
    }
}

answer! { /** One company. */ CompanyAnswer { company: CompanyView } }
answer! { /** A page of companies. */ CompaniesAnswer { companies: Vec<CompanyView>, pagination: Pagination } }

/// The actor in a company: one's own, or for a platform admin any. To everybody else the others do not exist.
///
/// # Errors
/// 404.
pub(crate) fn inside(authed: &Authed, company: CompanyId) -> Reply<Actor> {
    authed.actor.inside(company).ok_or_else(|| Problem::not_found("company"))
}

/// All companies. For platform admins.
#[utoipa::path(get, path = "/companies", tag = "companies", params(Paging), responses((status = 200, body = CompaniesAnswer)))]
pub(crate) async fn list_companies(
    State(app): State<Shared>,
    authed: Authed,
    Params(paging): Params<Paging>,
) -> Reply<Json<CompaniesAnswer>> {
    let platform = authed.actor.on_platform().ok_or_else(Problem::forbidden)?;
    let mut tx = app.engine.read(&platform).await?;
    let listing = tx.companies(paging.page()).await?;
    let companies = listing.items.iter().map(CompanyView::of).collect();
    Ok(Json(CompaniesAnswer::new(companies, paging.of(listing.total))))
}

/// A company to create.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewCompany {
    /// Its name.
    name: String,
    /// Its IANA time zone; the server's default when absent.
    timezone: Option<String>,
    /// Its country, by ISO 3166 code; the server's default when absent.
    #[serde(alias = "defaultCountry", alias = "default_country")]
    country: Option<String>,
}

/// Create a company. For platform admins.
#[utoipa::path(post, path = "/companies", tag = "companies", request_body = NewCompany,
    responses((status = 201, body = CompanyAnswer)))]
pub(crate) async fn create_company(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<NewCompany>,
) -> Reply<(StatusCode, Versioned<CompanyAnswer>)> {
    let platform = authed.actor.on_platform().ok_or_else(Problem::forbidden)?;
    let command = draft.checked(|body, faults| {
        faults.rule(company::company_name(&body.name));
        faults.rules(body.timezone.as_deref().and_then(|text| company::timezone(text).err()));
        faults.rules(body.country.as_deref().and_then(|text| company::country(text).err()));
        Some(CreateCompany {
            name: body.name,
            timezone: body.timezone.unwrap_or_else(|| app.settings.timezone.clone()),
            country: body.country.unwrap_or_else(|| app.settings.country.to_string()),
        })
    })?;
    let company = app.engine.execute(&platform, &command).await?;
    Ok((StatusCode::CREATED, versioned(company.version, CompanyAnswer::new(CompanyView::of(&company)))))
}

/// A company: one's own, or for platform admins any.
#[utoipa::path(get, path = "/companies/{id}", tag = "companies", params(("id" = Uuid, Path, description = "the company")),
    responses((status = 200, body = CompanyAnswer)))]
pub(crate) async fn get_company(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<CompanyKind>,
) -> Reply<Versioned<CompanyAnswer>> {
    let mut tx = app.engine.read(&inside(&authed, id)?).await?;
    let company = tx.company(id).await?.ok_or_else(|| Problem::not_found("company"))?;
    Ok(versioned(company.version, CompanyAnswer::new(CompanyView::of(&company))))
}

/// A change of a company.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompanyChange {
    /// A new name.
    name: Option<String>,
    /// A new IANA time zone.
    timezone: Option<String>,
    /// A new country.
    #[serde(alias = "defaultCountry", alias = "default_country")]
    country: Option<String>,
    /// Whether its people may sign in; for platform admins.
    #[serde(alias = "is_active")]
    is_active: Option<bool>,
}

/// Change a company: one's own by its admin, any by platform admins.
#[utoipa::path(put, path = "/companies/{id}", tag = "companies", params(("id" = Uuid, Path, description = "the company")),
    request_body = CompanyChange, responses((status = 200, body = CompanyAnswer)))]
pub(crate) async fn update_company(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<CompanyKind>,
    IfMatch(expected_version): IfMatch,
    draft: Draft<CompanyChange>,
) -> Reply<Versioned<CompanyAnswer>> {
    let body = draft.checked(|body, faults| {
        faults.rules(body.name.as_deref().and_then(|text| company::company_name(text).err()));
        faults.rules(body.timezone.as_deref().and_then(|text| company::timezone(text).err()));
        faults.rules(body.country.as_deref().and_then(|text| company::country(text).err()));
        Some(body)
    })?;
    if body.is_active == Some(false) && id == authed.user.company {
        return Err(Problem::conflict("not_on_oneself", "you cannot disable your own company"));
    }
    let command = UpdateCompany {
        company: id,
        name: body.name,
        timezone: body.timezone,
        country: body.country,
        is_active: body.is_active,
        expected_version,
    };
    let company = app.engine.execute(&inside(&authed, id)?, &command).await?;
    Ok(versioned(company.version, CompanyAnswer::new(CompanyView::of(&company))))
}

/// Delete a company: refused while it holds anything. Disable it instead.
///
/// A company's log must outlive it, so nothing with people or calls is ever removed here.
#[utoipa::path(delete, path = "/companies/{id}", tag = "companies", params(("id" = Uuid, Path, description = "the company")),
    responses((status = 409, description = "it is not empty, or cannot be removed")))]
pub(crate) async fn delete_company(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<CompanyKind>,
) -> Reply<StatusCode> {
    authed.demand(Permission::Platform)?;
    let mut tx = app.engine.read(&inside(&authed, id)?).await?;
    tx.company(id).await?.ok_or_else(|| Problem::not_found("company"))?;
    let people = tx.users(&UserFilter::default(), dialplane_core::store::Page { offset: 0, limit: 1 }).await?.total;
    let message = if people > 0 { "the company is not empty" } else { "companies are kept for their log" };
    Err(Problem::conflict("company_not_removable", format!("{message}: set isActive to false instead")))
}
