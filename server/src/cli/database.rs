//! `migrate`, and opening the database for other commands.

use std::sync::Arc;

use dialplane_core::store::Store;

use super::{CliError, print};
use crate::settings::Settings;
use crate::storage;

/// Opens the database; its schema is up to date afterwards.
pub(super) async fn open(settings: &Settings) -> Result<Arc<dyn Store>, CliError> {
    Ok(storage::open(&settings.database).await?.store)
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
