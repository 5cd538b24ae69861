//! Dialplane's server: REST, telephony and everything that wires them, in one binary.

#![forbid(unsafe_code)]

mod api;
mod audio;
mod auth;
mod cli;
mod export;
mod http;
mod integrations;
mod jobs;
mod live;
mod outgoing;
mod problem;
mod settings;
mod sheets;
mod speech;
mod state;
mod storage;
mod telephony;

use std::process::ExitCode;

use clap::Parser as _;

/// Calls and hashed passwords come and go on many threads: this allocator is quick at that and gives memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(cli::run(cli)),
        Err(_) => ExitCode::FAILURE,
    }
}
