//! The server from outside: every test starts the real binary on an empty directory.

mod allowance;
mod audit;
mod auth;
mod bad_input;
mod call_log;
mod dashboard;
mod documents;
mod endurance;
mod fake_twilio;
mod first_run;
mod graph;
mod idempotency;
mod isolation;
mod ivr;
mod ivr_audio;
mod ivr_bad_input;
mod ivr_files;
mod lead_import;
mod leads;
mod leads_bad_input;
mod leads_routing;
mod manners;
mod meta;
mod meta_companies;
mod operations;
#[path = "../shared/postgres.rs"]
mod postgres;
mod replay;
mod reports;
mod resources;
mod settings;
mod simulate;
mod staffing;
mod support;
mod twilio;
mod twilio_companies;
