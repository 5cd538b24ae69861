//! The server from outside: every test starts the real binary on an empty directory.

mod allowance;
mod auth;
mod bad_input;
mod documents;
mod endurance;
mod first_run;
mod isolation;
mod leads;
mod leads_bad_input;
mod leads_routing;
mod operations;
mod resources;
mod settings;
mod support;
