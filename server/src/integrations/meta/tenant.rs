//! Whose a delivery is. Only what somebody proved decides it, never what a body or a path says:
//!
//! - `/api/meta/webhook` is the address of the server's own app (`DIALPLANE_META_…`) and of the first company's.
//! - `/api/meta/webhook/{companyId}` is the address of a company's own app, whose secrets are in its settings. The id only says which
//!   secret is asked for; without that secret nothing is accepted.
//! - What the *server's* app signed belongs to the company whose page it is, by the pages that a platform admin gave to companies, and
//!   to the first company when nobody was given that page.
//! - What a *company's* app signed belongs to that company, whatever page it names.

use dialplane_core::Actor;
use dialplane_core::company::Company;
use dialplane_core::id::CompanyId;
use dialplane_core::meta::{MetaSettings, SignedBy};
use dialplane_core::store::{Page, StoreError};

use super::signature::{Signature, same};
use crate::problem::Reply;
use crate::state::App;

/// Who is spoken to at an address.
pub(super) struct Tenant<'a> {
    app: &'a App,
    pub(super) company: Company,
    settings: Option<MetaSettings>,
    /// Whether the server's own app speaks here too.
    pub(super) is_first: bool,
}

/// The first company, for which the server's own settings are. Companies are never removed, so it stays the first.
pub(super) async fn first_company(app: &App) -> Result<Option<CompanyId>, StoreError> {
    if let Some(first) = app.meta.first.get() {
        return Ok(Some(*first));
    }
    let mut tx = app.engine.read(&Actor::system()).await?;
    let total = tx.companies(Page { offset: 0, limit: 1 }).await?.total;
    // Newest first: the last is the first.
    let last = tx.companies(Page { offset: total.saturating_sub(1), limit: 1 }).await?;
    let first = last.items.first().map(|company| company.id);
    Ok(first.map(|first| *app.meta.first.get_or_init(|| first)))
}

impl<'a> Tenant<'a> {
    /// Who is spoken to: at a company's address that one, and the first company otherwise.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn at(app: &'a App, named: Option<CompanyId>) -> Reply<Option<Self>> {
        let first = first_company(app).await?;
        let Some(id) = named.or(first) else { return Ok(None) };
        let mut tx = app.engine.read(&Actor::system_for(id)).await?;
        let (company, settings) = (tx.company(id).await?, tx.meta_settings(id).await?);
        let is_first = first == Some(id);
        Ok(company.filter(|company| company.is_active).map(|company| Self { app, company, settings, is_first }))
    }

    /// Whose app signed a body.
    pub(super) fn signer(&self, signature: Signature, body: &[u8]) -> Option<SignedBy> {
        let server = self.app.settings.meta.app_secret.as_ref().filter(|_| self.is_first);
        if server.is_some_and(|secret| signature.proves(body, secret.expose())) {
            return Some(SignedBy::Server);
        }
        let own = self.settings.as_ref().and_then(|settings| settings.connection.app_secret.as_ref());
        own.is_some_and(|secret| signature.proves(body, secret.expose())).then_some(SignedBy::Company)
    }

    /// Whether Meta has proved itself when an address is subscribed.
    pub(super) fn verifies(&self, token: &str) -> bool {
        let server = self.app.settings.meta.verify_token.as_ref().filter(|_| self.is_first);
        let own = self.settings.as_ref().and_then(|settings| settings.connection.verify_token.as_ref());
        server.is_some_and(|secret| same(secret.expose(), token))
            || own.is_some_and(|secret| same(secret.expose(), token))
    }

    /// The company that a page's leads belong to.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn owner(&self, signed_by: SignedBy, page: Option<&str>) -> Result<CompanyId, StoreError> {
        let Some(page) = page.filter(|_| signed_by == SignedBy::Server) else { return Ok(self.company.id) };
        let mut tx = self.app.engine.read(&Actor::system()).await?;
        Ok(tx.meta_page_owner(page).await?.unwrap_or(self.company.id))
    }
}
