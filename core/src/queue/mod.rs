//! Queues of waiting calls, and the router that offers them to agents.

pub mod announce;
mod chance;
mod config;
pub mod estimate;
pub mod overflow;
pub mod resume;
pub mod router;
#[cfg(feature = "sim")]
pub mod sim;
mod skill;
pub mod staffing;
pub mod waiting;

pub use config::{MEMBERS_MAX, Member, Queue, QueueRefused, QueueSettings, Strategy};
pub use overflow::OverflowTarget;
pub use skill::{AgentSkill, LEVEL_MAX, Mode, Relaxation, Rule, SKILLS_MAX, STEPS_MAX, SkillNeed};
pub use waiting::Waiting;
