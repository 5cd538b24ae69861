//! Users: people with an account.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::role::{Role, RoleKind};
use super::{PasswordHash, password::PasswordRefused};
use crate::error::{Kind, Refusal};
use crate::id::{CompanyId, UserId};
use crate::pii::Pii;
use crate::search::Entries;

/// What an agent chose: whether calls may be offered. What the system is doing with the agent is kept apart from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// Calls are offered whenever a phone is registered.
    #[default]
    Available,
    /// One call is offered, then the agent asks for the next.
    OnDemand,
    /// A pause: no call is offered.
    Break,
    /// Off work: no call is offered.
    Offline,
}

impl Availability {
    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::OnDemand => "on_demand",
            Self::Break => "break",
            Self::Offline => "offline",
        }
    }
}

impl FromStr for Availability {
    type Err = UserRefused;
    fn from_str(text: &str) -> Result<Self, UserRefused> {
        [Self::Available, Self::OnDemand, Self::Break, Self::Offline]
            .into_iter()
            .find(|a| a.as_str() == text)
            .ok_or(UserRefused::BadAvailability)
    }
}

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their company.
    pub company: CompanyId,
    /// Their name.
    pub name: Pii<String>,
    /// Their e-mail address in lower case: unique over all companies, as sign-in names nothing else.
    pub email: Pii<String>,
    /// The hash of their password.
    pub password: PasswordHash,
    /// Their initials, at most 10 characters.
    pub initials: String,
    /// The role word they were given.
    pub role: Role,
    /// Their own telephone, as it was typed.
    pub phone: Option<Pii<String>>,
    /// The dialling prefix shown beside their phone, such as `+1` (document 000).
    pub country_code: Option<String>,
    /// Their department.
    pub department: Option<String>,
    /// Whom they report to.
    pub reporting_to: Option<UserId>,
    /// Whether they may sign in and take calls.
    pub is_active: bool,
    /// Whether they are a platform admin: the first account, and whom it names.
    pub is_platform: bool,
    /// Whether calls may be offered to them.
    pub availability: Availability,
    /// Why they chose that, in a word of the company's own: `lunch`.
    pub availability_reason: Option<String>,
    /// Since when they have chosen that, for that reason.
    pub availability_since: DateTime<Utc>,
    /// Raised when tokens given out before must stop working.
    pub token_version: u32,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When the account was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What is needed to register somebody.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
    /// The hash of their password; [`super::password::check_password`] came first.
    pub password: PasswordHash,
    /// Their initials; made from the name when absent.
    pub initials: Option<String>,
    /// The role.
    pub role: Role,
    /// Their own telephone.
    pub phone: Option<String>,
    /// The dialling prefix shown beside their phone.
    pub country_code: Option<String>,
    /// Their department.
    pub department: Option<String>,
    /// Whom they report to.
    pub reporting_to: Option<UserId>,
}

impl NewUser {
    /// A user with nothing but what they must have.
    pub fn new(name: impl Into<String>, email: impl Into<String>, password: PasswordHash, role: Role) -> Self {
        Self {
            name: name.into(),
            email: email.into(),
            password,
            initials: None,
            role,
            phone: None,
            country_code: None,
            department: None,
            reporting_to: None,
        }
    }
}

/// A change of a user: only what is `Some` changes.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// A new name.
    pub name: Option<String>,
    /// A new e-mail address.
    pub email: Option<String>,
    /// New initials.
    pub initials: Option<String>,
    /// A new role.
    pub role: Option<Role>,
    /// A new telephone; `Some(None)` clears it.
    pub phone: Option<Option<String>>,
    /// A new dialling prefix; `Some(None)` clears it.
    pub country_code: Option<Option<String>>,
    /// A new department; `Some(None)` clears it.
    pub department: Option<Option<String>>,
    /// Whom they report to; `Some(None)` clears it.
    pub reporting_to: Option<Option<UserId>>,
    /// Enables or disables the account.
    pub is_active: Option<bool>,
    /// The version the change was made from; a stale one is refused.
    pub expected_version: Option<u32>,
}

impl UserChange {
    /// Everything that is wrong with it, whoever is changed.
    pub fn faults(&self) -> impl Iterator<Item = UserRefused> + use<> {
        let optional = |field, text: &Option<Option<String>>| short(field, text.clone().flatten()).err();
        let rules = [
            self.name.as_deref().and_then(|text| person_name(text).err()),
            self.email.as_deref().and_then(|text| email(text).err()),
            self.initials.as_deref().and_then(|text| initials(text).err()),
            optional("phone", &self.phone),
            optional("country_code", &self.country_code),
            optional("department", &self.department),
        ];
        rules.into_iter().flatten()
    }
}

/// Why a user was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserRefused {
    /// The name is empty or too long.
    #[error("a name has 1 to 200 characters")]
    BadName,
    /// The text is not an e-mail address.
    #[error("this is not an e-mail address")]
    BadEmail,
    /// Initials are too long.
    #[error("initials have at most 10 characters")]
    BadInitials,
    /// A text field is too long.
    #[error("this has at most 200 characters")]
    TooLong(&'static str),
    /// The password is not acceptable.
    #[error("{0}")]
    Password(#[from] PasswordRefused),
    /// The e-mail address belongs to somebody else.
    #[error("this e-mail address is taken")]
    EmailTaken,
    /// The role is above the registrar's own, or the user is.
    #[error("you cannot give a role above your own, nor change somebody above you")]
    AboveOwnRole,
    /// Registration is closed.
    #[error("registration is closed: ask an admin or a manager")]
    RegistrationClosed,
    /// The person reported to does not exist.
    #[error("the person to report to does not exist")]
    UnknownSupervisor,
    /// Nobody may delete, disable or demote themself: a company would lose its last admin that way.
    #[error("you cannot delete, disable or change the role of yourself")]
    Oneself,
    /// The availability word is unknown.
    #[error("availability is one of available, on_demand, break, offline")]
    BadAvailability,
    /// The present password is wrong.
    #[error("the present password is wrong")]
    WrongPassword,
    /// There is a first account already.
    #[error("the first account exists already")]
    AlreadySetUp,
    /// No such user.
    #[error("there is no such user")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
    /// Still holds something that must be given back first.
    #[error("the user still has {0}: take it back first")]
    StillHolds(&'static str),
}

impl Refusal for UserRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::AboveOwnRole | Self::RegistrationClosed | Self::WrongPassword => Kind::Forbidden,
            Self::EmailTaken | Self::AlreadySetUp | Self::Stale | Self::Oneself | Self::StillHolds(_) => Kind::Conflict,
            Self::NotFound => Kind::NotFound,
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Password(refused) => refused.code(),
            Self::EmailTaken => "email_taken",
            Self::AboveOwnRole => "role_above_own",
            Self::RegistrationClosed => "registration_closed",
            Self::UnknownSupervisor => "unknown_supervisor",
            Self::Oneself => "not_on_oneself",
            Self::WrongPassword => "wrong_password",
            Self::AlreadySetUp => "already_set_up",
            Self::NotFound => "not_found",
            Self::Stale => "stale_version",
            Self::StillHolds(_) => "still_in_use",
            _ => "invalid_input",
        }
    }
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::BadName => Some("name"),
            Self::BadEmail | Self::EmailTaken => Some("email"),
            Self::BadInitials => Some("initials"),
            Self::TooLong(field) => Some(field),
            Self::Password(refused) => refused.field(),
            Self::AboveOwnRole => Some("role"),
            Self::UnknownSupervisor => Some("reporting_to"),
            Self::BadAvailability => Some("availability"),
            _ => None,
        }
    }
}

/// Reads an e-mail address: one `@`, something on both sides, no blanks, at most 254 characters (RFC 5321 §4.5.3.1.3).
/// Lower-cased, because people type it either way.
///
/// # Errors
/// [`UserRefused::BadEmail`].
pub fn email(text: &str) -> Result<String, UserRefused> {
    let text = text.trim().to_lowercase();
    let sides = text.split_once('@').filter(|(local, domain)| {
        !local.is_empty()
            && !domain.is_empty()
            && !domain.contains('@')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
    });
    if sides.is_none() || text.len() > 254 || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(UserRefused::BadEmail);
    }
    Ok(text)
}

/// Reads a person's name.
///
/// # Errors
/// [`UserRefused::BadName`].
pub fn person_name(text: &str) -> Result<String, UserRefused> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err(UserRefused::BadName);
    }
    Ok(text.to_owned())
}

fn initials_of(name: &str) -> String {
    name.split_whitespace().filter_map(|word| word.chars().next()).take(3).flat_map(char::to_uppercase).collect()
}

fn initials(text: &str) -> Result<String, UserRefused> {
    let text = text.trim();
    if text.chars().count() > 10 { Err(UserRefused::BadInitials) } else { Ok(text.to_owned()) }
}

fn short(field: &'static str, text: Option<String>) -> Result<Option<String>, UserRefused> {
    match text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()) {
        Some(text) if text.chars().count() > 200 => Err(UserRefused::TooLong(field)),
        other => Ok(other),
    }
}

impl User {
    /// What they are found by: the words of their name and of their e-mail address.
    #[must_use]
    pub fn entries(&self) -> Entries {
        let mut entries = Entries::default();
        entries.name(self.name.expose());
        entries.text(self.email.expose());
        entries
    }

    /// Makes a user out of what was asked for.
    ///
    /// # Errors
    /// [`UserRefused`] names the field at fault.
    pub fn register(id: UserId, company: CompanyId, new: NewUser, now: DateTime<Utc>) -> Result<Self, UserRefused> {
        let name = person_name(&new.name)?;
        Ok(Self {
            id,
            company,
            email: Pii::new(email(&new.email)?),
            initials: match new.initials {
                Some(text) => initials(&text)?,
                None => initials_of(&name),
            },
            name: Pii::new(name),
            password: new.password,
            role: new.role,
            phone: short("phone", new.phone)?.map(Pii::new),
            country_code: short("country_code", new.country_code)?,
            department: short("department", new.department)?,
            reporting_to: new.reporting_to,
            is_active: true,
            is_platform: false,
            availability: Availability::default(),
            availability_reason: None,
            availability_since: now,
            token_version: 0,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    /// Applies a change. Tokens given out before stop working when the role or the activity changes.
    ///
    /// # Errors
    /// [`UserRefused`] names the field at fault; the user is not changed then.
    pub fn change(self, change: UserChange, now: DateTime<Utc>) -> Result<Self, UserRefused> {
        if change.expected_version.is_some_and(|version| version != self.version) {
            return Err(UserRefused::Stale);
        }
        let mut user = self.clone();
        if let Some(text) = change.name {
            user.name = Pii::new(person_name(&text)?);
        }
        if let Some(text) = change.email {
            user.email = Pii::new(email(&text)?);
        }
        if let Some(text) = change.initials {
            user.initials = initials(&text)?;
        }
        if let Some(phone) = change.phone {
            user.phone = short("phone", phone)?.map(Pii::new);
        }
        if let Some(code) = change.country_code {
            user.country_code = short("country_code", code)?;
        }
        if let Some(department) = change.department {
            user.department = short("department", department)?;
        }
        if let Some(reporting_to) = change.reporting_to {
            user.reporting_to = reporting_to;
        }
        user.role = change.role.unwrap_or(user.role);
        user.is_active = change.is_active.unwrap_or(user.is_active);
        if user.role.kind() != self.role.kind() || user.is_active != self.is_active {
            user.token_version = user.token_version.wrapping_add(1);
        }
        user.touch(now);
        Ok(user)
    }

    /// Chooses whether calls are offered. `None` when that, and the reason, are as they were.
    ///
    /// # Errors
    /// [`UserRefused::TooLong`] for a reason of more than 200 characters.
    pub fn choose(
        mut self,
        availability: Availability,
        reason: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, UserRefused> {
        let reason = short("reason", reason.map(str::to_owned))?;
        if (self.availability, &self.availability_reason) == (availability, &reason) {
            return Ok(None);
        }
        // A break for another reason is another break.
        (self.availability, self.availability_reason, self.availability_since) = (availability, reason, now);
        self.touch(now);
        Ok(Some(self))
    }

    /// Marks the user as changed at `now`.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.wrapping_add(1);
        self.updated_at = now;
    }

    /// Whether the caller sync rule gives this user a caller record.
    #[must_use]
    pub fn is_agent(&self) -> bool {
        self.role.kind() == RoleKind::Agent
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};
    use crate::people::Argon2Hasher;
    use crate::people::PasswordHasher as _;

    fn ann() -> User {
        let ids = SeededIds::new(1);
        let ids: &dyn IdSource = &ids;
        let new = NewUser {
            name: " Ann Example ".into(),
            email: "Ann@Example.com".into(),
            password: Argon2Hasher::for_tests().hash("secret words"),
            initials: None,
            role: Role::Telecaller,
            phone: Some("9876543210".into()),
            country_code: Some("+91".into()),
            department: Some("sales".into()),
            reporting_to: None,
        };
        User::register(ids.id(DateTime::UNIX_EPOCH), ids.id(DateTime::UNIX_EPOCH), new, DateTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn registering_cleans_what_was_typed() {
        let user = ann();
        assert_eq!((user.name.expose().as_str(), user.email.expose().as_str()), ("Ann Example", "ann@example.com"));
        assert_eq!(user.initials, "AE");
        assert!(user.is_agent());
    }

    #[test]
    fn a_change_of_kind_or_activity_ends_old_tokens_and_a_change_of_word_does_not() {
        let user = ann();
        let same = user.clone().change(UserChange { role: Some(Role::Officer), ..Default::default() }, user.created_at);
        assert_eq!(same.unwrap().token_version, 0);
        let raised =
            user.clone().change(UserChange { role: Some(Role::Manager), ..Default::default() }, user.created_at);
        assert_eq!(raised.unwrap().token_version, 1);
        let off = user.clone().change(UserChange { is_active: Some(false), ..Default::default() }, user.created_at);
        assert_eq!(off.unwrap().token_version, 1);
    }

    #[test]
    fn a_break_for_another_reason_begins_anew_and_the_same_one_goes_on() {
        let at = |seconds| DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds);
        let on_break =
            |user: User, reason, seconds| user.choose(Availability::Break, Some(reason), at(seconds)).unwrap();
        let lunch = on_break(ann(), "lunch", 10).unwrap();
        assert_eq!(lunch.availability_since, at(10));
        assert_eq!(on_break(lunch.clone(), "lunch", 20), None);
        let training = on_break(lunch, "training", 30).unwrap();
        assert_eq!((training.availability_reason.as_deref(), training.availability_since), (Some("training"), at(30)));
    }

    #[test]
    fn a_stale_change_is_refused() {
        let change = UserChange { expected_version: Some(7), ..Default::default() };
        assert_eq!(ann().change(change, DateTime::UNIX_EPOCH).unwrap_err(), UserRefused::Stale);
    }

    #[test]
    fn nonsense_is_refused_with_its_field() {
        for text in ["", "a", "@b", "a@", "a b@c", "a@b@c", "a@.b", "a@b\n"] {
            assert!(email(text).is_err() || text == "a@b\n", "{text}");
        }
        assert_eq!(email("").unwrap_err().field(), Some("email"));
        assert_eq!(person_name("\u{7}").unwrap_err().field(), Some("name"));
    }
}
