//! Dialplane's core: who may call whom with which number, and who gets the next call.
//!
//! Nothing in this crate does I/O, reads a clock or knows a database: rules are pure functions on values, commands run
//! them inside a unit of work of a [`store::Store`], and time and randomness are passed in.
//!
//! - [`engine`]: an [`Engine`] executes a [`Command`] for an [`Actor`] in one unit of work, with its events, and repeats it
//!   under contention. An application can also run a command inside a transaction of its own, by [`Engine::execute_in`].
//! - [`command`]: the use cases, one command each. [`company`], [`people`], [`phone`], [`call`] and [`queue`] hold the rules
//!   they decide by.
//! - [`store`]: the storage traits with their contract, and a conformance suite that proves it of any backend. The databases are crates
//!   of their own; `store::memory` is here, for tests and examples.
//! - [`scope`]: who acts, with which rights, and what they can see. No query takes a company: the unit of work is bound to one.
//!
//! An agent may call with an assigned number so many times on one day of the company's time zone:
//!
//! ```
//! # #[cfg(feature = "memory")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use dialplane_core::command::{company::CreateCompany, number::*, people::RegisterUser};
//! use dialplane_core::people::{NewUser, Role, password::{Argon2Hasher, PasswordHasher as _}};
//! use dialplane_core::phone::{allowance::AllowanceRefused, inventory::NewNumber, rotation::Rotation};
//! use dialplane_core::{Actor, Engine, store::memory::MemoryStore};
//!
//! let engine = Engine::new(MemoryStore::new());
//! let (name, timezone, country) = ("Acme".into(), "Europe/Berlin".into(), "DE".into());
//! let company = engine.execute(&Actor::system(), &CreateCompany { name, timezone, country }).await?;
//!
//! let host = Actor::host(company.id);
//! let password = Argon2Hasher::for_tests().hash("correct horse battery");
//! let new = NewUser::new("Ada Lovelace", "ada@acme.example", password, Role::Agent);
//! let agent = engine.execute(&host, &RegisterUser { new, open: false }).await?.id;
//! let new = NewNumber { number: "+49 30 12345678".into(), ..NewNumber::default() };
//! let number = engine.execute(&host, &AddNumber { new }).await?.id;
//! engine.execute(&host, &AssignNumber { number, agent, daily_limit: 1, countries: vec!["DE".into()] }).await?;
//!
//! let call = ConsumeAllowance { agent, to: "089 1234567".into(), rotation: Rotation::LeastUsed };
//! let allowed = engine.execute(&host, &call).await?;
//! assert_eq!((allowed.destination.as_str(), allowed.remaining), ("+49891234567", 0));
//!
//! let refused = engine.execute(&host, &call).await.expect_err("the limit is one call a day");
//! assert!(matches!(refused.refusal(), Some(AllowanceRefused::DailyLimit { limit: 1, .. })));
//! # Ok(())
//! # }
//! # #[cfg(feature = "memory")]
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```
//!
//! # Features
//! - `memory` (default): the store in memory.
//! - `conformance`: the conformance suite, for those who write a store.

#![forbid(unsafe_code)]
// What `clippy.toml` bans by method misses the plain loop over a hash map, whose order is as random.
#![warn(clippy::iter_over_hash_type)]

pub mod call;
pub mod client;
pub mod clock;
pub mod command;
pub mod company;
pub mod engine;
pub mod error;
pub mod event;
pub mod flow;
pub mod id;
pub mod job;
pub mod lead;
pub mod meta;
pub mod once;
pub mod people;
pub mod phone;
pub mod pii;
pub mod queue;
pub mod report;
pub mod scope;
pub mod search;
pub mod sheet;
pub mod store;

pub use engine::{Command, Context, Engine};
pub use error::{Error, Failure, Kind, Refusal};
pub use scope::{Actor, Permission, Scope};
