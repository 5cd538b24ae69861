//! What is simulated.

use serde::{Deserialize, Serialize};

use crate::queue::{AgentSkill, QueueSettings, SkillNeed};

/// The most slices of a plan.
const SLICES_MAX: usize = 10_000;
/// The most agents of a plan.
const AGENTS_MAX: u64 = 100_000;

/// A day of a contact centre.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The length of a slice, in seconds: 1,800 for half an hour; 1 to 86,400.
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
    /// Seconds between crashes of the process on average, after each of which it goes on with what is stored; 0 for none.
    #[serde(default)]
    pub crashes_every_seconds: f64,
}

/// A queue and its callers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
    /// The priority of its calls: -100 to 100.
    #[serde(default)]
    pub priority: i8,
    /// Kinds of needs besides the queue's, one of them for each call, each as often as the others.
    #[serde(default)]
    pub needs: Vec<Vec<SkillNeed>>,
}

/// An agent, or some who are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedAgent {
    /// How many are alike: 1 when nothing is said.
    #[serde(default = "one")]
    pub count: u32,
    /// The queues they are a member of, by name.
    pub queues: Vec<String>,
    /// Their tier in each; lower tiers are asked first.
    #[serde(default = "first")]
    pub tier: u16,
    /// What they can do.
    #[serde(default)]
    pub skills: Vec<AgentSkill>,
    /// Calls at once: 1 to 20.
    #[serde(default = "one_call")]
    pub capacity: u8,
    /// When they work; all the time when nothing is said.
    #[serde(default)]
    pub shifts: Vec<Shift>,
}

/// A time of work, in minutes since the plan begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shift {
    /// From then on.
    pub from_minute: u32,
    /// Up to then.
    pub to_minute: u32,
}

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct PlanRefused {
    /// Where, such as `queues[0].settings.ringSeconds`.
    pub field: String,
    /// Why.
    pub reason: String,
}

const fn half_hour() -> u32 {
    1_800
}

const fn three() -> f64 {
    3.0
}

const fn one() -> u32 {
    1
}

const fn one_call() -> u8 {
    1
}

const fn first() -> u16 {
    1
}

impl PlannedAgent {
    /// So many agents of one queue who work all the time.
    #[must_use]
    pub fn of(queue: &str, count: u32) -> Self {
        let queues = vec![queue.to_owned()];
        Self { count, queues, tier: first(), skills: Vec::new(), capacity: one_call(), shifts: Vec::new() }
    }
}

impl Plan {
    /// One queue and so many agents who miss nothing: calls for each half hour, the mean length of a talk and the mean patience in seconds.
    #[must_use]
    pub fn simple(agents: u32, calls: &[f64], talk_seconds: f64, patience_seconds: f64) -> Self {
        let queue = PlannedQueue {
            settings: QueueSettings::new("one", Vec::new()),
            calls: calls.to_vec(),
            patience_seconds,
            talk_seconds,
            talk_deviation: talk_seconds / 2.0,
            priority: 0,
            needs: Vec::new(),
        };
        Self {
            slice_seconds: half_hour(),
            queues: vec![queue],
            agents: vec![PlannedAgent::of("one", agents)],
            missed_share: 0.0,
            answer_seconds: three(),
            breaks_every_seconds: 0.0,
            break_seconds: 0.0,
            crashes_every_seconds: 0.0,
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

    /// Whether a day can be made of it.
    ///
    /// # Errors
    /// The first field that cannot be as it is.
    pub fn check(&self) -> Result<(), PlanRefused> {
        ensure((1..=86_400).contains(&self.slice_seconds), "sliceSeconds", "a slice has 1 to 86400 seconds")?;
        ensure((0.0..=1.0).contains(&self.missed_share), "missedShare", "a share is 0 to 1")?;
        for (field, seconds) in [
            ("answerSeconds", self.answer_seconds),
            ("breaksEverySeconds", self.breaks_every_seconds),
            ("breakSeconds", self.break_seconds),
            ("crashesEverySeconds", self.crashes_every_seconds),
        ] {
            ensure(is_length(seconds), field, "this is a number of seconds, 0 to 1000000")?;
        }
        let often = |seconds: f64| seconds == 0.0 || seconds >= 1.0;
        ensure(often(self.breaks_every_seconds), "breaksEverySeconds", "0 for none, or at least 1")?;
        ensure(often(self.crashes_every_seconds), "crashesEverySeconds", "0 for none, or at least 1")?;
        ensure(!self.queues.is_empty(), "queues", "there is no queue")?;
        for (at, queue) in self.queues.iter().enumerate() {
            self.check_queue(at, queue)?;
        }
        let agents: u64 = self.agents.iter().map(|agent| u64::from(agent.count)).sum();
        ensure(agents <= AGENTS_MAX, "agents", "there are at most 100000 agents")?;
        self.agents.iter().enumerate().try_for_each(|(at, agent)| self.check_agent(at, agent))
    }

    fn check_queue(&self, at: usize, queue: &PlannedQueue) -> Result<(), PlanRefused> {
        let field = |name: &str| format!("queues[{at}].{name}");
        if let Some(fault) = queue.settings.faults().next() {
            use crate::error::Refusal as _;
            let name = fault.field().unwrap_or("name");
            return Err(PlanRefused { field: field(&format!("settings.{name}")), reason: fault.to_string() });
        }
        ensure(queue.settings.members.is_empty(), &field("settings.members"), "members are the agents who name it")?;
        let same = self.queues.iter().filter(|other| other.settings.name == queue.settings.name);
        ensure(same.count() == 1, &field("settings.name"), "another queue has this name")?;
        ensure(queue.calls.len() <= SLICES_MAX, &field("calls"), "a plan has at most 10000 slices")?;
        let rates = queue.calls.iter().all(|calls| is_length(*calls));
        ensure(rates, &field("calls"), "in each slice come 0 to 1000000 calls")?;
        for (name, seconds) in [("patienceSeconds", queue.patience_seconds), ("talkSeconds", queue.talk_seconds)] {
            ensure(seconds > 0.0 && is_length(seconds), &field(name), "this is a number of seconds above 0")?;
        }
        ensure(is_length(queue.talk_deviation), &field("talkDeviation"), "this is a number of seconds, 0 to 1000000")?;
        ensure((-100..=100).contains(&queue.priority), &field("priority"), "a priority is -100 to 100")
    }

    fn check_agent(&self, at: usize, agent: &PlannedAgent) -> Result<(), PlanRefused> {
        let field = |name: &str| format!("agents[{at}].{name}");
        for name in &agent.queues {
            let known = self.queues.iter().any(|queue| queue.settings.name == *name);
            ensure(known, &field("queues"), &format!("there is no queue {name:?}"))?;
            let once = agent.queues.iter().filter(|other| *other == name).count() == 1;
            ensure(once, &field("queues"), &format!("the queue {name:?} is named twice"))?;
        }
        ensure((1..=20).contains(&agent.capacity), &field("capacity"), "an agent takes 1 to 20 calls at once")?;
        let skills = agent.skills.iter().map(|skill| (skill.name.as_str(), skill.level));
        let sound = crate::queue::skill::are_sound(skills);
        ensure(
            sound,
            &field("skills"),
            "skills have a name of 1 to 50 characters, none twice, and a level of 1 to 10",
        )?;
        let apart = agent.shifts.windows(2).all(|two| two[0].to_minute <= two[1].from_minute);
        let forwards = agent.shifts.iter().all(|shift| shift.from_minute < shift.to_minute);
        ensure(apart && forwards, &field("shifts"), "each shift ends after it begins and before the next one begins")
    }
}

fn is_length(value: f64) -> bool {
    (0.0..=1_000_000.0).contains(&value)
}

fn ensure(holds: bool, field: &str, reason: &str) -> Result<(), PlanRefused> {
    if holds { Ok(()) } else { Err(PlanRefused { field: field.to_owned(), reason: reason.to_owned() }) }
}
