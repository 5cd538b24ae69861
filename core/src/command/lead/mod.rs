//! Leads: taking them in, giving them to people, working on them, merging and selling them.
//!
//! Everybody holds the company's time zone first (an import its job before it), then locks its routing, then leads in order of id, and
//! adds to the figures last, in their order: nobody waits in a circle.

mod bulk;
mod call;
mod change;
mod create;
mod desk;
mod disposition;
pub mod figures;
mod import;
mod merge;
mod route;
mod settings;

pub use bulk::{BULK_MAX, BulkAction, BulkLeads};
pub(super) use call::{Contact, move_by_outcome, move_contact, touch_leads};
pub use change::{AssignLead, ConvertLead, DeleteLead, UpdateLead};
pub use create::{CreateLead, CreateLeads, Created, OnDuplicate, Outcome, PreviewRoute};
pub(super) use desk::own;
pub(super) use disposition::first_dispositions;
pub use disposition::{CreateDisposition, DeleteDisposition, UpdateDisposition};
pub use import::{ImportLeads, ReadRow};
pub use merge::{MERGE_MAX, MergeLeads};
pub use route::{RETURNS_MAX, RouteLeads};
pub use settings::{UpdateLeadProfile, UpdateLeadSettings};
