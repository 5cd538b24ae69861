//! The bindings of a registrar (RFC 3261 §10.3): which contacts an address of record has, and for how long.
//!
//! Owns: ordering by Call-ID and CSeq, expiry, limits, replacement of the same device (`+sip.instance`, RFC 5626), the
//! flow a registration came over (so that calls reach phones behind NAT), Path (RFC 3327). Does not own: transactions,
//! authentication, storage. Keys are generic: the extension's user name, or a typed id.
//!
//! A copy of a REGISTER may be applied again without harm, so REGISTER needs no transaction: reply without state, and
//! ten thousand registrations a second leave nothing behind but their bindings.
//!
//! ```
//! use dialplane_signaling::sip::flow::{Flow, Protocol};
//! use dialplane_signaling::sip::registrar::{Contact, Contacts, Limits, Registrar, Registration};
//! use std::time::{Duration, Instant};
//!
//! let now = Instant::now();
//! let flow = Flow::to(Protocol::Udp, "192.0.2.1:5060".parse().unwrap(), "198.51.100.7:40000".parse().unwrap());
//! let mut registrar = Registrar::new(Limits::default());
//! let contact = Contact::new("sip:1001@10.0.0.5:5062");
//! let changes = registrar
//!     .register(now, "1001", Registration::new("call-1", 1, flow, Contacts::Some(vec![contact])))
//!     .unwrap();
//! assert!(changes.came_online);
//! assert_eq!(registrar.lookup(now, &"1001").next().unwrap().flow.remote.port(), 40000);
//! assert_eq!(registrar.expire(now + Duration::from_secs(3601)), ["1001"]);
//! ```

mod binding;
mod request;

use super::flow::ConnectionId;
use super::wire::{Builder, Name};
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

pub use binding::{Binding, Contact, Contacts, Registration};
pub use request::BadRegistration;

/// The bounds of a [`Registrar`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Shorter registrations are refused with 423 and this in Min-Expires.
    pub min_expires: Duration,
    /// Longer registrations are cut to this.
    pub max_expires: Duration,
    /// Taken when the request names no expiry.
    pub default_expires: Duration,
    /// Contacts of one address of record; one more replaces the one that was refreshed longest ago.
    pub contacts_per_aor: usize,
    /// Addresses of record with a contact.
    pub aors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_expires: Duration::from_secs(30),
            max_expires: Duration::from_secs(3600),
            default_expires: Duration::from_secs(3600),
            contacts_per_aor: 10,
            aors: 200_000,
        }
    }
}

/// What a registration changed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Changes {
    /// The address of record had no contact before and has one now.
    pub came_online: bool,
    /// The address of record had a contact before and has none now.
    pub went_offline: bool,
    /// Contacts that are new.
    pub added: usize,
    /// Contacts that were refreshed or replaced.
    pub refreshed: usize,
    /// Contacts that were removed.
    pub removed: usize,
}

/// Why a registration was refused. Nothing has been changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// 423; `min` goes into Min-Expires.
    #[error("the registration is shorter than {} s", min.as_secs())]
    TooBrief {
        /// The shortest registration accepted.
        min: Duration,
    },
    /// 500 (§10.3 item 7): the CSeq is below that of the binding with the same Call-ID.
    #[error("the registration is out of order")]
    OutOfOrder,
    /// 503: the registrar is full.
    #[error("the registrar is full")]
    Full,
}

impl Refused {
    /// The status code that the sender is owed.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::TooBrief { .. } => 423,
            Self::OutOfOrder => 500,
            Self::Full => 503,
        }
    }
}

/// The bindings of all addresses of record; see the [module](self).
#[derive(Debug)]
pub struct Registrar<K> {
    limits: Limits,
    /// Bindings in order of preference: higher q first, then the more recent.
    aors: HashMap<K, Vec<Binding>>,
    /// Earliest expiry per address of record, with outdated entries that are skipped when they come up.
    expiries: BinaryHeap<Reverse<(Instant, K)>>,
    connections: HashMap<ConnectionId, SmallVec<[K; 1]>>,
}

impl<K: Clone + Eq + Hash + Ord> Registrar<K> {
    /// An empty registrar.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, aors: HashMap::new(), expiries: BinaryHeap::new(), connections: HashMap::new() }
    }

    /// Applies a REGISTER, all of it or nothing (§10.3).
    ///
    /// # Errors
    /// [`Refused`], with the status the sender is owed.
    pub fn register(&mut self, now: Instant, aor: K, registration: Registration) -> Result<Changes, Refused> {
        let before = self.aors.get(&aor).map_or(&[][..], Vec::as_slice);
        let mut bindings: Vec<Binding> = before.iter().filter(|b| b.expires_at > now).cloned().collect();
        let was_online = !bindings.is_empty();
        let mut changes = Changes::default();
        match &registration.contacts {
            Contacts::Query => return Ok(changes),
            Contacts::RemoveAll => {
                if bindings.iter().any(|binding| binding.is_newer_than(&registration)) {
                    return Err(Refused::OutOfOrder);
                }
                changes.removed = bindings.len();
                bindings.clear();
            }
            Contacts::Some(contacts) => {
                for contact in contacts {
                    self.apply(now, &registration, contact, &mut bindings, &mut changes)?;
                }
            }
        }
        // A phone that restarts often leaves contacts behind that nothing answers at: the oldest make room.
        while bindings.len() > self.limits.contacts_per_aor {
            let oldest = bindings.iter().enumerate().min_by_key(|(_, binding)| binding.refreshed_at).map(|(at, _)| at);
            let Some(oldest) = oldest else { break };
            bindings.remove(oldest);
            changes.removed += 1;
        }
        if !was_online && !bindings.is_empty() && self.aors.len() >= self.limits.aors && !self.aors.contains_key(&aor) {
            return Err(Refused::Full);
        }
        changes.came_online = !was_online && !bindings.is_empty();
        changes.went_offline = was_online && bindings.is_empty();
        self.replace(aor, bindings);
        Ok(changes)
    }

    /// The contacts of `aor` that are alive, best first: higher q, then the most recently refreshed.
    pub fn lookup(&self, now: Instant, aor: &K) -> impl Iterator<Item = &Binding> {
        self.aors.get(aor).into_iter().flatten().filter(move |binding| binding.expires_at > now)
    }

    /// Writes the contacts of `aor` into the 200 of a REGISTER (§10.3 item 8).
    #[must_use]
    pub fn write_contacts(&self, now: Instant, aor: &K, response: Builder) -> Builder {
        self.lookup(now, aor).fold(response, |response, binding| {
            response.header(Name::Contact, format_args!("{}", binding.as_contact(now)))
        })
    }

    /// Whether `aor` has a contact.
    #[must_use]
    pub fn is_online(&self, now: Instant, aor: &K) -> bool {
        self.lookup(now, aor).next().is_some()
    }

    /// Removes what has run out; the addresses of record that have no contact left.
    pub fn expire(&mut self, now: Instant) -> Vec<K> {
        let mut gone = Vec::new();
        while self.expiries.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((_, aor))) = self.expiries.pop() else { break };
            let Some(bindings) = self.aors.get_mut(&aor) else { continue };
            if bindings.iter().all(|binding| binding.expires_at > now) {
                // An outdated entry; the refresh has put a later one in.
                continue;
            }
            let left: Vec<_> = bindings.iter().filter(|b| b.expires_at > now).cloned().collect();
            if left.is_empty() {
                gone.push(aor.clone());
            }
            self.replace(aor, left);
        }
        gone
    }

    /// When [`Self::expire`] should be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.expiries.peek().map(|Reverse((at, _))| *at)
    }

    /// Removes the contacts that were registered over a connection that has closed (RFC 5626 §4.2.2: the flow is dead, so
    /// nothing can reach them). Returns the addresses of record that have no contact left.
    pub fn connection_closed(&mut self, now: Instant, connection: ConnectionId) -> Vec<K> {
        let mut gone = Vec::new();
        for aor in self.connections.remove(&connection).unwrap_or_default() {
            let Some(bindings) = self.aors.get(&aor) else { continue };
            let left: Vec<_> = bindings
                .iter()
                .filter(|b| b.flow.connection != Some(connection) && b.expires_at > now)
                .cloned()
                .collect();
            if left.is_empty() {
                gone.push(aor.clone());
            }
            self.replace(aor, left);
        }
        gone
    }

    /// Removes all contacts of `aor` (its extension was deleted); true when there were any.
    pub fn remove(&mut self, aor: &K) -> bool {
        let had = self.aors.get(aor).is_some_and(|bindings| !bindings.is_empty());
        self.replace(aor.clone(), Vec::new());
        had
    }

    /// Addresses of record that have a contact.
    #[must_use]
    pub fn len(&self) -> usize {
        self.aors.len()
    }

    /// True when nothing is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.aors.is_empty()
    }

    fn apply(
        &self,
        now: Instant,
        registration: &Registration,
        contact: &Contact,
        bindings: &mut Vec<Binding>,
        changes: &mut Changes,
    ) -> Result<(), Refused> {
        let asked = contact.expires.or(registration.expires).unwrap_or(self.limits.default_expires);
        if !asked.is_zero() && asked < self.limits.min_expires {
            return Err(Refused::TooBrief { min: self.limits.min_expires });
        }
        let existing = bindings.iter().position(|binding| binding.is(contact));
        if let Some(existing) = existing {
            let old = bindings.remove(existing);
            if old.is_newer_than(registration) {
                return Err(Refused::OutOfOrder);
            }
        }
        if asked.is_zero() {
            changes.removed += usize::from(existing.is_some());
            return Ok(());
        }
        let fresh = Binding::new(now, asked.min(self.limits.max_expires), registration, contact);
        let place = bindings.iter().position(|other| other.q <= fresh.q).unwrap_or(bindings.len());
        bindings.insert(place, fresh);
        if existing.is_some() {
            changes.refreshed += 1;
        } else {
            changes.added += 1;
        }
        Ok(())
    }

    /// Puts the bindings of one address of record in, with the indexes that point to it.
    fn replace(&mut self, aor: K, bindings: Vec<Binding>) {
        if let Some(old) = self.aors.remove(&aor) {
            for connection in old.iter().filter_map(|binding| binding.flow.connection) {
                if let Some(keys) = self.connections.get_mut(&connection) {
                    keys.retain(|key| *key != aor);
                    if keys.is_empty() {
                        self.connections.remove(&connection);
                    }
                }
            }
        }
        for connection in bindings.iter().filter_map(|binding| binding.flow.connection) {
            let keys = self.connections.entry(connection).or_default();
            if !keys.contains(&aor) {
                keys.push(aor.clone());
            }
        }
        if let Some(earliest) = bindings.iter().map(|binding| binding.expires_at).min() {
            self.expiries.push(Reverse((earliest, aor.clone())));
            self.aors.insert(aor, bindings);
        }
        self.drop_outdated_expiries();
    }

    /// A phone that refreshes far more often than its registration lasts must not grow the heap.
    fn drop_outdated_expiries(&mut self) {
        if self.expiries.len() > 4 * self.aors.len() + 64 {
            self.expiries = self
                .aors
                .iter()
                .filter_map(|(aor, bindings)| {
                    bindings.iter().map(|binding| binding.expires_at).min().map(|at| Reverse((at, aor.clone())))
                })
                .collect();
        }
    }
}

#[cfg(test)]
mod tests;
