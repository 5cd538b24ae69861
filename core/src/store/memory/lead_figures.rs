//! What leads add up to, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::NaiveDate;

use super::unit::Unit;
use crate::id::{CompanyId, UserId};
use crate::lead::{AgentLeads, CampaignFigures, CampaignKey, LeadCount, LeadDay, LeadFigures};
use crate::store::{LeadFiguresStore, Repo as _, StoreError};

/// Rows of [`LeadFiguresStore::lead_days`], at most.
const DAYS_MAX: usize = 100_000;
/// Rows of [`LeadFiguresStore::lead_campaigns`], at most.
const CAMPAIGNS_MAX: usize = 10_000;

fn count(figure: i64) -> u64 {
    u64::try_from(figure).unwrap_or(0)
}

/// An agent's figures as they are shown.
pub(super) fn shown([total, open, converted]: [i64; 3]) -> AgentLeads {
    AgentLeads { total: count(total), open: count(open), converted: count(converted) }
}

fn add<const N: usize>(sum: &mut [i64; N], added: [i64; N]) {
    for (sum, added) in sum.iter_mut().zip(added) {
        *sum += added;
    }
}

#[async_trait]
impl LeadFiguresStore for Unit<'_> {
    async fn add_lead_figures(&mut self, company: CompanyId, figures: &LeadFigures) -> Result<(), StoreError> {
        self.may_write()?;
        if !self.sees(company) {
            return Err(StoreError::OutOfScope);
        }
        let state = self.change()?;
        for ((by, word), added) in &figures.counts {
            let key = (company, *by, word.clone());
            let sum = state.lead_counts.get(&key).copied().unwrap_or(0) + added;
            state.lead_counts.insert(key, sum);
        }
        for (user, added) in &figures.agents {
            let mut sum = state.agent_leads.get(&(*user, company)).copied().unwrap_or([0; 3]);
            add(&mut sum, *added);
            state.agent_leads.insert((*user, company), sum);
        }
        for ((day, user, source), added) in &figures.days {
            let key = (company, *day, *user, source.clone());
            let mut sum = state.lead_days.get(&key).copied().unwrap_or([0; 3]);
            add(&mut sum, *added);
            state.lead_days.insert(key, sum);
        }
        for ((day, campaign), added) in &figures.campaigns {
            let key = (company, *day, campaign.clone());
            let mut sum = state.lead_campaigns.get(&key).copied().unwrap_or([0; 4]);
            add(&mut sum, *added);
            state.lead_campaigns.insert(key, sum);
        }
        Ok(())
    }

    async fn lead_counts(&mut self) -> Result<Vec<LeadCount>, StoreError> {
        let mut sums = BTreeMap::new();
        for ((company, by, word), leads) in self.state().lead_counts.iter() {
            if self.sees(*company) {
                *sums.entry((*by, word.clone())).or_insert(0) += leads;
            }
        }
        let counts = sums.into_iter().filter(|(_, leads)| *leads > 0);
        Ok(counts.map(|((by, word), leads)| LeadCount { by, word, leads: count(leads) }).collect())
    }

    async fn agent_leads(&mut self, users: &[UserId]) -> Result<Vec<(UserId, AgentLeads)>, StoreError> {
        let mut users = users.to_vec();
        users.sort_unstable();
        users.dedup();
        let found = users.into_iter().filter_map(|user| {
            let first = (user, CompanyId::from_uuid(uuid::Uuid::nil()));
            let mut own = self.state().agent_leads.from(&first).take_while(|((own, _), _)| *own == user);
            own.find(|((_, company), _)| self.sees(*company)).map(|(_, leads)| (user, shown(*leads)))
        });
        Ok(found.collect())
    }

    async fn lead_days(
        &mut self,
        from: NaiveDate,
        to: NaiveDate,
        user: Option<UserId>,
    ) -> Result<Vec<LeadDay>, StoreError> {
        let mut sums = BTreeMap::new();
        for ((company, day, own, source), added) in self.state().lead_days.iter() {
            let asked = (from..=to).contains(day) && user.is_none_or(|user| *own == Some(user));
            if asked && self.sees(*company) {
                add(sums.entry((*day, *own, source.clone())).or_insert([0; 3]), *added);
            }
        }
        let days = sums.into_iter().filter(|(_, sums)| *sums != [0; 3]).take(DAYS_MAX);
        let shown = days.map(|((day, user, source), [created, converted, value])| LeadDay {
            day,
            user,
            source,
            created: count(created),
            converted: count(converted),
            value: count(value),
        });
        Ok(shown.collect())
    }

    async fn lead_campaigns(&mut self, from: NaiveDate, to: NaiveDate) -> Result<Vec<CampaignFigures>, StoreError> {
        let mut sums: BTreeMap<&CampaignKey, (NaiveDate, [i64; 4])> = BTreeMap::new();
        for ((company, day, key), figures) in self.state().lead_campaigns.iter() {
            let counted = figures.iter().any(|figure| *figure != 0);
            if self.sees(*company) && (from..=to).contains(day) && counted {
                let (last, sum) = sums.entry(key).or_insert((*day, [0; 4]));
                *last = (*last).max(*day);
                add(sum, *figures);
            }
        }
        let shown = sums.into_iter().filter(|(_, (_, [leads, ..]))| *leads > 0);
        let shown = shown.map(|(key, (last_day, [leads, converted, value, points]))| CampaignFigures {
            key: key.clone(),
            last_day,
            leads: count(leads),
            converted: count(converted),
            value: count(value),
            points: count(points),
        });
        Ok(shown.take(CAMPAIGNS_MAX).collect())
    }

    async fn lead_figures(&mut self) -> Result<LeadFigures, StoreError> {
        let company = self.scope().company().ok_or(StoreError::OutOfScope)?;
        let state = self.state();
        let mut figures = LeadFigures::default();
        for ((_, by, word), leads) in state.lead_counts.iter().filter(|((own, ..), _)| *own == company) {
            figures.counts.insert((*by, word.clone()), *leads);
        }
        for ((user, _), leads) in state.agent_leads.iter().filter(|((_, own), _)| *own == company) {
            figures.agents.insert(*user, *leads);
        }
        for ((_, day, user, source), sums) in state.lead_days.iter().filter(|((own, ..), _)| *own == company) {
            figures.days.insert((*day, *user, source.clone()), *sums);
        }
        for ((_, day, campaign), sums) in state.lead_campaigns.iter().filter(|((own, ..), _)| *own == company) {
            figures.campaigns.insert((*day, campaign.clone()), *sums);
        }
        Ok(figures.without_zeros())
    }

    async fn clear_lead_days(&mut self) -> Result<(), StoreError> {
        self.may_write()?;
        let company = self.scope().company().ok_or(StoreError::OutOfScope)?;
        let days: Vec<_> = self.state().lead_days.iter().map(|(key, _)| key.clone()).collect();
        let campaigns: Vec<_> = self.state().lead_campaigns.iter().map(|(key, _)| key.clone()).collect();
        let state = self.change()?;
        for key in days.iter().filter(|(own, ..)| *own == company) {
            state.lead_days.remove(key);
        }
        for key in campaigns.iter().filter(|(own, ..)| *own == company) {
            state.lead_campaigns.remove(key);
        }
        Ok(())
    }
}
