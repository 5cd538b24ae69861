//! The server from outside: every test starts the real binary on an empty directory.

mod allowance;
mod audit;
mod auth;
mod bad_input;
mod call_log;
mod clients;
mod documents;
mod endurance;
mod first_run;
mod idempotency;
mod isolation;
mod lead_import;
mod leads;
mod leads_bad_input;
mod leads_routing;
mod manners;
mod operations;
#[path = "../shared/postgres.rs"]
mod postgres;
mod resources;
mod settings;
mod support;
