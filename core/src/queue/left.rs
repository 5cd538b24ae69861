//! How the members of a queue stood to a call that left it and was never offered to anybody: there is no [`Decision`](super::Decision)
//! that tells.

use std::cmp::Reverse;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::decision::{Considered, Others, Verdict, verdict_among};
use super::router::Candidate;
use crate::id::UserId;

/// See the module. Kept with the change by which the call left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stood {
    /// The members: [`CANDIDATES_MAX`](super::decision::CANDIDATES_MAX) at most, those first who were nearest to the call.
    pub candidates: Vec<Considered>,
    /// The members who are not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Others>,
}

impl Stood {
    /// What is kept of how members stood at `now`; `None` where none is known.
    #[must_use]
    pub fn of(candidates: &[Candidate], now: Instant) -> Option<Self> {
        let mut candidates: Vec<Considered> = candidates.iter().map(|own| Considered::of(own, now)).collect();
        // A stable order keeps the members' places.
        candidates.sort_by_key(|own| (own.verdict, own.tier, Reverse(own.fit)));
        let others = Others::of(&mut candidates);
        (!candidates.is_empty()).then_some(Self { candidates, others })
    }

    /// How an agent stood.
    #[must_use]
    pub fn verdict_of(&self, agent: UserId) -> Verdict {
        verdict_among(&self.candidates, &self.others, agent)
    }
}
