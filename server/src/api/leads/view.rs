//! Leads as clients see them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use dialplane_core::id::{LeadId, UserId};
use dialplane_core::lead::{Cents, Lead, LeadNote, LeadOrigin};
use dialplane_core::phone::E164;
use dialplane_core::store::Tx;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::users::Person;
use crate::http::answer::answer;
use crate::http::paging::Pagination;
use crate::problem::Reply;

/// Notes that a lead is shown with, at most.
const NOTES_MAX: u32 = 200;

/// A lead.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeadView {
    id: Uuid,
    /// The same as `id`.
    #[serde(rename = "_id")]
    crm_id: Uuid,
    name: String,
    email: Option<String>,
    /// In international form.
    phone: Option<String>,
    /// As it was typed.
    raw_phone: Option<String>,
    /// Where they came from: facebook, instagram, manual, website, import, api or a word of the company's own.
    source: String,
    /// new, contacted, qualified, interested, converted, lost or do_not_call.
    status: &'static str,
    /// low, medium, high or urgent.
    priority: &'static str,
    /// hot, warm or cold.
    quality: &'static str,
    /// 0 to 100, by the company's weights.
    score: u8,
    requirements: Option<String>,
    /// Who works on them.
    assigned_to: Option<Person>,
    assigned_at: Option<DateTime<Utc>>,
    /// Whether nobody could be found yet to work on them.
    is_waiting: bool,
    last_contact_date: Option<DateTime<Utc>>,
    followup_count: u32,
    /// What they are worth, in the company's currency.
    value: Option<f64>,
    /// Skills that whoever works on them should have.
    skills: Vec<String>,
    language: Option<String>,
    territory: Option<String>,
    /// The company's own fields.
    #[schema(value_type = std::collections::BTreeMap<String, Object>)]
    custom_fields: serde_json::Map<String, serde_json::Value>,
    /// The advertisement they answered.
    #[schema(value_type = MetaData)]
    meta_data: LeadOrigin,
    /// The client they became.
    client_id: Option<Uuid>,
    converted_at: Option<DateTime<Utc>>,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// The advertisement that a lead answered; what is not known is absent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its description is used")]
pub(crate) struct MetaData {
    ad_name: Option<String>,
    campaign_name: Option<String>,
    lead_gen_form_name: Option<String>,
    campaign_id: Option<String>,
    ad_id: Option<String>,
    form_id: Option<String>,
    lead_id: Option<String>,
}

/// A note about a lead.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeadNoteView {
    id: Uuid,
    text: String,
    /// Who wrote it; nobody when it came with the lead.
    author: Option<Person>,
    created_at: DateTime<Utc>,
}

/// A lead with its notes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeadDetail {
    #[serde(flatten)]
    lead: LeadView,
    /// The newest note.
    notes: Option<String>,
    /// All notes, newest first; at most 200.
    note_history: Vec<LeadNoteView>,
}

/// The people of some records by name.
pub(crate) type People = BTreeMap<UserId, Person>;

/// Reads people by name.
pub(crate) async fn people(tx: &mut Box<dyn Tx + '_>, ids: impl Iterator<Item = UserId>) -> Reply<People> {
    let mut people = BTreeMap::new();
    for id in ids.collect::<BTreeSet<_>>() {
        if let Some(user) = tx.user(id).await? {
            people.insert(id, Person::of(&user));
        }
    }
    Ok(people)
}

/// An amount in the company's currency.
fn shown(value: Cents) -> f64 {
    value as f64 / 100.0
}

impl LeadView {
    /// The lead, with whoever works on it by name when they are still there.
    pub(crate) fn of(lead: &Lead, people: &People) -> Self {
        Self {
            id: lead.id.as_uuid(),
            crm_id: lead.id.as_uuid(),
            name: lead.name.expose().clone(),
            email: lead.email.as_ref().map(|email| email.expose().clone()),
            phone: lead.phone.as_ref().map(|phone| E164::as_str(phone).to_owned()),
            raw_phone: lead.raw_phone.as_ref().map(|raw| raw.expose().clone()),
            source: lead.source.as_str().to_owned(),
            status: lead.status.as_str(),
            priority: lead.priority.as_str(),
            quality: lead.quality.as_str(),
            score: lead.score,
            requirements: lead.requirements.as_ref().map(|text| text.expose().clone()),
            assigned_to: lead.assigned_to.and_then(|id| people.get(&id).cloned()),
            assigned_at: lead.assigned_at,
            is_waiting: lead.is_waiting,
            last_contact_date: lead.last_contact_at,
            followup_count: lead.followup_count,
            value: lead.value.map(shown),
            skills: lead.needs.skills.clone(),
            language: lead.needs.language.clone(),
            territory: lead.needs.territory.clone(),
            custom_fields: lead.custom.0.clone(),
            meta_data: lead.origin.clone(),
            client_id: lead.client.map(|id| id.as_uuid()),
            converted_at: lead.converted_at,
            version: lead.version,
            created_at: lead.created_at,
            updated_at: lead.updated_at,
        }
    }
}

/// Several leads as clients see them.
pub(crate) async fn views(tx: &mut Box<dyn Tx + '_>, leads: &[Lead]) -> Reply<Vec<LeadView>> {
    let people = people(tx, leads.iter().filter_map(|lead| lead.assigned_to)).await?;
    Ok(leads.iter().map(|lead| LeadView::of(lead, &people)).collect())
}

/// A lead with its notes as clients see it.
pub(crate) async fn detail(tx: &mut Box<dyn Tx + '_>, lead: &Lead) -> Reply<LeadDetail> {
    let notes = tx.lead_notes(lead.id, NOTES_MAX).await?;
    let people = people(tx, notes.iter().filter_map(|note| note.author).chain(lead.assigned_to)).await?;
    let note = |note: LeadNote| LeadNoteView {
        id: note.id.as_uuid(),
        text: note.text.into_inner(),
        author: note.author.and_then(|id| people.get(&id).cloned()),
        created_at: note.at,
    };
    let note_history: Vec<LeadNoteView> = notes.into_iter().map(note).collect();
    let notes = note_history.first().map(|note| note.text.clone());
    Ok(LeadDetail { lead: LeadView::of(lead, &people), notes, note_history })
}

/// Leads that are the same person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DuplicatesView {
    /// phone or email.
    pub(crate) by: &'static str,
    /// The number or address they share.
    pub(crate) value: String,
    /// The leads, newest first.
    pub(crate) leads: Vec<LeadView>,
}

/// What became of one lead of many.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BulkResult {
    id: Uuid,
    success: bool,
    /// A stable word for programs, when it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// A sentence for people, when it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl BulkResult {
    /// What became of a lead.
    pub(crate) fn of(lead: LeadId, done: &Result<(), dialplane_core::lead::LeadRefused>) -> Self {
        use dialplane_core::Refusal as _;
        let refused = done.as_ref().err();
        Self {
            id: lead.as_uuid(),
            success: refused.is_none(),
            code: refused.map(|refused| refused.code()),
            message: refused.map(ToString::to_string),
        }
    }
}

/// To whom a lead went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeadAssignmentView {
    /// Whether somebody was found.
    pub(crate) success: bool,
    pub(crate) telecaller: Option<Person>,
}

answer! { /** One lead, in full. */ LeadAnswer { lead: LeadDetail } }
answer! { /** One lead, and what was done. */ LeadChanged { message: &'static str, lead: LeadDetail } }
answer! {
    /// A lead that was taken in, or would be.
    LeadCreated {
        message: &'static str,
        lead: LeadDetail,
        /// To whom it went.
        assignment: LeadAssignmentView,
        /// Who was considered and why, when it was routed.
        #[serde(skip_serializing_if = "Option::is_none")]
        routing: Option<super::routing::DecisionView>,
    }
}
answer! {
    /// A page of leads.
    LeadsAnswer {
        leads: Vec<LeadView>,
        pagination: Pagination,
        /// What to give as `cursor` for the leads after these; absent at the end.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
}
answer! { /** Leads that are the same person. */ DuplicatesAnswer { duplicates: Vec<DuplicatesView> } }
answer! {
    /// What became of many leads.
    BulkAnswer {
        /// How many were changed.
        changed: usize,
        /// How many were refused.
        failed: usize,
        /// What became of each.
        results: Vec<BulkResult>,
    }
}
