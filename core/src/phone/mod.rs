//! Phone numbers: E.164, the inventory, assignments with their daily allowance, rotation, bulk import; and the lines that
//! calls arrive and leave by: extensions, trunks and inbound routes.

pub mod allowance;
mod country;
mod e164;
pub mod extension;
pub mod import;
pub mod inbound;
pub mod inventory;
pub mod rotation;
pub mod trunk;

pub use allowance::{AllowanceRefused, Assignment, AssignmentRefused};
pub use country::{Country, UnknownCountry};
pub use e164::{BadNumber, E164};
pub use extension::{Extension, SipSecret};
pub use inbound::{InboundRoute, InboundTarget};
pub use inventory::{Capabilities, NumberRefused, NumberStatus, NumberUsage, PhoneNumber};
pub use rotation::Rotation;
pub use trunk::{Trunk, TrunkAccount, TrunkAuth, TrunkTransport};
