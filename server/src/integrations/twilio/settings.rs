//! `/settings/twilio`: the account that a company has at Twilio. Its token goes in and never comes out: an answer shows its last
//! characters.

use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::call::account::{AccountRefused, TwilioAccount, TwilioSettings};
use dialplane_core::command::twilio::{RemoveTwilioAccount, SetTwilioAccount};
use dialplane_core::phone::{Country, E164};
use dialplane_core::pii::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::answer::answer;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::{Draft, Faults};
use crate::http::guard::Authed;
use crate::http::input::nullable;
use crate::integrations::changed;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// The account of a company at Twilio. Of its token the last characters are shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TwilioSettingsView {
    /// The account that new calls are placed with; null when the company has none of its own.
    account_sid: Option<String>,
    auth_token: Option<String>,
    /// Shown in place of an agent's number that another carrier has.
    phone_number: Option<String>,
    /// Whether new calls are placed with the server's account, as the company has none.
    uses_server_account: bool,
    /// Accounts before this one, kept for the calls that they still carry.
    finishing: Vec<FinishingAccount>,
    version: u32,
}

/// An account that no new call is placed with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FinishingAccount {
    account_sid: String,
    /// When it is forgotten.
    until: DateTime<Utc>,
}

answer! { /** The account of the company at Twilio. */ TwilioSettingsAnswer { settings: TwilioSettingsView } }

/// A change of the account: what is absent stays, and a token that is sent as it was shown stays. Another account takes a token of its own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TwilioSettingsInput {
    /// The account.
    #[serde(alias = "account_sid")]
    account_sid: Option<String>,
    /// Its token.
    #[serde(alias = "auth_token")]
    auth_token: Option<String>,
    /// A number of the account, shown in place of an agent's number that another carrier has; null when none is to be.
    #[serde(default, deserialize_with = "nullable", alias = "phone_number")]
    #[schema(value_type = Option<String>)]
    phone_number: Option<Option<String>>,
}

impl TwilioSettingsInput {
    fn account(self, old: Option<TwilioAccount>, home: Country, faults: &mut Faults) -> Option<TwilioAccount> {
        let sid = self.account_sid.map(|sid| sid.trim().to_owned()).or_else(|| old.as_ref().map(|old| old.sid.clone()));
        // What is known of an account says nothing about another.
        let old = old.filter(|old| sid.as_ref() == Some(&old.sid));
        let (known, number) = old.map_or((None, None), |old| (Some(old.token), old.number));
        let token = changed(known, self.auth_token.map(Some));
        if sid.is_none() {
            faults.add("accountSid", "this is required");
        }
        if token.is_none() {
            faults.add("authToken", "this is required");
        }
        let given = |text: String| faults.rule(E164::parse(&text, home).map_err(AccountRefused::from));
        let number = match self.phone_number {
            None => number,
            Some(text) => text.filter(|text| !text.trim().is_empty()).and_then(given),
        };
        // What is missing has been said: the rules have nothing to add about it.
        let token = token.unwrap_or_else(|| Secret::new(String::new()));
        let account = TwilioAccount { sid: sid.unwrap_or_default(), token, number };
        faults.rules(account.faults());
        Some(account)
    }
}

fn view(app: &App, settings: Option<TwilioSettings>) -> Versioned<TwilioSettingsAnswer> {
    let version = settings.as_ref().map_or(0, |settings| settings.version);
    let accounts = settings.map(|settings| settings.accounts).unwrap_or_default();
    let finishing = accounts.retired.into_iter();
    let finishing = finishing.map(|old| FinishingAccount { account_sid: old.account.sid, until: old.until });
    let view = TwilioSettingsView {
        uses_server_account: accounts.current.is_none() && app.settings.twilio.account.is_some(),
        account_sid: accounts.current.as_ref().map(|account| account.sid.clone()),
        auth_token: accounts.current.as_ref().map(|account| account.token.hint()),
        phone_number: accounts.current.and_then(|account| account.number).map(|number| number.as_str().to_owned()),
        finishing: finishing.collect(),
        version,
    };
    versioned(version, TwilioSettingsAnswer::new(view))
}

async fn stored(app: &App, authed: &Authed) -> Reply<Option<TwilioSettings>> {
    Ok(app.engine.read(&authed.actor).await?.twilio_settings(authed.company_id()).await?)
}

/// The account of the company at Twilio. For admins.
#[utoipa::path(get, path = "/settings/twilio", tag = "calls", responses((status = 200, body = TwilioSettingsAnswer)))]
pub(crate) async fn get_twilio_settings(
    State(app): State<Shared>,
    authed: Authed,
) -> Reply<Versioned<TwilioSettingsAnswer>> {
    authed.demand(Permission::ManageCompany)?;
    Ok(view(&app, stored(&app, &authed).await?))
}

/// Set the account of the company at Twilio. For admins.
///
/// New calls are placed with it, and with the server's no longer. Calls that go on stay with the account that placed them.
#[utoipa::path(put, path = "/settings/twilio", tag = "calls", request_body = TwilioSettingsInput,
    responses((status = 200, body = TwilioSettingsAnswer)))]
pub(crate) async fn update_twilio_settings(
    State(app): State<Shared>,
    authed: Authed,
    IfMatch(expected): IfMatch,
    draft: Draft<TwilioSettingsInput>,
) -> Reply<Versioned<TwilioSettingsAnswer>> {
    authed.demand(Permission::ManageCompany)?;
    let old = stored(&app, &authed).await?;
    let version = old.as_ref().map_or(0, |old| old.version);
    let old = old.and_then(|old| old.accounts.current);
    let home = authed.company.default_country;
    let account = draft.checked(|body, faults| body.account(old, home, faults))?;
    if app.twilio.get().is_none() {
        let why = "Twilio could not report to this server: whoever runs it has to give it a public URL first";
        return Err(Problem::conflict("no_public_url", why));
    }
    // What was absent was read just now: the change holds for that version only.
    let command = SetTwilioAccount { account, expected_version: Some(expected.unwrap_or(version)) };
    Ok(view(&app, Some(app.engine.execute(&authed.actor, &command).await?)))
}

/// Remove the account of the company at Twilio. For admins.
///
/// New calls are placed with the server's, if it has one. Calls that go on are followed to their end: the account is kept for them for
/// two days.
#[utoipa::path(delete, path = "/settings/twilio", tag = "calls", responses((status = 200, body = TwilioSettingsAnswer)))]
pub(crate) async fn remove_twilio_settings(
    State(app): State<Shared>,
    authed: Authed,
    IfMatch(expected_version): IfMatch,
) -> Reply<Versioned<TwilioSettingsAnswer>> {
    authed.demand(Permission::ManageCompany)?;
    let settings = app.engine.execute(&authed.actor, &RemoveTwilioAccount { expected_version }).await?;
    Ok(view(&app, Some(settings)))
}
