//! Registering people.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dialplane_core::command::people::RegisterUser;
use dialplane_core::command::setup::SetUp;
use dialplane_core::company::{self, Company};
use dialplane_core::id::{CompanyId, UserId};
use dialplane_core::people::password::check_password;
use dialplane_core::people::{NewUser, Role, User, UserChange};
use dialplane_core::store::Page;
use dialplane_core::{Actor, Error, Kind, Permission};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::session;
use crate::api::users::UserView;
use crate::http::faults::Draft;
use crate::http::guard::{ClientAddress, Identity};
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// A person to register (documents 000 and 003); on a fresh server, with the company that comes with the first account.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewPerson {
    /// Their name.
    name: String,
    /// Their e-mail address: what they sign in with.
    email: String,
    /// Their password, 8 to 128 characters.
    password: String,
    /// Their initials; made from the name when absent.
    initials: Option<String>,
    /// One of admin, manager, supervisor, marketing, agent, caller, telecaller, officer.
    #[serde(default = "caller")]
    #[schema(value_type = String, default = "caller")]
    role: Role,
    /// Their own telephone.
    phone: Option<String>,
    /// The dialling prefix shown beside it, such as `+1`.
    #[serde(alias = "countryCode")]
    country_code: Option<String>,
    /// Their department.
    department: Option<String>,
    /// Whom they report to.
    #[serde(alias = "reportingTo", alias = "supervisor", alias = "supervisorId")]
    #[schema(value_type = Option<uuid::Uuid>)]
    reporting_to: Option<UserId>,
    /// The first company's name; of the first account only.
    #[serde(rename = "companyName", alias = "company_name")]
    company_name: Option<String>,
    /// The first company's IANA time zone; of the first account only.
    timezone: Option<String>,
    /// The first company's country; of the first account only.
    country: Option<String>,
    /// The company to join when registration is open and there are several. Of people whom others register it is the company acted
    /// in, which platform admins choose by the header `X-Company-Id`.
    #[serde(rename = "companyId", alias = "company_id")]
    #[schema(value_type = Option<uuid::Uuid>)]
    company_id: Option<CompanyId>,
}

const fn caller() -> Role {
    Role::Caller
}

impl NewPerson {
    /// Asks every rule.
    ///
    /// # Errors
    /// 400 names every field at fault.
    pub(crate) fn checked(draft: Draft<Self>) -> Reply<Self> {
        draft.checked(|body, faults| {
            faults.rules(body.fields().faults());
            faults.rule(check_password(&body.password));
            faults.rules(body.company_name.as_deref().and_then(|text| company::company_name(text).err()));
            faults.rules(body.timezone.as_deref().and_then(|text| company::timezone(text).err()));
            faults.rules(body.country.as_deref().and_then(|text| company::country(text).err()));
            Some(body)
        })
    }

    /// Asks every rule of somebody whom others register: in the company that these act in.
    ///
    /// # Errors
    /// 400 names every field at fault.
    pub(crate) fn checked_in(company: CompanyId, draft: Draft<Self>) -> Reply<Self> {
        Self::checked(draft.asked(|body, faults| {
            if body.company_id.is_some_and(|named| named != company) {
                let message =
                    "this is not the company acted in: platform admins act in another by the header X-Company-Id";
                faults.add("companyId", message);
            }
        }))
    }

    fn fields(&self) -> UserChange {
        UserChange {
            name: Some(self.name.clone()),
            email: Some(self.email.clone()),
            initials: self.initials.clone(),
            phone: Some(self.phone.clone()),
            country_code: Some(self.country_code.clone()),
            department: Some(self.department.clone()),
            ..UserChange::default()
        }
    }

    /// Hashes the password.
    ///
    /// # Errors
    /// 503 when too many wait.
    pub(crate) async fn hashed(self, app: &App) -> Reply<NewUser> {
        Ok(NewUser {
            password: app.passwords.hash(self.password).await?,
            name: self.name,
            email: self.email,
            initials: self.initials,
            role: self.role,
            phone: self.phone,
            country_code: self.country_code,
            department: self.department,
            reporting_to: self.reporting_to,
        })
    }
}

/// Somebody was registered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Registered {
    /// Always true.
    success: bool,
    /// What was done.
    message: &'static str,
    /// An access token, when somebody registered themself.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// A refresh token, when somebody registered themself.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Seconds until the access token ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    /// Who.
    user: UserView,
}

impl Registered {
    fn by_another(user: &User) -> Self {
        let message = "User registered successfully";
        Self { success: true, message, token: None, refresh_token: None, expires_in: None, user: UserView::of(user) }
    }

    async fn by_themself(app: &App, user: &User) -> Reply<Self> {
        let (pair, user) = session::open(app, user).await?;
        Ok(Self {
            token: Some(pair.token),
            refresh_token: Some(pair.refresh_token),
            expires_in: Some(app.tokens.life_seconds()),
            ..Self::by_another(&user)
        })
    }
}

/// Register a person.
///
/// The first account ever becomes the platform admin of the first company. After that admins and managers register people;
/// where the operator has opened registration, agents register themselves.
#[utoipa::path(post, path = "/auth/register", tag = "auth", security((), ("bearer" = [])), request_body = NewPerson,
    responses((status = 201, body = Registered)))]
pub(crate) async fn register(
    State(app): State<Shared>,
    axum::Extension(identity): axum::Extension<Identity>,
    ClientAddress(address): ClientAddress,
    draft: Draft<NewPerson>,
) -> Reply<(StatusCode, Json<Registered>)> {
    let registered = match identity {
        Identity::Known(authed) => {
            authed.demand(Permission::ManagePeople)?;
            let new = NewPerson::checked_in(authed.company_id(), draft)?.hashed(&app).await?;
            let user = app.engine.execute(&authed.actor, &RegisterUser { new, open: false }).await?;
            Registered::by_another(&user)
        }
        Identity::Refused => return Err(Problem::bad_token()),
        Identity::Anonymous => {
            let user = by_oneself(&app, address, draft).await?;
            Registered::by_themself(&app, &user).await?
        }
    };
    Ok((StatusCode::CREATED, Json(registered)))
}

async fn by_oneself(app: &App, address: IpAddr, draft: Draft<NewPerson>) -> Reply<User> {
    if !any_user(app).await? {
        // The first account owns the server: from elsewhere it takes the link that only the operator has seen.
        if !address.to_canonical().is_loopback() {
            let message = "set this server up by the link that it printed when it started";
            return Err(Error::new(Kind::Forbidden, "setup_link_required", message).into());
        }
        let body = NewPerson::checked(draft)?;
        let (name, timezone, country) = (body.company_name.clone(), body.timezone.clone(), body.country.clone());
        let admin = body.hashed(app).await?;
        let company = FirstCompany { name, timezone, country };
        return first_account(app, company, admin).await.map(|(_, user)| user);
    }
    if !app.settings.open_registration {
        // Closed to strangers: they are told to sign in first, as document 003 has it.
        return Err(Problem::no_token());
    }
    let body = NewPerson::checked(draft)?;
    let company = joined(app, body.company_id).await?;
    let new = body.hashed(app).await?;
    // Whom somebody reports to is not for themself to say.
    let new = NewUser { reporting_to: None, department: None, ..new };
    Ok(app.engine.execute(&Actor::system_for(company), &RegisterUser { new, open: true }).await?)
}

async fn any_user(app: &App) -> Reply<bool> {
    let mut tx = app.engine.read(&Actor::system()).await?;
    Ok(tx.any_user().await?)
}

/// The company that somebody joins by registering themself: the named one, or the only one.
async fn joined(app: &App, named: Option<CompanyId>) -> Reply<CompanyId> {
    let mut tx = app.engine.read(&Actor::system()).await?;
    let company = match named {
        Some(id) => tx.company(id).await?,
        None => {
            let mut listing = tx.companies(Page { offset: 0, limit: 2 }).await?;
            if listing.total > 1 {
                return Err(Problem::field("companyId", "there are several companies: name the one to join"));
            }
            listing.items.pop()
        }
    };
    company.filter(|company| company.is_active).map(|company| company.id).ok_or_else(|| Problem::not_found("company"))
}

/// What is known of the first company; what is missing comes from the settings.
#[derive(Debug, Default)]
pub(crate) struct FirstCompany {
    pub(crate) name: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) country: Option<String>,
}

/// Makes the first company and its platform admin.
///
/// # Errors
/// 409 when there is an account already.
pub(crate) async fn first_account(app: &App, company: FirstCompany, admin: NewUser) -> Reply<(Company, User)> {
    let settings = &app.settings;
    let command = SetUp {
        company_name: company.name.unwrap_or_else(|| settings.company.clone()),
        timezone: company.timezone.unwrap_or_else(|| settings.timezone.clone()),
        country: company.country.unwrap_or_else(|| settings.country.to_string()),
        admin,
    };
    let made = app.engine.execute(&Actor::system(), &command).await?;
    app.setup.spend();
    tracing::info!("the first account was made, set-up is over");
    Ok(made)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::{FromRequest as _, Request};
    use axum::http::header::CONTENT_TYPE;
    use dialplane_core::id::{IdSource, SeededIds};
    use serde_json::json;

    use super::*;

    async fn named(company: Option<CompanyId>, name: &str) -> Draft<NewPerson> {
        let company = company.map(|company| company.as_uuid());
        let body = json!({"name": name, "email": "bea@example.com", "password": "correct horse", "companyId": company});
        let request = Request::post("/").header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string()));
        Draft::from_request(request.unwrap(), &()).await.unwrap()
    }

    #[tokio::test]
    async fn people_are_registered_in_the_company_acted_in_or_not_at_all() {
        let (source, at) = (SeededIds::new(6), "2026-03-01T12:00:00Z".parse().unwrap());
        let ids: &dyn IdSource = &source;
        let (ours, theirs): (CompanyId, CompanyId) = (ids.id(at), ids.id(at));
        for fine in [None, Some(ours)] {
            assert!(NewPerson::checked_in(ours, named(fine, "Bea").await).is_ok());
        }
        let problem = NewPerson::checked_in(ours, named(Some(theirs), "").await).err().unwrap();
        let fields: Vec<_> = problem.errors().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!((problem.status().as_u16(), fields), (400, vec!["companyId", "name"]));
        assert!(problem.errors()[0].message.contains("X-Company-Id"));
    }
}
