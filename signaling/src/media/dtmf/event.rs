//! Telephone events in RTP (RFC 4733 §2): reading them however many packets are lost, and writing them.

use std::time::Duration;

use super::{event_of, key_of};
use crate::media::rtp::{FIXED_HEADER_LEN, Header};

/// What a packet says about its event (RFC 4733 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Event code; 0 to 15 are keys.
    pub event: u8,
    /// The event is over.
    pub end: bool,
    /// Level below 0 dBm0, 0 to 63.
    pub volume: u8,
    /// How long the event has lasted, in ticks of the clock.
    pub duration: u16,
}

impl Report {
    /// Reads the first event of a payload.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[event, flags, d0, d1] = payload.first_chunk()?;
        Some(Self { event, end: flags & 0x80 != 0, volume: flags & 0x3f, duration: u16::from_be_bytes([d0, d1]) })
    }

    /// The payload.
    pub fn to_bytes(self) -> [u8; 4] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.event, u8::from(self.end) << 7 | self.volume & 0x3f, d0, d1]
    }
}

/// Tells each key once, when the first packet of its event comes.
///
/// All packets of an event carry the time at which it began, so one that arrives late or again is known by it. Two kinds of sender need
/// more: an event too long for the duration field goes on under a new time (§2.5.1.3), and some gateways give every packet a time of
/// its own. Both leave the marker off, and neither shortens the duration while the key is held.
#[derive(Debug, Default, Clone)]
pub struct EventReceiver {
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    ssrc: u32,
    timestamp: u32,
    report: Report,
}

/// The longest time between two packets of one event that goes on under a new time: lost packets included.
const HELD_TICKS: u32 = 2_000;

/// How long before the present event one may have begun whose packets still arrive. What lies further back is a sender that has set
/// its clock anew.
const OVERTAKEN_TICKS: u32 = 16_000;

impl EventReceiver {
    /// Takes a packet; the key whose event it begins.
    pub fn packet(&mut self, header: &Header, payload: &[u8]) -> Option<char> {
        let report = Report::parse(payload)?;
        let key = key_of(report.event)?;
        let fresh = Last { ssrc: header.ssrc, timestamp: header.timestamp, report };
        let Some(last) = self.last.filter(|last| last.ssrc == header.ssrc) else {
            self.last = Some(fresh);
            return Some(key);
        };
        let later = header.timestamp.wrapping_sub(last.timestamp);
        let earlier = last.timestamp.wrapping_sub(header.timestamp);
        if later == 0 && report.event == last.report.event {
            let end = last.report.end || report.end;
            let duration = last.report.duration.max(report.duration);
            self.last = Some(Last { report: Report { end, duration, ..report }, ..fresh });
            return None;
        }
        if later != 0 && earlier <= OVERTAKEN_TICKS {
            // An earlier event, overtaken by the present one: it was told when it began, or it is too late to matter.
            return None;
        }
        self.last = Some(fresh);
        let same = !last.report.end && report.event == last.report.event && !header.marker;
        let segment = later >= u32::from(u16::MAX) - HELD_TICKS && later <= u32::from(u16::MAX) + HELD_TICKS;
        let restamped = later <= HELD_TICKS && report.duration >= last.report.duration;
        if same && (segment || restamped) { None } else { Some(key) }
    }
}

/// One packet of an event: what the RTP header needs besides sequence and source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// The first packet of the event has it.
    pub marker: bool,
    /// When the event began.
    pub timestamp: u32,
    /// The payload.
    pub payload: [u8; 4],
}

impl EventPacket {
    /// The whole RTP packet.
    pub fn to_rtp(self, payload_type: u8, sequence: u16, ssrc: u32) -> [u8; FIXED_HEADER_LEN + 4] {
        let [s0, s1] = sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [r0, r1, r2, r3] = ssrc.to_be_bytes();
        let [p0, p1, p2, p3] = self.payload;
        let second = u8::from(self.marker) << 7 | payload_type & 0x7f;
        [0x80, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3, p0, p1, p2, p3]
    }
}

/// The packets of one key: one every 20 ms while it is held, the last one three times (RFC 4733 §2.5.1.4).
#[derive(Debug, Clone)]
pub struct EventSender {
    event: u8,
    timestamp: u32,
    ticks: u16,
    sent: u16,
    ends: u8,
}

/// Ticks between two packets of an event.
const STEP: u16 = 160;
/// How often the end is told.
const ENDS: u8 = 3;

impl EventSender {
    /// `key` held from `timestamp` on for `length`, at most eight seconds; `None` when there is no such key.
    pub fn new(key: char, timestamp: u32, length: Duration) -> Option<Self> {
        let ticks = u16::try_from(length.as_millis().saturating_mul(8)).unwrap_or(u16::MAX);
        Some(Self { event: event_of(key)?, timestamp, ticks: ticks.max(STEP), sent: 0, ends: 0 })
    }
}

impl Iterator for EventSender {
    type Item = EventPacket;

    fn next(&mut self) -> Option<EventPacket> {
        if self.ends == ENDS {
            return None;
        }
        let marker = self.sent == 0;
        self.sent = self.sent.saturating_add(STEP).min(self.ticks);
        let end = self.sent == self.ticks;
        self.ends += u8::from(end);
        let report = Report { event: self.event, end, volume: 10, duration: self.sent };
        Some(EventPacket { marker, timestamp: self.timestamp, payload: report.to_bytes() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: Duration = Duration::from_millis(100);

    fn pressed(keys: &str) -> Vec<(u16, EventPacket)> {
        let events = keys.chars().enumerate().flat_map(|(n, key)| {
            let timestamp = (n as u32).wrapping_mul(2_400).wrapping_add(u32::MAX - 3_000);
            EventSender::new(key, timestamp, HELD).unwrap()
        });
        (u16::MAX - 5..=u16::MAX).chain(0..).zip(events).collect()
    }

    fn told<'a>(packets: impl IntoIterator<Item = &'a (u16, EventPacket)>) -> String {
        let mut receiver = EventReceiver::default();
        let tell = |(sequence, packet): &(u16, EventPacket)| {
            let packet = packet.to_rtp(101, *sequence, 7);
            let header = Header::parse(&packet).unwrap();
            receiver.packet(&header, &packet[header.payload_start..header.payload_end])
        };
        packets.into_iter().filter_map(tell).collect()
    }

    #[test]
    fn a_key_is_held_marked_once_and_ended_three_times() {
        let packets: Vec<_> = EventSender::new('#', 400, HELD).unwrap().collect();
        let reports: Vec<_> = packets.iter().map(|p| Report::parse(&p.payload).unwrap()).collect();
        assert_eq!(reports.iter().map(|r| r.duration).collect::<Vec<_>>(), [160, 320, 480, 640, 800, 800, 800]);
        assert_eq!(reports.iter().filter(|r| r.end).count(), 3);
        assert_eq!(packets.iter().filter(|p| p.marker).count(), 1);
        assert!(reports.iter().all(|r| r.event == 11) && packets.iter().all(|p| p.timestamp == 400));
    }

    #[test]
    fn each_key_is_told_once_across_wraps() {
        assert_eq!(told(&pressed("0123456789*#ABCD")), "0123456789*#ABCD");
        assert_eq!(told(&pressed("1111")), "1111");
    }

    #[test]
    fn lost_ends_lost_beginnings_and_duplicates_change_nothing() {
        let packets = pressed("1122#");
        let per_key = packets.len() / 5;
        let ends_lost: Vec<_> = packets.iter().enumerate().filter(|(n, _)| n % per_key < 4).map(|(_, p)| *p).collect();
        assert_eq!(told(&ends_lost), "1122#");
        let only_one: Vec<_> = packets.iter().enumerate().filter(|(n, _)| n % per_key == 3).map(|(_, p)| *p).collect();
        assert_eq!(told(&only_one), "1122#", "one packet of an event is enough");
        let only_ends: Vec<_> = packets.iter().skip(per_key - 1).step_by(per_key).copied().collect();
        assert_eq!(told(&only_ends), "1122#");
        assert_eq!(told(packets.iter().flat_map(|p| [p, p])), "1122#");
        let swapped: Vec<_> = packets.chunks(2).flat_map(|pair| pair.iter().rev()).copied().collect();
        assert_eq!(told(&swapped), "1122#");
    }

    #[test]
    fn a_packet_overtaken_by_the_next_key_is_not_told_again() {
        let mut packets = pressed("12");
        let late = packets.remove(3);
        packets.insert(9, late);
        assert_eq!(told(&packets), "12");
    }

    #[test]
    fn a_sender_that_sets_its_clock_back_is_still_heard() {
        let mut packets: Vec<_> =
            EventSender::new('1', 2_000_000_000, HELD).unwrap().map(|packet| (0, packet)).collect();
        packets.extend(EventSender::new('2', 900, HELD).unwrap().map(|packet| (0, packet)));
        packets.extend(EventSender::new('3', 2_500, HELD).unwrap().map(|packet| (0, packet)));
        assert_eq!(told(&packets), "123");
    }

    #[test]
    fn a_key_held_beyond_the_duration_field_is_one_key() {
        let packet = |marker, timestamp, duration| {
            let report = Report { event: 5, end: false, volume: 10, duration };
            (0, EventPacket { marker, timestamp, payload: report.to_bytes() })
        };
        let long = [packet(true, 0, 160), packet(false, 0, u16::MAX), packet(false, 65_535, 160)];
        assert_eq!(told(&long), "5");
        let restamped = [packet(true, 0, 160), packet(false, 160, 320), packet(false, 480, 640)];
        assert_eq!(told(&restamped), "5");
        let again_without_an_end = [packet(true, 0, 800), packet(false, 1_600, 160)];
        assert_eq!(told(&again_without_an_end), "55");
        let marked = [packet(true, 0, 160), packet(true, 320, 320)];
        assert_eq!(told(&marked), "55");
    }

    #[test]
    fn a_new_source_begins_anew_and_other_events_are_no_keys() {
        let mut receiver = EventReceiver::default();
        let header = |ssrc| Header {
            payload_type: 101,
            marker: false,
            sequence: 1,
            timestamp: 80,
            ssrc,
            payload_start: 12,
            payload_end: 16,
        };
        assert_eq!(receiver.packet(&header(1), &[3, 10, 0, 80]), Some('3'));
        assert_eq!(receiver.packet(&header(2), &[3, 10, 0, 80]), Some('3'));
        assert_eq!(receiver.packet(&header(2), &[16, 10, 0, 80]), None, "a hook flash");
        assert_eq!(receiver.packet(&header(2), &[3, 10, 0]), None, "cut off");
    }

    proptest::proptest! {
        /// Whatever is lost or comes twice: a key of which at least one packet arrives is told exactly once, in order.
        #[test]
        fn any_loss_and_duplication_tells_what_arrived(
            keys in "[0-9*#A-D]{1,12}",
            fates in proptest::collection::vec(0u8..3, 12 * 7),
        ) {
            let packets = pressed(&keys);
            let arrived: Vec<_> = packets
                .iter()
                .zip(&fates)
                .flat_map(|(packet, fate)| std::iter::repeat_n(*packet, usize::from(*fate)))
                .collect();
            let expected: String = keys
                .chars()
                .zip(fates.chunks(7))
                .filter(|(_, fates)| fates.iter().any(|fate| *fate > 0))
                .map(|(key, _)| key)
                .collect();
            proptest::prop_assert_eq!(told(&arrived), expected);
        }

        #[test]
        fn no_bytes_make_it_panic(packets in proptest::collection::vec(proptest::collection::vec(0u8.., 0..24), 0..20)) {
            let mut receiver = EventReceiver::default();
            for packet in packets {
                if let Ok(header) = Header::parse(&packet) {
                    let _ = receiver.packet(&header, &packet[header.payload_start..header.payload_end]);
                }
            }
        }
    }
}
