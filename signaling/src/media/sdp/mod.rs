//! Session descriptions (RFC 8866) as far as a telephone call needs them, and offer/answer for a relay (RFC 3264).
//!
//! [`SessionDescription::parse`] is strict about lengths and counts, lenient about what phones get wrong without harm (a bare LF, a
//! missing `s=` or `t=`). [`relay_offer`], [`relay_answer`] and [`own_offer`] write what the two parties of a relayed call see: our
//! address, our session id, and only codecs both the relay's tools (recording, tones) and the parties understand.

mod negotiate;
mod parse;
mod voice;
mod write;

use std::net::{IpAddr, SocketAddr};

pub use negotiate::{
    Codec, LocalMedia, NegotiationError, Origin, accepts_first_codec_of, check, codecs, own_answer, own_answer_for,
    own_offer, own_offer_of, relay_answer, relay_offer, remote,
};
pub use parse::{MAX_BYTES, MAX_LINE, MAX_LINES, MAX_MEDIA, SdpError, SdpProblem};
pub use voice::voice_config;

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {
    /// Who made it, `o=` (§5.2).
    pub origin: OriginLine,
    /// `s=` (§5.3), usually `-`.
    pub name: String,
    /// Session-level `c=` (§5.7).
    pub connection: Option<IpAddr>,
    /// Session-level attributes, `a=` (§5.13).
    pub attributes: Vec<Attribute>,
    /// The `m=` sections in order (§5.14).
    pub media: Vec<Media>,
}

/// The `o=` line (RFC 8866 §5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginLine {
    /// User name, `-` when there is none.
    pub username: String,
    /// Session id: a number, by some senders a larger one than 64 bits, hence text.
    pub session_id: String,
    /// Session version, likewise.
    pub version: String,
    /// Address or host name of the maker.
    pub host: String,
}

/// One `m=` section (RFC 8866 §5.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Kind of media, `audio`.
    pub kind: String,
    /// Port; 0 refuses or disables the stream.
    pub port: u16,
    /// Transport, `RTP/AVP`.
    pub transport: Transport,
    /// Formats: payload types for RTP.
    pub formats: Vec<String>,
    /// `c=` of this section.
    pub connection: Option<IpAddr>,
    /// Attributes of this section.
    pub attributes: Vec<Attribute>,
}

/// The transport of a media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// `RTP/AVP`: plain RTP (RFC 3551), the one we relay.
    RtpAvp,
    /// `RTP/AVPF`: plain RTP with feedback (RFC 4585).
    RtpAvpf,
    /// `RTP/SAVP`, `RTP/SAVPF` and their DTLS forms: encrypted (RFC 3711, RFC 5764).
    Secure(String),
    /// Anything else.
    Other(String),
}

/// Which way a stream flows, seen from the maker of the description (RFC 8866 §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// `sendrecv`, also when nothing is said.
    #[default]
    SendRecv,
    /// `sendonly`: the maker put us on hold.
    SendOnly,
    /// `recvonly`.
    RecvOnly,
    /// `inactive`.
    Inactive,
}

/// An attribute line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// `a=rtpmap:` (RFC 8866 §6.6).
    RtpMap {
        /// Payload type.
        payload_type: u8,
        /// Encoding name as written.
        encoding: String,
        /// Clock rate in Hz.
        clock: u32,
        /// Channels, 1 unless said.
        channels: u8,
    },
    /// `a=fmtp:` (RFC 8866 §6.15).
    Fmtp {
        /// The format the parameters belong to.
        format: String,
        /// The parameters as written.
        parameters: String,
    },
    /// `a=ptime:`, milliseconds of media in a packet.
    Ptime(u32),
    /// `a=maxptime:`.
    MaxPtime(u32),
    /// One of the four direction attributes.
    Direction(Direction),
    /// `a=rtcp:` (RFC 3605).
    Rtcp {
        /// Port for RTCP.
        port: u16,
        /// Address, when it differs from that of RTP.
        address: Option<IpAddr>,
    },
    /// `a=rtcp-mux` (RFC 5761).
    RtcpMux,
    /// Any other attribute, as written after `a=`.
    Other(String),
}

impl SessionDescription {
    /// Where `media` wants its RTP: its own `c=`, else the session's. `None` without a connection line.
    pub fn address_of(&self, media: &Media) -> Option<SocketAddr> {
        media.connection.or(self.connection).map(|ip| SocketAddr::new(ip, media.port))
    }

    /// The direction of `media`: its own attribute, else the session's, else both ways. The old way of holding, `c=` with address 0
    /// (RFC 2543 §B.5), is read as [`Direction::SendOnly`] or, with `recvonly`, as [`Direction::Inactive`].
    pub fn direction_of(&self, media: &Media) -> Direction {
        let said = |list: &[Attribute]| {
            list.iter().find_map(|a| if let Attribute::Direction(d) = a { Some(*d) } else { None })
        };
        let direction = said(&media.attributes).or_else(|| said(&self.attributes)).unwrap_or_default();
        match (self.address_of(media).is_some_and(|address| address.ip().is_unspecified()), direction) {
            (true, Direction::SendRecv) => Direction::SendOnly,
            (true, Direction::RecvOnly) => Direction::Inactive,
            _ => direction,
        }
    }

    /// The first audio section that is plain RTP and not disabled: the one we relay. With its position.
    pub fn audio(&self) -> Option<(usize, &Media)> {
        self.media.iter().enumerate().find(|(_, media)| media.is_relayed_audio() && media.port != 0)
    }

    /// The same description with every stream flowing both ways.
    pub fn both_ways(mut self) -> Self {
        let lists = self.media.iter_mut().map(|media| &mut media.attributes).chain([&mut self.attributes]);
        lists.for_each(|list| list.retain(|attribute| !matches!(attribute, Attribute::Direction(_))));
        self
    }

    /// Whether audio flows both ways.
    pub fn flows_both_ways(&self) -> bool {
        self.audio().is_some_and(|(_, media)| self.direction_of(media) == Direction::SendRecv)
    }

    /// Whether the maker holds the call: it does not want to hear the other party.
    pub fn is_hold(&self) -> bool {
        self.audio()
            .is_some_and(|(_, media)| matches!(self.direction_of(media), Direction::SendOnly | Direction::Inactive))
    }
}

impl Media {
    /// Whether this is audio over plain RTP.
    pub fn is_relayed_audio(&self) -> bool {
        self.kind == "audio" && matches!(self.transport, Transport::RtpAvp | Transport::RtpAvpf)
    }
}

impl Direction {
    /// The same direction seen from the other party (RFC 3264 §6.1).
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            both => both,
        }
    }

    /// The word in the description.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}
