//! `/audit`: who did what, and when.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::event::Envelope;
use dialplane_core::id::UserId;
use dialplane_core::scope::ActorName;
use dialplane_core::store::{EventFilter, Page, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::answer::answer;
use crate::http::dates;
use crate::http::guard::Authed;
use crate::http::input::Params;
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list_audit))
}

/// What the audit log can be narrowed by.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Who did it: the id of a user, `host` or `system`.
    actor: Option<String>,
    /// What was done, such as `user.created`.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    name: Option<String>,
    /// Done at or after: a local day or an instant.
    #[serde(alias = "date_from")]
    date_from: Option<String>,
    /// Done before the end of this local day, or before this instant.
    #[serde(alias = "date_to")]
    date_to: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<u64>,
    /// Entries of a page, 1 to 200; 50 when absent.
    limit: Option<u32>,
}

/// Who did something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditActor {
    /// user, host or system.
    kind: &'static str,
    /// The user.
    id: Option<Uuid>,
    /// The user's name, while there is one.
    name: Option<String>,
}

/// Something that was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    id: Uuid,
    /// Its place: later entries have higher ones.
    seq: u64,
    at: DateTime<Utc>,
    actor: AuditActor,
    /// What was done, such as `user.created`.
    #[serde(rename = "type")]
    name: &'static str,
    /// To what, and how.
    #[schema(value_type = Object)]
    data: Value,
}

impl AuditEntry {
    fn of(entry: &Envelope, names: &BTreeMap<UserId, String>) -> Self {
        let (kind, user) = match entry.actor {
            ActorName::User(id) => ("user", Some(id)),
            ActorName::Host => ("host", None),
            ActorName::System => ("system", None),
        };
        let name = user.and_then(|id| names.get(&id).cloned());
        let mut data = serde_json::to_value(&entry.event).unwrap_or_default();
        if let Some(fields) = data.as_object_mut() {
            fields.remove("type");
        }
        Self {
            id: entry.id.as_uuid(),
            seq: entry.seq,
            at: entry.at,
            actor: AuditActor { kind, id: user.map(|id| id.as_uuid()), name },
            name: entry.event.name(),
            data,
        }
    }
}

/// How a page of entries lies: how many there are in all would have to be counted, and nobody reads that far.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPage {
    /// Entries of a page.
    limit: u32,
}

answer! {
    /// Entries of the audit log, newest first.
    AuditAnswer {
        entries: Vec<AuditEntry>,
        /// The `cursor` of the next page; null on the last.
        next_cursor: Option<u64>,
        pagination: AuditPage,
    }
}

fn actor(text: &str) -> Reply<ActorName> {
    match text {
        "host" => Ok(ActorName::Host),
        "system" => Ok(ActorName::System),
        id => id
            .parse()
            .map(ActorName::User)
            .map_err(|_| Problem::field("actor", "expected the id of a user, host or system")),
    }
}

/// The company's audit log: every change, and every time somebody signed in or failed to. For admins.
///
/// Entries are kept as long as the setting `audit_days` says.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery), responses((status = 200, body = AuditAnswer)))]
pub(crate) async fn list_audit(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<AuditQuery>,
) -> Reply<Json<AuditAnswer>> {
    authed.demand(Permission::ViewAudit)?;
    let mut faults = crate::http::faults::Faults::default();
    let actor = faults.check(query.actor.as_deref().map(actor).transpose()).flatten();
    let span = dates::span(query.date_from.as_deref(), query.date_to.as_deref(), authed.company.timezone);
    let span = faults.check(span).unwrap_or_default();
    faults.done()?;
    let limit = Page::number(1, query.limit.unwrap_or(Page::LIMIT_DEFAULT)).limit;
    let filter = EventFilter { actor, name: query.name, from: span.from, to: span.to, before: query.cursor };
    let mut tx = app.engine.read(&authed.actor).await?;
    // One more than is shown tells whether there is a next page.
    let mut found = tx.find_events(&filter, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let names = names(&mut tx, &found).await?;
    let next_cursor = found.last().filter(|_| more).map(|entry| entry.seq);
    let entries = found.iter().map(|entry| AuditEntry::of(entry, &names)).collect();
    Ok(Json(AuditAnswer::new(entries, next_cursor, AuditPage { limit })))
}

async fn names(tx: &mut Box<dyn Tx + '_>, entries: &[Envelope]) -> Reply<BTreeMap<UserId, String>> {
    let mut names = BTreeMap::new();
    for entry in entries {
        if let ActorName::User(id) = entry.actor
            && !names.contains_key(&id)
            && let Some(user) = tx.user(id).await?
        {
            names.insert(id, user.name.into_inner());
        }
    }
    Ok(names)
}
