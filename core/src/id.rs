//! Typed identifiers over UUID version 7, and the source they come from.
//!
//! [`Id<K>`] keeps a user's id from being passed where a call's id is meant. On the wire it is a bare UUID; because the
//! UUIDs are version 7 (RFC 9562 §5.7), sorting by id is sorting by creation time.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A typed identifier. `K` is one of the marker types of this module.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

/// What an id names. Implemented by the marker types of this module only.
pub trait Named: 'static {
    /// The noun used in messages, such as `user`.
    const NAME: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $marker:ident => $alias:ident, $name:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $marker {}
        impl Named for $marker { const NAME: &'static str = $name; }
        $(#[$doc])*
        pub type $alias = Id<$marker>;
    )*};
}

kinds! {
    /// A company: the tenant that owns everything else.
    CompanyKind => CompanyId, "company";
    /// A person with an account.
    UserKind => UserId, "user";
    /// A caller record, kept for every user of kind agent.
    CallerKind => CallerId, "caller";
    /// A refresh token of a session.
    SessionKind => SessionId, "session";
    /// A chain of refresh tokens that descend from one login.
    FamilyKind => FamilyId, "session_family";
    /// A phone number in the inventory.
    NumberKind => NumberId, "phone_number";
    /// An assignment of a number to an agent.
    AssignmentKind => AssignmentId, "assignment";
    /// A SIP extension.
    ExtensionKind => ExtensionId, "extension";
    /// A SIP trunk to a carrier.
    TrunkKind => TrunkId, "trunk";
    /// An inbound route: a called number and where it leads.
    InboundRouteKind => InboundRouteId, "inbound_route";
    /// A queue of waiting calls.
    QueueKind => QueueId, "queue";
    /// A call.
    CallKind => CallId, "call";
    /// A call flow.
    FlowKind => FlowId, "flow";
    /// A calendar of opening hours.
    CalendarKind => CalendarId, "calendar";
    /// A prompt that flows play.
    PromptKind => PromptId, "prompt";
    /// What a caller left.
    VoicemailKind => VoicemailId, "voicemail";
    /// A caller who is to be called back.
    CallbackKind => CallbackId, "callback";
    /// A recording of a call.
    RecordingKind => RecordingId, "recording";
    /// A client.
    ClientKind => ClientId, "client";
    /// A note about a client.
    ClientNoteKind => ClientNoteId, "client_note";
    /// A lead.
    LeadKind => LeadId, "lead";
    /// A note about a lead.
    LeadNoteKind => LeadNoteId, "lead_note";
    /// What can come of a call.
    DispositionKind => DispositionId, "disposition";
    /// A job.
    JobKind => JobId, "job";
    /// A report of what somebody did.
    ReportKind => ReportId, "report";
    /// A domain event.
    EventKind => EventId, "event";
    /// A running server process.
    NodeKind => NodeId, "node";
}

impl<K> Id<K> {
    /// Wraps a UUID that is known to name a `K`: used by stores when they read a row.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// The bare UUID, for storage and the wire.
    #[must_use]
    pub const fn as_uuid(&self) -> Uuid {
        self.uuid
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As one number: ids are looked up in hash maps at every turn, and hashing bytes one by one takes several times as long.
        state.write_u128(self.uuid.as_u128());
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.uuid, f)
    }
}
impl<K: Named> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", K::NAME, self.uuid)
    }
}
impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.uuid.serialize(serializer)
    }
}
impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::from_uuid)
    }
}

/// The text is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct BadId;

impl<K> FromStr for Id<K> {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        Uuid::try_parse(text).map(Self::from_uuid).map_err(|_| BadId)
    }
}

/// Where identifiers and secrets come from. Passed in, so that tests and simulations repeat exactly.
pub trait IdSource: Send + Sync + 'static {
    /// A fresh UUID version 7 for the instant `now`.
    fn uuid(&self, now: DateTime<Utc>) -> Uuid;

    /// Fills `bytes` with randomness fit for secrets (when the source is [`SystemIds`]).
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn IdSource {
    /// A fresh typed id.
    pub fn id<K>(&self, now: DateTime<Utc>) -> Id<K> {
        Id::from_uuid(self.uuid(now))
    }

    /// A random token of `N` bytes in lower-case hexadecimal.
    pub fn token<const N: usize>(&self) -> String {
        let mut bytes = [0u8; N];
        self.fill(&mut bytes);
        crate::people::password::hex(&bytes)
    }
}

/// Identifiers from the operating system's randomness, increasing within one process.
///
/// Randomness is fetched a kilobyte at a time, as a call needs many small pieces of it and each fetch is a system call;
/// bytes that were given out are wiped.
#[derive(Debug, Default)]
pub struct SystemIds {
    last: Mutex<(u64, u16)>,
    reserve: Mutex<Reserve>,
}

/// Random bytes fetched at once.
const RESERVE: usize = 1_024;

/// Random bytes that were not given out yet. Never shown.
#[derive(Default)]
struct Reserve(Vec<u8>);

impl fmt::Debug for Reserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reserve(…)")
    }
}

impl Reserve {
    fn fill(&mut self, bytes: &mut [u8]) {
        if self.0.len() < bytes.len() {
            self.0.resize(RESERVE.max(bytes.len()), 0);
            from_system(&mut self.0);
        }
        let rest = self.0.len().saturating_sub(bytes.len());
        for (to, from) in bytes.iter_mut().zip(self.0.iter_mut().skip(rest)) {
            *to = std::mem::take(from);
        }
        self.0.truncate(rest);
    }
}

/// Builds a version 7 UUID from milliseconds, a 12-bit counter and 62 random bits.
fn version7(millis: u64, counter: u16, random: [u8; 8]) -> Uuid {
    let mut tail = [0u8; 10];
    tail[0] = (counter >> 8) as u8 & 0x0f;
    tail[1] = counter as u8;
    tail[2..].copy_from_slice(&random);
    uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid()
}

fn millis(now: DateTime<Utc>) -> u64 {
    u64::try_from(now.timestamp_millis()).unwrap_or(0)
}

impl IdSource for SystemIds {
    fn uuid(&self, now: DateTime<Utc>) -> Uuid {
        let mut random = [0u8; 8];
        self.fill(&mut random);
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let at = millis(now).max(last.0);
        // The counter keeps ids of one millisecond in order; when it overflows, the next millisecond is borrowed (RFC 9562 §6.2).
        *last = match (at == last.0, last.1) {
            (true, 0x0fff) => (at + 1, 0),
            (true, counter) => (at, counter + 1),
            (false, _) => (at, 0),
        };
        version7(last.0, last.1, random)
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.reserve.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill(bytes);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the randomness that is passed in")]
fn from_system(bytes: &mut [u8]) {
    // Without randomness no secret may be made: stopping is the only safe answer.
    getrandom::fill(bytes).expect("the operating system gives randomness");
}

/// Identifiers that count up from a seed: the same seed gives the same ids. For tests and simulations only.
#[derive(Debug)]
pub struct SeededIds {
    state: Mutex<u64>,
}

impl SeededIds {
    /// A source that repeats for the same `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: Mutex::new(seed) }
    }

    fn next(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl IdSource for SeededIds {
    fn uuid(&self, now: DateTime<Utc>) -> Uuid {
        let random = self.next();
        version7(millis(now), (random >> 48) as u16 & 0x0fff, random.to_be_bytes())
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let random = self.next().to_be_bytes();
            let len = chunk.len();
            chunk.copy_from_slice(random.get(..len).unwrap_or(&random));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_process_increase_even_within_a_millisecond() {
        let source = SystemIds::default();
        let now = DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
        let ids: Vec<Uuid> = (0..10_000).map(|_| source.uuid(now)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(ids[0].get_version_num(), 7);
    }

    #[test]
    fn random_bytes_are_given_out_once() {
        let source = SystemIds::default();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1_000 {
            let mut bytes = [0; 12];
            source.fill(&mut bytes);
            assert!(seen.insert(bytes));
        }
        let mut large = [0; 3 * RESERVE];
        source.fill(&mut large);
        assert!(large.chunks(64).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
        assert!(source.reserve.lock().unwrap().0.len() < RESERVE);
    }

    #[test]
    fn a_clock_that_steps_back_does_not_reorder_ids() {
        let source = SystemIds::default();
        let first = source.uuid(DateTime::from_timestamp_millis(2_000).unwrap());
        let second = source.uuid(DateTime::from_timestamp_millis(1_000).unwrap());
        assert!(first < second);
    }

    #[test]
    fn an_id_reads_back_from_its_text_and_refuses_others() {
        let id: UserId = (&SeededIds::new(7) as &dyn IdSource).id(DateTime::UNIX_EPOCH);
        assert_eq!(id.to_string().parse::<UserId>(), Ok(id));
        assert_eq!("42".parse::<UserId>(), Err(BadId));
    }
}
