//! Services of others that Dialplane works with.

pub(crate) mod meta;
pub(crate) mod twilio;
