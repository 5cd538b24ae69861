//! People: users with a role, their caller records and sessions.

pub mod caller;
pub mod password;
mod role;
pub mod session;
pub mod user;

pub use caller::{Caller, Figures, SyncPlan};
pub use password::{Argon2Hasher, PasswordHash, PasswordHasher};
pub use role::{Role, RoleKind};
pub use session::Session;
pub use user::{Availability, NewUser, User, UserChange, UserRefused};
