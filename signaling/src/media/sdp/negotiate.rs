//! Offer and answer (RFC 3264) for a call that is relayed.
//!
//! The relay does not touch payloads, so both parties must use the same payload types. What one party offers goes to the other one
//! filtered, and the answer comes back filtered: the parties agree with each other, we only put our address in between.

use std::net::{IpAddr, SocketAddr};

use super::{Attribute, Direction, Media, OriginLine, SessionDescription, Transport};
use crate::media::relay::Remote;

/// Payload type of telephone events in offers of our own.
const OWN_EVENT_TYPE: u8 = 101;

/// What we let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// G.711 mu-law, payload type 0.
    Pcmu,
    /// G.711 A-law, payload type 8.
    Pcma,
    /// G.722, payload type 9. Its RTP clock is 8 kHz though it samples at 16 kHz (RFC 3551 §4.5.2).
    G722,
    /// Keys pressed, as events (RFC 4733).
    TelephoneEvent,
}

/// Why no call can come of two descriptions. All of them mean SIP 488 to the party (RFC 3261 §21.4.26).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    /// There is no audio section, or only disabled ones.
    #[error("no audio is described")]
    NoAudio,
    /// The audio is encrypted, which this relay does not carry.
    #[error("only encrypted audio is described")]
    Encrypted,
    /// The audio section has no usable IP address.
    #[error("the audio has no unicast IP address")]
    NoAddress,
    /// No codec that we let through.
    #[error("none of PCMU, PCMA and G.722 is described")]
    NoCodec,
}

/// Our side of a description: where the party shall send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalMedia {
    /// Our RTP address; RTCP is on the next port.
    pub rtp: SocketAddr,
}

/// Our `o=` line towards one party: one session id, a version that grows with every new description (RFC 3264 §5, §8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    session_id: u64,
    version: u64,
}

impl Origin {
    /// An origin with a session id of the caller's choice, unique among the calls of this host; 62 bits are kept, as RFC 3264 §5 asks.
    pub fn new(session_id: u64) -> Self {
        Self { session_id: session_id & (u64::MAX >> 2), version: 0 }
    }

    fn next(&mut self, ip: IpAddr) -> OriginLine {
        self.version += 1;
        OriginLine {
            username: "-".to_owned(),
            session_id: self.session_id.to_string(),
            version: self.version.to_string(),
            host: ip.to_string(),
        }
    }
}

/// The codec of each format of `media` that we let through, in its order.
pub(super) fn relayed(media: &Media) -> impl Iterator<Item = (u8, Codec)> + '_ {
    media.formats.iter().filter_map(|format| {
        let number: u8 = format.parse().ok()?;
        let mapped = media.attributes.iter().find_map(|attribute| match attribute {
            Attribute::RtpMap { payload_type, encoding, clock, channels } if *payload_type == number => {
                Some((encoding.as_str(), *clock, *channels))
            }
            _ => None,
        });
        let codec = match (number, mapped) {
            (0, None) => Codec::Pcmu,
            (8, None) => Codec::Pcma,
            (9, None) => Codec::G722,
            (_, Some((name, 8_000, 1))) if name.eq_ignore_ascii_case("PCMU") => Codec::Pcmu,
            (_, Some((name, 8_000, 1))) if name.eq_ignore_ascii_case("PCMA") => Codec::Pcma,
            (_, Some((name, 8_000, 1))) if name.eq_ignore_ascii_case("G722") => Codec::G722,
            (_, Some((name, 8_000, 1))) if name.eq_ignore_ascii_case("telephone-event") => Codec::TelephoneEvent,
            _ => return None,
        };
        Some((number, codec))
    })
}

/// The codecs of the relayed audio that we let through, in the maker's order. Empty without audio.
pub fn codecs(description: &SessionDescription) -> Vec<Codec> {
    description.audio().map(|(_, media)| relayed(media).map(|(_, codec)| codec).collect()).unwrap_or_default()
}

/// Whether `peer` takes the codec that `sender` sends first: if not, `sender` has to be told by a new offer.
pub fn accepts_first_codec_of(sender: &SessionDescription, peer: &SessionDescription) -> bool {
    let first = codecs(sender).into_iter().find(|codec| *codec != Codec::TelephoneEvent);
    first.is_none_or(|first| codecs(peer).contains(&first))
}

/// Where the maker of `description` wants its media; `None` while it holds with address 0 or has no audio.
pub fn remote(description: &SessionDescription) -> Option<Remote> {
    let (_, media) = description.audio()?;
    let rtp = description.address_of(media).filter(|address| !address.ip().is_unspecified())?;
    let said = media.attributes.iter().find_map(|attribute| match attribute {
        Attribute::Rtcp { port, address } => Some(SocketAddr::new(address.unwrap_or(rtp.ip()), *port)),
        _ => None,
    });
    Some(Remote { rtp, rtcp: said.unwrap_or(Remote::at(rtp).rtcp) })
}

fn usable(description: &SessionDescription) -> Result<(usize, &Media), NegotiationError> {
    let Some((position, media)) = description.audio() else {
        let encrypted = |media: &Media| media.kind == "audio" && matches!(media.transport, Transport::Secure(_));
        let any = description.media.iter().any(encrypted);
        return Err(if any { NegotiationError::Encrypted } else { NegotiationError::NoAudio });
    };
    if description.address_of(media).is_none_or(|address| address.ip().is_multicast()) {
        return Err(NegotiationError::NoAddress);
    }
    if relayed(media).all(|(_, codec)| codec == Codec::TelephoneEvent) {
        return Err(NegotiationError::NoCodec);
    }
    Ok((position, media))
}

/// The audio section of `peer` as the other party shall see it: our port, the formats `keep` allows, and nothing that belongs to the
/// peer's own path (candidates, keys, feedback).
fn filtered(peer: &SessionDescription, media: &Media, local: LocalMedia, keep: impl Fn(Codec) -> bool) -> Media {
    let kept: Vec<(u8, Codec)> = relayed(media).filter(|(_, codec)| keep(*codec)).collect();
    let is_kept = |format: &str| kept.iter().any(|(number, _)| number.to_string() == format);
    let mut attributes: Vec<_> = kept.iter().map(|(number, codec)| codec.rtpmap(*number)).collect();
    attributes.extend(media.attributes.iter().filter_map(|attribute| match attribute {
        Attribute::Fmtp { format, .. } if is_kept(format) => Some(attribute.clone()),
        Attribute::Ptime(_) | Attribute::MaxPtime(_) => Some(attribute.clone()),
        _ => None,
    }));
    // Phones that hold by address 0 expect it to work through us: the other party gets the direction that means the same.
    attributes.push(Attribute::Direction(peer.direction_of(media)));
    Media {
        kind: media.kind.clone(),
        port: local.rtp.port(),
        transport: Transport::RtpAvp,
        formats: kept.iter().map(|(number, _)| number.to_string()).collect(),
        connection: None,
        attributes,
    }
}

fn described(local: LocalMedia, origin: &mut Origin, media: Vec<Media>) -> SessionDescription {
    let ip = local.rtp.ip();
    SessionDescription {
        origin: origin.next(ip),
        name: "-".to_owned(),
        connection: Some(ip),
        attributes: Vec::new(),
        media,
    }
}

/// The offer for the other party made of what `peer` described (its offer, or the answer it gave to an offer of our own): one audio
/// section with our address and the codecs we let through.
pub fn relay_offer(
    peer: &SessionDescription,
    local: LocalMedia,
    origin: &mut Origin,
) -> Result<SessionDescription, NegotiationError> {
    let (_, media) = usable(peer)?;
    Ok(described(local, origin, vec![filtered(peer, media, local, |_| true)]))
}

/// The answer to `offer`, made of the `answer` the other party gave: as many sections as were offered (RFC 3264 §6), audio from the
/// answer, everything else refused by port 0. The answerer's payload types are kept, for they are what it wants to receive.
pub fn relay_answer(
    offer: &SessionDescription,
    answer: &SessionDescription,
    local: LocalMedia,
    origin: &mut Origin,
) -> Result<SessionDescription, NegotiationError> {
    let (position, offered) = usable(offer)?;
    let (_, answered) = usable(answer)?;
    let wanted: Vec<Codec> = relayed(offered).map(|(_, codec)| codec).collect();
    if !relayed(answered).any(|(_, codec)| codec != Codec::TelephoneEvent && wanted.contains(&codec)) {
        return Err(NegotiationError::NoCodec);
    }
    let refused = |media: &Media| Media { port: 0, connection: None, attributes: Vec::new(), ..media.clone() };
    let sections = offer.media.iter().enumerate().map(|(n, media)| {
        if n == position {
            let kept = filtered(answer, answered, local, |codec| wanted.contains(&codec));
            Media { transport: offered.transport.clone(), ..kept }
        } else {
            refused(media)
        }
    });
    let sections = sections.collect();
    Ok(described(local, origin, sections))
}

/// Whether a call can come of an offer or answer at all.
pub fn check(description: &SessionDescription) -> Result<(), NegotiationError> {
    usable(description).map(|_| ())
}

/// An answer to `offer` without another party, for a call that is answered by an announcement or a queue: every codec of the offer
/// that we let through, in the offer's order (RFC 3264 §6.1 asks for it). So a party that prefers G.722 hears us in wide band; if it is
/// later joined with one that does not know G.722, it is told by a new offer like any party whose first codec the other one refused.
pub fn own_answer(
    offer: &SessionDescription,
    local: LocalMedia,
    origin: &mut Origin,
) -> Result<SessionDescription, NegotiationError> {
    own_answer_for(offer, offer, local, origin)
}

/// An answer to `offer` without asking the other party, which described `peer` and goes on with that: the codecs that both have, and
/// audio as far as the maker of the offer wants it. For a party that holds the other one or takes it back.
pub fn own_answer_for(
    offer: &SessionDescription,
    peer: &SessionDescription,
    local: LocalMedia,
    origin: &mut Origin,
) -> Result<SessionDescription, NegotiationError> {
    let (_, offered) = usable(offer)?;
    let wanted = offer.direction_of(offered).reversed();
    let mut answer = relay_answer(offer, peer, local, origin)?;
    for attribute in answer.media.iter_mut().flat_map(|media| &mut media.attributes) {
        if let Attribute::Direction(direction) = attribute {
            *direction = wanted;
        }
    }
    Ok(answer)
}

/// An offer of our own: PCMU, PCMA, G.722, telephone events. Whom we call first is mostly a trunk, and whom it is joined with is not
/// known yet, so what everybody understands comes first.
pub fn own_offer(local: LocalMedia, origin: &mut Origin) -> SessionDescription {
    own_offer_of(&[Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::TelephoneEvent], local, origin)
}

/// An offer of our own with these codecs in this order.
pub fn own_offer_of(codecs: &[Codec], local: LocalMedia, origin: &mut Origin) -> SessionDescription {
    let mut attributes: Vec<_> = codecs.iter().map(|codec| codec.rtpmap(codec.own_type())).collect();
    if codecs.contains(&Codec::TelephoneEvent) {
        attributes.push(Attribute::Fmtp { format: OWN_EVENT_TYPE.to_string(), parameters: "0-16".to_owned() });
    }
    attributes.extend([Attribute::Ptime(20), Attribute::Direction(Direction::SendRecv)]);
    let audio = Media {
        kind: "audio".to_owned(),
        port: local.rtp.port(),
        transport: Transport::RtpAvp,
        formats: codecs.iter().map(|codec| codec.own_type().to_string()).collect(),
        connection: None,
        attributes,
    };
    described(local, origin, vec![audio])
}

impl Codec {
    const fn own_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
            Self::TelephoneEvent => OWN_EVENT_TYPE,
        }
    }

    fn rtpmap(self, payload_type: u8) -> Attribute {
        let encoding = match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::TelephoneEvent => "telephone-event",
        };
        Attribute::RtpMap { payload_type, encoding: encoding.to_owned(), clock: 8_000, channels: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: LocalMedia =
        LocalMedia { rtp: SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1)), 40_000) };

    fn sdp(body: &str) -> SessionDescription {
        let text = format!("v=0\r\no=phone 55 7 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n{body}");
        SessionDescription::parse(text.as_bytes()).unwrap()
    }

    fn offer() -> SessionDescription {
        sdp(
            "m=video 5000 RTP/AVP 97\r\nm=audio 4000 RTP/AVP 9 96 8 0 18 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=candidate:1 1 UDP 1 192.0.2.10 4000 typ host\r\n\
             a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n",
        )
    }

    #[test]
    fn the_offer_to_the_other_party_has_our_address_and_common_codecs_only() {
        let mut origin = Origin::new(9);
        let relayed = relay_offer(&offer(), OURS, &mut origin).unwrap();
        assert_eq!(
            relayed.to_string(),
            "v=0\r\no=- 9 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 9 8 0 101\r\n\
             a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n\
             a=sendrecv\r\n"
        );
        assert_eq!(relay_offer(&offer(), OURS, &mut origin).unwrap().origin.version, "2");
    }

    #[test]
    fn the_answer_mirrors_the_offers_sections() {
        let answer = sdp("m=audio 6000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=recvonly\r\n");
        let back = relay_answer(&offer(), &answer, OURS, &mut Origin::new(1)).unwrap();
        assert_eq!(back.media.len(), 2);
        assert_eq!((back.media[0].kind.as_str(), back.media[0].port), ("video", 0));
        assert_eq!((back.media[1].port, back.media[1].formats.join(" ").as_str()), (40_000, "8 101"));
        assert_eq!(back.direction_of(&back.media[1]), Direction::RecvOnly);
    }

    #[test]
    fn an_answer_without_a_common_codec_is_refused() {
        let only_ulaw = sdp("m=audio 4000 RTP/AVP 0\r\n");
        let only_alaw = sdp("m=audio 4000 RTP/AVP 8\r\n");
        let refused = relay_answer(&only_ulaw, &only_alaw, OURS, &mut Origin::new(1));
        assert_eq!(refused, Err(NegotiationError::NoCodec));
    }

    #[test]
    fn what_cannot_be_relayed_is_refused_by_name() {
        let refusal = |body: &str| relay_offer(&sdp(body), OURS, &mut Origin::new(1)).unwrap_err();
        assert_eq!(refusal("m=video 4000 RTP/AVP 96\r\n"), NegotiationError::NoAudio);
        assert_eq!(refusal("m=audio 0 RTP/AVP 0\r\n"), NegotiationError::NoAudio);
        assert_eq!(refusal("m=audio 4000 RTP/SAVP 0\r\n"), NegotiationError::Encrypted);
        assert_eq!(refusal("m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n"), NegotiationError::Encrypted);
        assert_eq!(
            refusal("m=audio 4000 RTP/AVP 18 101\r\na=rtpmap:101 telephone-event/8000\r\n"),
            NegotiationError::NoCodec
        );
        assert_eq!(refusal("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 233.252.0.1/127\r\n"), NegotiationError::NoAddress);
        assert_eq!(refusal("m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 G723/8000\r\n"), NegotiationError::NoCodec);
    }

    #[test]
    fn hold_passes_through_in_either_spelling() {
        for hold in ["a=sendonly\r\n", "c=IN IP4 0.0.0.0\r\n"] {
            let held = sdp(&format!("m=audio 4000 RTP/AVP 0\r\n{hold}"));
            let relayed = relay_offer(&held, OURS, &mut Origin::new(1)).unwrap();
            assert_eq!(relayed.direction_of(&relayed.media[0]), Direction::SendOnly, "{hold}");
        }
        assert_eq!(remote(&sdp("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n")), None);
    }

    #[test]
    fn an_own_answer_takes_what_is_offered_and_turns_the_direction() {
        let held = sdp("m=audio 4000 RTP/AVP 18 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n");
        let answer = own_answer(&held, OURS, &mut Origin::new(1)).unwrap();
        assert_eq!(answer.media[0].formats.join(" "), "8 101");
        assert_eq!(answer.direction_of(&answer.media[0]), Direction::RecvOnly);
    }

    #[test]
    fn an_own_offer_is_a_description_like_any_other() {
        let own = own_offer(OURS, &mut Origin::new(u64::MAX));
        assert_eq!(codecs(&own), [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::TelephoneEvent]);
        assert_eq!(SessionDescription::parse(own.to_string().as_bytes()), Ok(own.clone()));
        assert_eq!(own.origin.session_id, (u64::MAX >> 2).to_string());
        assert_eq!(remote(&own), Some(Remote::at(OURS.rtp)));
    }

    #[test]
    fn a_party_that_sends_what_the_other_refused_is_noticed() {
        let both = sdp("m=audio 4000 RTP/AVP 0 8\r\n");
        let alaw = sdp("m=audio 4000 RTP/AVP 8\r\n");
        assert!(!accepts_first_codec_of(&both, &alaw));
        assert!(accepts_first_codec_of(&alaw, &both));
    }

    proptest::proptest! {
        /// Whatever the parties describe: what leaves us is well-formed, names our address only, and has common codecs only.
        #[test]
        fn nothing_of_the_other_partys_network_gets_through(
            first in "(m=(audio|video) (0|4000) (RTP/AVP|RTP/SAVP|RTP/AVPF)( (0|8|9|18|96|101)){1,4}\r\n(a=(sendonly|inactive|rtpmap:96 PCMA/8000|rtpmap:101 telephone-event/8000|candidate:1 192[.]0[.]2[.]10|fmtp:101 0-15)\r\n){0,4}){0,4}",
            second in "m=audio 6000 RTP/AVP( (0|8|9|96)){1,3}\r\n(a=(recvonly|rtpmap:96 PCMU/8000)\r\n){0,2}",
        ) {
            let (first, second) = (sdp(&first), sdp(&second));
            let mut origin = Origin::new(3);
            let written = [relay_offer(&first, OURS, &mut origin), relay_answer(&first, &second, OURS, &mut origin)];
            for (n, description) in written.into_iter().enumerate().filter_map(|(n, d)| Some((n, d.ok()?))) {
                let text = description.to_string();
                proptest::prop_assert!(!text.contains("192.0.2.10"), "{}", text);
                let again = SessionDescription::parse(text.as_bytes());
                proptest::prop_assert_eq!(again.as_ref(), Ok(&description));
                proptest::prop_assert_eq!(description.media.len(), if n == 0 { 1 } else { first.media.len() });
                proptest::prop_assert!(codecs(&description).iter().all(|codec| codecs(&first).contains(codec)));
                let open = description.media.iter().filter(|media| media.port != 0).count();
                proptest::prop_assert_eq!(open, 1);
            }
        }
    }
}
