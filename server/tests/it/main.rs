//! The server from outside: every test starts the real binary on an empty directory.

mod allowance;
mod auth;
mod bad_input;
mod clients;
mod documents;
mod endurance;
mod first_run;
mod isolation;
mod operations;
mod resources;
mod settings;
mod support;
