//! Small programs that embed Dialplane. They run with nothing installed, end by themselves and say what to try next:
//!
//! - `cargo run -p dialplane-examples --example embed_minimal`: an agent's daily allowance on SQLite.
//! - `cargo run -p dialplane-examples --example host_transaction`: a command of the engine and a row of the application's own in
//!   one transaction.
//! - `cargo run -p dialplane-examples --example custom_store`: a store of one's own, proven by the conformance suite.
//!
//! What every program begins with:
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let store = dialplane_storage_sqlite::SqliteStore::open(folder.path().join("dialplane.db")).await?;
//! let engine = dialplane_core::Engine::new(store);
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```

#![forbid(unsafe_code)]

/// The examples in the README compile and hold.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
