//! The inventory.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::NaiveDate;
use dialplane_core::Permission;
use dialplane_core::command::number::{AddNumber, DeleteNumber, UpdateNumber};
use dialplane_core::company::local_day;
use dialplane_core::id::NumberKind;
use dialplane_core::phone::inventory::{self, NewNumber};
use dialplane_core::phone::{Capabilities, Country, NumberStatus};
use dialplane_core::store::NumberFilter;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::view::{NumberAnswer, NumberView, NumbersAnswer};
use crate::http::answer::Done;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::http::paging::Paging;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// The company's local day.
pub(super) fn today(app: &App, authed: &Authed) -> NaiveDate {
    local_day(authed.company.timezone, app.engine.now())
}

/// What a list of numbers can be narrowed by.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct NumberQuery {
    /// active or inactive.
    #[param(value_type = Option<String>)]
    status: Option<NumberStatus>,
    /// Whether somebody has it.
    assigned: Option<bool>,
    /// The country, by ISO 3166 code.
    #[serde(alias = "country_code", alias = "countryCode")]
    #[param(value_type = Option<String>)]
    country: Option<Country>,
    /// The provider.
    provider: Option<String>,
}

/// The company's numbers; an agent sees those assigned to them.
#[utoipa::path(get, path = "/phone-numbers", tag = "phone numbers", params(NumberQuery, Paging),
    responses((status = 200, body = NumbersAnswer)))]
pub(crate) async fn list_numbers(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<NumberQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<NumbersAnswer>> {
    let sees_all = authed.actor.may(Permission::ViewNumbers);
    if !sees_all {
        authed.demand(Permission::TakeCalls)?;
    }
    let filter = NumberFilter {
        status: query.status,
        assigned: query.assigned,
        country: query.country,
        provider: query.provider.map(|provider| provider.trim().to_lowercase()),
        agent: (!sees_all).then_some(authed.user.id),
    };
    let mut tx = app.engine.read(&authed.actor).await?;
    let listing = tx.numbers(&filter, paging.page()).await?;
    let today = today(&app, &authed);
    let numbers = listing.items.iter().map(|row| NumberView::of(row, today)).collect();
    Ok(Json(NumbersAnswer::new(numbers, paging.of(listing.total))))
}

/// What a number can carry.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub(crate) struct CapabilitiesInput {
    /// Calls; true when absent.
    voice: Option<bool>,
    /// Text messages; false when absent.
    sms: Option<bool>,
}

impl From<CapabilitiesInput> for Capabilities {
    fn from(input: CapabilitiesInput) -> Self {
        let usual = Self::default();
        Self { voice: input.voice.unwrap_or(usual.voice), sms: input.sms.unwrap_or(usual.sms) }
    }
}

/// A number to add.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NumberInput {
    /// The number; without `+` one of the company's country.
    #[serde(alias = "phoneNumber", alias = "number")]
    phone_number: String,
    /// The carrier it is rented from, such as `telnyx`.
    provider: Option<String>,
    /// The country, by ISO 3166 code; read from the number when absent.
    #[serde(alias = "countryCode", alias = "country")]
    country_code: Option<String>,
    /// What it can carry.
    capabilities: Option<CapabilitiesInput>,
    /// active or inactive.
    #[schema(value_type = Option<String>)]
    status: Option<NumberStatus>,
}

/// Add a number. For admins.
#[utoipa::path(post, path = "/phone-numbers", tag = "phone numbers", request_body = NumberInput,
    responses((status = 201, body = NumberAnswer)))]
pub(crate) async fn add_number(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<NumberInput>,
) -> Reply<(StatusCode, Versioned<NumberAnswer>)> {
    authed.demand(Permission::ManageNumbers)?;
    let new = draft.checked(|body, faults| {
        let new = NewNumber {
            number: body.phone_number,
            provider: body.provider,
            country: body.country_code,
            capabilities: body.capabilities.map(Into::into).unwrap_or_default(),
            status: body.status.unwrap_or_default(),
        };
        faults.rules(new.faults(authed.company.default_country));
        Some(new)
    })?;
    let number = app.engine.execute(&authed.actor, &AddNumber { new }).await?;
    Ok((StatusCode::CREATED, versioned(number.version, NumberAnswer::new(NumberView::unassigned(&number)))))
}

/// A number; an agent sees those assigned to them.
#[utoipa::path(get, path = "/phone-numbers/{id}", tag = "phone numbers", params(("id" = Uuid, Path, description = "the number")),
    responses((status = 200, body = NumberAnswer)))]
pub(crate) async fn get_number(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<NumberKind>,
) -> Reply<Versioned<NumberAnswer>> {
    let sees_all = authed.actor.may(Permission::ViewNumbers);
    if !sees_all {
        authed.demand(Permission::TakeCalls)?;
    }
    let mut tx = app.engine.read(&authed.actor).await?;
    let row = tx.number(id).await?;
    let row = row.filter(|row| sees_all || row.assignment.as_ref().is_some_and(|held| held.agent == authed.user.id));
    let row = row.ok_or_else(|| Problem::not_found("phone number"))?;
    Ok(versioned(row.number.version, NumberAnswer::new(NumberView::of(&row, today(&app, &authed)))))
}

/// A change of a number: what is absent stays. The number itself never changes.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NumberPatch {
    /// A new provider.
    provider: Option<String>,
    /// A new country.
    #[serde(alias = "countryCode", alias = "country")]
    country_code: Option<String>,
    /// New capabilities.
    capabilities: Option<CapabilitiesInput>,
    /// A new status.
    #[schema(value_type = Option<String>)]
    status: Option<NumberStatus>,
}

/// Change a number. For admins.
#[utoipa::path(put, path = "/phone-numbers/{id}", tag = "phone numbers", params(("id" = Uuid, Path, description = "the number")),
    request_body = NumberPatch, responses((status = 200, body = NumberAnswer)))]
pub(crate) async fn update_number(
    State(app): State<Shared>,
    authed: Authed,
    PathId(number): PathId<NumberKind>,
    IfMatch(expected_version): IfMatch,
    draft: Draft<NumberPatch>,
) -> Reply<Versioned<NumberAnswer>> {
    authed.demand(Permission::ManageNumbers)?;
    let command = draft.checked(|body, faults| {
        faults.rules(body.provider.as_deref().and_then(|text| inventory::provider(text).err()));
        faults.rules(body.country_code.as_deref().and_then(|text| inventory::country(text).err()));
        Some(UpdateNumber {
            number,
            provider: body.provider,
            country: body.country_code,
            capabilities: body.capabilities.map(Into::into),
            status: body.status,
            expected_version,
        })
    })?;
    let row = app.engine.execute(&authed.actor, &command).await?;
    Ok(versioned(row.number.version, NumberAnswer::new(NumberView::of(&row, today(&app, &authed)))))
}

/// Delete a number that nobody has. For admins.
#[utoipa::path(delete, path = "/phone-numbers/{id}", tag = "phone numbers",
    params(("id" = Uuid, Path, description = "the number")), responses((status = 200, body = Done)))]
pub(crate) async fn delete_number(
    State(app): State<Shared>,
    authed: Authed,
    PathId(number): PathId<NumberKind>,
) -> Reply<Json<Done>> {
    app.engine.execute(&authed.actor, &DeleteNumber { number }).await?;
    Ok(Done::say("Phone number deleted successfully"))
}
