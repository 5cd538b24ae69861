//! `/settings/leads`: how a company deals with leads.

use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::lead::UpdateLeadSettings;
use dialplane_core::lead::{LeadRouting, LeadSettings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::answer::answer;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::guard::Authed;
use crate::http::input::{Input, from_json};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// How a company deals with leads; on a change what is absent stays.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeadSettingsView {
    /// Who gets a new lead: round_robin, least_loaded, weighted_by_conversion, best_match or manual.
    strategy: String,
    /// Whether whoever had the same person before comes first.
    sticky_owner: bool,
    /// Whether only those who are available get leads.
    online_only: bool,
    /// Whether agents who lack a skill, the language or the territory are passed over.
    require_match: bool,
    /// Open leads of an agent, at most; 0 means without limit.
    capacity: u32,
    /// When leads are given out, by day: `{"monday": [{"from": "09:00", "to": "17:00"}]}`; null means always.
    #[schema(value_type = Option<Object>)]
    working_hours: Value,
    /// Minutes after which an untouched lead goes to somebody else; 0 means never.
    return_after_minutes: u32,
    /// What each part of the score adds, -100 to 100: hot, warm, cold, urgent, high, medium, low, sources (by word), otherSource,
    /// contacted, qualified, interested, converted, lost, email, phone, requirements and talk (for each of five contacts).
    #[schema(value_type = Object)]
    score_weights: Value,
    #[schema(read_only)]
    version: u32,
    #[schema(read_only)]
    updated_at: DateTime<Utc>,
}

impl LeadSettingsView {
    fn of(routing: &LeadRouting) -> Self {
        let settings = &routing.settings;
        // Both are plain documents, which always can be written.
        let document = |value: serde_json::Result<Value>| value.unwrap_or_default();
        Self {
            strategy: settings.strategy.as_str().to_owned(),
            sticky_owner: settings.sticky_owner,
            online_only: settings.online_only,
            require_match: settings.require_match,
            capacity: settings.capacity,
            working_hours: document(serde_json::to_value(&settings.working_hours)),
            return_after_minutes: settings.return_after_minutes,
            score_weights: document(serde_json::to_value(&settings.score_weights)),
            version: routing.version,
            updated_at: routing.updated_at,
        }
    }
}

answer! { /** How the company deals with leads. */ LeadSettingsAnswer { settings: LeadSettingsView } }

/// How the company deals with leads. For those who manage leads.
#[utoipa::path(get, path = "/settings/leads", tag = "leads", responses((status = 200, body = LeadSettingsAnswer)))]
pub(crate) async fn get_lead_settings(
    State(app): State<Shared>,
    authed: Authed,
) -> Reply<Versioned<LeadSettingsAnswer>> {
    authed.demand(Permission::ManageLeads)?;
    let routing = current(&app, &authed).await?;
    Ok(versioned(routing.version, LeadSettingsAnswer::new(LeadSettingsView::of(&routing))))
}

async fn current(app: &crate::state::App, authed: &Authed) -> Reply<LeadRouting> {
    let stored = app.engine.read(&authed.actor).await?.lead_routing(authed.company_id()).await?;
    Ok(stored.unwrap_or_else(|| LeadRouting::first(authed.company_id(), authed.company.created_at)))
}

/// Change how the company deals with leads: what is absent stays. For admins and managers.
#[utoipa::path(put, path = "/settings/leads", tag = "leads", request_body = LeadSettingsView,
    responses((status = 200, body = LeadSettingsAnswer)))]
pub(crate) async fn update_lead_settings(
    State(app): State<Shared>,
    authed: Authed,
    IfMatch(expected): IfMatch,
    Input(body): Input<Map<String, Value>>,
) -> Reply<Versioned<LeadSettingsAnswer>> {
    authed.demand(Permission::ConfigureLeads)?;
    let old = current(&app, &authed).await?;
    let settings: LeadSettings = changed(&old.settings, body)?;
    // What was absent was read just now: the change holds for that version only.
    let command = UpdateLeadSettings { settings, expected_version: Some(expected.unwrap_or(old.version)) };
    let routing = app.engine.execute(&authed.actor, &command).await?;
    Ok(versioned(routing.version, LeadSettingsAnswer::new(LeadSettingsView::of(&routing))))
}

/// A document with some of its members replaced; objects that it has already are changed member by member, others come whole.
///
/// # Errors
/// 400 names the member at fault.
pub(super) fn changed<T: Serialize + DeserializeOwned>(old: &T, changes: Map<String, Value>) -> Reply<T> {
    let internal = |error: serde_json::Error| Problem::internal(&error);
    let mut document = serde_json::to_value(old).map_err(internal)?;
    let Some(members) = document.as_object_mut() else { return Err(Problem::internal(&"settings are an object")) };
    for (name, value) in changes {
        let name = camel(&name);
        match (name.as_str(), members.get_mut(&name), value) {
            ("scoreWeights", Some(Value::Object(own)), Value::Object(changes)) => {
                own.extend(changes.into_iter().map(|(name, value)| (camel(&name), value)));
            }
            (_, Some(own), value) => *own = value,
            // Whatever is not a setting is passed over, as in every body.
            (_, None, _) => {}
        }
    }
    from_json(&serde_json::to_vec(&document).map_err(internal)?)
}

/// `sticky_owner` as `stickyOwner`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        name.extend(letters);
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialplane_core::lead::Strategy;
    use serde_json::json;

    #[test]
    fn what_is_absent_stays_and_what_is_wrong_is_named() {
        let body = |value: Value| value.as_object().cloned().unwrap_or_default();
        let old = LeadSettings { capacity: 7, ..LeadSettings::default() };
        let new =
            changed(&old, body(json!({"strategy": "best_match", "score_weights": {"hot": 1}, "else": 1}))).unwrap();
        assert_eq!((new.strategy, new.capacity), (Strategy::BestMatch, 7));
        assert_eq!((new.score_weights.hot, new.score_weights.warm), (1, 20));
        for (bad, field) in [
            (json!({"strategy": "fairest"}), "strategy"),
            (json!({"capacity": -1}), "capacity"),
            (json!({"workingHours": {"monday": [{"from": "9", "to": "17:00"}]}}), "workingHours"),
            (json!({"scoreWeights": {"hot": "much"}}), "scoreWeights.hot"),
        ] {
            let problem = changed(&old, body(bad)).unwrap_err();
            assert!(problem.errors()[0].field.starts_with(field), "{field}: {problem:?}");
        }
    }
}
