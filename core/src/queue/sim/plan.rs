//! What is simulated.

use serde::{Deserialize, Serialize};

use crate::queue::{AgentSkill, QueueSettings, SkillNeed};

/// A day of a contact centre.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The length of a slice, in seconds: 1,800 for half an hour.
    #[serde(default = "half_hour")]
    pub slice_seconds: u32,
    /// The queues.
    pub queues: Vec<PlannedQueue>,
    /// The agents.
    pub agents: Vec<PlannedAgent>,
    /// The share of offers that an agent misses, 0 to 1.
    #[serde(default)]
    pub missed_share: f64,
    /// How long agents take to answer on average, in seconds.
    #[serde(default = "three")]
    pub answer_seconds: f64,
    /// Seconds between an agent's breaks on average; 0 for none.
    #[serde(default)]
    pub breaks_every_seconds: f64,
    /// How long a break takes on average, in seconds.
    #[serde(default)]
    pub break_seconds: f64,
}

/// A queue and its callers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedQueue {
    /// Its settings; its members are the agents who name it.
    pub settings: QueueSettings,
    /// Calls that come in each slice, on average.
    pub calls: Vec<f64>,
    /// How long callers wait on average before they give up, in seconds.
    pub patience_seconds: f64,
    /// How long talks take on average, in seconds.
    pub talk_seconds: f64,
    /// The standard deviation of talks, in seconds.
    pub talk_deviation: f64,
    /// Kinds of needs besides the queue's, one of them for each call, each as often as the others.
    #[serde(default)]
    pub needs: Vec<Vec<SkillNeed>>,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedAgent {
    /// The queues they are a member of, by their place from 0.
    pub queues: Vec<usize>,
    /// What they can do.
    #[serde(default)]
    pub skills: Vec<AgentSkill>,
}

const fn half_hour() -> u32 {
    1_800
}

const fn three() -> f64 {
    3.0
}

impl Plan {
    /// One queue and so many agents who miss nothing: calls for each half hour, the mean length of a talk and the mean patience in seconds.
    #[must_use]
    pub fn simple(agents: usize, calls: &[f64], talk_seconds: f64, patience_seconds: f64) -> Self {
        let queue = PlannedQueue {
            settings: QueueSettings::new("one", Vec::new()),
            calls: calls.to_vec(),
            patience_seconds,
            talk_seconds,
            talk_deviation: talk_seconds / 2.0,
            needs: Vec::new(),
        };
        let agent = PlannedAgent { queues: vec![0], skills: Vec::new() };
        Self {
            slice_seconds: half_hour(),
            queues: vec![queue],
            agents: vec![agent; agents],
            missed_share: 0.0,
            answer_seconds: three(),
            breaks_every_seconds: 0.0,
            break_seconds: 0.0,
        }
    }

    pub(super) fn slice_ms(&self) -> u64 {
        u64::from(self.slice_seconds.max(1)) * 1_000
    }

    /// The slices of the queue that is open longest.
    pub(super) fn slices(&self) -> usize {
        self.queues.iter().map(|queue| queue.calls.len()).max().unwrap_or_default()
    }

    pub(super) fn length_ms(&self) -> u64 {
        self.slices() as u64 * self.slice_ms()
    }
}
