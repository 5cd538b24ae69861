//! What a peer is owed for a message that could be parsed: an answer for a bad request, nothing for a bad response.
//!
//! The order is that of RFC 3261 §8.2: form of the message, method, request URI and hops, extensions, body.

use super::wire::{
    Builder, Contact, ContentLength, HeaderError, HeaderFault, MediaType, Message, Method, Name, NameAddr, Scheme, Via,
    reason_phrase,
};

/// What this end supports. The default is what the call control of this crate does.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'p> {
    /// Methods answered with something else than 405 or 501.
    pub methods: &'p [Method],
    /// Option tags that may stand in Require (RFC 3261 §20.32).
    pub extensions: &'p [&'p str],
    /// Media types of bodies in requests that set a session up.
    pub body_types: &'p [&'p str],
    /// Whether calls are passed on, so that Max-Forwards 0 ends them here (RFC 7332 for back-to-back user agents).
    pub forwarding: bool,
}

impl Default for Policy<'static> {
    fn default() -> Self {
        Self {
            methods: &Method::KNOWN,
            extensions: &["100rel", "timer", "replaces"],
            body_types: &["application/sdp", "multipart/mixed", "multipart/alternative"],
            forwarding: true,
        }
    }
}

/// A request that is to be answered with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The status code.
    pub status: u16,
    /// The reason phrase; more precise than the usual one where that helps whoever reads a trace.
    pub reason: &'static str,
    /// Headers the status requires, as Unsupported with 420.
    pub headers: Vec<(Name<'static>, String)>,
    /// The header at fault, when it is one.
    pub cause: Option<HeaderError>,
}

impl Rejection {
    fn new(status: u16) -> Self {
        Self { status, reason: reason_phrase(status), headers: Vec::new(), cause: None }
    }

    fn bad(reason: &'static str) -> Self {
        Self { reason, ..Self::new(400) }
    }

    fn with(mut self, name: Name<'static>, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The response, without a To tag yet.
    pub fn response(&self, request: &Message) -> Builder {
        let start = Builder::response_to(request, self.status, self.reason);
        self.headers.iter().fold(start, |builder, (name, value)| builder.header(*name, value))
    }
}

impl From<HeaderError> for Rejection {
    fn from(cause: HeaderError) -> Self {
        let reason = match (cause.fault, cause.header) {
            (HeaderFault::Missing, "Via") => "Missing Via",
            (HeaderFault::Missing, "From") => "Missing From",
            (HeaderFault::Missing, "To") => "Missing To",
            (HeaderFault::Missing, "Call-ID") => "Missing Call-ID",
            (HeaderFault::Missing, "CSeq") => "Missing CSeq",
            (_, "Via") => "Bad Via",
            (_, "From") => "Bad From",
            (_, "To") => "Bad To",
            (_, "Call-ID") => "Bad Call-ID",
            (_, "CSeq") => "Bad CSeq",
            (_, "Contact") => "Bad Contact",
            (_, "Max-Forwards") => "Bad Max-Forwards",
            (_, "Expires") => "Bad Expires",
            (_, "Request-URI") => "Bad Request-URI",
            _ => "Bad Request",
        };
        Self { cause: Some(cause), ..Self::bad(reason) }
    }
}

/// Why a response is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Dropped {
    /// A header every response has is missing or unreadable.
    #[error("response dropped: {0}")]
    Header(HeaderError),
    /// More than one Via: it was meant for somebody behind us (RFC 3261 §8.1.3.3).
    #[error("response dropped: {0} Via values")]
    Misrouted(usize),
    /// A header that may stand once stands several times.
    #[error("response dropped: a single header is repeated")]
    Repeated,
    /// The body is cut short, or its length unreadable (RFC 3261 §18.3).
    #[error("response dropped: Content-Length does not fit")]
    ContentLength,
    /// A line that is no header.
    #[error("response dropped: malformed header line")]
    MalformedLine,
    /// It is a request.
    #[error("not a response")]
    NotAResponse,
}

impl From<HeaderError> for Dropped {
    fn from(error: HeaderError) -> Self {
        Dropped::Header(error)
    }
}

/// Checks a request against the default [`Policy`].
pub fn request(message: &Message) -> Result<(), Rejection> {
    request_with(message, &Policy::default())
}

/// Checks a request. An ACK that fails is dropped by the caller, never answered.
pub fn request_with(message: &Message, policy: &Policy<'_>) -> Result<(), Rejection> {
    let Some(method) = message.method() else { return Err(Rejection::bad("Not a Request")) };
    if !message.is_version_2() {
        return Err(Rejection::new(505));
    }
    form(message, method)?;
    method_supported(method, policy)?;
    destination(message, method, policy)?;
    let present = present(message);
    let demands = present & (bit(Name::Require) | bit(Name::ProxyRequire)) != 0;
    if demands && !matches!(method, Method::Ack | Method::Cancel) {
        extensions(message, policy)?;
    }
    body(message, method, policy)
}

/// Whether a rejected request can be answered at all: an ACK never is, and without a readable top Via there is no address.
pub fn answerable(message: &Message) -> bool {
    message.method().is_some_and(|method| *method != Method::Ack) && message.via().is_ok()
}

/// Checks a response to a request of ours.
pub fn response(message: &Message) -> Result<(), Dropped> {
    if message.is_request() {
        return Err(Dropped::NotAResponse);
    }
    if message.malformed_line().is_some() {
        return Err(Dropped::MalformedLine);
    }
    if repeated_single(message).is_some() {
        return Err(Dropped::Repeated);
    }
    message.via()?;
    match message.header_values(Name::Via).count() {
        1 => {}
        several => return Err(Dropped::Misrouted(several)),
    }
    message.from()?;
    message.to()?;
    message.call_id()?;
    message.cseq()?;
    match message.content_length() {
        ContentLength::Absent | ContentLength::Stated(_) => Ok(()),
        _ => Err(Dropped::ContentLength),
    }
}

/// The parts every request has, each readable and once.
fn form(message: &Message, method: &Method) -> Result<(), Rejection> {
    if !message.start_line_exact() {
        return Err(Rejection::bad("Bad Request-Line"));
    }
    if message.malformed_line().is_some() {
        return Err(Rejection::bad("Malformed Header Line"));
    }
    match message.content_length() {
        ContentLength::Absent | ContentLength::Stated(_) => {}
        ContentLength::BeyondEnd => return Err(Rejection::bad("Content-Length Beyond End")),
        ContentLength::Unreadable => return Err(Rejection::bad("Bad Content-Length")),
        ContentLength::Repeated => return Err(Rejection::bad("Repeated Content-Length")),
    }
    let present = match repeated_single(message) {
        Some(reason) => return Err(Rejection::bad(reason)),
        None => present(message),
    };
    let has = |name: Name<'_>| present & bit(name) != 0;
    // The top Via has a better error when there is none.
    message.via()?;
    for value in message.header_values(Name::Via).skip(1) {
        Via::read_as(value)?;
    }
    message.from()?;
    message.to()?;
    message.call_id()?;
    if message.cseq()?.method != *method {
        return Err(Rejection::bad("CSeq Method Mismatch"));
    }
    if has(Name::Contact) {
        message.contacts().try_for_each(|contact| contact.map(|_: Contact<'_>| ()))?;
    }
    if has(Name::Expires) {
        message.expires().transpose()?;
    }
    if has(Name::RecordRoute) {
        message.record_routes().try_for_each(|route| route.map(|_: NameAddr<'_>| ()))?;
    }
    // RFC 3261 §20.17: the only zone is GMT.
    if has(Name::Date) && message.header(Name::Date).is_some_and(|date| !date.ends_with("GMT")) {
        return Err(Rejection::bad("Bad Date"));
    }
    Ok(())
}

/// Headers that may stand once, with one value (RFC 3261 §7.3.1).
const SINGLE: [(Name<'static>, &str); 8] = [
    (Name::From, "Repeated From"),
    (Name::To, "Repeated To"),
    (Name::CallId, "Repeated Call-ID"),
    (Name::CSeq, "Repeated CSeq"),
    (Name::MaxForwards, "Repeated Max-Forwards"),
    (Name::ContentType, "Repeated Content-Type"),
    (Name::Expires, "Repeated Expires"),
    (Name::ContentLength, "Repeated Content-Length"),
];

const fn bit(name: Name<'_>) -> u64 {
    1 << name.id()
}

/// The names present, one bit each.
fn present(message: &Message) -> u64 {
    message.ids().fold(0, |seen, id| seen | 1 << id)
}

/// The phrase for the first header that stands more often than it may.
fn repeated_single(message: &Message) -> Option<&'static str> {
    let (mut once, mut twice) = (0u64, 0u64);
    for id in message.ids() {
        let bit = 1 << id;
        twice |= once & bit;
        once |= bit;
    }
    SINGLE.iter().find(|(name, _)| twice & bit(*name) != 0).map(|(_, reason)| *reason)
}

fn method_supported(method: &Method, policy: &Policy<'_>) -> Result<(), Rejection> {
    if policy.methods.contains(method) {
        return Ok(());
    }
    let allow = policy.methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let status = if method.is_known() { 405 } else { 501 };
    Err(Rejection::new(status).with(Name::Allow, allow))
}

fn destination(message: &Message, method: &Method, policy: &Policy<'_>) -> Result<(), Rejection> {
    let uri = message.request_uri()?;
    if matches!(uri.scheme, Scheme::Other(_)) {
        return Err(Rejection::new(416));
    }
    // RFC 3261 §19.1.1: no headers in a request URI.
    if !uri.headers.is_empty() {
        return Err(Rejection::bad("Headers in Request-URI"));
    }
    let hops = message.max_forwards().transpose()?;
    let starts_something = !matches!(
        method,
        Method::Ack | Method::Bye | Method::Cancel | Method::Options | Method::Register | Method::Prack
    );
    if policy.forwarding && hops == Some(0) && starts_something && message.to()?.tag().is_none() {
        return Err(Rejection::new(483));
    }
    Ok(())
}

fn extensions(message: &Message, policy: &Policy<'_>) -> Result<(), Rejection> {
    let known = |tag: &str| policy.extensions.iter().any(|known| known.eq_ignore_ascii_case(tag));
    let unknown: Vec<&str> = message.require().chain(message.proxy_require()).filter(|tag| !known(tag)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Rejection::new(420).with(Name::Unsupported, unknown.join(", ")))
}

/// Bodies of requests that set a session up; what stands in others is their reader's business.
fn body(message: &Message, method: &Method, policy: &Policy<'_>) -> Result<(), Rejection> {
    if !matches!(method, Method::Invite | Method::Update | Method::Prack) {
        return Ok(());
    }
    let accept = || policy.body_types.join(", ");
    if !message.body().is_empty() {
        let encoded = message.header(Name::ContentEncoding).is_some_and(|e| !e.eq_ignore_ascii_case("identity"));
        if encoded {
            return Err(Rejection::new(415).with(Name::AcceptEncoding, "identity".to_owned()));
        }
        let readable = match message.content_type() {
            Some(Ok(kind)) => policy.body_types.iter().any(|known| same_type(known, &kind)),
            _ => false,
        };
        if !readable && !optional_body(message) {
            return Err(Rejection::new(415).with(Name::Accept, accept()));
        }
    }
    if *method == Method::Invite && message.count(Name::Accept) > 0 && !accepts_sdp(message) {
        return Err(Rejection::new(406));
    }
    Ok(())
}

fn same_type(known: &str, kind: &MediaType<'_>) -> bool {
    known.split_once('/').is_some_and(|(main, sub)| kind.is(main, sub))
}

/// Whether the sender lets the body be ignored (RFC 3261 §20.11).
fn optional_body(message: &Message) -> bool {
    message.header(Name::ContentDisposition).is_some_and(|value| {
        value.split(';').skip(1).any(|param| {
            param.split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("handling") && value.trim().eq_ignore_ascii_case("optional")
            })
        })
    })
}

/// Whether an answer with SDP would be taken (RFC 3261 §20.1).
fn accepts_sdp(message: &Message) -> bool {
    message.header_values(Name::Accept).filter_map(MediaType::parse).any(|range| {
        let main = range.kind == "*" || range.kind.eq_ignore_ascii_case("application");
        main && (range.subtype == "*" || range.subtype.eq_ignore_ascii_case("sdp"))
    })
}
