//! SIP messages as the test phone sees them: text and a list of headers, read by other code than the server's.

use std::net::SocketAddr;

/// A message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) start: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Message {
    /// Reads a datagram. The server's messages are regular, so this is strict.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let headers = lines.map(|line| line.split_once(':').map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned())));
        Some(Self { start, headers: headers.collect::<Option<_>>()?, body: body.to_owned() })
    }

    /// The status of a response; `None` of a request.
    pub(crate) fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The method of a request; empty of a response.
    pub(crate) fn method(&self) -> &str {
        if self.status().is_some() { "" } else { self.start.split(' ').next().unwrap_or_default() }
    }

    /// The Request-URI.
    pub(crate) fn uri(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The first header of this name; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// The headers of this name, as lines.
    pub(crate) fn lines(&self, name: &str) -> String {
        let same = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        same.map(|(n, value)| format!("{n}: {value}\r\n")).collect()
    }

    /// The user part of the URI in a From or To header.
    pub(crate) fn user_of(&self, name: &str) -> &str {
        let value = self.header(name);
        value.split_once("sip:").map_or("", |(_, rest)| rest.split(['@', '>', ';']).next().unwrap_or_default())
    }

    /// The URI of the Contact.
    pub(crate) fn contact(&self) -> &str {
        let value = self.header("Contact");
        value.split_once('<').map_or(value, |(_, rest)| rest.split('>').next().unwrap_or_default())
    }

    /// What makes this message the same as one sent again.
    pub(crate) fn identity(&self) -> String {
        format!("{} {} {} {}", self.start, self.header("Via"), self.header("CSeq"), self.header("Call-ID"))
    }

    /// Where the session description wants audio.
    pub(crate) fn audio(&self) -> Option<SocketAddr> {
        let line = |prefix: &str| self.body.lines().find_map(|line| line.strip_prefix(prefix).map(str::trim));
        let address = line("c=IN IP4 ")?;
        let port = line("m=audio ")?.split(' ').next()?;
        format!("{address}:{port}").parse().ok()
    }
}
