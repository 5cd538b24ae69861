//! Counting leads anew: by another time zone, and to verify what is kept.

use chrono_tz::Tz;

use crate::company::Company;
use crate::id::CompanyId;
use crate::lead::LeadFigures;
use crate::store::{LeadFilter, Repo, StoreError};

/// Leads that are read at a time.
const LEADS: u32 = 2_000;
/// Rows of figures that are written at a time.
const ROWS: usize = 1_000;

/// What the leads of the scope add up to by the days of `zone`, from the leads themselves. Costs as much as there are leads.
///
/// # Errors
/// [`StoreError`].
pub async fn fold(repo: &mut dyn Repo, zone: Tz) -> Result<LeadFigures, StoreError> {
    let mut figures = LeadFigures::default();
    let mut filter = LeadFilter::default();
    loop {
        let leads = repo.newest_leads(&filter, LEADS).await?;
        leads.iter().for_each(|lead| figures.count(zone, lead, 1));
        match leads.last() {
            Some(last) if leads.len() >= LEADS as usize => filter.before = Some(last.id),
            _ => return Ok(figures.without_zeros()),
        }
    }
}

/// Counts what goes by days anew, by those of `zone`. The company's row must be locked: whoever changes a lead waits for it, and
/// then counts by the new zone.
pub(in crate::command) async fn recount(repo: &mut dyn Repo, company: CompanyId, zone: Tz) -> Result<(), StoreError> {
    let LeadFigures { days, campaigns, .. } = fold(repo, zone).await?;
    repo.clear_lead_days().await?;
    let (mut days, mut campaigns) = (days.into_iter(), campaigns.into_iter());
    while days.len() > 0 || campaigns.len() > 0 {
        let (days, campaigns) = (days.by_ref().take(ROWS).collect(), campaigns.by_ref().take(ROWS).collect());
        repo.add_lead_figures(company, &LeadFigures { days, campaigns, ..LeadFigures::default() }).await?;
    }
    Ok(())
}

/// Compares what is kept with all leads of the scope's company: what is kept too much, or, below nothing, too little.
///
/// Give it a unit of work that reads, so that it sees one state of both.
///
/// # Errors
/// [`StoreError`].
pub async fn verify(repo: &mut dyn Repo, company: &Company) -> Result<LeadFigures, StoreError> {
    let counted = fold(repo, company.timezone).await?;
    Ok(repo.lead_figures().await?.beyond(&counted))
}
