//! `admin create`.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use dialplane_core::command::people::RegisterUser;
use dialplane_core::command::setup::SetUp;
use dialplane_core::error::Failure;
use dialplane_core::people::password::check_password;
use dialplane_core::people::{Argon2Hasher, NewUser, PasswordHasher as _, Role, User, UserRefused, user};
use dialplane_core::{Actor, Engine, Error};

use super::{CliError, database, print};
use crate::settings::Settings;

/// Who is made an admin. The password comes from a file or from stdin: flags are seen by everybody on the machine.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// The e-mail address.
    #[arg(long)]
    email: String,
    /// The name; the part before the @ when absent.
    #[arg(long)]
    name: Option<String>,
    /// The file that holds the password; stdin when absent.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The company: its name when it is made, its id when it exists and there are several.
    #[arg(long)]
    company: Option<String>,
}

/// The longest password that is read, in bytes.
const PASSWORD_MAX: u64 = 1_024;

/// Makes the first platform admin with the first company, or an admin of a company that exists.
pub(super) async fn create(settings: &Settings, create: Create, json: bool) -> Result<(), CliError> {
    let password = read_password(&create)?;
    check_password(&password).map_err(|refused| CliError::Refused(refused.to_string()))?;
    let email = user::email(&create.email).map_err(|refused| CliError::Refused(refused.to_string()))?;
    let name = create.name.clone().unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
    let new = admin(name, email, &password);
    let engine = Engine::on(database::open(settings).await?);
    let user = match first(&engine, settings, create.company.clone(), &new).await {
        Err(Failure::Refused(refused)) if is_set_up(&refused) => {
            another(&engine, create.company.as_deref(), new).await?
        }
        other => other.map_err(Error::from)?,
    };
    report(&user, json)
}

/// A new admin.
pub(super) fn admin(name: String, email: String, password: &str) -> NewUser {
    NewUser {
        name,
        email,
        password: Argon2Hasher::new().hash(password),
        initials: None,
        role: Role::Admin,
        phone: None,
        country_code: None,
        department: None,
        reporting_to: None,
    }
}

type SetUpRefused = dialplane_core::command::setup::SetUpRefused;

fn is_set_up(refused: &SetUpRefused) -> bool {
    matches!(refused, SetUpRefused::User(UserRefused::AlreadySetUp))
}

/// Makes the first company and its admin.
pub(super) async fn first(
    engine: &Engine,
    settings: &Settings,
    company: Option<String>,
    admin: &NewUser,
) -> Result<User, Failure<SetUpRefused>> {
    let command = SetUp {
        company_name: company.unwrap_or_else(|| settings.company.clone()),
        timezone: settings.timezone.clone(),
        country: settings.country.to_string(),
        admin: admin.clone(),
    };
    engine.execute(&Actor::system(), &command).await.map(|(_, user)| user)
}

async fn another(engine: &Engine, company: Option<&str>, new: NewUser) -> Result<User, CliError> {
    let company = database::company(engine.store(), company).await?.id;
    let command = RegisterUser { new, open: false };
    Ok(engine.execute(&Actor::system_for(company), &command).await.map_err(Error::from)?)
}

fn read_password(create: &Create) -> Result<String, CliError> {
    let mut text = String::new();
    let (what, result) = match &create.password_file {
        Some(path) => {
            let opened = std::fs::File::open(path);
            (path.display().to_string(), opened.and_then(|file| file.take(PASSWORD_MAX).read_to_string(&mut text)))
        }
        None => {
            if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
                print::message("password (end with Ctrl-D):");
            }
            ("stdin".to_owned(), std::io::stdin().take(PASSWORD_MAX).read_to_string(&mut text))
        }
    };
    result.map_err(|source| CliError::Io { what, source })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn report(user: &User, json: bool) -> Result<(), CliError> {
    if json {
        return print::data(&print::line(&serde_json::json!({
            "success": true, "id": user.id, "company": user.company, "email": user.email.expose(), "platform": user.is_platform,
        })));
    }
    let kind = if user.is_platform { "platform admin" } else { "admin" };
    print::message(&format!("{kind} {} made", user.email.expose()));
    Ok(())
}
