//! What came of campaigns: of the leads that answered an advertisement, how many there are, how many bought, and how good they were.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{Cents, LeadOrigin};

/// Which campaign: its id and its name as the lead came with them; empty when that is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct CampaignKey {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

impl CampaignKey {
    /// The campaign that a lead answered.
    #[must_use]
    pub fn of(origin: &LeadOrigin) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self { id: text(&origin.campaign_id), name: text(&origin.campaign_name) }
    }
}

/// What leads of one id and name of a campaign come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignFigures {
    /// Which.
    pub key: CampaignKey,
    /// The last day on which one came.
    pub last_day: NaiveDate,
    /// Leads that came.
    pub leads: u64,
    /// Those among them who bought.
    pub converted: u64,
    /// What those are worth.
    pub value: Cents,
    /// Points of quality of all: three for a hot lead, two for a warm one, one for a cold one.
    pub points: u64,
}

/// A campaign under all the names it has had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Its id; leads may come with a name alone.
    pub id: Option<String>,
    /// Its last name.
    pub name: Option<String>,
    /// Leads that came.
    pub leads: u64,
    /// Those among them who bought.
    pub converted: u64,
    /// What those are worth.
    pub value: Cents,
    /// Points of quality of all.
    pub points: u64,
    last_day: NaiveDate,
}

/// A ratio with two decimals; nothing of nothing is 0.
fn ratio(part: f64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part / whole as f64 * 100.0).round() / 100.0 }
}

impl Campaign {
    /// Those who bought, in percent of those who came.
    #[must_use]
    pub fn conversion_rate(&self) -> f64 {
        ratio(self.converted as f64 * 100.0, self.leads)
    }
}

/// The average quality of leads, from 1 (cold) to 3 (hot); 0 when there is none.
#[must_use]
pub fn average_quality(campaigns: &[Campaign]) -> f64 {
    let points: u64 = campaigns.iter().map(|campaign| campaign.points).sum();
    ratio(points as f64, campaigns.iter().map(|campaign| campaign.leads).sum())
}

/// Adds figures up by campaign, the one with the most leads first. A campaign that was renamed is one, under its last name; leads
/// that came with a name and without an id are a campaign of that name.
#[must_use]
pub fn by_campaign(figures: impl IntoIterator<Item = CampaignFigures>) -> Vec<Campaign> {
    let mut campaigns: BTreeMap<(String, String), Campaign> = BTreeMap::new();
    for row in figures {
        let CampaignKey { id, name } = row.key;
        let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let which = if id.is_empty() { (String::new(), name.clone()) } else { (id.clone(), String::new()) };
        let campaign = campaigns.entry(which).or_insert_with(|| Campaign {
            id: known(&id),
            name: None,
            leads: 0,
            converted: 0,
            value: 0,
            points: 0,
            last_day: row.last_day,
        });
        campaign.leads += row.leads;
        campaign.converted += row.converted;
        campaign.value += row.value;
        campaign.points += row.points;
        if campaign.name.is_none() || (row.last_day >= campaign.last_day && !name.is_empty()) {
            campaign.name = known(&name);
        }
        campaign.last_day = campaign.last_day.max(row.last_day);
    }
    let mut campaigns: Vec<Campaign> = campaigns.into_values().collect();
    campaigns.sort_by_key(|campaign| std::cmp::Reverse(campaign.leads));
    campaigns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, name: &str, day: &str, leads: u64, converted: u64) -> CampaignFigures {
        let key = CampaignKey { id: id.to_owned(), name: name.to_owned() };
        CampaignFigures { key, last_day: day.parse().unwrap(), leads, converted, value: 100, points: 2 * leads }
    }

    #[test]
    fn a_renamed_campaign_is_one_under_its_last_name() {
        let rows = [
            row("1", "Q3 Sales", "2026-03-01", 60, 10),
            row("1", "Q4 Sales", "2026-03-09", 15, 2),
            row("1", "", "2026-03-10", 0, 0),
            row("", "Fair", "2026-03-01", 80, 0),
            row("", "", "2026-03-01", 1, 0),
        ];
        let campaigns = by_campaign(rows);
        let shown: Vec<_> = campaigns.iter().map(|one| (one.id.as_deref(), one.name.as_deref(), one.leads)).collect();
        assert_eq!(shown, [(None, Some("Fair"), 80), (Some("1"), Some("Q4 Sales"), 75), (None, None, 1)]);
        assert!((campaigns[1].conversion_rate() - 16.0).abs() < 1e-9);
        assert!((average_quality(&campaigns) - 2.0).abs() < 1e-9);
        assert!(average_quality(&[]).abs() < 1e-9);
    }
}
