//! `/extensions` and `/users/{id}/extension`: the SIP credentials of users. The password is shown once.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::telephony::{CreateExtension, DeleteExtension, NewExtension, ResetExtensionSecret};
use dialplane_core::id::{ExtensionKind, UserKind};
use dialplane_core::phone::Extension;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::answer::{Done, answer};
use crate::http::guard::Authed;
use crate::http::input::{MaybeInput, PathId};
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(create_extension, delete_user_extensions))
        .routes(routes!(list_extensions))
        .routes(routes!(delete_extension))
        .routes(routes!(reset_extension))
}

/// An extension.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExtensionView {
    id: Uuid,
    user_id: Uuid,
    /// The number inside the company.
    number: String,
    /// The SIP user name.
    username: String,
    /// The SIP domain to register at.
    domain: String,
    /// The SIP password: only when it has just been made.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl ExtensionView {
    fn of(app: &App, extension: &Extension) -> Self {
        Self {
            id: extension.id.as_uuid(),
            user_id: extension.user.as_uuid(),
            number: extension.number.clone(),
            username: extension.username.clone(),
            domain: app.settings.sip_domain(),
            password: None,
            version: extension.version,
            created_at: extension.created_at,
            updated_at: extension.updated_at,
        }
    }

    fn fresh(app: &App, new: NewExtension) -> Self {
        Self { password: Some(new.password), ..Self::of(app, &new.extension) }
    }
}

answer! { /** One extension. */ ExtensionAnswer { extension: ExtensionView } }
answer! { /** The extensions. */ ExtensionsAnswer { extensions: Vec<ExtensionView> } }

/// What an extension is to be.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct ExtensionInput {
    /// Its number, 2 to 8 digits; the next free one when absent.
    number: Option<String>,
}

/// Give a user an extension. For admins and managers. The password is shown here and never again.
#[utoipa::path(post, path = "/users/{id}/extension", tag = "extensions", params(("id" = Uuid, Path, description = "the user")),
    request_body(content = ExtensionInput, description = "optional"), responses((status = 201, body = ExtensionAnswer)))]
pub(crate) async fn create_extension(
    State(app): State<Shared>,
    authed: Authed,
    PathId(user): PathId<UserKind>,
    MaybeInput(body): MaybeInput<ExtensionInput>,
) -> Reply<(StatusCode, Json<ExtensionAnswer>)> {
    let new = app.engine.execute(&authed.actor, &CreateExtension { user, number: body.number }).await?;
    Ok((StatusCode::CREATED, Json(ExtensionAnswer::new(ExtensionView::fresh(&app, new)))))
}

/// Take a user's extensions away: their phones are signed out. For admins and managers.
#[utoipa::path(delete, path = "/users/{id}/extension", tag = "extensions",
    params(("id" = Uuid, Path, description = "the user")), responses((status = 200, body = Done)))]
pub(crate) async fn delete_user_extensions(
    State(app): State<Shared>,
    authed: Authed,
    PathId(user): PathId<UserKind>,
) -> Reply<Json<Done>> {
    authed.demand(Permission::ManagePeople)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let own: Vec<_> = tx.extensions().await?.into_iter().filter(|extension| extension.user == user).collect();
    drop(tx);
    if own.is_empty() {
        return Err(Problem::not_found("extension"));
    }
    for extension in own {
        app.engine.execute(&authed.actor, &DeleteExtension { extension: extension.id }).await?;
    }
    Ok(Done::say("Extension deleted successfully"))
}

/// The company's extensions; an agent sees their own.
#[utoipa::path(get, path = "/extensions", tag = "extensions", responses((status = 200, body = ExtensionsAnswer)))]
pub(crate) async fn list_extensions(State(app): State<Shared>, authed: Authed) -> Reply<Json<ExtensionsAnswer>> {
    let sees_all = authed.actor.may(Permission::ViewPeople);
    let mut tx = app.engine.read(&authed.actor).await?;
    let all = tx.extensions().await?;
    let visible = all.iter().filter(|extension| sees_all || extension.user == authed.user.id);
    Ok(Json(ExtensionsAnswer::new(visible.map(|extension| ExtensionView::of(&app, extension)).collect())))
}

/// Delete an extension: its phones are signed out. For admins and managers.
#[utoipa::path(delete, path = "/extensions/{id}", tag = "extensions",
    params(("id" = Uuid, Path, description = "the extension")), responses((status = 200, body = Done)))]
pub(crate) async fn delete_extension(
    State(app): State<Shared>,
    authed: Authed,
    PathId(extension): PathId<ExtensionKind>,
) -> Reply<Json<Done>> {
    app.engine.execute(&authed.actor, &DeleteExtension { extension }).await?;
    Ok(Done::say("Extension deleted successfully"))
}

/// Give an extension a new password, shown here and never again. For admins and managers.
#[utoipa::path(post, path = "/extensions/{id}/reset", tag = "extensions",
    params(("id" = Uuid, Path, description = "the extension")), responses((status = 200, body = ExtensionAnswer)))]
pub(crate) async fn reset_extension(
    State(app): State<Shared>,
    authed: Authed,
    PathId(extension): PathId<ExtensionKind>,
) -> Reply<Json<ExtensionAnswer>> {
    let new = app.engine.execute(&authed.actor, &ResetExtensionSecret { extension }).await?;
    Ok(Json(ExtensionAnswer::new(ExtensionView::fresh(&app, new))))
}
