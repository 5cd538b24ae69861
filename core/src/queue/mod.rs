//! Queues of waiting calls, and the router that offers them to agents.

mod chance;
mod config;
pub mod demand;
pub mod estimate;
pub mod router;
#[cfg(feature = "sim")]
pub mod sim;
mod skill;
pub mod staffing;

pub use config::{MEMBERS_MAX, Member, Queue, QueueRefused, QueueSettings, Strategy};
pub use skill::{AgentSkill, LEVEL_MAX, Mode, Relaxation, Rule, SKILLS_MAX, STEPS_MAX, SkillNeed};
