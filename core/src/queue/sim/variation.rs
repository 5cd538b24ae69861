//! Another configuration for a recorded day: other settings of queues, other skills, more or fewer agents.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use chrono::DateTime;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::plan::PlanRefused;
use super::replay::{RecordedAgent, RecordedDay, RecordedQueue};
use crate::error::Refusal;
use crate::id::{IdSource, SeededIds, UserId};
use crate::queue::{AgentSettings, Member, QueueSettings};

/// The most agents that one may be made into.
const COPIES_MAX: u32 = 1_000;

/// What is to be different.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Variation {
    /// Queues with other settings.
    #[serde(default)]
    pub queues: Vec<OtherQueue>,
    /// Agents with other settings, or another number of them.
    #[serde(default)]
    pub agents: Vec<OtherAgent>,
}

/// A queue with other settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OtherQueue {
    /// Which: its name or id.
    pub queue: String,
    /// The settings that change, by the names of the API.
    pub settings: Map<String, Value>,
}

/// An agent with other settings, or another number of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OtherAgent {
    /// Who: as they are called, or the id.
    pub agent: String,
    /// The settings that change, by the names of the API.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// How many of them there are: 0 for a day without them, 3 for two more who do as they do; at most 1,000.
    #[serde(default = "one")]
    pub count: u32,
}

const fn one() -> u32 {
    1
}

impl Variation {
    /// Whether nothing is to be different.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.agents.is_empty()
    }

    /// The day with another configuration. `called` knows agents by what they are called.
    ///
    /// # Errors
    /// [`PlanRefused`] names the field at fault, such as `queues[0].settings.ringSeconds`.
    pub fn of(&self, day: &RecordedDay, called: impl Fn(&str) -> Option<UserId>) -> Result<RecordedDay, PlanRefused> {
        let mut day = day.clone();
        for (at, other) in self.queues.iter().enumerate() {
            let named =
                |queue: &&mut RecordedQueue| queue.settings.name == other.queue || queue.id.to_string() == other.queue;
            let queue = day.queues.iter_mut().find(named);
            let queue = queue.ok_or_else(|| no_such(format!("queues[{at}].queue"), "queue", &other.queue))?;
            let field = format!("queues[{at}].settings");
            queue.settings = changed(&queue.settings, &other.settings, &setting_names(), &field)?;
            fault(queue.settings.faults().next(), &field)?;
        }
        for (at, other) in self.agents.iter().enumerate() {
            let id = other.agent.parse().ok().or_else(|| called(&other.agent));
            let place = id.and_then(|id| day.agents.iter().position(|agent| agent.id == id));
            let place =
                place.ok_or_else(|| no_such(format!("agents[{at}].agent"), "agent of that day", &other.agent))?;
            let Some(agent) = day.agents.get_mut(place) else { continue };
            let field = format!("agents[{at}].settings");
            let names = keys(&AgentSettings::default());
            agent.settings = changed(&agent.settings, &other.settings, &names, &field)?.cleaned();
            fault(agent.settings.faults().next(), &field)?;
            if other.count > COPIES_MAX {
                let reason = format!("there are 0 to {COPIES_MAX} of an agent");
                return Err(PlanRefused { field: format!("agents[{at}].count"), reason });
            }
            let agent = agent.clone();
            match NonZeroU32::new(other.count) {
                Some(count) => copy(&mut day, &agent, count.get() - 1),
                None => remove(&mut day, place, agent.id),
            }
        }
        Ok(day)
    }
}

fn no_such(field: String, what: &str, name: &str) -> PlanRefused {
    PlanRefused { field, reason: format!("there is no {what} {name:?}") }
}

fn fault<R: Refusal>(fault: Option<R>, field: &str) -> Result<(), PlanRefused> {
    let Some(fault) = fault else { return Ok(()) };
    let field = fault.field().map_or_else(|| field.to_owned(), |name| format!("{field}.{name}"));
    Err(PlanRefused { field, reason: fault.to_string() })
}

fn keys<T: Serialize>(settings: &T) -> BTreeSet<String> {
    let value = serde_json::to_value(settings).unwrap_or_default();
    value.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default()
}

/// The settings of a queue that matter to a day on virtual time, by the names of the API: what callers hear while they wait does not.
#[must_use]
pub fn setting_names() -> BTreeSet<String> {
    let mut all = QueueSettings::new("", Vec::new());
    (all.no_agent_wait_seconds, all.rule) = (Some(0), Some(String::new()));
    keys(&all)
}

/// Settings with some of them changed, one after another, so that a fault is that of its own.
fn changed<T: Serialize + DeserializeOwned>(
    settings: &T,
    changes: &Map<String, Value>,
    names: &BTreeSet<String>,
    field: &str,
) -> Result<T, PlanRefused> {
    let refused = |name: &str, reason: String| PlanRefused { field: format!("{field}.{name}"), reason };
    let mut all = serde_json::to_value(settings).map_err(|error| refused("", error.to_string()))?;
    for (name, value) in changes {
        if !names.contains(name) {
            return Err(refused(name, "there is no such setting, or it does not matter here".to_owned()));
        }
        if let Some(object) = all.as_object_mut() {
            object.insert(name.clone(), value.clone());
        }
        T::deserialize(&all).map_err(|error| refused(name, error.to_string()))?;
    }
    T::deserialize(&all).map_err(|error| PlanRefused { field: field.to_owned(), reason: error.to_string() })
}

/// So many more agents who do as this one does, in the same queues.
fn copy(day: &mut RecordedDay, agent: &RecordedAgent, more: u32) {
    for _ in 0..more {
        let ids = SeededIds::new(day.agents.len() as u64);
        let id: UserId = (&ids as &dyn IdSource).id(DateTime::UNIX_EPOCH);
        for queue in &mut day.queues {
            let members = &mut queue.settings.members;
            let last = members.iter().map(|member| member.position).max().unwrap_or_default();
            let own = members.iter().find(|member| member.agent_id == agent.id).copied();
            members.extend(own.map(|own| Member { agent_id: id, position: last.saturating_add(1), ..own }));
        }
        // Only one of them has the calls that came otherwise.
        day.agents.push(RecordedAgent { id, engaged: Vec::new(), ..agent.clone() });
    }
}

fn remove(day: &mut RecordedDay, place: usize, agent: UserId) {
    day.agents.remove(place);
    day.queues.iter_mut().for_each(|queue| queue.settings.members.retain(|member| member.agent_id != agent));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::sim::replay::replay;
    use crate::queue::sim::{Plan, record};
    use serde_json::json;

    fn read(json: Value) -> Variation {
        serde_json::from_value(json).unwrap()
    }

    fn day() -> RecordedDay {
        record(&Plan::simple(5, &[60.0; 4], 180.0, 60.0), 3).1
    }

    #[test]
    fn settings_that_change_change_and_all_others_stay() {
        let day = day();
        let (first, id) = (day.agents[0].id, day.queues[0].id.to_string());
        let other = read(json!({
            "queues": [
                {"queue": "one", "settings": {"maxWaitSeconds": 9, "skills": [{"name": "german", "level": 2}]}},
                {"queue": id, "settings": {"noAgentWaitSeconds": 4}},
            ],
            "agents": [{"agent": "Ann", "settings": {"skills": [{"name": " german ", "level": 5}]}}],
        }));
        let changed = other.of(&day, |name| (name == "Ann").then_some(first)).unwrap();
        let settings = &changed.queues[0].settings;
        assert_eq!((settings.max_wait_seconds, settings.no_agent_wait_seconds), (9, Some(4)));
        assert_eq!((settings.skills.len(), changed.agents[0].settings.skills[0].name.as_str()), (1, "german"));
        let back =
            QueueSettings { max_wait_seconds: 0, no_agent_wait_seconds: None, skills: Vec::new(), ..settings.clone() };
        assert_eq!((&back, &changed.calls), (&day.queues[0].settings, &day.calls));
        assert_eq!(Variation::default().of(&day, |_| None).unwrap(), day);
    }

    #[test]
    fn more_of_an_agent_are_members_where_they_are_and_none_of_them_is_nowhere() {
        let day = day();
        let second = day.agents[1].id;
        let count = |count: u32| {
            let other = read(json!({"agents": [{"agent": second.to_string(), "count": count}]}));
            other.of(&day, |_| None).unwrap()
        };
        let (none, more) = (count(0), count(4));
        assert_eq!((none.agents.len(), none.queues[0].settings.members.len()), (4, 4));
        assert_eq!((more.agents.len(), more.queues[0].settings.members.len()), (8, 8));
        more.queues[0].settings.clone().checked().unwrap();
        let answered = |day: &RecordedDay| replay(day, 1).total.answered;
        assert!(answered(&none) < answered(&day) && answered(&day) < answered(&more));
    }

    #[test]
    fn what_cannot_be_is_told_with_its_field() {
        let cases = [
            (json!({"queues": [{"queue": "two", "settings": {}}]}), "queues[0].queue"),
            (json!({"queues": [{"queue": "one", "settings": {"ringSecond": 9}}]}), "queues[0].settings.ringSecond"),
            (json!({"queues": [{"queue": "one", "settings": {"ringSeconds": 1}}]}), "queues[0].settings.ringSeconds"),
            (json!({"queues": [{"queue": "one", "settings": {"strategy": "any"}}]}), "queues[0].settings.strategy"),
            (json!({"queues": [{"queue": "one", "settings": {"music": "none"}}]}), "queues[0].settings.music"),
            (json!({"agents": [{"agent": "Bob"}]}), "agents[0].agent"),
            (json!({"agents": [{"agent": "Ann", "settings": {"capacity": 0}}]}), "agents[0].settings.capacity"),
            (json!({"agents": [{"agent": "Ann", "settings": {"capacity": "x"}}]}), "agents[0].settings.capacity"),
            (json!({"agents": [{"agent": "Ann", "count": 1001}]}), "agents[0].count"),
        ];
        let day = day();
        for (other, field) in cases {
            let refused = read(other).of(&day, |name| (name == "Ann").then_some(day.agents[0].id)).unwrap_err();
            assert_eq!(refused.field, field, "{refused}");
        }
        assert!(serde_json::from_value::<Variation>(json!({"queue": []})).is_err());
    }
}
