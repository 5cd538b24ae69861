//! The use cases: one command each, grouped by what they change. A command reads, lets a pure rule decide, writes and emits
//! events; it holds no rule of its own beyond who may ask.

pub mod call;
pub mod call_log;
pub mod callback;
pub mod carrier;
pub mod client;
pub mod company;
pub mod figures;
pub mod flow;
pub mod job;
pub mod lead;
pub mod meta;
pub mod number;
pub mod offer;
pub mod people;
mod queue;
#[cfg(feature = "sim")]
pub mod replay;
pub mod report;
pub mod session;
pub mod setup;
pub mod telephony;
pub mod twilio;

use crate::company::Company;
use crate::engine::Context;
use crate::error::Failure;
use crate::id::CompanyId;
use crate::store::{Repo, StoreError};

/// The company a command acts in. Commands about a company's things make no sense on the whole platform.
pub(crate) fn company_of<R>(cx: &Context<'_>) -> Result<CompanyId, Failure<R>> {
    cx.actor().company().ok_or(Failure::Store(StoreError::OutOfScope))
}

/// The company a command acts in, with its settings.
pub(crate) async fn own_company<R>(cx: &Context<'_>, repo: &mut dyn Repo) -> Result<Company, Failure<R>> {
    let id = company_of(cx)?;
    repo.company(id).await?.ok_or(Failure::Store(StoreError::OutOfScope))
}

/// Turns a store's "exists already" into the refusal that names it.
pub(crate) fn on_duplicate<T, R>(
    result: Result<T, StoreError>,
    constraint: &'static str,
    refused: R,
) -> Result<T, Failure<R>> {
    match result {
        Err(StoreError::Duplicate { constraint: found, .. }) if found == constraint => Err(Failure::Refused(refused)),
        other => other.map_err(Failure::Store),
    }
}

/// Whether a version that the client gave is still the current one.
pub(crate) fn fresh(expected: Option<u32>, current: u32) -> bool {
    expected.is_none_or(|version| version == current)
}
