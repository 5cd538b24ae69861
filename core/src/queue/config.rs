//! How a queue is set up.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use dialplane_ivr::expr::ExprError;
use serde::{Deserialize, Serialize};

use super::agent::WRAP_UP_MAX;
use super::skill::{Relaxation, Rule, SKILLS_MAX, STEPS_MAX, SkillNeed};
use super::waiting::Waiting;
use crate::error::{Kind, Refusal};
use crate::id::{CompanyId, QueueId, UserId};

/// The most members of a queue.
pub const MEMBERS_MAX: usize = 10_000;

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its id.
    pub id: QueueId,
    /// The company.
    pub company: CompanyId,
    /// Its settings.
    pub settings: QueueSettings,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What can be set about a queue. Stored as one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueSettings {
    /// Its name, unique in the company.
    pub name: String,
    /// Who is offered a call first.
    #[serde(default)]
    pub strategy: Strategy,
    /// Seconds an agent's phone rings before the next is tried; 5 to 120.
    #[serde(default = "ring_seconds")]
    pub ring_seconds: u32,
    /// Seconds after a call in which an agent is offered none; 0 to 3,600.
    #[serde(default)]
    pub wrap_up_seconds: u32,
    /// Seconds a caller waits at most; 0 to 7,200, and 0 means as long as they like.
    #[serde(default)]
    pub max_wait_seconds: u32,
    /// With [`Strategy::RingProgressively`], seconds until one agent more is rung; 1 to 120.
    #[serde(default = "progressive_seconds")]
    pub progressive_seconds: u32,
    /// Callers who wait at most; 0 means any number. Who comes when it is full overflows at once.
    #[serde(default)]
    pub max_length: u32,
    /// Seconds callers wait on while no member is there; they wait as long as for busy members when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_agent_wait_seconds: Option<u32>,
    /// What its calls gain on those of other queues with the same agents: 0 to 100 points.
    #[serde(default)]
    pub weight: u8,
    /// Seconds a caller waits before the next tier is asked as well; 0 asks every tier at once, the lowest first. At most 3,600.
    #[serde(default)]
    pub tier_wait_seconds: u32,
    /// Calls answered within so many seconds are in time; 1 to 3,600.
    #[serde(default = "service_level_seconds")]
    pub service_level_seconds: u32,
    /// What its calls need in an agent.
    #[serde(default)]
    pub skills: Vec<SkillNeed>,
    /// A rule over the skills of an agent as well: see [`super::Rule`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What they need once they have waited, in the order of the times.
    #[serde(default)]
    pub relax: Vec<Relaxation>,
    /// Who takes its calls.
    #[serde(default)]
    pub members: Vec<Member>,
    /// What callers meet while they wait.
    #[serde(flatten)]
    pub waiting: Box<Waiting>,
}

impl QueueSettings {
    /// A queue of this name and these members, with everything else as it is when nothing is said.
    #[must_use]
    pub fn new(name: impl Into<String>, members: Vec<Member>) -> Self {
        Self {
            name: name.into(),
            strategy: Strategy::default(),
            ring_seconds: ring_seconds(),
            wrap_up_seconds: 0,
            max_wait_seconds: 0,
            progressive_seconds: progressive_seconds(),
            max_length: 0,
            no_agent_wait_seconds: None,
            weight: 0,
            tier_wait_seconds: 0,
            service_level_seconds: service_level_seconds(),
            skills: Vec::new(),
            rule: None,
            relax: Vec::new(),
            members,
            waiting: Box::default(),
        }
    }
}

const fn ring_seconds() -> u32 {
    20
}

const fn progressive_seconds() -> u32 {
    10
}

const fn service_level_seconds() -> u32 {
    20
}

/// A member of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The agent.
    pub agent_id: UserId,
    /// Lower tiers are asked first.
    #[serde(default = "first")]
    pub tier: u16,
    /// The place within the tier.
    #[serde(default = "first")]
    pub position: u16,
    /// With [`Strategy::WeightedRandom`], how often they are drawn in comparison with others: 1 to 1,000.
    #[serde(default = "first")]
    pub weight: u16,
}

impl Member {
    /// A member of the first tier, in the first place.
    #[must_use]
    pub const fn new(agent_id: UserId) -> Self {
        Self { agent_id, tier: first(), position: first(), weight: first() }
    }
}

const fn first() -> u16 {
    1
}

macro_rules! strategies {
    ($($(#[$doc:meta])* $strategy:ident = $word:literal,)*) => {
        /// Who is offered a call first, among the free members of the lowest tier who fit it. Ties go by position.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Strategy {
            $($(#[$doc])* $strategy,)*
        }

        impl Strategy {
            /// Every strategy.
            pub const ALL: &'static [Self] = &[$(Self::$strategy),*];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$strategy => $word,)*
                }
            }
        }
    };
}

strategies! {
    /// Whoever has been without a call longest.
    #[default]
    LongestIdle = "longest_idle",
    /// Whoever was offered a call of this queue the longest time ago.
    RoundRobin = "round_robin",
    /// Whoever took the fewest calls today.
    FewestCalls = "fewest_calls",
    /// Whoever talked least today.
    LeastTalkTime = "least_talk_time",
    /// The first by position.
    TopDown = "top_down",
    /// Anybody.
    Random = "random",
    /// Anybody, by the members' weights.
    WeightedRandom = "weighted_random",
    /// All at once; whoever answers first has the call.
    RingAll = "ring_all",
    /// The one who has been without a call longest, and one more every so often.
    RingProgressively = "ring_progressively",
    /// Whoever has the highest levels of what the call needs; then whoever has been without a call longest.
    BestSkill = "best_skill",
}

impl FromStr for Strategy {
    type Err = QueueRefused;
    fn from_str(text: &str) -> Result<Self, QueueRefused> {
        let found = Self::ALL.iter().find(|strategy| strategy.as_str() == text);
        found.copied().ok_or(QueueRefused::UnsupportedStrategy)
    }
}

/// Why a queue was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueRefused {
    /// The name is empty or too long.
    #[error("a queue's name has 1 to 100 characters")]
    BadName,
    /// Another queue of the company has the name.
    #[error("another queue has this name")]
    NameTaken,
    /// The strategy is not available.
    #[error("a strategy is one of {}", Strategy::ALL.iter().map(|strategy| strategy.as_str()).collect::<Vec<_>>().join(", "))]
    UnsupportedStrategy,
    /// The ring time is out of range.
    #[error("an agent's phone rings 5 to 120 seconds")]
    BadRingSeconds,
    /// The wrap-up time is out of range.
    #[error("wrap-up lasts 0 to {WRAP_UP_MAX} seconds")]
    BadWrapUp,
    /// The waiting time is out of range.
    #[error("the longest wait is 0 to 7200 seconds")]
    BadMaxWait,
    /// A number out of its range.
    #[error("{1}")]
    OutOfRange(&'static str, &'static str),
    /// Skills that cannot be.
    #[error(
        "skills have a name of 1 to 50 characters, none twice, and a level of 1 to 10; there are at most {SKILLS_MAX}"
    )]
    BadSkills(&'static str),
    /// A rule that cannot be read.
    #[error("the rule cannot be used: {1}")]
    BadRule(&'static str, ExprError),
    /// Too many steps, or not in the order of their times.
    #[error("there are at most {STEPS_MAX} steps, each later than the one before, within two hours")]
    BadRelax,
    /// A member twice, or too many.
    #[error("every member is a different user, {MEMBERS_MAX} at most")]
    BadMembers,
    /// A member who is no agent of the company.
    #[error("{0} is no active user of the company who takes calls")]
    NoSuchMember(UserId),
    /// A target of overflow or of a key that is not there, or the queue itself.
    #[error("callers cannot be led to this {1}: it is not there, or it is the queue itself")]
    NoSuchTarget(&'static str, &'static str),
    /// A recording that is not there.
    #[error("there is no prompt {1:?}")]
    NoSuchPrompt(&'static str, String),
    /// A calendar that is not there.
    #[error("there is no such calendar")]
    NoSuchCalendar,
    /// Another queue leads callers to it.
    #[error("the queue {0:?} leads callers to this queue: change that queue first")]
    InQueue(String),
    /// An inbound route leads to it.
    #[error("an inbound route leads to this queue: change the route first")]
    InUse,
    /// An active flow leads calls to it.
    #[error("the active flow {0:?} leads to this queue: change the flow first")]
    InFlow(String),
    /// No such queue.
    #[error("there is no such queue")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

impl Refusal for QueueRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::NameTaken | Self::InUse | Self::InFlow(_) | Self::InQueue(_) | Self::Stale => Kind::Conflict,
            Self::NotFound => Kind::NotFound,
            _ => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NameTaken => "name_taken",
            Self::UnsupportedStrategy => "unsupported",
            Self::InUse | Self::InFlow(_) | Self::InQueue(_) => "in_use",
            Self::NotFound => "not_found",
            Self::Stale => "stale_version",
            _ => "invalid_input",
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::BadName | Self::NameTaken => Some("name"),
            Self::UnsupportedStrategy => Some("strategy"),
            Self::BadRingSeconds => Some("ringSeconds"),
            Self::BadWrapUp => Some("wrapUpSeconds"),
            Self::BadMaxWait => Some("maxWaitSeconds"),
            Self::OutOfRange(field, _) | Self::BadSkills(field) | Self::BadRule(field, _) => Some(field),
            Self::BadRelax => Some("relax"),
            Self::BadMembers | Self::NoSuchMember(_) => Some("members"),
            Self::NoSuchTarget(field, _) | Self::NoSuchPrompt(field, _) => Some(field),
            Self::NoSuchCalendar => Some("calendar"),
            Self::InUse | Self::InFlow(_) | Self::InQueue(_) | Self::NotFound | Self::Stale => None,
        }
    }
}

impl QueueSettings {
    /// Checks and cleans the settings.
    ///
    /// # Errors
    /// [`QueueRefused`] names the field at fault.
    pub fn checked(mut self) -> Result<Self, QueueRefused> {
        self.name = self.name.trim().to_owned();
        self.faults().next().map_or(Ok(self), Err)
    }

    /// Everything that is wrong with the settings.
    pub fn faults(&self) -> impl Iterator<Item = QueueRefused> + use<> {
        let name = self.name.trim();
        let mut agents: Vec<UserId> = self.members.iter().map(|m| m.agent_id).collect();
        agents.sort_unstable();
        agents.dedup();
        let rules = [
            (
                !name.is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control),
                QueueRefused::BadName,
            ),
            ((5..=120).contains(&self.ring_seconds), QueueRefused::BadRingSeconds),
            (self.wrap_up_seconds <= WRAP_UP_MAX, QueueRefused::BadWrapUp),
            (self.max_wait_seconds <= 7_200, QueueRefused::BadMaxWait),
            (
                (1..=120).contains(&self.progressive_seconds),
                QueueRefused::OutOfRange("progressiveSeconds", "one agent more is rung every 1 to 120 seconds"),
            ),
            (self.max_length <= 100_000, QueueRefused::OutOfRange("maxLength", "at most 100000 callers wait")),
            (
                self.no_agent_wait_seconds.is_none_or(|seconds| seconds <= 7_200),
                QueueRefused::OutOfRange("noAgentWaitSeconds", "callers wait 0 to 7200 seconds while nobody is there"),
            ),
            (self.weight <= 100, QueueRefused::OutOfRange("weight", "a weight is 0 to 100 points")),
            (
                self.tier_wait_seconds <= 3_600,
                QueueRefused::OutOfRange("tierWaitSeconds", "the next tier is asked after 0 to 3600 seconds"),
            ),
            (
                (1..=3_600).contains(&self.service_level_seconds),
                QueueRefused::OutOfRange("serviceLevelSeconds", "a call is in time within 1 to 3600 seconds"),
            ),
            (SkillNeed::are_sound(&self.skills), QueueRefused::BadSkills("skills")),
            (self.relax.iter().all(|step| SkillNeed::are_sound(&step.skills)), QueueRefused::BadSkills("relax")),
            (are_in_order(&self.relax), QueueRefused::BadRelax),
            (
                self.members.iter().all(|member| (1..=1_000).contains(&member.weight)),
                QueueRefused::OutOfRange("members", "a member's weight is 1 to 1000"),
            ),
            (agents.len() == self.members.len() && agents.len() <= MEMBERS_MAX, QueueRefused::BadMembers),
        ];
        let texts = self.rule.iter().map(|rule| ("rule", rule));
        let texts = texts.chain(self.relax.iter().filter_map(|step| Some(("relax", step.rule.as_ref()?))));
        let unread = texts.filter_map(|(field, rule)| Some(QueueRefused::BadRule(field, Rule::compile(rule).err()?)));
        let unread: Vec<QueueRefused> = unread.collect();
        rules
            .into_iter()
            .filter(|(holds, _)| !holds)
            .map(|(_, refused)| refused)
            .chain(unread)
            .chain(self.waiting.faults())
    }
}

fn are_in_order(steps: &[Relaxation]) -> bool {
    let after = |step: &Relaxation| step.after_seconds;
    let within = steps.len() <= STEPS_MAX && steps.iter().map(after).all(|after| (1..=7_200).contains(&after));
    within && steps.windows(2).all(|pair| after(&pair[0]) < after(&pair[1]))
}
