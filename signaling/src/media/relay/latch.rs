//! Whom to believe: the decision which source of packets belongs to a party.
//!
//! A relay that follows whoever sends to its port hands calls to strangers ("RTP bleed"). The rules here:
//!
//! 1. Until a source is trusted, packets go out to the address of the session description and nowhere else.
//! 2. A packet from exactly that address settles the matter for good, whenever it comes.
//! 3. A packet from the same host on another port (a NAT that rewrote the port, a phone with asymmetric ports) is trusted at once.
//! 4. Any other host, the usual case of a party behind NAT, has to show [`PROBATION`] consecutive packets of one stream first, and
//!    they are not let through. A second stranger gets no chance while the first one keeps sending.
//! 5. Then the door is shut: other sources are dropped and counted, until a new description names another address.
//!
//! Only well-formed RTP counts for learning. Bad packets are dropped and never end a call.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::media::rtp::{Header, is_rtcp};

/// Consecutive packets a host that the session description does not name must send before it is trusted.
pub const PROBATION: u8 = 5;

/// How long a stranger on probation may pause before another one may take its place.
pub const PROBATION_PAUSE: Duration = Duration::from_millis(500);

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// RTP from the trusted source: pass it on.
    Media(Header),
    /// RTCP from the trusted source on the RTP port (RFC 5761): pass it on.
    Control,
    /// From someone else, or someone not trusted yet: drop.
    Foreign,
    /// Neither RTP nor RTCP: drop.
    Malformed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Probe {
    source: SocketAddr,
    ssrc: u32,
    sequence: u16,
    seen: u8,
    last: Instant,
}

/// The source a party's RTP is accepted from, and where packets for the party go.
#[derive(Debug, Clone, Default)]
pub struct Latch {
    signalled: Option<SocketAddr>,
    trusted: Option<SocketAddr>,
    probe: Option<Probe>,
}

impl Latch {
    /// The party's session description names `address`; `None` while there is no description or it holds no usable address. Naming
    /// the address that was named before changes nothing, so a session refresh does not open the door again.
    pub fn expect(&mut self, address: Option<SocketAddr>) {
        if self.signalled != address {
            *self = Self { signalled: address, trusted: None, probe: None };
        }
    }

    /// Where packets for the party go: the trusted source, before that the address of its session description.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.trusted.or(self.signalled)
    }

    /// The source that is trusted, once it is settled.
    pub fn trusted(&self) -> Option<SocketAddr> {
        self.trusted
    }

    /// Judges a packet that came from `source` at `now`.
    pub fn accept(&mut self, source: SocketAddr, now: Instant, packet: &[u8]) -> Verdict {
        let Ok(header) = Header::parse(packet) else {
            return match is_rtcp(packet) {
                true if self.trusted == Some(source) => Verdict::Control,
                true => Verdict::Foreign,
                false => Verdict::Malformed,
            };
        };
        if self.trusted == Some(source) || self.may_trust(source, now, &header) {
            Verdict::Media(header)
        } else {
            Verdict::Foreign
        }
    }

    fn may_trust(&mut self, source: SocketAddr, now: Instant, header: &Header) -> bool {
        let Some(signalled) = self.signalled else { return false };
        let trust = if source == signalled {
            true
        } else if self.trusted.is_some() {
            false
        } else {
            source.ip() == signalled.ip() || self.passed_probation(source, now, header)
        };
        if trust {
            self.trusted = Some(source);
            self.probe = None;
        }
        trust
    }

    fn passed_probation(&mut self, source: SocketAddr, now: Instant, header: &Header) -> bool {
        let fresh = Probe { source, ssrc: header.ssrc, sequence: header.sequence, seen: 1, last: now };
        let probe = self.probe.get_or_insert(fresh);
        if probe.source != source {
            if now.saturating_duration_since(probe.last) > PROBATION_PAUSE {
                *probe = fresh;
            }
            return false;
        }
        let step = header.sequence.wrapping_sub(probe.sequence);
        match step {
            0 => probe.last = now,
            1 if probe.ssrc == header.ssrc => {
                *probe = Probe { seen: probe.seen.saturating_add(1), ..fresh };
            }
            _ => *probe = fresh,
        }
        probe.seen >= PROBATION
    }
}

/// The source a party's RTCP is accepted from when it has a port of its own.
#[derive(Debug, Clone, Default)]
pub struct ControlLatch {
    signalled: Option<SocketAddr>,
    trusted: Option<SocketAddr>,
}

impl ControlLatch {
    /// The party's session description names `address` for RTCP.
    pub fn expect(&mut self, address: Option<SocketAddr>) {
        if self.signalled != address {
            *self = Self { signalled: address, trusted: None };
        }
    }

    /// Where RTCP for the party goes.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.trusted.or(self.signalled)
    }

    /// Whether RTCP from `source` is the party's. RTCP proves nothing by itself: a source that is not the described one must be on the
    /// host that RTP has already found trustworthy.
    pub fn accept(&mut self, source: SocketAddr, media: &Latch, packet: &[u8]) -> Verdict {
        if !is_rtcp(packet) {
            return Verdict::Malformed;
        }
        let same_host = media.trusted().is_some_and(|trusted| trusted.ip() == source.ip());
        if self.signalled == Some(source) || (self.trusted.is_none() && same_host) {
            self.trusted = Some(source);
        }
        if self.trusted == Some(source) { Verdict::Control } else { Verdict::Foreign }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::rtp::PacketBuilder;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn opened(text: &str) -> Latch {
        let mut latch = Latch::default();
        latch.expect(Some(at(text)));
        latch
    }

    fn rtp(stream: &mut PacketBuilder) -> Vec<u8> {
        stream.next_packet(&[0xff; 160], 160)
    }

    fn passes(latch: &mut Latch, source: &str, now: Instant, stream: &mut PacketBuilder) -> bool {
        matches!(latch.accept(at(source), now, &rtp(stream)), Verdict::Media(_))
    }

    #[test]
    fn the_described_address_is_trusted_at_once_and_others_are_shut_out() {
        let (now, mut own, mut other) = (Instant::now(), PacketBuilder::new(0, 1), PacketBuilder::new(0, 2));
        let mut latch = opened("192.0.2.1:4000");
        assert!(passes(&mut latch, "192.0.2.1:4000", now, &mut own));
        for source in ["203.0.113.9:4000", "192.0.2.1:4002"] {
            for _ in 0..20 {
                assert!(!passes(&mut latch, source, now, &mut other));
            }
        }
        assert_eq!(latch.destination(), Some(at("192.0.2.1:4000")));
    }

    #[test]
    fn without_a_description_nothing_is_accepted() {
        let mut latch = Latch::default();
        assert!(!passes(&mut latch, "192.0.2.1:4000", Instant::now(), &mut PacketBuilder::new(0, 1)));
        assert_eq!(latch.destination(), None);
    }

    #[test]
    fn a_party_behind_nat_is_learned_after_probation() {
        let (now, mut own) = (Instant::now(), PacketBuilder::new(0, 1));
        let mut latch = opened("10.0.0.5:4000");
        for _ in 1..PROBATION {
            assert!(!passes(&mut latch, "198.51.100.7:61000", now, &mut own));
            assert_eq!(latch.destination(), Some(at("10.0.0.5:4000")), "strangers on probation receive nothing");
        }
        assert!(passes(&mut latch, "198.51.100.7:61000", now, &mut own));
        assert_eq!(latch.destination(), Some(at("198.51.100.7:61000")));
    }

    #[test]
    fn the_same_host_on_another_port_is_learned_at_once() {
        let mut latch = opened("192.0.2.1:4000");
        assert!(passes(&mut latch, "192.0.2.1:9000", Instant::now(), &mut PacketBuilder::new(0, 1)));
        assert_eq!(latch.destination(), Some(at("192.0.2.1:9000")));
    }

    #[test]
    fn random_sprays_never_pass_probation() {
        let mut latch = opened("192.0.2.1:4000");
        for n in 0..1_000u16 {
            let mut spray = PacketBuilder { sequence: n.wrapping_mul(7), ..PacketBuilder::new(0, 5) };
            assert!(!passes(&mut latch, "203.0.113.9:4000", Instant::now(), &mut spray));
        }
    }

    #[test]
    fn the_described_address_reclaims_the_leg_from_a_quicker_stranger() {
        let (now, mut own, mut thief) = (Instant::now(), PacketBuilder::new(0, 1), PacketBuilder::new(0, 2));
        let mut latch = opened("192.0.2.1:4000");
        let passed = (0..PROBATION).filter(|_| passes(&mut latch, "203.0.113.9:4000", now, &mut thief)).count();
        assert_eq!(passed, 1);
        assert!(passes(&mut latch, "192.0.2.1:4000", now, &mut own));
        assert!(!passes(&mut latch, "203.0.113.9:4000", now, &mut thief));
    }

    #[test]
    fn a_second_stranger_waits_until_the_first_one_falls_silent() {
        let (now, mut first, mut second) = (Instant::now(), PacketBuilder::new(0, 1), PacketBuilder::new(0, 2));
        let mut latch = opened("10.0.0.5:4000");
        assert!(!passes(&mut latch, "198.51.100.7:61000", now, &mut first));
        for _ in 0..20 {
            assert!(!passes(&mut latch, "203.0.113.9:4000", now, &mut second));
        }
        for _ in 2..PROBATION {
            assert!(!passes(&mut latch, "198.51.100.7:61000", now, &mut first));
        }
        assert!(passes(&mut latch, "198.51.100.7:61000", now, &mut first));

        let mut latch = opened("10.0.0.5:4000");
        passes(&mut latch, "198.51.100.7:61000", now, &mut first);
        let later = now + PROBATION_PAUSE + Duration::from_millis(1);
        let passed = (0..PROBATION).filter(|_| passes(&mut latch, "203.0.113.9:4000", later, &mut second)).count();
        assert_eq!(passed, 1);
    }

    #[test]
    fn only_a_new_address_opens_learning_again() {
        let (now, mut own) = (Instant::now(), PacketBuilder::new(0, 1));
        let mut latch = opened("192.0.2.1:4000");
        assert!(passes(&mut latch, "192.0.2.1:4000", now, &mut own));
        latch.expect(Some(at("192.0.2.1:4000")));
        assert_eq!(latch.trusted(), Some(at("192.0.2.1:4000")));
        latch.expect(Some(at("192.0.2.77:4000")));
        assert_eq!((latch.trusted(), latch.destination()), (None, Some(at("192.0.2.77:4000"))));
        assert!(!passes(&mut latch, "192.0.2.1:4000", now, &mut own));
        assert!(passes(&mut latch, "192.0.2.77:4000", now, &mut own));
    }

    #[test]
    fn garbage_and_foreign_rtcp_are_told_apart_and_teach_nothing() {
        let now = Instant::now();
        let mut latch = opened("192.0.2.1:4000");
        assert_eq!(latch.accept(at("192.0.2.1:4000"), now, b"OPTIONS sip:x SIP/2.0"), Verdict::Malformed);
        let report = [0x80, 200, 0, 1, 0, 0, 0, 1];
        assert_eq!(latch.accept(at("192.0.2.1:4000"), now, &report), Verdict::Foreign);
        assert_eq!(latch.trusted(), None);
        passes(&mut latch, "192.0.2.1:4000", now, &mut PacketBuilder::new(0, 1));
        assert_eq!(latch.accept(at("192.0.2.1:4000"), now, &report), Verdict::Control);
    }

    #[test]
    fn rtcp_follows_the_host_that_rtp_trusts() {
        let report = [0x80, 200, 0, 1, 0, 0, 0, 1];
        let mut media = opened("10.0.0.5:4000");
        let mut control = ControlLatch::default();
        control.expect(Some(at("10.0.0.5:4001")));
        assert_eq!(control.accept(at("198.51.100.7:61001"), &media, &report), Verdict::Foreign);
        let mut own = PacketBuilder::new(0, 1);
        for _ in 0..PROBATION {
            passes(&mut media, "198.51.100.7:61000", Instant::now(), &mut own);
        }
        assert_eq!(control.accept(at("203.0.113.9:61001"), &media, &report), Verdict::Foreign);
        assert_eq!(control.accept(at("198.51.100.7:61001"), &media, &report), Verdict::Control);
        assert_eq!(control.accept(at("198.51.100.7:61003"), &media, &report), Verdict::Foreign);
        assert_eq!(control.destination(), Some(at("198.51.100.7:61001")));
    }
}
