//! Writing a session description, lines in the order RFC 8866 §5 prescribes.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use super::{Attribute, Media, SessionDescription, Transport};

impl Display for SessionDescription {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let o = &self.origin;
        let family = if o.host.contains(':') { "IP6" } else { "IP4" };
        write!(f, "v=0\r\no={} {} {} IN {family} {}\r\n", o.username, o.session_id, o.version, o.host)?;
        // An empty name is forbidden (§5.3), though phones send it.
        write!(f, "s={}\r\n", if self.name.is_empty() { "-" } else { &self.name })?;
        connection(f, self.connection)?;
        f.write_str("t=0 0\r\n")?;
        attributes(f, &self.attributes)?;
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

impl Display for Media {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {} {}", self.kind, self.port, self.transport)?;
        for format in &self.formats {
            write!(f, " {format}")?;
        }
        f.write_str("\r\n")?;
        connection(f, self.connection)?;
        attributes(f, &self.attributes)
    }
}

impl Display for Transport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RtpAvp => "RTP/AVP",
            Self::RtpAvpf => "RTP/AVPF",
            Self::Secure(name) | Self::Other(name) => name,
        })
    }
}

impl Display for Attribute {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::RtpMap { payload_type, encoding, clock, channels: 1 } => {
                write!(f, "rtpmap:{payload_type} {encoding}/{clock}")
            }
            Self::RtpMap { payload_type, encoding, clock, channels } => {
                write!(f, "rtpmap:{payload_type} {encoding}/{clock}/{channels}")
            }
            Self::Fmtp { format, parameters } => write!(f, "fmtp:{format} {parameters}"),
            Self::Ptime(ms) => write!(f, "ptime:{ms}"),
            Self::MaxPtime(ms) => write!(f, "maxptime:{ms}"),
            Self::Direction(direction) => f.write_str(direction.as_str()),
            Self::Rtcp { port, address: None } => write!(f, "rtcp:{port}"),
            Self::Rtcp { port, address: Some(ip) } => write!(f, "rtcp:{port} IN {} {ip}", family(*ip)),
            Self::RtcpMux => f.write_str("rtcp-mux"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}

fn connection(f: &mut Formatter<'_>, address: Option<IpAddr>) -> fmt::Result {
    address.map_or(Ok(()), |ip| write!(f, "c=IN {} {ip}\r\n", family(ip)))
}

fn attributes(f: &mut Formatter<'_>, list: &[Attribute]) -> fmt::Result {
    list.iter().try_for_each(|attribute| write!(f, "a={attribute}\r\n"))
}
