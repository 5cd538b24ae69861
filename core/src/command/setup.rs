//! The first start: the first company and the first account.

use async_trait::async_trait;

use crate::company::{Company, CompanyRefused};
use crate::engine::{Command, Context};
use crate::error::{Failure, Kind, Refusal};
use crate::event::Event;
use crate::people::{NewUser, Role, User, UserRefused};
use crate::scope::Permission;
use crate::store::Repo;

use super::company::new_company;
use super::lead::first_dispositions;
use super::on_duplicate;

/// Makes the first company and the first account, which is its admin and the platform's. Works once.
#[derive(Debug, Clone)]
pub struct SetUp {
    /// The company's name.
    pub company_name: String,
    /// Its IANA time zone.
    pub timezone: String,
    /// Its default country.
    pub country: String,
    /// The first account; its role is admin whatever is asked for.
    pub admin: NewUser,
}

/// Why the first start was refused.
#[derive(Debug, thiserror::Error)]
pub enum SetUpRefused {
    /// The company was not accepted.
    #[error("{0}")]
    Company(#[from] CompanyRefused),
    /// The account was not accepted.
    #[error("{0}")]
    User(#[from] UserRefused),
}

impl Refusal for SetUpRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::Company(refused) => refused.kind(),
            Self::User(refused) => refused.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Company(refused) => refused.code(),
            Self::User(refused) => refused.code(),
        }
    }
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Company(refused) => refused.field(),
            Self::User(refused) => refused.field(),
        }
    }
}

#[async_trait]
impl Command for SetUp {
    type Output = (Company, User);
    type Refused = SetUpRefused;
    const NAME: &'static str = "set_up";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Self::Output, Failure<SetUpRefused>> {
        if repo.any_user().await? {
            return Err(Failure::Refused(UserRefused::AlreadySetUp.into()));
        }
        let company = new_company(cx, &self.company_name, &self.timezone, &self.country).map_err(SetUpRefused::from)?;
        let new = NewUser { role: Role::Admin, reporting_to: None, ..self.admin.clone() };
        let user = User::register(cx.id(), company.id, new, cx.now()).map_err(SetUpRefused::from)?;
        let user = User { is_platform: true, ..user };
        repo.insert_company(&company).await?;
        first_dispositions(cx, repo, company.id).await?;
        on_duplicate(repo.insert_user(&user).await, "email", UserRefused::EmailTaken.into())?;
        cx.emit(company.id, Event::CompanyCreated {});
        cx.emit(company.id, Event::UserCreated { user: user.id, role: user.role });
        Ok((company, user))
    }
}
