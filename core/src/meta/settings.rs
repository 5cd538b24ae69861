//! How a company is connected to Meta.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{MetaRefused, meta_ref};
use crate::id::CompanyId;
use crate::pii::Secret;

/// The most pages of a company.
pub const PAGES_MAX: usize = 100;

/// The connection of a company, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaSettings {
    /// The company.
    pub company: CompanyId,
    /// What was set.
    pub connection: MetaConnection,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a company tells of its connection. What it leaves open is the server's, for the company that the server's own app serves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MetaConnection {
    /// Pages whose leads are the company's when they come through the server's own app. A page is one company's.
    pub page_ids: Vec<String>,
    /// Signs what the company's own app delivers.
    pub app_secret: Option<Secret>,
    /// What Meta proves itself by when the company's own address is subscribed.
    pub verify_token: Option<Secret>,
    /// Opens the leads of its pages.
    pub access_token: Option<Secret>,
    /// Tokens of single pages, by their ids; they come before [`MetaConnection::access_token`].
    pub page_tokens: BTreeMap<String, Secret>,
}

fn secret(field: &'static str, secret: &Secret) -> Result<(), MetaRefused> {
    if secret.is_usable() { Ok(()) } else { Err(MetaRefused::BadSecret(field)) }
}

impl MetaConnection {
    /// All that is wrong with it.
    #[must_use]
    pub fn faults(&self) -> Vec<MetaRefused> {
        let mut faults = Vec::new();
        if self.page_ids.len() > PAGES_MAX || self.page_tokens.len() > PAGES_MAX {
            faults.push(MetaRefused::TooManyPages);
        }
        faults.extend(self.page_ids.iter().find_map(|page| meta_ref("pageIds", page).err()));
        for (field, text) in
            [("appSecret", &self.app_secret), ("verifyToken", &self.verify_token), ("accessToken", &self.access_token)]
        {
            faults.extend(text.as_ref().and_then(|text| secret(field, text).err()));
        }
        let bad = |(page, token): (&String, &Secret)| {
            meta_ref("pageTokens", page).err().or_else(|| secret("pageTokens", token).err())
        };
        faults.extend(self.page_tokens.iter().find_map(bad));
        faults
    }

    /// Checks and cleans: pages in their order, each once.
    ///
    /// # Errors
    /// The first of [`MetaConnection::faults`].
    pub fn checked(mut self) -> Result<Self, MetaRefused> {
        if let Some(fault) = self.faults().into_iter().next() {
            return Err(fault);
        }
        self.page_ids.sort_unstable();
        self.page_ids.dedup();
        Ok(self)
    }

    /// The token that opens the leads of a page.
    #[must_use]
    pub fn token_of(&self, page: Option<&str>) -> Option<&Secret> {
        page.and_then(|page| self.page_tokens.get(page)).or(self.access_token.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Option<Secret> {
        Some(Secret::new(text.to_owned()))
    }

    #[test]
    fn a_page_has_its_own_token_before_the_companys() {
        let page_tokens = [("1".to_owned(), Secret::new("of-the-page".to_owned()))].into();
        let connection = MetaConnection { access_token: secret("of-all-pages"), page_tokens, ..Default::default() };
        let token = |page| connection.token_of(page).map(Secret::expose);
        assert_eq!(token(Some("1")), Some("of-the-page"));
        assert_eq!((token(Some("2")), token(None)), (Some("of-all-pages"), Some("of-all-pages")));
    }

    #[test]
    fn every_fault_is_found_and_pages_are_kept_once() {
        let bad = MetaConnection {
            page_ids: vec!["1 2".to_owned()],
            app_secret: secret("short"),
            verify_token: secret("with a blank"),
            access_token: secret(&"x".repeat(1_001)),
            page_tokens: [("".to_owned(), Secret::new("good-enough".to_owned()))].into(),
        };
        let fields: Vec<_> = bad.faults().iter().filter_map(crate::error::Refusal::field).collect();
        assert_eq!(fields, ["pageIds", "appSecret", "verifyToken", "accessToken", "pageTokens"]);
        let pages = ["2", "1", "2"].map(str::to_owned).to_vec();
        let good = MetaConnection { page_ids: pages, ..Default::default() }.checked().unwrap();
        assert_eq!(good.page_ids, ["1", "2"]);
    }
}
