//! Conversions between our messages and the types of the `rsip` crate, the vocabulary of the public interface.
//!
//! rsip has no `tel` URI: such a URI is carried as scheme `tel` with the number as its host, and becomes `tel:` again on the way back. What
//! rsip cannot carry at all is an error, never a silent loss.

use std::fmt::{self, Write};

use bytes::Bytes;
use rsip::headers::UntypedHeader;
use thiserror::Error;

use super::wire::{
    Builder, Host, Limits, Message, Method, Name, Param, ParseError, Scheme, StartLine, Uri, reason_phrase,
};

/// A message, or a part of one, that the other side has no form for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConversionError {
    /// rsip knows fourteen methods.
    #[error("rsip has no method {0}")]
    Method(Box<str>),
    /// The request URI is no URI at all.
    #[error("unreadable request URI")]
    Uri,
    /// rsip carries `sip`, `sips` and, by our convention, `tel`.
    #[error("rsip has no URI of scheme {0}")]
    Scheme(Box<str>),
    /// rsip has no headers in a URI.
    #[error("rsip has no headers in a URI")]
    UriHeaders,
    /// The other kind of message was asked for.
    #[error("a request where a response was expected, or the reverse")]
    Kind,
    /// What rsip holds is no message on the wire.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// rsip's version 1.
    #[error("only SIP/2.0 is spoken here")]
    Version,
}

macro_rules! methods {
    ($($ours:ident = $theirs:ident),*) => {
        impl From<rsip::Method> for Method {
            fn from(method: rsip::Method) -> Self {
                match method { $(rsip::Method::$theirs => Method::$ours),* }
            }
        }

        impl TryFrom<&Method> for rsip::Method {
            type Error = ConversionError;

            fn try_from(method: &Method) -> Result<Self, ConversionError> {
                match method {
                    $(Method::$ours => Ok(rsip::Method::$theirs),)*
                    Method::Other(name) => Err(ConversionError::Method(name.clone())),
                }
            }
        }
    };
}

methods!(
    Invite = Invite,
    Ack = Ack,
    Bye = Bye,
    Cancel = Cancel,
    Register = Register,
    Options = Options,
    Info = Info,
    Prack = PRack,
    Update = Update,
    Refer = Refer,
    Notify = Notify,
    Subscribe = Subscribe,
    Message = Message,
    Publish = Publish
);

/// The status code as rsip names it; an unknown one keeps `reason`.
pub fn status_code(status: u16, reason: &str) -> rsip::StatusCode {
    match rsip::StatusCode::from(status) {
        rsip::StatusCode::Other(code, _) => {
            let reason = if reason.is_empty() { reason_phrase(status) } else { reason };
            rsip::StatusCode::Other(code, reason.to_owned())
        }
        known => known,
    }
}

impl TryFrom<&Message> for rsip::SipMessage {
    type Error = ConversionError;

    fn try_from(message: &Message) -> Result<Self, ConversionError> {
        if message.is_request() {
            rsip::Request::try_from(message).map(rsip::SipMessage::Request)
        } else {
            rsip::Response::try_from(message).map(rsip::SipMessage::Response)
        }
    }
}

impl TryFrom<&Message> for rsip::Request {
    type Error = ConversionError;

    fn try_from(message: &Message) -> Result<Self, ConversionError> {
        let method = message.method().ok_or(ConversionError::Kind)?;
        if !message.is_version_2() {
            return Err(ConversionError::Version);
        }
        let uri = message.request_uri().map_err(|_| ConversionError::Uri)?;
        Ok(rsip::Request {
            method: method.try_into()?,
            uri: uri_to_rsip(&uri)?,
            version: rsip::Version::V2,
            headers: headers_to_rsip(message),
            body: message.body().to_vec(),
        })
    }
}

impl TryFrom<&Message> for rsip::Response {
    type Error = ConversionError;

    fn try_from(message: &Message) -> Result<Self, ConversionError> {
        let StartLine::Response { status, reason } = message.start() else { return Err(ConversionError::Kind) };
        Ok(rsip::Response {
            status_code: status_code(status, reason),
            version: rsip::Version::V2,
            headers: headers_to_rsip(message),
            body: message.body().to_vec(),
        })
    }
}

impl TryFrom<&rsip::SipMessage> for Message {
    type Error = ConversionError;

    fn try_from(message: &rsip::SipMessage) -> Result<Self, ConversionError> {
        match message {
            rsip::SipMessage::Request(request) => request.try_into(),
            rsip::SipMessage::Response(response) => response.try_into(),
        }
    }
}

impl TryFrom<&rsip::Request> for Message {
    type Error = ConversionError;

    fn try_from(request: &rsip::Request) -> Result<Self, ConversionError> {
        if request.version != rsip::Version::V2 {
            return Err(ConversionError::Version);
        }
        let start = Builder::request(&Method::from(request.method), UriText(&request.uri));
        Ok(Message::parse(finish(start, &request.headers, &request.body), &Limits::default())?)
    }
}

impl TryFrom<&rsip::Response> for Message {
    type Error = ConversionError;

    fn try_from(response: &rsip::Response) -> Result<Self, ConversionError> {
        if response.version != rsip::Version::V2 {
            return Err(ConversionError::Version);
        }
        let reason = match &response.status_code {
            rsip::StatusCode::Other(_, reason) => reason.as_str(),
            _ => "",
        };
        let start = Builder::response(response.status_code.code(), reason);
        Ok(Message::parse(finish(start, &response.headers, &response.body), &Limits::default())?)
    }
}

/// Headers and body. The Content-Type stays the header it is.
fn finish(start: Builder, headers: &rsip::Headers, body: &[u8]) -> Bytes {
    let with_headers = headers.iter().fold(start, |builder, header| {
        // rsip writes every header as `Name: value`, and gives its name no other way.
        let line = header.to_string();
        match line.split_once(':') {
            Some((name, value)) => builder.header(name.trim(), value.trim()),
            None => builder,
        }
    });
    with_headers.raw_body(body).finish()
}

macro_rules! headers {
    ($name:expr, $raw:expr, $value:expr; $($ours:ident)*) => {
        match $name {
            $(Name::$ours => rsip::Header::$ours(rsip::headers::$ours::new($value)),)*
            Name::Other(_) => rsip::Header::Other($raw.to_owned(), $value.to_owned()),
            known => rsip::Header::Other(known.as_str().to_owned(), $value.to_owned()),
        }
    };
}

fn headers_to_rsip(message: &Message) -> rsip::Headers {
    let headers: Vec<rsip::Header> = message
        .raw_headers()
        .map(|(raw, value)| {
            headers!(Name::from(raw), raw, value;
                Accept AcceptEncoding AcceptLanguage AlertInfo Allow AuthenticationInfo Authorization CSeq CallId CallInfo Contact
                ContentDisposition ContentEncoding ContentLength ContentType Date Event Expires From MaxForwards MinExpires
                Organization ProxyAuthenticate ProxyAuthorization ProxyRequire RecordRoute Require RetryAfter Route Server Subject
                SubscriptionState Supported Timestamp To Unsupported UserAgent Via Warning WwwAuthenticate)
        })
        .collect();
    headers.into()
}

/// A URI in rsip's form.
pub fn uri_to_rsip(uri: &Uri<'_>) -> Result<rsip::Uri, ConversionError> {
    if !uri.headers.is_empty() {
        return Err(ConversionError::UriHeaders);
    }
    let scheme = match uri.scheme {
        Scheme::Sip => rsip::Scheme::Sip,
        Scheme::Sips => rsip::Scheme::Sips,
        Scheme::Tel => rsip::Scheme::Other("tel".to_owned()),
        Scheme::Other(name) => return Err(ConversionError::Scheme(name.into())),
    };
    let (auth, host) = match uri.host {
        Some(host) => (
            uri.user.map(|user| rsip::Auth { user: user.to_owned(), password: uri.password.map(str::to_owned) }),
            host_to_rsip(&host),
        ),
        None => (None, rsip::Host::Domain(uri.user.unwrap_or("").into())),
    };
    Ok(rsip::Uri {
        scheme: Some(scheme),
        auth,
        host_with_port: rsip::HostWithPort { host, port: uri.port.map(rsip::Port::from) },
        params: uri.params.iter().map(param_to_rsip).collect(),
        headers: Vec::new(),
    })
}

fn host_to_rsip(host: &Host<'_>) -> rsip::Host {
    match host {
        Host::Domain(name) => rsip::Host::Domain((*name).into()),
        Host::V4(ip) => rsip::Host::IpAddr((*ip).into()),
        Host::V6(ip) => rsip::Host::IpAddr((*ip).into()),
    }
}

/// Only the parameters rsip writes back unchanged get their own variant.
fn param_to_rsip(param: Param<'_>) -> rsip::Param {
    use rsip::param::{Maddr, OtherParam, OtherParamValue, Ttl, User};
    let value = param.value.unwrap_or("");
    let known = |name: &str| param.name.eq_ignore_ascii_case(name);
    let transport = [
        ("udp", rsip::Transport::Udp),
        ("tcp", rsip::Transport::Tcp),
        ("tls", rsip::Transport::Tls),
        ("ws", rsip::Transport::Ws),
        ("wss", rsip::Transport::Wss),
    ];
    match transport.into_iter().find(|(text, _)| known("transport") && value.eq_ignore_ascii_case(text)) {
        Some((_, transport)) => rsip::Param::Transport(transport),
        None if known("lr") && value.is_empty() => rsip::Param::Lr,
        None if known("user") => rsip::Param::User(User::new(value)),
        None if known("maddr") => rsip::Param::Maddr(Maddr::new(value)),
        None if known("ttl") => rsip::Param::Ttl(Ttl::new(value)),
        None => rsip::Param::Other(OtherParam::new(param.name), param.value.map(OtherParamValue::new)),
    }
}

/// A URI of rsip as it goes onto the wire: IPv6 in brackets, `tel` without slashes, transports in lower case.
pub struct UriText<'a>(pub &'a rsip::Uri);

impl fmt::Display for UriText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.0;
        match &uri.scheme {
            Some(scheme) => write!(f, "{scheme}:")?,
            None => f.write_str("sip:")?,
        }
        if let Some(auth) = &uri.auth {
            write!(f, "{auth}@")?;
        }
        match &uri.host_with_port.host {
            rsip::Host::Domain(name) => name.fmt(f)?,
            rsip::Host::IpAddr(ip) => Host::from(*ip).fmt(f)?,
        }
        if let Some(port) = &uri.host_with_port.port {
            write!(f, ":{port}")?;
        }
        for param in &uri.params {
            match param {
                rsip::Param::Transport(transport) => {
                    f.write_str(";transport=")?;
                    transport.to_string().chars().try_for_each(|c| f.write_char(c.to_ascii_lowercase()))?;
                }
                other => other.fmt(f)?,
            }
        }
        Ok(())
    }
}
