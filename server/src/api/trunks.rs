//! `/trunks`: connections to carriers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::telephony::{CreateTrunk, DeleteTrunk, UpdateTrunk};
use dialplane_core::id::{TrunkId, TrunkKind};
use dialplane_core::phone::trunk::{TrunkRefused, TrunkSettings};
use dialplane_core::phone::{Trunk, TrunkAuth, TrunkTransport};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::answer::{Done, answer};
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::{Draft, Faults};
use crate::http::guard::Authed;
use crate::http::input::PathId;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// The port of SIP (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list_trunks, create_trunk)).routes(routes!(
        get_trunk,
        update_trunk,
        delete_trunk
    ))
}

/// A trunk.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrunkView {
    id: Uuid,
    name: String,
    /// udp or tcp.
    transport: &'static str,
    host: String,
    port: u16,
    auth: AuthView,
    /// Whether outbound calls use it when nothing else is said.
    default: bool,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// How a carrier is known.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuthView {
    /// address: by where its packets come from.
    kind: &'static str,
    /// The carrier's addresses.
    addresses: Vec<String>,
}

impl TrunkView {
    fn of(trunk: &Trunk) -> Self {
        let TrunkAuth::Address { addresses } = &trunk.auth;
        Self {
            id: trunk.id.as_uuid(),
            name: trunk.name.clone(),
            transport: trunk.transport.as_str(),
            host: trunk.host.clone(),
            port: trunk.port,
            auth: AuthView { kind: "address", addresses: addresses.iter().map(ToString::to_string).collect() },
            default: trunk.is_default,
            version: trunk.version,
            created_at: trunk.created_at,
            updated_at: trunk.updated_at,
        }
    }
}

answer! { /** One trunk. */ TrunkAnswer { trunk: TrunkView } }
answer! { /** The trunks. */ TrunksAnswer { trunks: Vec<TrunkView> } }

/// How a carrier is to be known.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AuthInput {
    /// address: the only kind of this version.
    kind: String,
    /// The carrier's addresses: requests are accepted from these and no other.
    #[serde(default)]
    addresses: Vec<String>,
}

/// A trunk to create or change; on a change what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct TrunkInput {
    /// Its name.
    name: Option<String>,
    /// udp or tcp; udp when absent.
    transport: Option<String>,
    /// The carrier's host name or address.
    host: Option<String>,
    /// The carrier's port; 5060 when absent.
    port: Option<u16>,
    /// How the carrier is known.
    auth: Option<AuthInput>,
    /// Whether outbound calls use it; the first trunk of a company is.
    #[serde(alias = "isDefault", alias = "is_default")]
    default: Option<bool>,
}

fn auth(input: &AuthInput, faults: &mut Faults) -> TrunkAuth {
    if input.kind != "address" {
        faults.rules([TrunkRefused::UnsupportedAuth]);
    }
    let addresses = input.addresses.iter().enumerate().filter_map(|(index, text)| {
        let address = text.trim().parse().ok();
        if address.is_none() {
            faults.add(format!("auth.addresses[{index}]"), "this is not an IP address");
        }
        address
    });
    TrunkAuth::Address { addresses: addresses.collect() }
}

impl TrunkInput {
    /// The settings, with `old` for what is absent.
    fn settings(self, old: Option<&Trunk>, is_first: bool, faults: &mut Faults) -> Option<TrunkSettings> {
        let transport = self.transport.map(|text| text.parse()).transpose();
        let transport: Option<TrunkTransport> = faults.rule::<_, TrunkRefused>(transport).flatten();
        let auth = match (&self.auth, old) {
            (Some(input), _) => auth(input, faults),
            (None, Some(old)) => old.auth.clone(),
            (None, None) => {
                faults.add("auth", "this is required");
                TrunkAuth::Address { addresses: Vec::new() }
            }
        };
        let name = self.name.or_else(|| old.map(|old| old.name.clone())).ok_or_else(|| Problem::required("name"));
        let host = self.host.or_else(|| old.map(|old| old.host.clone())).ok_or_else(|| Problem::required("host"));
        let settings = TrunkSettings {
            name: faults.check(name).unwrap_or_default(),
            transport: transport.or_else(|| old.map(|old| old.transport)).unwrap_or(TrunkTransport::Udp),
            host: faults.check(host).unwrap_or_default(),
            port: self.port.or_else(|| old.map(|old| old.port)).unwrap_or(SIP_PORT),
            auth,
            is_default: self.default.or_else(|| old.map(|old| old.is_default)).unwrap_or(is_first),
        };
        faults.rules(settings.faults());
        Some(settings)
    }
}

/// Trunks hold carriers' addresses: admins change them, managers see them.
async fn read(app: &App, authed: &Authed, id: TrunkId) -> Reply<Trunk> {
    authed.demand(Permission::ViewNumbers)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    tx.trunk(id).await?.ok_or_else(|| Problem::not_found("trunk"))
}

/// The company's trunks. For admins and managers.
#[utoipa::path(get, path = "/trunks", tag = "trunks", responses((status = 200, body = TrunksAnswer)))]
pub(crate) async fn list_trunks(State(app): State<Shared>, authed: Authed) -> Reply<Json<TrunksAnswer>> {
    authed.demand(Permission::ViewNumbers)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    Ok(Json(TrunksAnswer::new(tx.trunks().await?.iter().map(TrunkView::of).collect())))
}

/// Create a trunk. For admins.
#[utoipa::path(post, path = "/trunks", tag = "trunks", request_body = TrunkInput, responses((status = 201, body = TrunkAnswer)))]
pub(crate) async fn create_trunk(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<TrunkInput>,
) -> Reply<(StatusCode, Versioned<TrunkAnswer>)> {
    authed.demand(Permission::ManageNumbers)?;
    let is_first = app.engine.read(&authed.actor).await?.trunks().await?.is_empty();
    let settings = draft.checked(|body, faults| body.settings(None, is_first, faults))?;
    let trunk = app.engine.execute(&authed.actor, &CreateTrunk { settings }).await?;
    Ok((StatusCode::CREATED, versioned(trunk.version, TrunkAnswer::new(TrunkView::of(&trunk)))))
}

/// A trunk. For admins and managers.
#[utoipa::path(get, path = "/trunks/{id}", tag = "trunks", params(("id" = Uuid, Path, description = "the trunk")),
    responses((status = 200, body = TrunkAnswer)))]
pub(crate) async fn get_trunk(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<TrunkKind>,
) -> Reply<Versioned<TrunkAnswer>> {
    let trunk = read(&app, &authed, id).await?;
    Ok(versioned(trunk.version, TrunkAnswer::new(TrunkView::of(&trunk))))
}

/// Change a trunk: what is absent stays. For admins.
#[utoipa::path(put, path = "/trunks/{id}", tag = "trunks", params(("id" = Uuid, Path, description = "the trunk")),
    request_body = TrunkInput, responses((status = 200, body = TrunkAnswer)))]
pub(crate) async fn update_trunk(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<TrunkKind>,
    IfMatch(expected): IfMatch,
    draft: Draft<TrunkInput>,
) -> Reply<Versioned<TrunkAnswer>> {
    authed.demand(Permission::ManageNumbers)?;
    let old = read(&app, &authed, id).await?;
    let settings = draft.checked(|body, faults| body.settings(Some(&old), false, faults))?;
    // What was absent was read just now: the change holds for that version only.
    let expected_version = Some(expected.unwrap_or(old.version));
    let trunk = app.engine.execute(&authed.actor, &UpdateTrunk { trunk: id, settings, expected_version }).await?;
    Ok(versioned(trunk.version, TrunkAnswer::new(TrunkView::of(&trunk))))
}

/// Delete a trunk. For admins.
#[utoipa::path(delete, path = "/trunks/{id}", tag = "trunks", params(("id" = Uuid, Path, description = "the trunk")),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete_trunk(
    State(app): State<Shared>,
    authed: Authed,
    PathId(trunk): PathId<TrunkKind>,
) -> Reply<Json<Done>> {
    app.engine.execute(&authed.actor, &DeleteTrunk { trunk }).await?;
    Ok(Done::say("Trunk deleted successfully"))
}
