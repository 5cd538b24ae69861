//! A lead's score: 0 to 100, the sum of what is known of it, each part weighted as the company likes.
//!
//! `score = quality + priority + source + status + e-mail + phone + requirements + talks`, brought into range. The weight of a
//! source is that of its word, or `otherSource`; talks count `talk` for each of the first five contacts. The score is worked
//! out anew with every change of the lead, so a change of weights shows at the lead's next change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Lead, LeadStatus, Priority, Quality};

/// Talks that are counted.
const TALKS_MAX: u32 = 5;
/// The least and the most of a weight.
pub const WEIGHT_RANGE: std::ops::RangeInclusive<i32> = -100..=100;
/// Sources that can be weighted.
pub const SOURCES_MAX: usize = 100;

/// What each part adds, -100 to 100.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScoreWeights {
    /// For a hot lead.
    pub hot: i32,
    /// For a warm one.
    pub warm: i32,
    /// For a cold one.
    pub cold: i32,
    /// For an urgent lead.
    pub urgent: i32,
    /// For one of high priority.
    pub high: i32,
    /// For one of medium priority.
    pub medium: i32,
    /// For one of low priority.
    pub low: i32,
    /// By the word of the source.
    pub sources: BTreeMap<String, i32>,
    /// For any other source.
    pub other_source: i32,
    /// For one who was contacted.
    pub contacted: i32,
    /// For one who qualified.
    pub qualified: i32,
    /// For one who is interested.
    pub interested: i32,
    /// For one who bought.
    pub converted: i32,
    /// For one who was lost or must not be called.
    pub lost: i32,
    /// For a known e-mail address.
    pub email: i32,
    /// For a known telephone number.
    pub phone: i32,
    /// For known requirements.
    pub requirements: i32,
    /// For each contact, up to five.
    pub talk: i32,
}

impl Default for ScoreWeights {
    fn default() -> Self {
        let sources = [("facebook", 10), ("instagram", 10), ("website", 15), ("referral", 20)];
        Self {
            hot: 40,
            warm: 20,
            cold: 0,
            urgent: 20,
            high: 15,
            medium: 5,
            low: 0,
            sources: sources.map(|(word, weight)| (word.to_owned(), weight)).into(),
            other_source: 5,
            contacted: 5,
            qualified: 10,
            interested: 15,
            converted: 20,
            lost: -50,
            email: 5,
            phone: 10,
            requirements: 5,
            talk: 1,
        }
    }
}

impl ScoreWeights {
    /// Whether every weight is in range.
    #[must_use]
    pub fn in_range(&self) -> bool {
        let single = [
            self.hot,
            self.warm,
            self.cold,
            self.urgent,
            self.high,
            self.medium,
            self.low,
            self.other_source,
            self.contacted,
            self.qualified,
            self.interested,
            self.converted,
            self.lost,
            self.email,
            self.phone,
            self.requirements,
            self.talk,
        ];
        let all = single.iter().chain(self.sources.values());
        self.sources.len() <= SOURCES_MAX && all.into_iter().all(|weight| WEIGHT_RANGE.contains(weight))
    }

    /// The score of a lead.
    #[must_use]
    pub fn score(&self, lead: &Lead) -> u8 {
        let known = |is: bool, weight: i32| if is { weight } else { 0 };
        let quality = match lead.quality {
            Quality::Hot => self.hot,
            Quality::Warm => self.warm,
            Quality::Cold => self.cold,
        };
        let priority = match lead.priority {
            Priority::Urgent => self.urgent,
            Priority::High => self.high,
            Priority::Medium => self.medium,
            Priority::Low => self.low,
        };
        let status = match lead.status {
            LeadStatus::New => 0,
            LeadStatus::Contacted => self.contacted,
            LeadStatus::Qualified => self.qualified,
            LeadStatus::Interested => self.interested,
            LeadStatus::Converted => self.converted,
            LeadStatus::Lost | LeadStatus::DoNotCall => self.lost,
        };
        let source = self.sources.get(lead.source.as_str()).copied().unwrap_or(self.other_source);
        let talks = self.talk * i32::try_from(lead.followup_count.min(TALKS_MAX)).unwrap_or(0);
        let sum = quality
            + priority
            + status
            + source
            + known(lead.email.is_some(), self.email)
            + known(lead.phone.is_some(), self.phone)
            + known(lead.requirements.is_some(), self.requirements)
            + talks;
        u8::try_from(sum.clamp(0, 100)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lead::tests::lead;

    #[test]
    fn the_score_adds_up_what_is_known() {
        let weights = ScoreWeights::default();
        let mut lead = lead();
        assert_eq!((lead.quality, lead.priority, lead.source.as_str()), (Quality::Warm, Priority::Medium, "manual"));
        assert!(lead.email.is_some() && lead.phone.is_some() && lead.requirements.is_none());
        assert_eq!(weights.score(&lead), 20 + 5 + 5 + 5 + 10);
        lead.source = "facebook".parse().unwrap();
        lead.requirements = Some("software".into());
        (lead.quality, lead.priority) = (Quality::Hot, Priority::High);
        assert_eq!(weights.score(&lead), 40 + 15 + 10 + 5 + 10 + 5);
        lead.status = LeadStatus::Converted;
        lead.followup_count = 90;
        assert_eq!(weights.score(&lead), 100, "110 is brought into range");
        lead.status = LeadStatus::Lost;
        (lead.quality, lead.priority) = (Quality::Cold, Priority::Low);
        assert_eq!(weights.score(&lead), 0, "-15 is brought into range");
    }

    #[test]
    fn weights_out_of_range_are_noticed() {
        assert!(ScoreWeights::default().in_range());
        assert!(!ScoreWeights { hot: 101, ..ScoreWeights::default() }.in_range());
        let sources = [("fair".to_owned(), -101)].into();
        assert!(!ScoreWeights { sources, ..ScoreWeights::default() }.in_range());
    }
}
