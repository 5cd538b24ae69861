//! `/settings/meta`: how a company is connected. Secrets go in and never come out: an answer shows their last characters.

use std::collections::BTreeMap;

use axum::extract::State;
use dialplane_core::Permission;
use dialplane_core::command::meta::UpdateMetaSettings;
use dialplane_core::meta::{MetaConnection, MetaSettings};
use dialplane_core::pii::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tenant::first_company;
use crate::http::answer::answer;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::nullable;
use crate::integrations::changed;
use crate::problem::Reply;
use crate::state::{App, Shared};

/// How a company is connected to Meta. Of secrets the last characters are shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetaSettingsView {
    /// Pages whose leads, delivered by the server's own app, are this company's.
    page_ids: Vec<String>,
    app_secret: Option<String>,
    verify_token: Option<String>,
    access_token: Option<String>,
    /// Tokens of single pages.
    page_tokens: BTreeMap<String, String>,
    /// The address to subscribe at Meta; a path when the server has no public URL.
    webhook_url: String,
    /// Whether what this company leaves open is the server's own app.
    uses_server_app: bool,
    version: u32,
}

answer! { /** How the company is connected to Meta. */ MetaSettingsAnswer { settings: MetaSettingsView } }

/// A change of the connection: what is absent stays, null clears, and a secret that is sent as it was shown stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetaSettingsInput {
    /// Pages of this company that the server's own app serves. Changed by platform admins.
    #[serde(alias = "page_ids")]
    page_ids: Option<Vec<String>>,
    /// The secret of the company's own app.
    #[serde(default, deserialize_with = "nullable", alias = "app_secret")]
    #[schema(value_type = Option<String>)]
    app_secret: Option<Option<String>>,
    /// What Meta proves itself by when the address is subscribed.
    #[serde(default, deserialize_with = "nullable", alias = "verify_token")]
    #[schema(value_type = Option<String>)]
    verify_token: Option<Option<String>>,
    /// Opens the leads of the company's pages.
    #[serde(default, deserialize_with = "nullable", alias = "access_token")]
    #[schema(value_type = Option<String>)]
    access_token: Option<Option<String>>,
    /// Tokens of single pages by their ids; null removes one, the others stay.
    #[serde(default, alias = "page_tokens")]
    page_tokens: BTreeMap<String, Option<String>>,
}

impl MetaSettingsInput {
    fn connection(self, old: MetaConnection) -> MetaConnection {
        let mut page_tokens = old.page_tokens;
        for (page, token) in self.page_tokens {
            match changed(page_tokens.get(&page).cloned(), Some(token)) {
                Some(token) => drop(page_tokens.insert(page, token)),
                None => drop(page_tokens.remove(&page)),
            }
        }
        MetaConnection {
            page_ids: self.page_ids.unwrap_or(old.page_ids),
            app_secret: changed(old.app_secret, self.app_secret),
            verify_token: changed(old.verify_token, self.verify_token),
            access_token: changed(old.access_token, self.access_token),
            page_tokens,
        }
    }
}

async fn view(app: &App, authed: &Authed, settings: Option<MetaSettings>) -> Reply<Versioned<MetaSettingsAnswer>> {
    let is_first = first_company(app).await? == Some(authed.company_id());
    let path = if is_first { String::new() } else { format!("/{}", authed.company_id()) };
    let version = settings.as_ref().map_or(0, |settings| settings.version);
    let connection = settings.map(|settings| settings.connection).unwrap_or_default();
    let hint = |secret: Option<Secret>| secret.map(|secret| secret.hint());
    let view = MetaSettingsView {
        page_ids: connection.page_ids,
        app_secret: hint(connection.app_secret),
        verify_token: hint(connection.verify_token),
        access_token: hint(connection.access_token),
        page_tokens: connection.page_tokens.into_iter().map(|(page, token)| (page, token.hint())).collect(),
        webhook_url: format!("{}/api/meta/webhook{path}", app.settings.public_url.as_deref().unwrap_or_default()),
        uses_server_app: is_first && app.settings.meta.app_secret.is_some(),
        version,
    };
    Ok(versioned(version, MetaSettingsAnswer::new(view)))
}

/// How the company is connected to Meta. For admins.
#[utoipa::path(get, path = "/settings/meta", tag = "meta", responses((status = 200, body = MetaSettingsAnswer)))]
pub(crate) async fn get_meta_settings(
    State(app): State<Shared>,
    authed: Authed,
) -> Reply<Versioned<MetaSettingsAnswer>> {
    authed.demand(Permission::ManageCompany)?;
    let settings = app.engine.read(&authed.actor).await?.meta_settings(authed.company_id()).await?;
    view(&app, &authed, settings).await
}

/// Connect the company to Meta: what is absent stays. For admins; which pages are whose is said by platform admins.
#[utoipa::path(put, path = "/settings/meta", tag = "meta", request_body = MetaSettingsInput,
    responses((status = 200, body = MetaSettingsAnswer)))]
pub(crate) async fn update_meta_settings(
    State(app): State<Shared>,
    authed: Authed,
    IfMatch(expected): IfMatch,
    draft: Draft<MetaSettingsInput>,
) -> Reply<Versioned<MetaSettingsAnswer>> {
    authed.demand(Permission::ManageCompany)?;
    let old = app.engine.read(&authed.actor).await?.meta_settings(authed.company_id()).await?;
    let version = old.as_ref().map_or(0, |old| old.version);
    let connection = draft.checked(|body, faults| {
        let connection = body.connection(old.map(|old| old.connection).unwrap_or_default());
        faults.rules(connection.faults());
        Some(connection)
    })?;
    // What was absent was read just now: the change holds for that version only.
    let command = UpdateMetaSettings { connection, expected_version: Some(expected.unwrap_or(version)) };
    let settings = app.engine.execute(&authed.actor, &command).await?;
    app.meta.wake.notify_one();
    view(&app, &authed, Some(settings)).await
}
