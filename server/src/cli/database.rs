//! `migrate`, and opening the database for other commands.

use std::sync::Arc;

use dialplane_core::Actor;
use dialplane_core::company::Company;
use dialplane_core::store::{Access, Page, Store, StoreError};

use super::{CliError, print};
use crate::settings::Settings;
use crate::storage;

/// Opens the database; its schema is up to date afterwards.
pub(super) async fn open(settings: &Settings) -> Result<Arc<dyn Store>, CliError> {
    Ok(storage::open(&settings.database).await?.store)
}

/// The company of this name or id; the only one there is when nothing is said.
pub(super) async fn company(store: &dyn Store, named: Option<&str>) -> Result<Company, CliError> {
    let failed = |error: StoreError| CliError::Core(error.into());
    let mut tx = store.begin(Actor::system().scope(), Access::Read).await.map_err(failed)?;
    if let Some(id) = named.and_then(|text| text.parse().ok()) {
        let found = tx.company(id).await.map_err(failed)?;
        return found.ok_or_else(|| CliError::Refused("there is no such company".to_owned()));
    }
    let mut found = Vec::new();
    for number in 1.. {
        let page = tx.companies(Page::number(number, Page::LIMIT_MAX)).await.map_err(failed)?;
        if page.items.is_empty() {
            break;
        }
        found.extend(page.items.into_iter().filter(|company| named.is_none_or(|name| company.name == name)));
    }
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) if named.is_some() => Err(CliError::Refused("there is no such company".to_owned())),
        _ => Err(CliError::Refused("name the company by its id: --company <id>".to_owned())),
    }
}

/// Brings the schema up to date.
pub(super) async fn migrate(settings: &Settings, json: bool) -> Result<(), CliError> {
    let store = open(settings).await?;
    store.ping().await.map_err(dialplane_core::Error::from)?;
    if json {
        print::data(&print::line(
            &serde_json::json!({ "success": true, "database": format!("{:?}", settings.database) }),
        ))
    } else {
        print::message(&format!("the schema of {:?} is up to date", settings.database));
        Ok(())
    }
}
