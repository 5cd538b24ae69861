//! `/meta/stats`, `/meta/campaigns` and `/meta/pending`: what came of advertisements, from sums that are kept with the leads.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use dialplane_core::Permission;
use dialplane_core::lead::Campaign;
use dialplane_core::lead::campaign::{average_quality, by_campaign};
use dialplane_core::meta::MetaLead;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::answer::answer;
use crate::http::days::CompanyDayQuery;
use crate::http::guard::Authed;
use crate::http::input::Params;
use crate::problem::Reply;
use crate::state::{App, Shared};

/// Deliveries that are shown.
const PENDING_MAX: u32 = 100;

/// What came of the leads of advertisements that came on these days.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetaStats {
    total_leads: u64,
    /// Those among them who are sold now.
    converted_leads: u64,
    /// What those are worth.
    total_value: f64,
    /// The names of the campaigns, the one with the most leads first.
    campaigns: Vec<String>,
    /// 3 is hot, 2 warm, 1 cold; with two decimals.
    avg_quality: f64,
}

/// A campaign.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CampaignView {
    campaign_id: Option<String>,
    /// Its last name.
    campaign_name: Option<String>,
    total_leads: u64,
    converted_leads: u64,
    /// Converted leads of a hundred, with two decimals.
    conversion_rate: f64,
}

/// A lead that Meta delivered by its id and that could not be asked for yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PendingLead {
    lead_id: String,
    page_id: Option<String>,
    form_id: Option<String>,
    submitted_at: Option<DateTime<Utc>>,
    received_at: DateTime<Utc>,
    /// How often Meta was asked in vain.
    attempts: u32,
    /// When it is asked next; null when it was given up. A change of the settings takes all up again.
    next_attempt_at: Option<DateTime<Utc>>,
    /// What kept the last attempt from succeeding.
    fault: Option<String>,
}

impl From<MetaLead> for PendingLead {
    fn from(lead: MetaLead) -> Self {
        Self {
            lead_id: lead.arrival.lead_id,
            page_id: lead.arrival.page_id,
            form_id: lead.arrival.form_id,
            submitted_at: lead.arrival.submitted_at,
            received_at: lead.received_at,
            attempts: lead.attempts,
            next_attempt_at: lead.due_at,
            fault: lead.fault,
        }
    }
}

answer! { /** What came of advertisements. */ MetaStatsAnswer { stats: MetaStats } }
answer! { /** Campaigns. */ CampaignsAnswer { campaigns: Vec<CampaignView> } }
answer! { /** Leads that wait for Meta, newest first. */ PendingAnswer { pending: Vec<PendingLead> } }

/// The campaigns of the days asked for; of all days when none are.
async fn campaigns(app: &App, authed: &Authed, query: &CompanyDayQuery) -> Reply<Vec<Campaign>> {
    authed.demand(Permission::ManageLeads)?;
    let range = query.range(authed.company.timezone, app.engine.now())?;
    let (from, to) = range.map_or((NaiveDate::MIN, NaiveDate::MAX), |range| (range.from, range.to));
    let figures = app.engine.read(&authed.actor).await?.lead_campaigns(from, to).await?;
    Ok(by_campaign(figures))
}

/// What came of advertisements. For admins, managers and marketing.
#[utoipa::path(get, path = "/meta/stats", tag = "meta", params(CompanyDayQuery), responses((status = 200, body = MetaStatsAnswer)))]
pub(crate) async fn meta_stats(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<CompanyDayQuery>,
) -> Reply<Json<MetaStatsAnswer>> {
    let campaigns = campaigns(&app, &authed, &query).await?;
    let stats = MetaStats {
        total_leads: campaigns.iter().map(|one| one.leads).sum(),
        converted_leads: campaigns.iter().map(|one| one.converted).sum(),
        total_value: campaigns.iter().map(|one| one.value).sum::<u64>() as f64 / 100.0,
        avg_quality: average_quality(&campaigns),
        campaigns: campaigns.into_iter().filter_map(|one| one.name).collect(),
    };
    Ok(Json(MetaStatsAnswer::new(stats)))
}

/// Campaigns with what came of them. For admins, managers and marketing.
#[utoipa::path(get, path = "/meta/campaigns", tag = "meta", params(CompanyDayQuery),
    responses((status = 200, body = CampaignsAnswer)))]
pub(crate) async fn meta_campaigns(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<CompanyDayQuery>,
) -> Reply<Json<CampaignsAnswer>> {
    // Leads that name no campaign count in the stats only.
    let campaigns = campaigns(&app, &authed, &query).await?.into_iter();
    let named = campaigns.filter(|one| one.id.is_some() || one.name.is_some()).map(|one| CampaignView {
        conversion_rate: one.conversion_rate(),
        campaign_id: one.id,
        campaign_name: one.name,
        total_leads: one.leads,
        converted_leads: one.converted,
    });
    Ok(Json(CampaignsAnswer::new(named.collect())))
}

/// Leads that were delivered and that Meta has not told more about yet. For admins, managers and marketing.
#[utoipa::path(get, path = "/meta/pending", tag = "meta", responses((status = 200, body = PendingAnswer)))]
pub(crate) async fn meta_pending(State(app): State<Shared>, authed: Authed) -> Reply<Json<PendingAnswer>> {
    authed.demand(Permission::ManageLeads)?;
    let pending = app.engine.read(&authed.actor).await?.open_meta_leads(PENDING_MAX).await?;
    Ok(Json(PendingAnswer::new(pending.into_iter().map(PendingLead::from).collect())))
}
