//! Audio of one party placed in time.
//!
//! Packets are placed by their timestamps, so what is lost or was never sent becomes silence and what was overtaken is put right. Samples
//! are read once they are complete: when later ones than [`REORDER`] are there, or when they are overdue by [`PATIENCE`]. A clock that
//! runs away from ours by more than [`DRIFT`], or a new source, is set anew by the time of arrival.

use crate::media::rtp::{CLOCK_8K, Header};

/// How much later audio must be there before a hole is believed, in milliseconds.
const REORDER: u64 = 60;
/// How long audio that does not come is waited for, in milliseconds.
const PATIENCE: u64 = 500;
/// How far a party's clock may be from ours, in milliseconds.
const DRIFT: u64 = 1_000;
/// What is held at most, in milliseconds: patience, drift and a packet.
const ROOM: u64 = 1_700;

/// Audio of `rate` samples a second. Positions are samples since the recording began.
#[derive(Debug)]
pub(super) struct Timeline {
    rate: u64,
    ring: Box<[i16]>,
    /// The next position to be read.
    read: u64,
    /// One past the last position written.
    head: u64,
    anchor: Option<Anchor>,
}

/// A timestamp of a source and its position.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    ssrc: u32,
    timestamp: u32,
    position: u64,
}

impl Timeline {
    pub(super) fn new(rate: u32) -> Self {
        let rate = u64::from(rate);
        let room = usize::try_from(rate * ROOM / 1_000).unwrap_or_default();
        Self { rate, ring: vec![0; room].into_boxed_slice(), read: 0, head: 0, anchor: None }
    }

    fn samples(&self, milliseconds: u64) -> u64 {
        self.rate * milliseconds / 1_000
    }

    /// Places `samples` of a packet that arrived when the recording had lasted `now` samples.
    pub(super) fn write(&mut self, now: u64, header: &Header, samples: impl ExactSizeIterator<Item = i16>) {
        let position = self.position(now, header);
        let len = samples.len() as u64;
        self.anchor = Some(Anchor { ssrc: header.ssrc, timestamp: header.timestamp, position });
        for (at, sample) in (position..).zip(samples) {
            if at >= self.read && at - self.read < self.ring.len() as u64 {
                *self.slot(at) = sample;
            }
        }
        self.head = self.head.max((position + len).min(self.read + self.ring.len() as u64));
    }

    /// Where the audio of a packet belongs.
    fn position(&self, now: u64, header: &Header) -> u64 {
        let Some(anchor) = self.anchor.filter(|anchor| anchor.ssrc == header.ssrc) else { return now };
        let ticks = i64::from(header.timestamp.wrapping_sub(anchor.timestamp) as i32);
        let position = anchor.position.checked_add_signed(ticks * self.rate as i64 / i64::from(CLOCK_8K));
        position.filter(|position| position.abs_diff(now) <= self.samples(DRIFT)).unwrap_or(now)
    }

    fn slot(&mut self, at: u64) -> &mut i16 {
        let place = (at % self.ring.len() as u64) as usize;
        &mut self.ring[place]
    }

    /// Whether the next `count` samples are complete, or as complete as they get, `now` samples after the beginning.
    pub(super) fn is_ready(&self, now: u64, count: usize) -> bool {
        let end = self.read + count as u64;
        self.head >= end + self.samples(REORDER) || now >= end + self.samples(PATIENCE)
    }

    /// Whether there is anything that was not read.
    pub(super) fn has_more(&self) -> bool {
        self.head > self.read
    }

    /// Reads the next samples.
    pub(super) fn read(&mut self, out: &mut [i16]) {
        for sample in out {
            let at = self.read;
            *sample = std::mem::take(self.slot(at));
            self.read += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of 20 ms whose samples count up from `first`, timestamped by it and arriving at `now`, both at 8 kHz.
    fn packet(timeline: &mut Timeline, now: u64, ssrc: u32, first: u32) {
        let header = Header {
            payload_type: 0,
            marker: false,
            sequence: 0,
            timestamp: first.wrapping_add(u32::MAX - 400),
            ssrc,
            payload_start: 12,
            payload_end: 172,
        };
        timeline.write(now, &header, (0..160).map(|n| (first + n) as i16));
    }

    fn read_to(timeline: &mut Timeline, now: u64) -> Vec<i16> {
        let mut all = vec![];
        while timeline.is_ready(now, 160) {
            let mut frame = [0; 160];
            timeline.read(&mut frame);
            all.extend(frame);
        }
        all
    }

    fn counting(range: std::ops::Range<i16>) -> Vec<i16> {
        range.collect()
    }

    #[test]
    fn packets_in_any_near_order_are_read_as_they_were_said() {
        let mut timeline = Timeline::new(8_000);
        for (n, first) in [0, 320, 160, 480, 640, 960, 800, 1_120, 1_280, 1_280].into_iter().enumerate() {
            packet(&mut timeline, 160 * n as u64, 1, first);
        }
        assert_eq!(read_to(&mut timeline, 1_600), counting(0..960), "what may still be overtaken is waited for");
        assert_eq!(read_to(&mut timeline, 5_440), counting(960..1_440));
        assert!(!timeline.has_more());
    }

    #[test]
    fn loss_and_pauses_become_silence_of_the_same_length() {
        let mut timeline = Timeline::new(8_000);
        for first in [0, 160, 480, 1_600, 1_760, 1_920, 2_080, 2_240] {
            packet(&mut timeline, u64::from(first), 1, first);
        }
        let expected =
            [counting(0..320), vec![0; 160], counting(480..640), vec![0; 960], counting(1_600..1_920)].concat();
        assert_eq!(read_to(&mut timeline, 2_400), expected);
    }

    #[test]
    fn a_party_that_sends_nothing_is_silent_in_time() {
        let mut timeline = Timeline::new(8_000);
        assert!(read_to(&mut timeline, 4_000).is_empty());
        assert_eq!(read_to(&mut timeline, 12_000), vec![0; 8_000]);
        packet(&mut timeline, 12_000, 1, 0);
        let heard = read_to(&mut timeline, 40_000);
        let began = heard.iter().position(|sample| *sample != 0).unwrap() + 8_000;
        assert_eq!(began, 12_001, "it speaks when its first packet comes");
    }

    #[test]
    fn jumps_of_the_clock_and_new_sources_are_placed_by_arrival() {
        for second in [1_000_000, u32::MAX / 2, 0u32.wrapping_sub(80_000)] {
            let mut timeline = Timeline::new(8_000);
            packet(&mut timeline, 0, 1, 0);
            packet(&mut timeline, 160, 1, second);
            packet(&mut timeline, 320, 1, second.wrapping_add(160));
            let heard = read_to(&mut timeline, 4_480);
            assert_eq!(heard.len(), 480);
            assert_eq!(
                heard[160..],
                counting(0..320).into_iter().map(|n| (second.wrapping_add(n as u32)) as i16).collect::<Vec<_>>()
            );
        }
        let mut timeline = Timeline::new(8_000);
        packet(&mut timeline, 0, 1, 0);
        packet(&mut timeline, 160, 2, 700);
        assert_eq!(read_to(&mut timeline, 4_320), [counting(0..160), counting(700..860)].concat());
    }

    #[test]
    fn a_burst_held_up_on_its_way_is_put_in_its_place() {
        let mut timeline = Timeline::new(8_000);
        packet(&mut timeline, 0, 1, 0);
        let mut heard = read_to(&mut timeline, 3_200);
        (1..=20).for_each(|n| packet(&mut timeline, 3_360, 1, 160 * n));
        heard.extend(read_to(&mut timeline, 9_999));
        assert_eq!(heard[..3_360], counting(0..3_360));
    }

    proptest::proptest! {
        /// Whatever comes: no panic, no more read than time allows, and what is read never runs ahead of what came by more than its drift.
        #[test]
        fn any_packets_are_bounded(
            packets in proptest::collection::vec((0u64..400, 0u32..3, proptest::num::u32::ANY, 0usize..961), 0..60),
            wide: bool,
        ) {
            let rate = if wide { 16_000 } else { 8_000 };
            let mut timeline = Timeline::new(rate);
            let (mut now, mut read) = (0, 0);
            for (later, ssrc, timestamp, len) in packets {
                now += later;
                let header = Header { payload_type: 0, marker: false, sequence: 0, timestamp, ssrc, payload_start: 0, payload_end: 0 };
                timeline.write(now, &header, vec![1; len].into_iter());
                read += read_to(&mut timeline, now).len() as u64;
                proptest::prop_assert!(read <= now + u64::from(rate) * 2);
            }
        }
    }
}
