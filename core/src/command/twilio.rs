//! The account that a company has at Twilio: setting it, removing it, and forgetting those that carry no call any more.

use async_trait::async_trait;

use super::{company_of, fresh};
use crate::call::account::{AccountRefused, TwilioAccount, TwilioAccounts, TwilioSettings};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// Sets the account that new calls are placed with.
#[derive(Debug, Clone)]
pub struct SetTwilioAccount {
    /// The account.
    pub account: TwilioAccount,
    /// The version the change was made from; 0 is that of an account that was never set.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for SetTwilioAccount {
    type Output = TwilioSettings;
    type Refused = AccountRefused;
    const NAME: &'static str = "set_twilio_account";

    fn permission(&self) -> Permission {
        Permission::ManageCompany
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<TwilioSettings, Failure<AccountRefused>> {
        let old = current(cx, repo, self.expected_version).await?;
        let accounts = accounts_of(old.as_ref()).forgotten(cx.now()).set(self.account.clone(), cx.now())?;
        write(cx, repo, old, accounts).await
    }
}

/// Removes the account: new calls are placed with the server's, if there is one. Those that go on are followed to their end.
#[derive(Debug, Clone, Copy)]
pub struct RemoveTwilioAccount {
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for RemoveTwilioAccount {
    type Output = TwilioSettings;
    type Refused = AccountRefused;
    const NAME: &'static str = "remove_twilio_account";

    fn permission(&self) -> Permission {
        Permission::ManageCompany
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<TwilioSettings, Failure<AccountRefused>> {
        let old = current(cx, repo, self.expected_version).await?;
        let accounts = accounts_of(old.as_ref());
        if accounts.current.is_none() {
            return Err(AccountRefused::NotFound.into());
        }
        write(cx, repo, old, accounts.forgotten(cx.now()).removed(cx.now())).await
    }
}

/// What is stored, when it is what the change was made from.
async fn current(
    cx: &Context<'_>,
    repo: &mut dyn Repo,
    expected: Option<u32>,
) -> Result<Option<TwilioSettings>, Failure<AccountRefused>> {
    let old = repo.twilio_settings(company_of(cx)?).await?;
    let version = old.as_ref().map_or(0, |old| old.version);
    if fresh(expected, version) { Ok(old) } else { Err(AccountRefused::Stale.into()) }
}

fn accounts_of(settings: Option<&TwilioSettings>) -> TwilioAccounts {
    settings.map(|settings| settings.accounts.clone()).unwrap_or_default()
}

async fn write(
    cx: &mut Context<'_>,
    repo: &mut dyn Repo,
    old: Option<TwilioSettings>,
    accounts: TwilioAccounts,
) -> Result<TwilioSettings, Failure<AccountRefused>> {
    let company = company_of(cx)?;
    let version = old.as_ref().map_or(0, |old| old.version) + 1;
    let settings = TwilioSettings { company, accounts, version, updated_at: cx.now() };
    let stored = match old {
        Some(_) => repo.update_twilio_settings(&settings).await,
        None => repo.insert_twilio_settings(&settings).await,
    };
    match stored {
        Err(StoreError::Duplicate { .. } | StoreError::Stale) => return Err(AccountRefused::Stale.into()),
        done => done?,
    }
    cx.emit(company, Event::TwilioSettingsUpdated { connected: settings.accounts.current.is_some() });
    Ok(settings)
}

/// Forgets the accounts that were kept for long enough.
#[derive(Debug, Clone, Copy)]
pub struct ForgetTwilioAccounts {
    /// Those of so many companies at most.
    pub limit: u32,
}

#[async_trait]
impl Command for ForgetTwilioAccounts {
    /// Of how many companies.
    type Output = u32;
    type Refused = AccountRefused;
    const NAME: &'static str = "forget_twilio_accounts";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<u32, Failure<AccountRefused>> {
        let now = cx.now();
        let mut forgotten = 0;
        for old in repo.due_twilio_settings(now, self.limit).await? {
            let accounts = old.accounts.forgotten(now);
            let next = TwilioSettings { accounts, version: old.version + 1, updated_at: now, ..old };
            match repo.update_twilio_settings(&next).await {
                Ok(()) => forgotten += 1,
                // Whoever changes it forgets them too.
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(forgotten)
    }
}
