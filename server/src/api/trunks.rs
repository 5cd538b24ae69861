//! `/trunks`: connections to carriers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::telephony::{CreateTrunk, DeleteTrunk, UpdateTrunk};
use dialplane_core::id::{TrunkId, TrunkKind};
use dialplane_core::phone::trunk::{TrunkRefused, TrunkSettings};
use dialplane_core::phone::{Trunk, TrunkAccount, TrunkAuth, TrunkTransport};
use dialplane_core::pii::Secret;
use dialplane_signaling::edge::TrunkRegistration;
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
/// How long registrations are asked for, in seconds: carriers that want it otherwise say so.
const EXPIRES: u32 = 600;

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
    /// How the registration at the carrier stands; only for trunks by registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration: Option<RegistrationView>,
    /// Whether outbound calls use it when nothing else is said.
    default: bool,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// How a carrier is known. Passwords are never shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub(crate) enum AuthView {
    /// By where its packets come from.
    Address {
        /// The carrier's addresses.
        addresses: Vec<String>,
    },
    /// By an account that the server registers with.
    #[serde(rename_all = "camelCase")]
    Registration {
        /// The user part of the account's address.
        username: String,
        /// The name that the password belongs to, where it is another one.
        auth_username: Option<String>,
        /// The only realm that is given a proof of the password; any when null.
        realm: Option<String>,
        /// How long a registration is asked for, in seconds.
        expires_seconds: u32,
    },
}

/// How a registration stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationView {
    /// registered, registering, failed; unknown where call control does not run.
    state: &'static str,
    /// Since when.
    since: Option<DateTime<Utc>>,
    /// When it ends unless it is refreshed.
    expires_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed: credentials_refused, unanswered, unreachable, unresolved, or refused_ and the carrier's status.
    reason: Option<String>,
}

impl From<Option<TrunkRegistration>> for RegistrationView {
    fn from(registration: Option<TrunkRegistration>) -> Self {
        let Some(registration) = registration else {
            return Self { state: "unknown", since: None, expires_at: None, reason: None };
        };
        Self {
            state: registration.state.as_str(),
            since: Some(registration.since),
            expires_at: registration.expires_at,
            reason: registration.trouble.map(|trouble| trouble.to_string()),
        }
    }
}

impl From<&TrunkAuth> for AuthView {
    fn from(auth: &TrunkAuth) -> Self {
        match auth {
            TrunkAuth::Address { addresses } => {
                Self::Address { addresses: addresses.iter().map(ToString::to_string).collect() }
            }
            TrunkAuth::Registration(account) => Self::Registration {
                username: account.username.clone(),
                auth_username: account.auth_username.clone(),
                realm: account.realm.clone(),
                expires_seconds: account.expires_seconds,
            },
        }
    }
}

impl TrunkView {
    fn of(trunk: &Trunk, registrations: &[(TrunkId, TrunkRegistration)]) -> Self {
        let registration = registrations.iter().find(|(id, _)| *id == trunk.id).map(|(_, registration)| *registration);
        Self {
            id: trunk.id.as_uuid(),
            name: trunk.name.clone(),
            transport: trunk.transport.as_str(),
            host: trunk.host.clone(),
            port: trunk.port,
            auth: AuthView::from(&trunk.auth),
            registration: matches!(trunk.auth, TrunkAuth::Registration(_)).then(|| registration.into()),
            default: trunk.is_default,
            version: trunk.version,
            created_at: trunk.created_at,
            updated_at: trunk.updated_at,
        }
    }
}

/// How the registrations stand here; nothing is known where call control does not run.
async fn registrations(app: &App) -> Vec<(TrunkId, TrunkRegistration)> {
    match app.calls.get() {
        Some(calls) => calls.edge().registrations().await.unwrap_or_default(),
        None => Vec::new(),
    }
}

answer! { /** One trunk. */ TrunkAnswer { trunk: TrunkView } }
answer! { /** The trunks. */ TrunksAnswer { trunks: Vec<TrunkView> } }

/// How a carrier is to be known.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthInput {
    /// address: by where its packets come from; registration: by an account that the server registers with.
    kind: String,
    /// For address: the carrier's addresses. Requests are accepted from these and no other.
    #[serde(default)]
    addresses: Vec<String>,
    /// For registration: the user part of the account's address.
    username: Option<String>,
    /// For registration: the name that the password belongs to, where it is another one.
    #[serde(alias = "auth_username")]
    auth_username: Option<String>,
    /// For registration: the password. It is never shown; on a change, the one that is kept stays when this is absent.
    password: Option<String>,
    /// For registration: the only realm that is given a proof of the password; any when absent.
    realm: Option<String>,
    /// For registration: how long one is asked for, in seconds; 600 when absent.
    #[serde(alias = "expires_seconds")]
    expires_seconds: Option<u32>,
}

impl std::fmt::Debug for AuthInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthInput").field("kind", &self.kind).finish_non_exhaustive()
    }
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

fn auth(input: AuthInput, old: Option<&Trunk>, faults: &mut Faults) -> TrunkAuth {
    if input.kind == "registration" {
        return TrunkAuth::Registration(account(input, old, faults));
    }
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

/// The account, with the password that is kept where none is given.
fn account(input: AuthInput, old: Option<&Trunk>, faults: &mut Faults) -> TrunkAccount {
    let kept = old.and_then(|old| match &old.auth {
        TrunkAuth::Registration(account) => Some(account.password.clone()),
        TrunkAuth::Address { .. } => None,
    });
    let password = input.password.map(Secret::new).or(kept).ok_or_else(|| Problem::required("auth.password"));
    TrunkAccount {
        username: faults.check(input.username.ok_or_else(|| Problem::required("auth.username"))).unwrap_or_default(),
        auth_username: input.auth_username,
        password: faults.check(password).unwrap_or_else(|| Secret::new(String::new())),
        realm: input.realm,
        expires_seconds: input.expires_seconds.unwrap_or(EXPIRES),
    }
}

impl TrunkInput {
    /// The settings, with `old` for what is absent.
    fn settings(self, old: Option<&Trunk>, is_first: bool, faults: &mut Faults) -> Option<TrunkSettings> {
        let transport = self.transport.map(|text| text.parse()).transpose();
        let transport: Option<TrunkTransport> = faults.rule::<_, TrunkRefused>(transport).flatten();
        let auth = match (self.auth, old) {
            (Some(input), _) => auth(input, old, faults),
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

async fn shown(app: &App, trunk: &Trunk) -> Versioned<TrunkAnswer> {
    versioned(trunk.version, TrunkAnswer::new(TrunkView::of(trunk, &registrations(app).await)))
}

/// The company's trunks. For admins and managers.
#[utoipa::path(get, path = "/trunks", tag = "trunks", responses((status = 200, body = TrunksAnswer)))]
pub(crate) async fn list_trunks(State(app): State<Shared>, authed: Authed) -> Reply<Json<TrunksAnswer>> {
    authed.demand(Permission::ViewNumbers)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let trunks = tx.trunks().await?;
    let registrations = registrations(&app).await;
    Ok(Json(TrunksAnswer::new(trunks.iter().map(|trunk| TrunkView::of(trunk, &registrations)).collect())))
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
    Ok((StatusCode::CREATED, shown(&app, &trunk).await))
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
    Ok(shown(&app, &trunk).await)
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
    Ok(shown(&app, &trunk).await)
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
