//! What the relay knows about each side of a session, written by the worker and read by anyone without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What arrived from one party.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SideStats {
    /// RTP packets accepted from the party.
    pub packets: u64,
    /// Bytes of these packets, RTP headers included.
    pub bytes: u64,
    /// Packets that never came, by gaps of the sequence numbers.
    pub lost: u64,
    /// Interarrival jitter in ticks of 1/8000 s (RFC 3550 §6.4.1).
    pub jitter: u32,
    /// Packets dropped because they came from someone else.
    pub dropped_foreign: u64,
    /// Packets dropped because they were not RTP or RTCP, came faster than any call sends, or could not be sent on.
    pub dropped_other: u64,
    /// When the last RTP packet was accepted.
    pub last_packet_at: Option<Instant>,
}

/// Both sides of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// What arrived from party A.
    pub a: SideStats,
    /// What arrived from party B.
    pub b: SideStats,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) packets: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) jitter: AtomicU32,
    pub(super) dropped_foreign: AtomicU64,
    pub(super) dropped_other: AtomicU64,
    /// Microseconds from the relay's start to the last packet, plus one; 0 before the first one.
    last_packet: AtomicU64,
}

/// Adds to a counter only one thread writes, which needs no locked instruction.
pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
}

impl Counters {
    pub(super) fn note_packet(&self, len: usize, since_start: Duration) {
        add(&self.packets, 1);
        add(&self.bytes, len as u64);
        self.last_packet.store(u64::try_from(since_start.as_micros()).unwrap_or(u64::MAX - 1) + 1, Relaxed);
    }

    pub(super) fn read(&self, start: Instant) -> SideStats {
        let last = self.last_packet.load(Relaxed).checked_sub(1);
        SideStats {
            packets: self.packets.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            lost: self.lost.load(Relaxed),
            jitter: self.jitter.load(Relaxed),
            dropped_foreign: self.dropped_foreign.load(Relaxed),
            dropped_other: self.dropped_other.load(Relaxed),
            last_packet_at: last.and_then(|micros| start.checked_add(Duration::from_micros(micros))),
        }
    }
}
