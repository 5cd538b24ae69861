//! RTP headers (RFC 3550 §5.1), telling RTCP apart on one port (RFC 5761 §4), and receiver statistics (RFC 3550 §6.4.1, A.1, A.8).
//!
//! Nothing here allocates except [`PacketBuilder`], which is for tests and load generators.

use std::time::{Duration, Instant};

/// Bytes of the fixed header, before contributing sources and extensions.
pub const FIXED_HEADER_LEN: usize = 12;

/// Clock of G.711, of G.722 (RFC 3551 §4.5.2) and of telephone events: ticks a second of the RTP timestamp.
pub const CLOCK_8K: u32 = 8_000;

/// Why a datagram is not an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// Shorter than its own header claims to be.
    #[error("packet of {len} bytes is shorter than its header of {needed} bytes")]
    Short {
        /// Bytes the header needs.
        needed: usize,
        /// Bytes there are.
        len: usize,
    },
    /// The version is not 2 (byte 0).
    #[error("RTP version {0} instead of 2")]
    Version(u8),
    /// The payload type falls in the range of RTCP packet types (byte 1), RFC 5761 §4.
    #[error("an RTCP packet of type {0}")]
    Rtcp(u8),
    /// The padding count (last byte) is zero or larger than the payload.
    #[error("padding of {padding} bytes in a payload of {payload} bytes")]
    Padding {
        /// The count the last byte claims.
        padding: usize,
        /// Bytes between the header and the end.
        payload: usize,
    },
}

/// The header of an RTP packet and where its payload lies (RFC 3550 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Payload type, 0..=127.
    pub payload_type: u8,
    /// The marker bit: first packet after silence, or of a telephone event.
    pub marker: bool,
    /// Sequence number; wraps.
    pub sequence: u16,
    /// Media timestamp in ticks of the codec's clock; wraps.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Offset of the first byte of the payload.
    pub payload_start: usize,
    /// Offset just after the last byte of the payload, padding left out.
    pub payload_end: usize,
}

impl Header {
    /// Reads the header of `packet`, checking every length it claims against what is there.
    pub fn parse(packet: &[u8]) -> Result<Self, RtpError> {
        let short = |needed: usize| RtpError::Short { needed, len: packet.len() };
        let fixed: &[u8; FIXED_HEADER_LEN] = packet.first_chunk().ok_or_else(|| short(FIXED_HEADER_LEN))?;
        let [first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = *fixed;
        if first >> 6 != 2 {
            return Err(RtpError::Version(first >> 6));
        }
        if is_rtcp_type(second) {
            return Err(RtpError::Rtcp(second));
        }
        let mut start = FIXED_HEADER_LEN + 4 * usize::from(first & 0x0f);
        if first & 0x10 != 0 {
            // Extension: 16 bits of profile, 16 bits of length in words, then the words (§5.3.1).
            let words = packet.get(start + 2..start + 4).ok_or_else(|| short(start + 4))?;
            start += 4 + 4 * words.iter().fold(0, |n, b| (n << 8) | usize::from(*b));
        }
        if start > packet.len() {
            return Err(short(start));
        }
        let mut end = packet.len();
        if first & 0x20 != 0 {
            let padding = packet.last().map_or(0, |b| usize::from(*b));
            if padding == 0 || padding > end - start {
                return Err(RtpError::Padding { padding, payload: end - start });
            }
            end -= padding;
        }
        Ok(Self {
            payload_type: second & 0x7f,
            marker: second & 0x80 != 0,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            payload_start: start,
            payload_end: end,
        })
    }
}

/// Whether a second byte is one of RTCP's packet types: 192..=223 (RFC 5761 §4), that is RTP payload types 64..=95 with the marker set.
pub const fn is_rtcp_type(second_byte: u8) -> bool {
    second_byte >= 192 && second_byte <= 223
}

/// Whether `packet` looks like RTCP: version 2, a packet type of RTCP, and at least the four bytes of its common header.
pub fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [first, second, _, _, ..] if first >> 6 == 2 && is_rtcp_type(*second))
}

/// Writes RTP packets one after another, counting sequence and timestamp on. For tests and load generators.
#[derive(Debug, Clone)]
pub struct PacketBuilder {
    /// Payload type of the packets, 0..=127.
    pub payload_type: u8,
    /// Sequence number of the next packet.
    pub sequence: u16,
    /// Timestamp of the next packet.
    pub timestamp: u32,
    /// Synchronisation source of the stream.
    pub ssrc: u32,
}

impl PacketBuilder {
    /// A stream of `payload_type` from source `ssrc`, starting at sequence 1 and timestamp 0.
    pub fn new(payload_type: u8, ssrc: u32) -> Self {
        Self { payload_type, sequence: 1, timestamp: 0, ssrc }
    }

    /// The next packet with `payload`, which lasts `ticks` of the clock (160 for 20 ms of G.711).
    pub fn next_packet(&mut self, payload: &[u8], ticks: u32) -> Vec<u8> {
        let mut packet = Vec::with_capacity(FIXED_HEADER_LEN + payload.len());
        packet.extend_from_slice(&[0x80, self.payload_type & 0x7f]);
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&self.timestamp.to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(ticks);
        packet
    }
}

/// Largest forward jump of the sequence number that counts as loss; more means the sender started anew (RFC 3550 A.1, MAX_DROPOUT).
const MAX_DROPOUT: u16 = 3_000;
/// How far back a packet may lie and still be a late one (RFC 3550 A.1, MAX_MISORDER).
const MAX_MISORDER: u16 = 100;

/// What a receiver of one stream can tell about it: loss and interarrival jitter.
#[derive(Debug, Clone, Default)]
pub struct Receiver {
    stream: Option<Stream>,
    /// Expected minus received over the streams (SSRCs) that ended before the present one.
    lost_before: u64,
}

#[derive(Debug, Clone)]
struct Stream {
    ssrc: u32,
    first: u64,
    /// Highest sequence number with its wraps in the upper bits.
    highest: u64,
    received: u64,
    jitter_q4: u32,
    last: (Instant, u32),
}

impl Receiver {
    /// Takes note of a packet that arrived at `now`; `clock` is the rate of its timestamps in Hz.
    pub fn observe(&mut self, now: Instant, header: &Header, clock: u32) {
        let fresh = Stream {
            ssrc: header.ssrc,
            first: u64::from(header.sequence),
            highest: u64::from(header.sequence),
            received: 1,
            jitter_q4: 0,
            last: (now, header.timestamp),
        };
        let Some(stream) = self.stream.as_mut().filter(|s| s.ssrc == header.ssrc) else {
            return self.restart(fresh);
        };
        let ahead = header.sequence.wrapping_sub(stream.highest as u16);
        if ahead < MAX_DROPOUT {
            stream.highest += u64::from(ahead);
        } else if ahead < u16::MAX - MAX_MISORDER {
            return self.restart(fresh);
        }
        stream.received += 1;
        stream.note_jitter(now, header.timestamp, clock);
    }

    fn restart(&mut self, fresh: Stream) {
        self.lost_before = self.lost();
        self.stream = Some(fresh);
    }

    /// Packets that never came, by gaps of the sequence numbers. Duplicates may hide losses, as in RFC 3550 A.3.
    pub fn lost(&self) -> u64 {
        let present = self.stream.as_ref().map_or(0, |s| (s.highest - s.first + 1).saturating_sub(s.received));
        self.lost_before + present
    }

    /// Interarrival jitter in ticks of the clock (RFC 3550 A.8), 0 before the second packet.
    pub fn jitter(&self) -> u32 {
        self.stream.as_ref().map_or(0, |s| s.jitter_q4 >> 4)
    }
}

impl Stream {
    /// The integer filter of RFC 3550 A.8: J += (|D| - J) / 16, kept with four bits of fraction.
    fn note_jitter(&mut self, now: Instant, timestamp: u32, clock: u32) {
        let (before, stamp_before) = self.last;
        // Packets of one frame (retransmitted telephone events) share a timestamp and say nothing about the path.
        if timestamp == stamp_before {
            return;
        }
        self.last = (now, timestamp);
        let arrived = ticks(now.saturating_duration_since(before), clock);
        let sent = i64::from(timestamp.wrapping_sub(stamp_before) as i32);
        // A jump of more than ten seconds is a talk spurt or another clock, not jitter.
        let d = (arrived - sent).unsigned_abs().min(u64::from(clock) * 10) as u32;
        self.jitter_q4 = (self.jitter_q4 + d).saturating_sub((self.jitter_q4 + 8) >> 4);
    }
}

fn ticks(elapsed: Duration, clock: u32) -> i64 {
    let micros = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX / i64::from(u32::MAX));
    micros.saturating_mul(i64::from(clock)) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sequence: u16, timestamp: u32) -> Header {
        Header { payload_type: 0, marker: false, sequence, timestamp, ssrc: 7, payload_start: 12, payload_end: 172 }
    }

    #[test]
    fn a_built_packet_parses_back() {
        let mut builder = PacketBuilder { sequence: u16::MAX, ..PacketBuilder::new(8, 0xdead_beef) };
        let packet = builder.next_packet(&[0xd5; 160], 160);
        let header = Header::parse(&packet).unwrap();
        assert_eq!((header.payload_type, header.sequence, header.ssrc), (8, u16::MAX, 0xdead_beef));
        assert_eq!((header.payload_start, header.payload_end), (12, 172));
        assert_eq!((builder.sequence, builder.timestamp), (0, 160));
    }

    #[test]
    fn lengths_claimed_by_the_header_are_checked() {
        assert_eq!(Header::parse(&[0x80; 11]), Err(RtpError::Short { needed: 12, len: 11 }));
        let mut packet = [0u8; 12];
        packet[0] = 0x8f; // fifteen contributing sources
        assert_eq!(Header::parse(&packet), Err(RtpError::Short { needed: 72, len: 12 }));
        packet[0] = 0x90; // an extension that is not there
        assert_eq!(Header::parse(&packet), Err(RtpError::Short { needed: 16, len: 12 }));
        packet[0] = 0xa0; // padding without payload
        assert_eq!(Header::parse(&packet), Err(RtpError::Padding { padding: 0, payload: 0 }));
        packet[0] = 0x40;
        assert_eq!(Header::parse(&packet), Err(RtpError::Version(1)));
    }

    #[test]
    fn extension_and_padding_are_outside_the_payload() {
        let mut packet = vec![0xb0, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        packet.extend_from_slice(&[9, 9, 9, 0, 2]);
        let header = Header::parse(&packet).unwrap();
        assert_eq!((header.payload_start, header.payload_end, header.marker), (20, 23, true));
    }

    #[test]
    fn rtcp_types_are_192_to_223() {
        for second in 0..=255u8 {
            let packet = [0x80, second, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0];
            assert_eq!(is_rtcp(&packet), (192..=223).contains(&second));
            assert_eq!(Header::parse(&packet).is_err(), (192..=223).contains(&second));
        }
        assert!(!is_rtcp(&[0x80, 200, 0]));
    }

    #[test]
    fn loss_survives_wraps_reordering_and_a_new_source() {
        let start = Instant::now();
        let mut receiver = Receiver::default();
        for sequence in [65_534, 65_535, 1, 0, 2, 5] {
            receiver.observe(start, &header(sequence, 0), CLOCK_8K);
        }
        assert_eq!(receiver.lost(), 2);
        receiver.observe(start, &Header { ssrc: 8, ..header(40_000, 0) }, CLOCK_8K);
        receiver.observe(start, &Header { ssrc: 8, ..header(40_002, 0) }, CLOCK_8K);
        assert_eq!(receiver.lost(), 3);
        receiver.observe(start, &Header { ssrc: 8, ..header(10, 0) }, CLOCK_8K);
        assert_eq!(receiver.lost(), 3, "a jump of the sequence is a restart, not loss");
    }

    #[test]
    fn jitter_is_zero_on_an_even_stream_and_grows_with_uneven_arrivals() {
        let start = Instant::now();
        let (mut even, mut uneven) = (Receiver::default(), Receiver::default());
        for n in 0..200u32 {
            let due = start + Duration::from_millis(20 * u64::from(n));
            even.observe(due, &header(n as u16, 160 * n), CLOCK_8K);
            let late = due + Duration::from_millis(if n % 2 == 0 { 0 } else { 10 });
            uneven.observe(late, &header(n as u16, 160 * n), CLOCK_8K);
        }
        assert_eq!(even.jitter(), 0);
        assert!((70..=90).contains(&uneven.jitter()), "10 ms are 80 ticks, got {}", uneven.jitter());
    }
}
