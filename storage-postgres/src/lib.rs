//! PostgreSQL storage for Dialplane.
//!
//! [`PostgresStore`] implements the storage traits of `dialplane-core` on a pool of connections. The choices behind it —
//! isolation, locks, round trips, pool options, indexes — are argued in `NOTES.md` beside this crate's manifest.
//!
//! An application that has a PostgreSQL transaction of its own joins the engine to it with [`PgRepo::join`]:
//!
//! ```no_run
//! # async fn example(
//! #     engine: dialplane_core::Engine,
//! #     actor: dialplane_core::Actor,
//! #     command: impl dialplane_core::Command<Refused = std::convert::Infallible>,
//! #     pool: sqlx::PgPool,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! use dialplane_storage_postgres::PgRepo;
//!
//! let mut transaction = pool.begin().await?;
//! sqlx::query("UPDATE orders SET called = true").execute(&mut *transaction).await?;
//! let mut repo = PgRepo::join(&mut transaction, actor.scope());
//! engine.execute_in(&mut repo, &actor, &command).await?;
//! transaction.commit().await?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod agent;
mod assignment;
mod backfill;
mod calendar;
mod call;
mod callback;
mod caller;
mod carrier;
mod client;
mod company;
mod disposition;
mod error;
mod extension;
mod figures;
mod flow;
mod flow_trace;
mod inbound_route;
mod job;
mod lead;
mod lead_figures;
mod lead_routing;
mod meta;
mod migrations;
mod number;
mod offer;
mod outbox;
mod pool;
mod prompt;
mod queue;
mod recording;
mod report;
mod request;
mod search;
mod session;
mod text;
mod trunk;
mod twilio;
mod tx;
mod user;
mod voicemail;

pub use error::OpenError;
pub use pool::{Options, PostgresStore};
pub use tx::{Link, PgRepo, PgTx};
