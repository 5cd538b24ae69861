//! Who asks: the access token becomes an actor, checked against the store on every request, so that a change of role, a
//! disabled account or a logout acts at once.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use dialplane_core::company::Company;
use dialplane_core::id::CompanyId;
use dialplane_core::people::User;
use dialplane_core::{Actor, Permission};

use super::rate_limit::{Key, Standing};
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// A platform admin names the company to act in by this header; without it they act in their own.
const COMPANY_HEADER: &str = "x-company-id";

/// A signed-in user.
#[derive(Debug, Clone)]
pub(crate) struct Authed {
    /// With which rights, in which company.
    pub(crate) actor: Actor,
    /// Who.
    pub(crate) user: User,
    /// The company acted in: its zone is the day, its country the default of numbers.
    pub(crate) company: Company,
    /// When the token ends.
    pub(crate) expires: DateTime<Utc>,
}

/// What is known of whoever asks.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// No token.
    Anonymous,
    /// A token that is not valid.
    Refused,
    /// A signed-in user.
    Known(Arc<Authed>),
}

impl Authed {
    /// The id of the company acted in.
    pub(crate) const fn company_id(&self) -> CompanyId {
        self.company.id
    }

    /// Demands a permission.
    ///
    /// # Errors
    /// 403.
    pub(crate) fn demand(&self, permission: Permission) -> Reply<()> {
        if self.actor.may(permission) { Ok(()) } else { Err(Problem::forbidden()) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Authed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Identity>() {
            Some(Identity::Known(authed)) => Ok(Self::clone(authed)),
            Some(Identity::Refused) => Err(Problem::bad_token()),
            Some(Identity::Anonymous) | None => Err(Problem::no_token()),
        }
    }
}

/// The address of the client; behind a trusted proxy the one that the proxy saw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl FromRequestParts<Shared> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        Ok(Self(client_address(app, &parts.headers, parts.extensions.get::<ConnectInfo<SocketAddr>>())))
    }
}

/// The address of a client from the parts of its request.
pub(crate) fn client_address(app: &App, headers: &HeaderMap, peer: Option<&ConnectInfo<SocketAddr>>) -> IpAddr {
    let forwarded = || {
        // Only the last entry was written by the proxy; those before it are the client's own claims.
        let text = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        text.rsplit(',').next()?.trim().parse().ok()
    };
    let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(address)| address.ip());
    if app.settings.trust_proxy { forwarded().unwrap_or(peer) } else { peer }
}

/// The token of `Authorization: Bearer …`; the scheme is compared without case (RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    Some(if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" })
}

/// Finds out who asks, counts the request against their limit, and passes both on.
pub(crate) async fn layer(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let address = client_address(&app, request.headers(), request.extensions().get());
    let is_signed = is_signed(request.uri().path());
    match identify(&app, request.headers(), address, is_signed).await {
        Ok((identity, standing)) => {
            request.extensions_mut().insert(identity);
            let mut response = next.run(request).await;
            if let Some(standing) = standing {
                standing.tell(response.headers_mut());
            }
            response
        }
        Err(problem) => problem.into_response(),
    }
}

/// Whether a signature takes the place of a token: a carrier's callbacks come from few addresses and are many. Those whose signature
/// is wrong are counted where it is looked at.
fn is_signed(path: &str) -> bool {
    path.ends_with("/calls/status-callback") || path.ends_with("/calls/recording-status")
}

async fn identify(
    app: &App,
    headers: &HeaderMap,
    address: IpAddr,
    is_signed: bool,
) -> Reply<(Identity, Option<Standing>)> {
    let Some(token) = bearer(headers) else {
        let standing = if is_signed { None } else { app.limiter.count(Key::Anonymous(address))? };
        return Ok((Identity::Anonymous, standing));
    };
    let named = headers.get(COMPANY_HEADER).map(|value| value.to_str().unwrap_or_default());
    let (authed, standing) = admit(app, token, named, address).await?;
    Ok((authed.map_or(Identity::Refused, |authed| Identity::Known(Arc::new(authed))), standing))
}

/// Lets in whoever holds `token`, into the company they name or else into their own, and counts it against their limit or that
/// of their address; nobody when the token is not valid.
///
/// # Errors
/// 429, and what naming a company may be answered with.
pub(crate) async fn admit(
    app: &App,
    token: &str,
    named: Option<&str>,
    address: IpAddr,
) -> Reply<(Option<Authed>, Option<Standing>)> {
    let Some(authed) = authenticate(app, token).await? else {
        return Ok((None, app.limiter.count(Key::Anonymous(address))?));
    };
    let standing = app.limiter.count(Key::Account(authed.user.id))?;
    let authed = match named {
        Some(company) => elsewhere(app, company, authed).await?,
        None => authed,
    };
    Ok((Some(authed), standing))
}

/// Verifies a token and reads its user as they are now.
async fn authenticate(app: &App, token: &str) -> Reply<Option<Authed>> {
    let Some(claims) = app.tokens.verify(token, app.engine.now()) else { return Ok(None) };
    let mut tx = app.engine.read(&Actor::system_for(claims.company)).await?;
    let (user, company) = (tx.user(claims.user).await?, tx.company(claims.company).await?);
    let (Some(user), Some(company)) = (user, company) else { return Ok(None) };
    if !user.is_active || !company.is_active || user.token_version != claims.version {
        return Ok(None);
    }
    let actor = Actor::user(user.id, user.company, user.role.kind(), user.is_platform);
    Ok(Some(Authed { actor, user, company, expires: claims.expires }))
}

/// Moves a platform admin into the company they name; to everybody else other companies do not exist.
async fn elsewhere(app: &App, named: &str, authed: Authed) -> Reply<Authed> {
    let id: Option<CompanyId> = named.trim().parse().ok();
    let id = id.ok_or_else(|| Problem::field("X-Company-Id", "expected an id, which is a UUID"))?;
    let actor = authed.actor.inside(id).ok_or_else(|| Problem::not_found("company"))?;
    let mut tx = app.engine.read(&actor).await?;
    let company = tx.company(id).await?.ok_or_else(|| Problem::not_found("company"))?;
    Ok(Authed { actor, company, ..authed })
}
