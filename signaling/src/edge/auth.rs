//! Digest authentication of phones. Nothing is stored for a request that has not proven its password.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dialplane_core::phone::extension::SIP_REALM;

use super::directory::{Directory, ExtensionEntry};
use crate::sip::digest::{Algorithm, Challenge, Credentials, DigestError};
use crate::sip::nonce::{Admission, NonceCheck, Nonces, ReplayGuard};
use crate::sip::wire::{Message, Method};

/// Nonces whose use is remembered. At the lifetime of a nonce and one request a second this serves as many phones.
const REMEMBERED: usize = 100_000;

/// Who sent a request.
#[derive(Debug)]
pub(super) enum Verdict {
    /// This line, proven.
    Line(Arc<ExtensionEntry>),
    /// Nobody: send this challenge.
    Challenge {
        /// The value of WWW-Authenticate.
        value: String,
        /// Whether credentials were given, and were wrong.
        failed: bool,
    },
    /// The credentials cannot be read (400).
    Malformed,
}

#[derive(Debug)]
pub(super) struct Authenticator {
    nonces: Nonces,
    guard: ReplayGuard,
}

impl Authenticator {
    pub(super) fn new(key: &[u8; 32], life: Duration) -> Self {
        Self { nonces: Nonces::new(key, life), guard: ReplayGuard::new(REMEMBERED) }
    }

    /// Decides who sent `request`. The challenge is the same for known and unknown users, and so is the work.
    pub(super) fn verify(
        &mut self,
        request: &Message,
        method: &Method,
        source: IpAddr,
        now: SystemTime,
        directory: &Directory,
    ) -> Verdict {
        let ours = request.authorization().find(|c| c.as_ref().map_or(true, |c| c.realm == SIP_REALM));
        let credentials = match ours {
            None | Some(Err(DigestError::OtherScheme)) => return self.challenge(source, now, false, false),
            Some(Err(_)) => return Verdict::Malformed,
            Some(Ok(credentials)) => credentials,
        };
        self.check(&credentials, request, method, source, now, directory)
    }

    fn check(
        &mut self,
        credentials: &Credentials<'_>,
        request: &Message,
        method: &Method,
        source: IpAddr,
        now: SystemTime,
        directory: &Directory,
    ) -> Verdict {
        let line = directory.by_username(credentials.username);
        let ha1 = line.map(|line| match credentials.algorithm.base() {
            Algorithm::Md5 => &line.md5,
            _ => &line.sha256,
        });
        let proven = credentials.verify(ha1, method, request.body());
        match (self.nonces.check(credentials.nonce, now, Some(source)), line.filter(|_| proven)) {
            (NonceCheck::Foreign, _) => self.challenge(source, now, false, false),
            (_, None) => self.challenge(source, now, false, true),
            (NonceCheck::Expired, Some(_)) => self.challenge(source, now, true, false),
            (NonceCheck::Valid(nonce), Some(line)) => match self.guard.admit(nonce, credentials.nc) {
                Admission::Admitted => Verdict::Line(line.clone()),
                // A copy of an earlier request, or one whose nonce was forgotten: its sender knows the password and asks again.
                Admission::Replayed | Admission::Forgotten => self.challenge(source, now, true, false),
            },
        }
    }

    fn challenge(&self, source: IpAddr, now: SystemTime, stale: bool, failed: bool) -> Verdict {
        let nonce = self.nonces.issue(now, Some(source));
        // Only MD5 is asked for, because many phones give up on a challenge they do not know; SHA-256 is taken when it comes.
        let challenge = Challenge { stale, ..Challenge::new(SIP_REALM, &nonce, Algorithm::Md5) };
        Verdict::Challenge { value: challenge.to_string(), failed }
    }
}
