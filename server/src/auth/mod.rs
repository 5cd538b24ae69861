//! Proofs of identity: access tokens, passwords, sessions and the one-time set-up link.

pub(crate) mod jwt;
pub(crate) mod passwords;
pub(crate) mod secrets;
pub(crate) mod setup_link;
