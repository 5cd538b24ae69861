//! Changing users. The caller records follow in the same step (document 000).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dialplane_core::Permission;
use dialplane_core::command::people::{DeleteUser, RegisterUser, SetPassword, SyncCallers, UpdateUser};
use dialplane_core::id::{UserId, UserKind};
use dialplane_core::people::{Role, UserChange};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{Synced, UserAnswer, UserChanged, UserView};
use crate::api::auth::NewPerson;
use crate::http::answer::Done;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::{Draft, Faults};
use crate::http::guard::Authed;
use crate::http::input::{Input, PathId, nullable};
use crate::problem::Reply;
use crate::state::Shared;

/// Create a user. For admins and managers.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewPerson, responses((status = 201, body = UserAnswer)))]
pub(crate) async fn create_user(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<NewPerson>,
) -> Reply<(StatusCode, Versioned<UserAnswer>)> {
    authed.demand(Permission::ManagePeople)?;
    let new = NewPerson::checked_in(authed.company_id(), draft)?.hashed(&app).await?;
    let user = app.engine.execute(&authed.actor, &RegisterUser { new, open: false }).await?;
    Ok((StatusCode::CREATED, versioned(user.version, UserAnswer::new(UserView::of(&user)))))
}

/// A change of a user: what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UserPatch {
    /// A new name.
    name: Option<String>,
    /// A new e-mail address.
    email: Option<String>,
    /// New initials.
    initials: Option<String>,
    /// A new role.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// A new telephone; null clears it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    /// A new dialling prefix; null clears it.
    #[serde(default, deserialize_with = "nullable", alias = "countryCode")]
    #[schema(value_type = Option<String>)]
    country_code: Option<Option<String>>,
    /// A new department; null clears it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    department: Option<Option<String>>,
    /// Whom they report to; null clears it.
    #[serde(
        default,
        deserialize_with = "nullable",
        alias = "reportingTo",
        alias = "supervisor",
        alias = "supervisorId"
    )]
    #[schema(value_type = Option<Uuid>)]
    reporting_to: Option<Option<UserId>>,
    /// Enables or disables the account: a disabled one is signed out at once.
    #[serde(rename = "isActive", alias = "is_active")]
    is_active: Option<bool>,
}

impl UserPatch {
    /// What is to change, after the rules were asked.
    pub(crate) fn change(self, expected_version: Option<u32>, faults: &mut Faults) -> Option<UserChange> {
        let change = UserChange {
            name: self.name,
            email: self.email,
            initials: self.initials,
            role: self.role,
            phone: self.phone,
            country_code: self.country_code,
            department: self.department,
            reporting_to: self.reporting_to,
            is_active: self.is_active,
            expected_version,
        };
        faults.rules(change.faults());
        Some(change)
    }
}

/// Change a user.
#[utoipa::path(put, path = "/users/{id}", tag = "users", params(("id" = Uuid, Path, description = "the user")),
    request_body = UserPatch, responses((status = 200, body = UserChanged)))]
pub(crate) async fn update_user(
    State(app): State<Shared>,
    authed: Authed,
    PathId(user): PathId<UserKind>,
    IfMatch(expected_version): IfMatch,
    draft: Draft<UserPatch>,
) -> Reply<Versioned<UserChanged>> {
    let change = draft.checked(|body, faults| body.change(expected_version, faults))?;
    let user = app.engine.execute(&authed.actor, &UpdateUser { user, change }).await?;
    Ok(versioned(user.version, UserChanged::new("User updated successfully", UserView::of(&user))))
}

/// A role.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RoleChange {
    /// One of admin, manager, supervisor, marketing, agent, caller, telecaller, officer.
    #[schema(value_type = String)]
    role: Role,
}

/// Change a user's role: their caller record comes and goes with it, and their tokens stop working when the kind changes.
#[utoipa::path(put, path = "/users/{id}/role", tag = "users", params(("id" = Uuid, Path, description = "the user")),
    request_body = RoleChange, responses((status = 200, body = UserChanged)))]
pub(crate) async fn set_role(
    State(app): State<Shared>,
    authed: Authed,
    PathId(user): PathId<UserKind>,
    IfMatch(expected_version): IfMatch,
    Input(body): Input<RoleChange>,
) -> Reply<Versioned<UserChanged>> {
    authed.demand(Permission::ManagePeople)?;
    let change = UserChange { role: Some(body.role), expected_version, ..UserChange::default() };
    let user = app.engine.execute(&authed.actor, &UpdateUser { user, change }).await?;
    Ok(versioned(user.version, UserChanged::new("User role updated successfully", UserView::of(&user))))
}

/// A password for somebody.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewPassword {
    /// The next password, 8 to 128 characters.
    #[serde(alias = "new_password", alias = "password")]
    new_password: String,
}

/// Set the password of somebody who has forgotten theirs: they are signed out everywhere. For admins and managers.
#[utoipa::path(put, path = "/users/{id}/password", tag = "users", params(("id" = Uuid, Path, description = "the user")),
    request_body = NewPassword, responses((status = 200, body = Done)))]
pub(crate) async fn set_password(
    State(app): State<Shared>,
    authed: Authed,
    PathId(user): PathId<UserKind>,
    Input(body): Input<NewPassword>,
) -> Reply<Json<Done>> {
    authed.demand(Permission::ManagePeople)?;
    let password = app.passwords.hash(body.new_password).await?;
    app.engine.execute(&authed.actor, &SetPassword { user, password }).await?;
    Ok(Done::say("Password changed successfully"))
}

/// Delete a user, with their caller record, extensions and number assignments. Their calls stay in the log.
#[utoipa::path(delete, path = "/users/{id}", tag = "users", params(("id" = Uuid, Path, description = "the user")),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete_user(
    State(app): State<Shared>,
    authed: Authed,
    PathId(user): PathId<UserKind>,
) -> Reply<Json<Done>> {
    app.engine.execute(&authed.actor, &DeleteUser { user }).await?;
    Ok(Done::say("User deleted successfully"))
}

/// Repair the caller records: one for every user of kind agent, none for anybody else.
#[utoipa::path(post, path = "/users/sync-callers", tag = "users", responses((status = 200, body = Synced)))]
pub(crate) async fn sync_callers(State(app): State<Shared>, authed: Authed) -> Reply<Json<Synced>> {
    let report = app.engine.execute(&authed.actor, &SyncCallers).await?;
    Ok(Json(Synced::new("Callers table synced successfully", report.created, report.deleted)))
}
