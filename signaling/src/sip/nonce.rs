//! Nonces that prove themselves: signed and dated, so that nothing is kept for a client before it has authenticated.
//!
//! A nonce says when it was made and carries an HMAC of that, of a serial number and of the client's address when it is bound to it. Every
//! node with the same key accepts it. It depends on nothing else: the challenge for an unknown user is that for a known one.
//!
//! After a successful authentication the use of a nonce is noted in a [`ReplayGuard`] of bounded size.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

const TAG: usize = 16;
const STAMP: usize = 12;
const RAW: usize = STAMP + TAG;

/// Makes and checks nonces.
pub struct Nonces {
    mac: Hmac<Sha256>,
    lifetime: Duration,
    serial: AtomicU32,
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// What a nonce is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceCheck {
    /// Made here and still valid.
    Valid(NonceId),
    /// Made here, too old: the client is challenged again with `stale=true`.
    Expired,
    /// Not made with this key, or for another address.
    Foreign,
}

/// A nonce that has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NonceId {
    /// Milliseconds since the Unix epoch.
    made: u64,
    tag: [u8; TAG],
}

impl Nonces {
    /// `key` is secret and shared by the nodes of a cluster; 32 random bytes. A nonce is accepted for `lifetime` after it was made.
    pub fn new(key: &[u8; 32], lifetime: Duration) -> Nonces {
        // `Nonces` of several nodes start their serials alike; the time of day and the tag keep them apart in all that matters.
        // HMAC fills a short key up with zeros to its block of 64 bytes (RFC 2104 §2).
        let mut block = [0u8; 64];
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Nonces { mac: Hmac::new(&block.into()), lifetime, serial: AtomicU32::new(0) }
    }

    /// A fresh nonce: 56 hex digits. With `source` it is good for that address only.
    pub fn issue(&self, now: SystemTime, source: Option<IpAddr>) -> String {
        let mut raw = [0; RAW];
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let stamp = millis(now).to_be_bytes().into_iter().chain(serial.to_be_bytes());
        for (to, from) in raw.iter_mut().zip(stamp) {
            *to = from;
        }
        let (stamp, tag) = raw.split_at_mut(STAMP);
        tag.copy_from_slice(&self.tag(stamp, source));
        raw.iter().fold(String::with_capacity(2 * RAW), |mut out, byte| {
            for nibble in [byte >> 4, byte & 15] {
                out.extend(char::from_digit(u32::from(nibble), 16));
            }
            out
        })
    }

    /// Checks a nonce that came back. `source` as when it was made.
    pub fn check(&self, nonce: &str, now: SystemTime, source: Option<IpAddr>) -> NonceCheck {
        let Some(raw) = decode(nonce) else { return NonceCheck::Foreign };
        let (stamp, given) = raw.split_at(STAMP);
        let tag = self.tag(stamp, source);
        if !bool::from(tag.as_slice().ct_eq(given)) {
            return NonceCheck::Foreign;
        }
        let made = stamp.iter().take(8).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        let age = Duration::from_millis(millis(now).saturating_sub(made));
        if age > self.lifetime { NonceCheck::Expired } else { NonceCheck::Valid(NonceId { made, tag }) }
    }

    fn tag(&self, stamp: &[u8], source: Option<IpAddr>) -> [u8; TAG] {
        let mut mac = self.mac.clone();
        mac.update(stamp);
        match source.map(|ip| ip.to_canonical()) {
            None => mac.update(&[0]),
            Some(IpAddr::V4(ip)) => {
                mac.update(&[4]);
                mac.update(&ip.octets());
            }
            Some(IpAddr::V6(ip)) => {
                mac.update(&[6]);
                mac.update(&ip.octets());
            }
        }
        let full = mac.finalize().into_bytes();
        let mut tag = [0; TAG];
        for (to, from) in tag.iter_mut().zip(full) {
            *to = from;
        }
        tag
    }
}

fn millis(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

fn decode(text: &str) -> Option<[u8; RAW]> {
    if text.len() != 2 * RAW {
        return None;
    }
    let mut raw = [0; RAW];
    for (to, pair) in raw.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let mut byte = 0;
        for digit in pair {
            byte = byte << 4 | u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
        }
        *to = byte;
    }
    Some(raw)
}

/// Whether a use of a nonce is a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// New: the request counts.
    Admitted,
    /// This count has been used: a copy of an earlier request.
    Replayed,
    /// The nonce is so old that its uses have been forgotten: challenge again with `stale=true`.
    Forgotten,
}

/// Remembers which nonce-counts have been used, for a bounded number of nonces. To be asked only after the password has been proven, so
/// that strangers cannot fill it.
#[derive(Debug)]
pub struct ReplayGuard {
    uses: HashMap<NonceId, Uses>,
    order: VecDeque<NonceId>,
    capacity: usize,
    /// Nonces made up to this time and not in the map have been forgotten.
    forgotten: u64,
}

/// The highest count and the 64 below it, as requests may overtake each other.
#[derive(Debug, Clone, Copy, Default)]
struct Uses {
    highest: u32,
    window: u64,
}

impl ReplayGuard {
    /// Remembers `capacity` nonces, at about 100 bytes each.
    pub fn new(capacity: usize) -> ReplayGuard {
        ReplayGuard { uses: HashMap::new(), order: VecDeque::new(), capacity: capacity.max(1), forgotten: 0 }
    }

    /// Notes the use number `nc` of a nonce. For credentials without a count give `None`: such a nonce is good for one request.
    pub fn admit(&mut self, nonce: NonceId, nc: Option<u32>) -> Admission {
        let nc = nc.unwrap_or(u32::MAX);
        if let Some(uses) = self.uses.get_mut(&nonce) {
            return if uses.note(nc) { Admission::Admitted } else { Admission::Replayed };
        }
        if nonce.made <= self.forgotten {
            return Admission::Forgotten;
        }
        if self.uses.len() >= self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.uses.remove(&oldest);
            self.forgotten = self.forgotten.max(oldest.made);
        }
        let mut uses = Uses::default();
        let new = uses.note(nc);
        self.uses.insert(nonce, uses);
        self.order.push_back(nonce);
        if new { Admission::Admitted } else { Admission::Replayed }
    }

    /// How many nonces are remembered.
    pub fn len(&self) -> usize {
        self.uses.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.uses.is_empty()
    }
}

impl Uses {
    /// True for a count not seen before.
    fn note(&mut self, nc: u32) -> bool {
        if nc == 0 {
            return false;
        }
        if nc > self.highest {
            let ahead = nc - self.highest;
            self.window = if ahead < 64 { self.window << ahead } else { 0 } | 1;
            self.highest = nc;
            return true;
        }
        let behind = self.highest - nc;
        let bit = if behind < 64 { 1 << behind } else { return false };
        let new = self.window & bit == 0;
        self.window |= bit;
        new
    }
}
