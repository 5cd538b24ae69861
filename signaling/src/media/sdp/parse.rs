//! Reading a session description (RFC 8866 §5, §9). Sizes are bounded before anything is kept.

use std::net::IpAddr;

use super::{Attribute, Direction, Media, OriginLine, SessionDescription, Transport};

/// Bytes of a description at most.
pub const MAX_BYTES: usize = 16 * 1_024;
/// Lines at most.
pub const MAX_LINES: usize = 512;
/// Bytes of one line at most.
pub const MAX_LINE: usize = 2_048;
/// Media sections at most.
pub const MAX_MEDIA: usize = 16;
/// Formats of one media section at most.
const MAX_FORMATS: usize = 64;

/// Why a description was not understood, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the session description: {problem}")]
pub struct SdpError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: SdpProblem,
}

/// What is wrong with a line of a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpProblem {
    /// The description is larger than [`MAX_BYTES`], has more than [`MAX_LINES`] lines, or a line exceeds [`MAX_LINE`].
    #[error("too large")]
    TooLarge,
    /// More media sections or formats than we keep.
    #[error("too many media sections or formats")]
    TooMany,
    /// Not UTF-8, or a control character.
    #[error("not text")]
    NotText,
    /// Not a letter followed by `=`.
    #[error("not a letter followed by an equals sign")]
    NotALine,
    /// The first line is not `v=0`.
    #[error("the version is not 0")]
    Version,
    /// The `o=` line has not six fields.
    #[error("the origin has not six fields")]
    Origin,
    /// There is no `o=` line.
    #[error("the origin is missing")]
    OriginMissing,
    /// The `c=` line names no IP address.
    #[error("the connection names no IP address")]
    Connection,
    /// The `m=` line has not kind, port, transport and format.
    #[error("the media line has not kind, port, transport and format")]
    Media,
    /// An attribute we rely on has a value that makes no sense.
    #[error("the attribute's value is wrong")]
    Attribute,
}

impl SessionDescription {
    /// Reads a description.
    pub fn parse(bytes: &[u8]) -> Result<Self, SdpError> {
        if bytes.len() > MAX_BYTES {
            return Err(SdpError { line: 1, problem: SdpProblem::TooLarge });
        }
        let mut description = Self {
            origin: OriginLine {
                username: "-".into(),
                session_id: String::new(),
                version: String::new(),
                host: String::new(),
            },
            name: "-".to_owned(),
            connection: None,
            attributes: Vec::new(),
            media: Vec::new(),
        };
        let mut last = 1;
        for (index, raw) in bytes.split(|b| *b == b'\n').enumerate() {
            last = index + 1;
            let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
            if raw.is_empty() && index > 0 {
                continue;
            }
            description.take_line(index, raw).map_err(|problem| SdpError { line: last, problem })?;
        }
        if description.origin.session_id.is_empty() {
            return Err(SdpError { line: last, problem: SdpProblem::OriginMissing });
        }
        Ok(description)
    }

    fn take_line(&mut self, index: usize, raw: &[u8]) -> Result<(), SdpProblem> {
        if index >= MAX_LINES || raw.len() > MAX_LINE {
            return Err(SdpProblem::TooLarge);
        }
        let line = std::str::from_utf8(raw).map_err(|_| SdpProblem::NotText)?;
        // A carriage return or NUL inside a line would let one line pass for two in what we write.
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(SdpProblem::NotText);
        }
        let (key, value) = line.split_once('=').filter(|(key, _)| key.len() == 1).ok_or(SdpProblem::NotALine)?;
        if index == 0 {
            return if key == "v" && value.trim() == "0" { Ok(()) } else { Err(SdpProblem::Version) };
        }
        match key {
            "v" => return Err(SdpProblem::Version),
            "o" => self.origin = origin(value).ok_or(SdpProblem::Origin)?,
            "s" => self.name = value.to_owned(),
            "c" => {
                let address = Some(connection(value).ok_or(SdpProblem::Connection)?);
                match self.media.last_mut() {
                    // Several lines are multicast or layered media, which a call has not: the first counts.
                    Some(media) => media.connection = media.connection.or(address),
                    None => self.connection = address,
                }
            }
            "m" => {
                if self.media.len() >= MAX_MEDIA {
                    return Err(SdpProblem::TooMany);
                }
                self.media.push(media(value)?);
            }
            "a" => {
                let attribute = attribute(value).ok_or(SdpProblem::Attribute)?;
                self.media.last_mut().map_or(&mut self.attributes, |media| &mut media.attributes).push(attribute);
            }
            // Time, bandwidth, contact and key lines say nothing to a relay.
            _ if key.bytes().all(|b| b.is_ascii_lowercase()) => {}
            _ => return Err(SdpProblem::NotALine),
        }
        Ok(())
    }
}

fn origin(value: &str) -> Option<OriginLine> {
    let mut fields = value.split_ascii_whitespace();
    let username = fields.next()?.to_owned();
    let mut number = || fields.next().filter(|n| n.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned);
    let (session_id, version) = (number()?, number()?);
    fields.next().filter(|net| *net == "IN")?;
    fields.next()?;
    let host = fields.next()?.to_owned();
    fields.next().is_none().then_some(OriginLine { username, session_id, version, host })
}

/// `IN IP4 192.0.2.1` or `IN IP6 2001:db8::1`; a multicast suffix (`/127`) is cut off.
fn connection(value: &str) -> Option<IpAddr> {
    let mut fields = value.split_ascii_whitespace();
    fields.next().filter(|net| *net == "IN")?;
    let family = fields.next()?;
    let address: IpAddr = fields.next()?.split('/').next()?.parse().ok()?;
    let fits = match family {
        "IP4" => address.is_ipv4(),
        "IP6" => address.is_ipv6(),
        _ => false,
    };
    fits.then_some(address)
}

/// `audio 49170 RTP/AVP 0 8 101`; a port count (`49170/2`) is cut off.
fn media(value: &str) -> Result<Media, SdpProblem> {
    let mut fields = value.split_ascii_whitespace();
    let mut next = || fields.next().ok_or(SdpProblem::Media);
    let kind = next()?.to_ascii_lowercase();
    let port = next()?.split('/').next().and_then(|port| port.parse().ok()).ok_or(SdpProblem::Media)?;
    let transport = match next()? {
        "RTP/AVP" => Transport::RtpAvp,
        "RTP/AVPF" => Transport::RtpAvpf,
        secure if secure.contains("RTP/SAVP") => Transport::Secure(secure.to_owned()),
        other => Transport::Other(other.to_owned()),
    };
    let formats: Vec<_> = fields.map(str::to_owned).take(MAX_FORMATS + 1).collect();
    match formats.len() {
        0 => Err(SdpProblem::Media),
        n if n > MAX_FORMATS => Err(SdpProblem::TooMany),
        _ => Ok(Media { kind, port, transport, formats, connection: None, attributes: Vec::new() }),
    }
}

/// `None` when an attribute we rely on is malformed.
fn attribute(value: &str) -> Option<Attribute> {
    let (name, rest) = value.split_once(':').unwrap_or((value, ""));
    Some(match name.trim() {
        "sendrecv" => Attribute::Direction(Direction::SendRecv),
        "sendonly" => Attribute::Direction(Direction::SendOnly),
        "recvonly" => Attribute::Direction(Direction::RecvOnly),
        "inactive" => Attribute::Direction(Direction::Inactive),
        "rtcp-mux" => Attribute::RtcpMux,
        "ptime" => Attribute::Ptime(milliseconds(rest)?),
        "maxptime" => Attribute::MaxPtime(milliseconds(rest)?),
        "rtpmap" => rtpmap(rest)?,
        "fmtp" => {
            let (format, parameters) = rest.trim_start().split_once(' ')?;
            Attribute::Fmtp { format: format.to_owned(), parameters: parameters.trim().to_owned() }
        }
        "rtcp" => {
            let (port, address) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
            let address = if address.trim().is_empty() { None } else { Some(connection(address)?) };
            Attribute::Rtcp { port: port.parse().ok()?, address }
        }
        _ => Attribute::Other(value.to_owned()),
    })
}

/// Some phones write `20.0`.
fn milliseconds(value: &str) -> Option<u32> {
    value.trim().split('.').next()?.parse().ok().filter(|ms| (1..=10_000).contains(ms))
}

fn rtpmap(value: &str) -> Option<Attribute> {
    let (payload_type, codec) = value.trim().split_once(' ')?;
    let mut parts = codec.trim().split('/');
    let encoding = parts.next().filter(|name| !name.is_empty())?.to_owned();
    let clock = parts.next()?.parse().ok().filter(|clock| *clock > 0)?;
    let channels = parts.next().map_or(Some(1), |n| n.parse().ok())?;
    let payload_type = payload_type.parse().ok().filter(|pt| *pt < 128)?;
    Some(Attribute::RtpMap { payload_type, encoding, clock, channels })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: &str = "v=0\r\no=anna 2890844526 2890844527 IN IP4 desk.example\r\ns=call\r\nc=IN IP4 192.0.2.10\r\nb=AS:64\r\nt=0 0\r\n\
        a=sendrecv\r\nm=audio 49170 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000/1\r\n\
        a=fmtp:101 0-16\r\na=ptime:20\r\na=rtcp:49175 IN IP4 192.0.2.11\r\nm=video 0 RTP/SAVPF 96\r\na=inactive\r\na=x-own:1 2\r\n";

    fn problem(text: &str) -> (usize, SdpProblem) {
        let error = SessionDescription::parse(text.as_bytes()).unwrap_err();
        (error.line, error.problem)
    }

    /// A description whose fourth and last line is `line`.
    fn with(line: &str) -> String {
        format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n{line}\r\n")
    }

    #[test]
    fn a_phones_description_is_understood() {
        let sdp = SessionDescription::parse(PHONE.as_bytes()).unwrap();
        assert_eq!(
            (sdp.origin.username.as_str(), sdp.origin.host.as_str(), sdp.name.as_str()),
            ("anna", "desk.example", "call")
        );
        let (position, audio) = sdp.audio().unwrap();
        assert_eq!((position, audio.formats.join(" ").as_str()), (0, "8 0 101"));
        assert_eq!(sdp.address_of(audio), Some("192.0.2.10:49170".parse().unwrap()));
        assert!(audio.attributes.contains(&Attribute::Ptime(20)));
        let rtcp = Attribute::Rtcp { port: 49_175, address: Some("192.0.2.11".parse().unwrap()) };
        assert!(audio.attributes.contains(&rtcp));
        assert_eq!(sdp.media[1].transport, Transport::Secure("RTP/SAVPF".to_owned()));
        assert_eq!(sdp.direction_of(&sdp.media[1]), Direction::Inactive);
        assert_eq!(sdp.media[1].attributes[1], Attribute::Other("x-own:1 2".to_owned()));
    }

    #[test]
    fn ipv6_bare_line_feeds_and_missing_name_are_fine() {
        let sdp =
            SessionDescription::parse(b"v=0\no=- 1 1 IN IP6 ::1\nc=IN IP6 2001:db8::7\nm=audio 4000/1 RTP/AVP 0\n")
                .unwrap();
        assert_eq!(sdp.address_of(&sdp.media[0]), Some("[2001:db8::7]:4000".parse().unwrap()));
    }

    #[test]
    fn the_address_zero_is_the_old_way_to_hold() {
        let sdp =
            |extra: &str| SessionDescription::parse(with(&format!("c=IN IP4 0.0.0.0{extra}")).as_bytes()).unwrap();
        assert!(sdp("").is_hold());
        assert_eq!(sdp("\r\na=recvonly").direction_of(&sdp("\r\na=recvonly").media[0]), Direction::Inactive);
        assert!(!SessionDescription::parse(PHONE.as_bytes()).unwrap().is_hold());
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(problem(""), (1, SdpProblem::NotALine));
        assert_eq!(problem("v=1\r\n"), (1, SdpProblem::Version));
        assert_eq!(problem("v=0\r\ns=-\r\n"), (3, SdpProblem::OriginMissing));
        assert_eq!(problem("v=0\r\no=- x 1 IN IP4 h\r\n"), (2, SdpProblem::Origin));
        assert_eq!(problem(&with("c=IN IP4 host.example")), (4, SdpProblem::Connection));
        assert_eq!(problem(&with("c=IN IP6 192.0.2.1")), (4, SdpProblem::Connection));
        assert_eq!(problem(&with("m=audio 99999 RTP/AVP 0")), (4, SdpProblem::Media));
        assert_eq!(problem(&with("m=audio -1 RTP/AVP 0")), (4, SdpProblem::Media));
        assert_eq!(problem(&with("m=audio 4000 RTP/AVP")), (4, SdpProblem::Media));
        assert_eq!(problem(&with("a=rtpmap:300 X/8000")), (4, SdpProblem::Attribute));
        assert_eq!(problem(&with("a=rtpmap:96 X/0")), (4, SdpProblem::Attribute));
        assert_eq!(problem(&with("a=fmtp:96")), (4, SdpProblem::Attribute));
        assert_eq!(problem(&with("a=ptime:0")), (4, SdpProblem::Attribute));
        assert_eq!(problem(&with("a=x\ra=y")), (4, SdpProblem::NotText));
        assert_eq!(problem(&with("hello")), (4, SdpProblem::NotALine));
    }

    #[test]
    fn sizes_are_bounded() {
        assert_eq!(problem(&with(&format!("a={}", "x".repeat(MAX_LINE)))), (4, SdpProblem::TooLarge));
        assert_eq!(problem(&"v".repeat(MAX_BYTES + 1)).1, SdpProblem::TooLarge);
        assert_eq!(problem(&with(&"a=x\r\n".repeat(MAX_LINES))), (MAX_LINES + 1, SdpProblem::TooLarge));
        assert_eq!(problem(&with(&"m=audio 1 RTP/AVP 0\r\n".repeat(MAX_MEDIA))), (MAX_MEDIA + 3, SdpProblem::TooMany));
        assert_eq!(problem(&with(&format!("m=audio 1 RTP/AVP{}", " 0".repeat(65)))), (4, SdpProblem::TooMany));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            let _ = SessionDescription::parse(&bytes);
        }

        #[test]
        fn no_damage_to_a_description_makes_it_panic(at in 0..PHONE.len(), byte: u8, cut in 0..PHONE.len()) {
            let mut bytes = PHONE.as_bytes().to_vec();
            bytes[at] = byte;
            bytes.remove(cut);
            if let Ok(sdp) = SessionDescription::parse(&bytes) {
                let again = SessionDescription::parse(sdp.to_string().as_bytes());
                proptest::prop_assert_eq!(again, Ok(sdp));
            }
        }
    }
}
