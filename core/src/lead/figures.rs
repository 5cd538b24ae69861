//! What leads add up to: how many there are by status, source and quality, what each agent has, and what came and was sold on
//! each day. Kept beside the leads and changed in the same unit of work, so that a figure costs the same however many leads there are.
//!
//! [`LeadFigures::count`] says what one lead contributes; a change of a lead is its old contribution taken away and its new one
//! added. So the figures are always what a recount of all leads would give, which is how they are verified. Days are those of the
//! company's time zone; when it becomes another, what goes by days is counted anew.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::campaign::CampaignKey;
use super::{Lead, LeadOrigin, LeadStatus, Source};
use crate::company::local_day;
use crate::id::UserId;

/// By what leads are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountBy {
    /// By status.
    Status,
    /// By source.
    Source,
    /// By quality.
    Quality,
}

impl CountBy {
    /// The word, as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Source => "source",
            Self::Quality => "quality",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Status, Self::Source, Self::Quality].into_iter().find(|by| by.as_str() == word)
    }
}

/// How many leads a company has now with one status, source or quality.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadCount {
    /// By what.
    pub by: CountBy,
    /// The word.
    pub word: String,
    /// How many.
    pub leads: u64,
}

/// What an agent has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AgentLeads {
    /// Leads assigned to them.
    pub total: u64,
    /// Those among them with work to do: their load.
    pub open: u64,
    /// Conversions credited to them.
    pub converted: u64,
}

/// What came and was sold on one local day, by one person and source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadDay {
    /// The day.
    pub day: NaiveDate,
    /// Whose: of leads that came, who has them now; of sales, who is credited.
    pub user: Option<UserId>,
    /// Where they came from.
    pub source: Source,
    /// Leads that came.
    pub created: u64,
    /// Leads that were sold.
    pub converted: u64,
    /// What those were worth, in hundredths.
    pub value: u64,
}

/// Figures of one company, or what is added to them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeadFigures {
    /// Leads by status, source and quality.
    pub counts: BTreeMap<(CountBy, String), i64>,
    /// What agents have: total, open and converted.
    pub agents: BTreeMap<UserId, [i64; 3]>,
    /// What came and was sold: created, converted and value.
    pub days: BTreeMap<(NaiveDate, Option<UserId>, Source), [i64; 3]>,
    /// What became of the leads of advertisements, by the day they came and by campaign: how many, how many of them are sold, what
    /// those are worth, and points of quality.
    pub campaigns: BTreeMap<(NaiveDate, CampaignKey), [i64; 4]>,
}

impl LeadFigures {
    /// Adds what a lead contributes by the days of `zone`, `times` 1 or -1.
    pub fn count(&mut self, zone: Tz, lead: &Lead, times: i64) {
        let created_day = local_day(zone, lead.created_at);
        for (by, word) in [
            (CountBy::Status, lead.status.as_str()),
            (CountBy::Source, lead.source.as_str()),
            (CountBy::Quality, lead.quality.as_str()),
        ] {
            *self.counts.entry((by, word.to_owned())).or_default() += times;
        }
        if let Some(user) = lead.assigned_to {
            let [total, open, _] = self.agents.entry(user).or_default();
            *total += times;
            *open += if lead.status.is_open() { times } else { 0 };
        }
        if lead.origin != LeadOrigin::default() {
            self.count_campaign(created_day, lead, times);
        }
        let [created, ..] = self.days.entry((created_day, lead.assigned_to, lead.source.clone())).or_default();
        *created += times;
        let Some(sold_at) = lead.converted_at.filter(|_| lead.status == LeadStatus::Converted) else { return };
        if let Some(user) = lead.converted_by {
            let [.., converted] = self.agents.entry(user).or_default();
            *converted += times;
        }
        let day = local_day(zone, sold_at);
        let [_, converted, value] = self.days.entry((day, lead.converted_by, lead.source.clone())).or_default();
        *converted += times;
        // A value has a limit far below what could overflow.
        *value += times * i64::try_from(lead.value.unwrap_or(0)).unwrap_or(0);
    }

    fn count_campaign(&mut self, day: NaiveDate, lead: &Lead, times: i64) {
        let key = (day, CampaignKey::of(&lead.origin));
        let [leads, converted, value, points] = self.campaigns.entry(key).or_default();
        *leads += times;
        *points += times * i64::from(lead.quality.points());
        if lead.status == LeadStatus::Converted {
            *converted += times;
            *value += times * i64::try_from(lead.value.unwrap_or(0)).unwrap_or(0);
        }
    }

    /// Adds what a lead contributes more, or less, after a change. Absent before: it is new. Absent after: it is gone.
    pub fn change(&mut self, zone: Tz, before: Option<&Lead>, after: Option<&Lead>) {
        if let Some(lead) = before {
            self.count(zone, lead, -1);
        }
        if let Some(lead) = after {
            self.count(zone, lead, 1);
        }
    }

    /// What there is more here than in `other`, or less; what is alike is left out.
    #[must_use]
    pub fn beyond(mut self, other: &Self) -> Self {
        for (key, leads) in &other.counts {
            *self.counts.entry(key.clone()).or_default() -= leads;
        }
        for (key, figures) in &other.agents {
            take(self.agents.entry(*key).or_default(), figures);
        }
        for (key, figures) in &other.days {
            take(self.days.entry(key.clone()).or_default(), figures);
        }
        for (key, figures) in &other.campaigns {
            take(self.campaigns.entry(key.clone()).or_default(), figures);
        }
        self.without_zeros()
    }

    /// Leaves out what adds nothing.
    #[must_use]
    pub fn without_zeros(mut self) -> Self {
        self.counts.retain(|_, leads| *leads != 0);
        self.agents.retain(|_, figures| *figures != [0; 3]);
        self.days.retain(|_, figures| *figures != [0; 3]);
        self.campaigns.retain(|_, figures| *figures != [0; 4]);
        self
    }
}

fn take<const N: usize>(from: &mut [i64; N], figures: &[i64; N]) {
    from.iter_mut().zip(figures).for_each(|(from, figure)| *from -= figure);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};
    use crate::lead::Quality;
    use crate::lead::tests::lead;

    #[test]
    fn a_change_is_what_a_recount_would_find() {
        let user: UserId = (&SeededIds::new(8) as &dyn IdSource).id(chrono::DateTime::UNIX_EPOCH);
        let before = lead();
        let mut after = before.clone();
        (after.assigned_to, after.quality) = (Some(user), Quality::Hot);
        (after.status, after.converted_by, after.value) = (LeadStatus::Converted, Some(user), Some(200_000));
        after.converted_at = Some("2026-06-05T23:30:00Z".parse().unwrap());
        after.origin.campaign_name = Some("Q4 Sales".to_owned());
        let zone = chrono_tz::Europe::Berlin;
        let mut figures = LeadFigures::default();
        figures.change(zone, None, Some(&before));
        figures.change(zone, Some(&before), Some(&after));
        let mut recount = LeadFigures::default();
        recount.count(zone, &after, 1);
        assert_eq!(figures.clone().without_zeros(), recount);
        assert_eq!(recount.agents[&user], [1, 0, 1]);
        assert_eq!(recount.campaigns.values().collect::<Vec<_>>(), [&[1, 1, 200_000, 3]]);
        let days: Vec<_> = recount.days.keys().map(|(day, ..)| day.to_string()).collect();
        assert_eq!(days, ["2026-06-01", "2026-06-06"], "a sale counts for the local day");
        assert_eq!(figures.clone().beyond(&recount), LeadFigures::default());
        assert_eq!(recount.clone().beyond(&LeadFigures::default()), recount);
        figures.change(zone, Some(&after), None);
        assert_eq!(figures.without_zeros(), LeadFigures::default());
    }
}
