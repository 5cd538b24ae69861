//! Reading users.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use dialplane_core::command::figures;
use dialplane_core::id::{CompanyKind, UserId, UserKind};
use dialplane_core::lead::AgentLeads;
use dialplane_core::people::{Figures, Role, RoleKind, User};
use dialplane_core::phone::Country;
use dialplane_core::store::{Page, Tx, UserFilter};
use dialplane_core::{Actor, Permission};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::{Performance, Person, UserDetail, UserDetailAnswer, UserView, UsersAnswer};
use crate::api::clients::searched;
use crate::api::companies::inside;
use crate::http::etag::{Versioned, versioned};
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::http::paging::Paging;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// What a list of users can be narrowed by.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct UserQuery {
    /// The role word, such as `telecaller`.
    #[param(value_type = Option<String>)]
    role: Option<Role>,
    /// The kind of role: admin, manager, marketing or agent.
    #[param(value_type = Option<String>)]
    kind: Option<RoleKind>,
    /// The department, exactly.
    department: Option<String>,
    /// Whether they are active.
    #[serde(alias = "is_active")]
    is_active: Option<bool>,
    /// Whom they report to.
    #[serde(alias = "reporting_to", alias = "supervisor")]
    #[param(value_type = Option<Uuid>)]
    reporting_to: Option<UserId>,
    /// What their name or e-mail address holds: the beginnings of words, all of which must be there.
    #[serde(alias = "search")]
    q: Option<String>,
}

impl UserQuery {
    /// The same for the store; numbers are read as those of `home`.
    ///
    /// # Errors
    /// 400 when the words to search for are too many.
    pub(crate) fn filter(self, home: Country) -> Reply<UserFilter> {
        Ok(UserFilter {
            role: self.role,
            kind: self.kind,
            department: self.department,
            active: self.is_active,
            reporting_to: self.reporting_to,
            search: searched(self.q.as_deref(), home)?,
        })
    }

    /// Only agents.
    pub(crate) fn agents(self) -> Self {
        Self { kind: Some(RoleKind::Agent), ..self }
    }
}

/// A page of users with the figures of their calls.
///
/// # Errors
/// When the store fails.
pub(crate) async fn listed(app: &App, actor: &Actor, query: UserQuery, paging: Paging) -> Reply<UsersAnswer> {
    let mut tx = app.engine.read(actor).await?;
    let home = match actor.company() {
        Some(company) => tx.company(company).await?.map(|company| company.default_country),
        None => None,
    };
    let home = home.ok_or_else(|| Problem::not_found("company"))?;
    let listing = tx.users(&query.filter(home)?, paging.page()).await?;
    let ids: Vec<UserId> = listing.items.iter().map(|user| user.id).collect();
    let leads: BTreeMap<UserId, AgentLeads> = tx.agent_leads(&ids).await?.into_iter().collect();
    let records = recorded(&mut tx, &ids).await?;
    let mut users = Vec::with_capacity(listing.items.len());
    for user in &listing.items {
        let calls = match records.get(&user.id) {
            Some(figures) => *figures,
            None => figures::of_agent(&mut *tx, user.id).await?,
        };
        let leads = leads.get(&user.id).copied().unwrap_or_default();
        users.push(UserView::with(user, Performance::of(&calls, &leads)));
    }
    Ok(UsersAnswer::new(users, paging.of(listing.total)))
}

/// The company's people. For admins and managers.
#[utoipa::path(get, path = "/users", tag = "users", params(UserQuery, Paging), responses((status = 200, body = UsersAnswer)))]
pub(crate) async fn list_users(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<UserQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<UsersAnswer>> {
    authed.demand(Permission::ViewPeople)?;
    listed(&app, &authed.actor, query, paging).await.map(Json)
}

/// The people of a company: one's own, or for platform admins any.
#[utoipa::path(get, path = "/users/company/{companyId}", tag = "users",
    params(("companyId" = Uuid, Path, description = "the company"), UserQuery, Paging),
    responses((status = 200, body = UsersAnswer)))]
pub(crate) async fn list_company_users(
    State(app): State<Shared>,
    authed: Authed,
    PathId(company): PathId<CompanyKind>,
    Params(query): Params<UserQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<UsersAnswer>> {
    let actor = inside(&authed, company)?;
    authed.demand(Permission::ViewPeople)?;
    app.engine.read(&actor).await?.company(company).await?.ok_or_else(|| Problem::not_found("company"))?;
    listed(&app, &actor, query, paging).await.map(Json)
}

/// A user in full: oneself, or for admins and managers anybody of the company.
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = Uuid, Path, description = "the user")),
    responses((status = 200, body = UserDetailAnswer)))]
pub(crate) async fn get_user(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<UserKind>,
) -> Reply<Versioned<UserDetailAnswer>> {
    if !authed.actor.may_for(id, Permission::ViewPeople) {
        return Err(Problem::forbidden());
    }
    let mut tx = app.engine.read(&authed.actor).await?;
    let user = tx.user(id).await?.ok_or_else(|| Problem::not_found("user"))?;
    let calls = calls_of(&mut tx, &user).await?;
    let leads = tx.agent_leads(&[id]).await?.pop().map(|(_, leads)| leads).unwrap_or_default();
    let detail = UserDetail {
        user: UserView::of(&user),
        supervisor: person(&mut *tx, user.reporting_to).await?,
        team_members: team(&mut tx, id).await?,
        performance: Performance::of(&calls, &leads),
    };
    Ok(versioned(user.version, UserDetailAnswer::new(detail)))
}

/// What the calls of those with a caller record add up to.
pub(crate) async fn recorded(tx: &mut Box<dyn Tx + '_>, users: &[UserId]) -> Reply<BTreeMap<UserId, Figures>> {
    let callers = tx.callers_of_users(users).await?;
    Ok(callers.into_iter().map(|caller| (caller.user, caller.figures)).collect())
}

/// What somebody's calls add up to: agents have it in their caller record, the calls of others are summed up by day.
async fn calls_of(tx: &mut Box<dyn Tx + '_>, user: &User) -> Reply<Figures> {
    match tx.caller(user.id).await? {
        Some(caller) => Ok(caller.figures),
        None => Ok(figures::of_agent(&mut **tx, user.id).await?),
    }
}

/// A user by name, when they are still there.
async fn person(repo: &mut dyn Tx, id: Option<UserId>) -> Reply<Option<Person>> {
    match id {
        Some(id) => Ok(repo.user(id).await?.as_ref().map(Person::of)),
        None => Ok(None),
    }
}

async fn team(tx: &mut Box<dyn Tx + '_>, supervisor: UserId) -> Reply<Vec<Person>> {
    let filter = UserFilter { reporting_to: Some(supervisor), ..UserFilter::default() };
    let listing = tx.users(&filter, Page { offset: 0, limit: Page::LIMIT_MAX }).await?;
    Ok(listing.items.iter().map(Person::of).collect())
}
