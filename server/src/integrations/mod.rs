//! Services of others that Dialplane works with.

pub(crate) mod twilio;
pub(crate) mod meta;
