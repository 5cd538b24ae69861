//! Accounts of companies at a carrier's service. What a company has not set is the server's.
//!
//! A call goes on with the account that placed it. So an account that is replaced or removed is kept for as long as a call can last,
//! for the calls it carries and their recordings alone, and is then forgotten.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::carrier::SID_MAX;
use crate::error::{Kind, Refusal};
use crate::id::CompanyId;
use crate::phone::{BadNumber, E164};
use crate::pii::Secret;

/// How long an account is kept that no new call is placed with: a call lasts a day at most, and its recording is fetched after it.
pub const KEPT: TimeDelta = TimeDelta::days(2);
/// How many such accounts a company may have and still set another one.
pub const RETIRED_MAX: usize = 8;

/// Reads the name of an account: a word of letters and digits.
///
/// # Errors
/// [`AccountRefused::BadAccount`].
pub fn account_sid(text: &str) -> Result<String, AccountRefused> {
    let text = text.trim();
    let fits = (1..=SID_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits { Ok(text.to_owned()) } else { Err(AccountRefused::BadAccount) }
}

/// An account at Twilio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwilioAccount {
    /// Its name at Twilio.
    pub sid: String,
    /// What proves that we are the account, and that a callback is Twilio's.
    pub token: Secret,
    /// Shown in place of a number that another carrier has: Twilio calls with its own numbers only.
    #[serde(default)]
    pub number: Option<E164>,
}

impl TwilioAccount {
    /// All that is wrong with it.
    #[must_use]
    pub fn faults(&self) -> Vec<AccountRefused> {
        let token = if self.token.is_usable() { None } else { Some(AccountRefused::BadToken) };
        account_sid(&self.sid).err().into_iter().chain(token).collect()
    }
}

/// An account that no new call is placed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetiredAccount {
    /// The account.
    pub account: TwilioAccount,
    /// When it is forgotten.
    pub until: DateTime<Utc>,
}

/// The accounts of a company: one at most for new calls, and those whose calls may still go on. No two have the same name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TwilioAccounts {
    /// Places new calls.
    pub current: Option<TwilioAccount>,
    /// Those before it, in the order in which they are forgotten.
    pub retired: Vec<RetiredAccount>,
}

impl TwilioAccounts {
    /// With another account for new calls. The same account with another token takes the place of what was known: Twilio takes one
    /// token only, and whoever changes it may do so because somebody else knows the old one.
    ///
    /// # Errors
    /// The first of [`TwilioAccount::faults`], or [`AccountRefused::TooMany`].
    pub fn set(self, account: TwilioAccount, now: DateTime<Utc>) -> Result<Self, AccountRefused> {
        if let Some(fault) = account.faults().into_iter().next() {
            return Err(fault);
        }
        let is_same = self.current.as_ref().is_some_and(|current| current.sid == account.sid);
        let mut next = if is_same { self } else { self.removed(now) };
        next.retired.retain(|retired| retired.account.sid != account.sid);
        if next.retired.len() > RETIRED_MAX {
            return Err(AccountRefused::TooMany);
        }
        next.current = Some(account);
        Ok(next)
    }

    /// Without an account for new calls.
    #[must_use]
    pub fn removed(mut self, now: DateTime<Utc>) -> Self {
        self.retired.extend(self.current.take().map(|account| RetiredAccount { account, until: now + KEPT }));
        self
    }

    /// Without what has been kept for long enough.
    #[must_use]
    pub fn forgotten(mut self, now: DateTime<Utc>) -> Self {
        self.retired.retain(|retired| retired.until > now);
        self
    }

    /// The account of this name: what a call that it carries is asked about and proved with.
    #[must_use]
    pub fn named(&self, sid: &str) -> Option<&TwilioAccount> {
        let retired = self.retired.iter().map(|retired| &retired.account);
        self.current.iter().chain(retired).find(|account| account.sid == sid)
    }

    /// When the next account is to be forgotten.
    #[must_use]
    pub fn forget_at(&self) -> Option<DateTime<Utc>> {
        self.retired.iter().map(|retired| retired.until).min()
    }
}

/// The accounts of a company, as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwilioSettings {
    /// The company.
    pub company: CompanyId,
    /// Its accounts.
    pub accounts: TwilioAccounts,
    /// Counts the changes; a stale write is refused. It goes on counting when the account is removed.
    pub version: u32,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Why an account was not set or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefused {
    /// The text is no name of an account.
    #[error("an account is 1 to 64 letters and digits, such as AC0123456789abcdef")]
    BadAccount,
    /// The token is too short, too long or has blanks in it.
    #[error("this is 8 to 1000 characters without blanks")]
    BadToken,
    /// The number to show is none.
    #[error("{0}")]
    Number(#[from] BadNumber),
    /// The account was changed too often for all to be kept that still carry calls.
    #[error("the account was changed too often in the last two days")]
    TooMany,
    /// There is none to remove.
    #[error("the company has no account of its own")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

impl Refusal for AccountRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::BadAccount | Self::BadToken | Self::Number(_) => Kind::Invalid,
            Self::NotFound => Kind::NotFound,
            Self::TooMany | Self::Stale => Kind::Conflict,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::BadAccount | Self::BadToken | Self::Number(_) => "invalid_input",
            Self::NotFound => "not_found",
            Self::TooMany => "too_many_accounts",
            Self::Stale => "stale_version",
        }
    }
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::BadAccount | Self::TooMany => Some("accountSid"),
            Self::BadToken => Some("authToken"),
            Self::Number(_) => Some("phoneNumber"),
            Self::NotFound | Self::Stale => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(sid: &str, token: &str) -> TwilioAccount {
        TwilioAccount { sid: sid.to_owned(), token: Secret::new(token.to_owned()), number: None }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    fn token<'a>(accounts: &'a TwilioAccounts, sid: &str) -> Option<&'a str> {
        accounts.named(sid).map(|account| account.token.expose())
    }

    #[test]
    fn an_account_that_is_replaced_or_removed_is_known_for_two_days() {
        let first = TwilioAccounts::default().set(account("AC1", "token-of-1"), now()).unwrap();
        assert_eq!(first.forget_at(), None);
        let second = first.set(account("AC2", "token-of-2"), now()).unwrap();
        assert_eq!((token(&second, "AC1"), token(&second, "AC2")), (Some("token-of-1"), Some("token-of-2")));
        let later = now() + TimeDelta::hours(1);
        let none = second.removed(later);
        assert_eq!((&none.current, none.forget_at()), (&None, Some(now() + KEPT)));
        assert_eq!((token(&none, "AC1"), token(&none, "AC2")), (Some("token-of-1"), Some("token-of-2")));
        let none = none.forgotten(now() + KEPT);
        assert_eq!((token(&none, "AC1"), token(&none, "AC2")), (None, Some("token-of-2")));
        assert_eq!(none.forgotten(later + KEPT), TwilioAccounts::default());
    }

    #[test]
    fn a_new_token_of_the_same_account_takes_the_place_of_the_old_one() {
        let accounts = TwilioAccounts::default().set(account("AC1", "token-of-1"), now()).unwrap();
        let accounts = accounts.set(account("AC1", "another-token"), now()).unwrap();
        assert_eq!((token(&accounts, "AC1"), accounts.retired.len()), (Some("another-token"), 0));
        // Also when it comes back.
        let accounts = accounts.removed(now()).set(account("AC1", "a-third-token"), now()).unwrap();
        assert_eq!((token(&accounts, "AC1"), accounts.retired.len()), (Some("a-third-token"), 0));
    }

    #[test]
    fn what_is_kept_has_a_limit_and_removing_always_works() {
        let mut accounts = TwilioAccounts::default();
        for n in 0..=RETIRED_MAX {
            accounts = accounts.set(account(&format!("AC{n}"), "long-enough"), now()).unwrap();
        }
        let next = account("AC99", "long-enough");
        assert_eq!(accounts.clone().set(next.clone(), now()), Err(AccountRefused::TooMany));
        let removed = accounts.removed(now());
        assert_eq!(removed.retired.len(), RETIRED_MAX + 1);
        assert_eq!(removed.clone().set(next.clone(), now()), Err(AccountRefused::TooMany));
        // One of those that are known may come back.
        assert!(removed.clone().set(account("AC0", "long-enough"), now()).is_ok());
        assert!(removed.forgotten(now() + KEPT).set(next, now()).is_ok());
    }

    #[test]
    fn every_fault_is_found() {
        let fields =
            |account: &TwilioAccount| -> Vec<_> { account.faults().iter().filter_map(Refusal::field).collect() };
        for (sid, token) in [("", "short"), ("a/b", "with a blank"), (&*"A".repeat(65), &*"x".repeat(1_001))] {
            assert_eq!(fields(&account(sid, token)), ["accountSid", "authToken"]);
        }
        let bad = account("AC 1", "long-enough");
        assert_eq!(TwilioAccounts::default().set(bad, now()), Err(AccountRefused::BadAccount));
        let text = format!("{:?}", TwilioAccounts::default().set(account("AC1", "long-enough"), now()));
        assert!(!text.contains("long-enough"), "{text}");
    }
}
