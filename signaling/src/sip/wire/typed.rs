//! Typed headers of a message, read when asked for.

use super::addr::{Contact, NameAddr};
use super::error::{Fault, HeaderError, HeaderFault};
use super::list::ListValues;
use super::message::{Message, StartLine};
use super::name::Name;
use super::uri::Uri;
use super::values::{CSeq, MediaType, RAck, read_call_id, read_seconds, read_u32};
use super::via::Via;

impl Message {
    /// The request URI; an error for a response.
    pub fn request_uri(&self) -> Result<Uri<'_>, HeaderError> {
        match self.start() {
            StartLine::Request { uri, .. } => Uri::read(uri).map_err(|f| f.of("Request-URI")),
            StartLine::Response { .. } => Err(HeaderFault::Missing.of("Request-URI", 0)),
        }
    }

    /// The top Via.
    pub fn via(&self) -> Result<Via<'_>, HeaderError> {
        let line = self.required(Name::Via)?;
        let value = ListValues::new(line).next().ok_or(HeaderFault::Empty.of("Via", 0))?;
        Via::read(value).map_err(|f| f.of("Via"))
    }

    /// All Vias, top first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, HeaderError>> {
        self.header_values(Name::Via).map(|v| Via::read(v).map_err(|f| f.of("Via")))
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.read(Name::From, NameAddr::read)
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.read(Name::To, NameAddr::read)
    }

    /// Call-ID.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        self.read(Name::CallId, read_call_id)
    }

    /// CSeq.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        self.read(Name::CSeq, CSeq::read)
    }

    /// RAck (RFC 3262).
    pub fn rack(&self) -> Result<RAck, HeaderError> {
        self.read(Name::RAck, RAck::read)
    }

    /// RSeq (RFC 3262).
    pub fn rseq(&self) -> Result<u32, HeaderError> {
        self.read(Name::RSeq, read_u32)
    }

    /// All Contacts.
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'_>, HeaderError>> {
        self.header_values(Name::Contact).map(|value| match value {
            "*" => Ok(Contact::Star),
            _ => NameAddr::read(value).map(Contact::Addr).map_err(|f| f.of("Contact")),
        })
    }

    /// The first Contact that is an address: the remote target of a dialog.
    pub fn contact(&self) -> Result<NameAddr<'_>, HeaderError> {
        match self.contacts().next() {
            Some(Ok(Contact::Addr(addr))) => Ok(addr),
            Some(Ok(Contact::Star)) => Err(HeaderFault::Uri.of("Contact", 0)),
            Some(Err(error)) => Err(error),
            None => Err(HeaderFault::Missing.of("Contact", 0)),
        }
    }

    /// Max-Forwards, 0 to 255; `None` when absent.
    pub fn max_forwards(&self) -> Option<Result<u8, HeaderError>> {
        self.optional(Name::MaxForwards, |text| {
            read_u32(text).and_then(|n| u8::try_from(n).map_err(|_| Fault::new(HeaderFault::Number, 0)))
        })
    }

    /// Expires in seconds; `None` when absent.
    pub fn expires(&self) -> Option<Result<u32, HeaderError>> {
        self.optional(Name::Expires, read_u32)
    }

    /// Min-Expires in seconds; `None` when absent.
    pub fn min_expires(&self) -> Option<Result<u32, HeaderError>> {
        self.optional(Name::MinExpires, read_u32)
    }

    /// Session-Expires in seconds (RFC 4028); `None` when absent. Its `refresher` stands in the raw value.
    pub fn session_expires(&self) -> Option<Result<u32, HeaderError>> {
        self.optional(Name::SessionExpires, read_seconds)
    }

    /// Min-SE in seconds (RFC 4028); `None` when absent.
    pub fn min_se(&self) -> Option<Result<u32, HeaderError>> {
        self.optional(Name::MinSe, read_seconds)
    }

    /// Retry-After in seconds; `None` when absent.
    pub fn retry_after(&self) -> Option<Result<u32, HeaderError>> {
        self.optional(Name::RetryAfter, read_seconds)
    }

    /// The Route set, in order.
    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.addresses(Name::Route)
    }

    /// The Record-Route set, in order.
    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.addresses(Name::RecordRoute)
    }

    /// The values of any header that holds addresses, as P-Asserted-Identity, Path or Refer-To.
    pub fn addresses<'m>(
        &'m self,
        name: Name<'static>,
    ) -> impl Iterator<Item = Result<NameAddr<'m>, HeaderError>> + use<'m> {
        self.header_values(name).map(move |value| NameAddr::read(value).map_err(|f| f.of(name.as_str())))
    }

    /// Content-Type; `None` when absent.
    pub fn content_type(&self) -> Option<Result<MediaType<'_>, HeaderError>> {
        self.optional(Name::ContentType, MediaType::read)
    }

    /// The option tags of Require.
    pub fn require(&self) -> impl Iterator<Item = &str> {
        self.header_values(Name::Require)
    }

    /// The option tags of Proxy-Require.
    pub fn proxy_require(&self) -> impl Iterator<Item = &str> {
        self.header_values(Name::ProxyRequire)
    }

    /// The option tags of Supported.
    pub fn supported(&self) -> impl Iterator<Item = &str> {
        self.header_values(Name::Supported)
    }

    /// Whether `tag` stands in Supported or Require.
    pub fn supports(&self, tag: &str) -> bool {
        self.supported().chain(self.require()).any(|t| t.eq_ignore_ascii_case(tag))
    }

    fn required(&self, name: Name<'static>) -> Result<&str, HeaderError> {
        self.header(name).ok_or(HeaderFault::Missing.of(name.as_str(), 0))
    }

    fn read<'m, T>(
        &'m self,
        name: Name<'static>,
        read: impl FnOnce(&'m str) -> Result<T, Fault>,
    ) -> Result<T, HeaderError> {
        let value = self.required(name)?;
        if value.is_empty() {
            return Err(HeaderFault::Empty.of(name.as_str(), 0));
        }
        read(value).map_err(|f| f.of(name.as_str()))
    }

    fn optional<'m, T>(
        &'m self,
        name: Name<'static>,
        read: impl FnOnce(&'m str) -> Result<T, Fault>,
    ) -> Option<Result<T, HeaderError>> {
        self.header(name).map(|value| read(value).map_err(|f| f.of(name.as_str())))
    }
}
