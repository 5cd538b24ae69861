//! The addresses that Meta speaks to. Whose a delivery is, is in [`super::tenant`].

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use dialplane_core::Actor;
use dialplane_core::command::meta::{ReceiveMetaLeads, TakeMetaLead};
use dialplane_core::id::{CompanyId, CompanyKind};
use dialplane_core::lead::Lead;
use dialplane_core::meta::{Arrival, MetaAnswers, SignedBy};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::body::{self, Delivery};
use super::signature::Signature;
use super::tenant::Tenant;
use crate::http::guard::ClientAddress;
use crate::http::input::{JSON_MAX, Params, PathId, read_body};
use crate::http::rate_limit::Key;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// The longest challenge that is echoed.
const CHALLENGE_MAX: usize = 1_024;

/// What Meta asks when an address is subscribed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Subscription {
    /// Always `subscribe`.
    #[serde(rename = "hub.mode", default)]
    mode: String,
    /// The verify token of the settings.
    #[serde(rename = "hub.verify_token", default)]
    verify_token: String,
    /// What is to be answered.
    #[serde(rename = "hub.challenge", default)]
    challenge: String,
}

/// Subscribe: Meta proves itself by the verify token, and is answered with its own challenge.
#[utoipa::path(get, path = "/meta/webhook", tag = "meta", params(Subscription), security(()),
    responses((status = 200, body = String, content_type = "text/plain", description = "the challenge")))]
pub(crate) async fn subscribe_meta(
    State(app): State<Shared>,
    address: ClientAddress,
    Params(asked): Params<Subscription>,
) -> Reply<Response> {
    subscribe(&app, address, None, asked).await
}

/// Subscribe the address of a company that has an app of its own.
#[utoipa::path(get, path = "/meta/webhook/{companyId}", tag = "meta", security(()),
    params(("companyId" = Uuid, Path, description = "the company"), Subscription),
    responses((status = 200, body = String, content_type = "text/plain", description = "the challenge")))]
pub(crate) async fn subscribe_meta_of(
    State(app): State<Shared>,
    address: ClientAddress,
    PathId(company): PathId<CompanyKind>,
    Params(asked): Params<Subscription>,
) -> Reply<Response> {
    subscribe(&app, address, Some(company), asked).await
}

async fn subscribe(
    app: &App,
    ClientAddress(address): ClientAddress,
    company: Option<CompanyId>,
    asked: Subscription,
) -> Reply<Response> {
    let tenant = Tenant::at(app, company).await?;
    let proved = tenant.is_some_and(|tenant| tenant.verifies(&asked.verify_token));
    if !proved || asked.mode != "subscribe" || asked.challenge.len() > CHALLENGE_MAX {
        app.limiter.count(Key::Anonymous(address))?;
        return Err(Problem::forbidden());
    }
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, text)], asked.challenge).into_response())
}

/// A lead that was taken in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TakenLead {
    #[serde(rename = "_id")]
    underscore_id: Uuid,
    id: Uuid,
    name: String,
    email: Option<String>,
}

/// Who got it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Assignment {
    /// Whether somebody got it.
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    telecaller: Option<Telecaller>,
    /// Why nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// Who works on it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Telecaller {
    id: Uuid,
    name: String,
}

/// What became of a delivery: leads by their ids are counted, a whole lead is there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryAnswer {
    /// Always true.
    success: bool,
    message: &'static str,
    /// Leads that were delivered by their ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead: Option<TakenLead>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assignment: Option<Assignment>,
}

/// Take in what Meta delivers: its own `leadgen` body, or one lead with all that was filled in.
///
/// The body is signed by the app's secret (`X-Hub-Signature-256`). What is delivered again changes nothing. Leads that come by their ids
/// are kept before this answers; what was filled in is asked for afterwards.
#[utoipa::path(post, path = "/meta/webhook", tag = "meta", security(()), request_body(content = Object, description = "as Meta sends it"),
    responses((status = 200, body = DeliveryAnswer)))]
pub(crate) async fn receive_meta(
    State(app): State<Shared>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> Reply<Json<DeliveryAnswer>> {
    receive(&app, address, None, &headers, body).await
}

/// Take in what a company's own app delivers.
#[utoipa::path(post, path = "/meta/webhook/{companyId}", tag = "meta", security(()),
    params(("companyId" = Uuid, Path, description = "the company")),
    request_body(content = Object, description = "as Meta sends it"), responses((status = 200, body = DeliveryAnswer)))]
pub(crate) async fn receive_meta_of(
    State(app): State<Shared>,
    address: ClientAddress,
    PathId(company): PathId<CompanyKind>,
    headers: HeaderMap,
    body: Body,
) -> Reply<Json<DeliveryAnswer>> {
    receive(&app, address, Some(company), &headers, body).await
}

async fn receive(
    app: &App,
    ClientAddress(address): ClientAddress,
    company: Option<CompanyId>,
    headers: &HeaderMap,
    body: Body,
) -> Reply<Json<DeliveryAnswer>> {
    let refused = || {
        metrics::counter!("dialplane_meta_refused_total").increment(1);
        // Only what proves nothing counts: Meta delivers in bursts, and behind a proxy everybody has one address.
        app.limiter.count(Key::Anonymous(address))?;
        Err(Problem::bad_signature())
    };
    let Some(signature) = Signature::of(headers) else { return refused() };
    let bytes = read_body(body, JSON_MAX).await?;
    // It is never closed.
    let _turn = app.meta.turns.acquire().await.ok();
    let Some(tenant) = Tenant::at(app, company).await? else { return refused() };
    let Some(signed_by) = tenant.signer(signature, &bytes) else { return refused() };
    match body::read(&bytes, signed_by)? {
        Delivery::Ids(arrivals) => keep(app, &tenant, signed_by, arrivals).await,
        Delivery::Whole(whole) => {
            let (arrival, answers) = *whole;
            let owner = tenant.owner(signed_by, arrival.page_id.as_deref()).await?;
            take(app, owner, arrival, answers).await
        }
    }
}

/// Keeps leads that came by their ids.
async fn keep(
    app: &App,
    tenant: &Tenant<'_>,
    signed_by: SignedBy,
    arrivals: Vec<Arrival>,
) -> Reply<Json<DeliveryAnswer>> {
    let received = arrivals.len();
    let mut by_page: BTreeMap<Option<String>, Vec<Arrival>> = BTreeMap::new();
    for arrival in arrivals {
        by_page.entry(arrival.page_id.clone()).or_default().push(arrival);
    }
    let mut by_company: BTreeMap<CompanyId, Vec<Arrival>> = BTreeMap::new();
    for (page, arrivals) in by_page {
        by_company.entry(tenant.owner(signed_by, page.as_deref()).await?).or_default().extend(arrivals);
    }
    for (company, arrivals) in by_company {
        app.engine.execute(&Actor::system_for(company), &ReceiveMetaLeads { arrivals }).await?;
    }
    app.meta.wake.notify_one();
    metrics::counter!("dialplane_meta_received_total").increment(received as u64);
    let message = "Leads received";
    Ok(Json(DeliveryAnswer { success: true, message, received: Some(received), lead: None, assignment: None }))
}

/// Makes a lead of one that came whole.
async fn take(app: &App, company: CompanyId, arrival: Arrival, answers: MetaAnswers) -> Reply<Json<DeliveryAnswer>> {
    let actor = Actor::system_for(company);
    let lead = app.engine.execute(&actor, &TakeMetaLead { arrival, answers }).await?;
    let assignment = match &lead {
        Some(lead) => Some(assignment(app, &actor, lead).await?),
        None => None,
    };
    let lead = lead.map(|lead| TakenLead {
        underscore_id: lead.id.as_uuid(),
        id: lead.id.as_uuid(),
        name: lead.name.into_inner(),
        email: lead.email.map(dialplane_core::pii::Pii::into_inner),
    });
    let message = "Lead processed successfully";
    Ok(Json(DeliveryAnswer { success: true, message, received: None, lead, assignment }))
}

async fn assignment(app: &App, actor: &Actor, lead: &Lead) -> Reply<Assignment> {
    let user = match lead.assigned_to {
        Some(user) => app.engine.read(actor).await?.user(user).await?,
        None => None,
    };
    let telecaller = user.map(|user| Telecaller { id: user.id.as_uuid(), name: user.name.into_inner() });
    let message = telecaller.is_none().then_some("nobody could take this lead yet");
    Ok(Assignment { success: telecaller.is_some(), telecaller, message })
}
