//! The one-time set-up link of a server without any account: printed once, kept as a hash, gone after use.

use std::sync::Mutex;

use dialplane_core::people::password::TokenHash;
use subtle::ConstantTimeEq;

/// The set-up link's token, by its hash.
#[derive(Debug, Default)]
pub(crate) struct SetupLink {
    hash: Mutex<Option<TokenHash>>,
}

impl SetupLink {
    /// Makes `token` the one that is valid.
    pub(crate) fn arm(&self, token: &str) {
        *self.hash.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(TokenHash::of(token));
    }

    /// Whether `token` is the valid one; compared in constant time.
    pub(crate) fn admits(&self, token: &str) -> bool {
        let hash = *self.hash.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        hash.is_some_and(|hash| bool::from(hash.0.ct_eq(&TokenHash::of(token).0)))
    }

    /// Ends its validity.
    pub(crate) fn spend(&self) {
        *self.hash.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_valid_once_it_is_armed_and_until_it_is_spent() {
        let link = SetupLink::default();
        assert!(!link.admits(""));
        link.arm("abc");
        assert!(link.admits("abc") && !link.admits("abd"));
        link.spend();
        assert!(!link.admits("abc"));
    }
}
