//! Answers that are kept: reports that many look at and that change with every call.
//!
//! An answer is good until something happened to the company it is about, and for [`LIFE`] at most. What happened is counted
//! (`Seen`): an answer is kept under the count before it was made, so one that was made while something happened is never found.
//! Events of this process count at their commit, those of other processes are what the short life is for.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dialplane_core::event::{Envelope, Event};
use dialplane_core::id::CompanyId;
use moka::future::Cache;
use serde::Serialize;

use crate::problem::{Problem, Reply};

/// How old an answer can be.
const LIFE: Duration = Duration::from_secs(60);
/// Memory of all answers, in bytes.
const BYTES_MAX: u64 = 32 << 20;
/// Counters of what happened. Companies share them by their id: one more miss, never a stale answer.
const COUNTERS: usize = 1_024;

static X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Which answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    company: CompanyId,
    /// What had happened when it was made.
    happened: u64,
    /// What was asked for, in words.
    asked: String,
}

/// The answers.
pub(crate) struct Answers {
    kept: Cache<Key, Bytes>,
    happened: Box<[AtomicU64]>,
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answers").field("kept", &self.kept.entry_count()).finish_non_exhaustive()
    }
}

impl Default for Answers {
    fn default() -> Self {
        let size = |key: &Key, body: &Bytes| u32::try_from(body.len() + key.asked.len() + 64).unwrap_or(u32::MAX);
        let kept = Cache::builder().time_to_live(LIFE).max_capacity(BYTES_MAX).weigher(size).build();
        Self { kept, happened: std::iter::repeat_with(AtomicU64::default).take(COUNTERS).collect() }
    }
}

/// Whether reports show what an event tells.
const fn matters(event: &Event) -> bool {
    matches!(
        event,
        Event::CallEnded { .. }
            | Event::CallEntered { .. }
            | Event::CallEdited { .. }
            | Event::CallDeleted { .. }
            | Event::CompanyUpdated {}
            | Event::UserCreated { .. }
            | Event::UserUpdated { .. }
            | Event::UserDeleted { .. }
            | Event::LeadCreated { .. }
            | Event::LeadUpdated { .. }
            | Event::LeadAssigned { .. }
            | Event::LeadStatusChanged { .. }
            | Event::LeadConverted { .. }
            | Event::LeadDeleted { .. }
    )
}

impl Answers {
    fn counter(&self, company: CompanyId) -> Option<&AtomicU64> {
        // The low bits of a version 7 id are random.
        let low = company.as_uuid().as_u64_pair().1;
        self.happened.get(usize::try_from(low % COUNTERS as u64).unwrap_or_default())
    }

    /// Takes note of what was committed.
    pub(crate) fn committed(&self, events: &[Envelope]) {
        for event in events.iter().filter(|event| matters(&event.event)) {
            if let Some(counter) = self.counter(event.company) {
                counter.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// The answer to `asked`, made by `make` unless it is kept. Several who ask for the same at once wait for one answer.
    /// `X-Cache` says `hit` or `miss`.
    ///
    /// # Errors
    /// Those of `make`; they are not kept.
    pub(crate) async fn get<T: Serialize>(
        &self,
        company: CompanyId,
        asked: String,
        make: impl Future<Output = Reply<T>>,
    ) -> Reply<Response> {
        let happened = self.counter(company).map_or(0, |counter| counter.load(Ordering::Acquire));
        let made = async {
            let body = serde_json::to_vec(&make.await?).map_err(|error| Problem::internal(&error))?;
            Ok(Bytes::from(body))
        };
        let key = Key { company, happened, asked };
        let entry = self.kept.entry(key).or_try_insert_with(made).await;
        let entry = entry.map_err(|problem: Arc<Problem>| Problem::clone(&problem))?;
        let found = if entry.is_fresh() { "miss" } else { "hit" };
        let json = HeaderValue::from_static("application/json");
        let headers = [(header::CONTENT_TYPE, json), (X_CACHE.clone(), HeaderValue::from_static(found))];
        Ok((headers, entry.into_value()).into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialplane_core::id::{IdSource, SystemIds};
    use dialplane_core::scope::ActorName;

    fn id<K>() -> dialplane_core::id::Id<K> {
        let ids = SystemIds::default();
        (&ids as &dyn IdSource).id(chrono::DateTime::UNIX_EPOCH)
    }

    fn event(company: CompanyId, event: Event) -> Envelope {
        let at = chrono::DateTime::UNIX_EPOCH;
        Envelope { id: id(), company, seq: 0, at, actor: ActorName::System, version: Event::VERSION, event }
    }

    async fn ask(answers: &Answers, company: CompanyId, number: u32) -> (String, String) {
        let response = answers.get(company, "q".to_owned(), async { Ok(number) }).await.unwrap();
        let found = response.headers()["x-cache"].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
        (found, String::from_utf8(body.to_vec()).unwrap())
    }

    fn said(found: &str, body: &str) -> (String, String) {
        (found.to_owned(), body.to_owned())
    }

    #[tokio::test]
    async fn an_answer_is_kept_until_something_happens_to_its_company() {
        let answers = Answers::default();
        let (company, other) = (id(), id());
        assert_eq!(ask(&answers, company, 1).await, said("miss", "1"));
        assert_eq!(ask(&answers, company, 2).await, said("hit", "1"));
        assert_eq!(ask(&answers, other, 3).await, said("miss", "3"));
        answers.committed(&[event(company, Event::AllowanceReset { assignments: 1 })]);
        assert_eq!(ask(&answers, company, 4).await, said("hit", "1"));
        answers.committed(&[event(company, Event::CallDeleted { call: id(), agent: None })]);
        assert_eq!(ask(&answers, company, 5).await, said("miss", "5"));
    }

    #[tokio::test]
    async fn an_answer_made_while_something_happens_is_not_found_afterwards() {
        let answers = Answers::default();
        let company = id();
        let slow = answers.get(company, "q".to_owned(), async {
            answers.committed(&[event(company, Event::CompanyUpdated {})]);
            Ok(1)
        });
        slow.await.unwrap();
        assert_eq!(ask(&answers, company, 2).await, said("miss", "2"));
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let answers = Answers::default();
        let company = id();
        let failed = answers.get(company, "q".to_owned(), async { Err::<u32, _>(Problem::not_found("call")) });
        assert!(failed.await.is_err());
        assert_eq!(ask(&answers, company, 2).await, said("miss", "2"));
    }
}
