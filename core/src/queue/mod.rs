//! Queues of waiting calls, and the router that offers them to agents.

mod agent;
pub mod announce;
mod callback;
pub(crate) mod chance;
pub mod claim;
mod config;
pub mod decision;
pub mod demand;
pub mod estimate;
pub mod left;
pub mod log;
pub mod overflow;
pub mod resume;
pub mod router;
pub mod shadow;
#[cfg(feature = "sim")]
pub mod sim;
mod skill;
pub mod staffing;
pub mod waiting;

pub use agent::{AgentProfile, AgentRefused, AgentSettings, CAPACITY_MAX, WRAP_UP_MAX};
pub use callback::{
    ASKED_MAX, ATTEMPTS_MAX, Attempt, Callback, CallbackRefused, CallbackRequest, CallbackState, DELAY_MAX,
    asked_in_vain,
};
pub use config::{MEMBERS_MAX, Member, Queue, QueueRefused, QueueSettings, Strategy};
pub use decision::Decision;
pub use left::Stood;
pub use overflow::OverflowTarget;
pub use skill::{AgentSkill, LEVEL_MAX, Mode, Relaxation, Rule, SKILLS_MAX, STEPS_MAX, SkillNeed};
pub use waiting::Waiting;
