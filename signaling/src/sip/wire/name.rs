//! Header names: the known ones as an enum, with their compact forms (RFC 3261 §7.3.3, §20 and the RFCs of the extensions).

use std::fmt;

macro_rules! names {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $text:literal, $compact:literal, $list:literal;)*) => {
        /// A header name. Comparison is by meaning: compact and long form are the same name.
        #[derive(Debug, Clone, Copy)]
        pub enum Name<'a> {
            $($(#[$doc])* $variant,)*
            /// A header this crate has no name for.
            Other(&'a str),
        }

        impl<'a> Name<'a> {
            /// The canonical long form; what [`Name::Other`] holds otherwise.
            pub const fn as_str(&self) -> &'a str {
                match self { $(Name::$variant => $text,)* Name::Other(text) => text }
            }

            /// A small number for a known name, zero for another.
            pub(in crate::sip) const fn id(&self) -> u8 {
                match self { $(Name::$variant => $id,)* Name::Other(_) => 0 }
            }

            /// Whether several values may stand in one line, separated by commas (RFC 3261 §7.3.1).
            pub const fn is_list(&self) -> bool {
                match self { $(Name::$variant => $list,)* Name::Other(_) => false }
            }

            /// The known name written `text`, in any case, long or compact.
            pub fn known(text: &[u8]) -> Option<Name<'static>> {
                NAMES.get(usize::from(known_id(text))).copied().flatten()
            }
        }

        /// The known names by their numbers.
        const NAMES: [Option<Name<'static>>; SLOTS] = {
            let mut names = [None; SLOTS];
            $(names[$id] = Some(Name::$variant);)*
            names
        };

        /// Whether a number is that of a list header.
        pub(super) const LISTS: [bool; SLOTS] = {
            let mut lists = [false; SLOTS];
            $(lists[$id] = $list;)*
            lists
        };

        /// The long forms by the same numbers.
        const TEXTS: [&str; SLOTS] = {
            let mut texts = [""; SLOTS];
            $(texts[$id] = $text;)*
            texts
        };

        /// Numbers of the compact forms, by letter.
        const COMPACT: [u8; 32] = {
            let mut ids = [0; 32];
            $(if $compact != 0 { ids[($compact & 31) as usize] = $id; })*
            ids
        };
    };
}

/// More than the largest number of a name; numbers stay below 64, so that a set of names fits a `u64`.
const SLOTS: usize = 64;

/// By length and first letter: the first candidate, and for each candidate the next one. Built when compiling.
const CANDIDATES: ([u8; 1024], [u8; SLOTS]) = {
    let mut first = [0u8; 1024];
    let mut next = [0u8; SLOTS];
    let mut id = 1;
    while id < SLOTS {
        let text = TEXTS[id].as_bytes();
        if !text.is_empty() {
            let bucket = bucket(text.len(), text[0]);
            next[id] = first[bucket];
            first[bucket] = id as u8;
        }
        id += 1;
    }
    (first, next)
};

const fn bucket(len: usize, letter: u8) -> usize {
    (len & 31) << 5 | (letter & 31) as usize
}

/// The number of the name written `text`; zero for an unknown one.
pub(super) fn known_id(text: &[u8]) -> u8 {
    static FIRST: [u8; 1024] = CANDIDATES.0;
    static NEXT: [u8; SLOTS] = CANDIDATES.1;
    static TEXT_OF: [&str; SLOTS] = TEXTS;
    match text {
        [] => 0,
        [single] if single.is_ascii_alphabetic() => COMPACT[usize::from(single & 31)],
        [letter, ..] => {
            let mut id = FIRST[bucket(text.len(), *letter)];
            while id != 0 {
                let known = TEXT_OF[usize::from(id)].as_bytes();
                // Nearly everybody writes the usual case, and equality is the faster question.
                if known == text || known.eq_ignore_ascii_case(text) {
                    break;
                }
                id = NEXT[usize::from(id)];
            }
            id
        }
    }
}

names! {
    /// RFC 3261 §20.42.
    Via = 1, "Via", b'v', true;
    /// RFC 3261 §20.20.
    From = 2, "From", b'f', false;
    /// RFC 3261 §20.39.
    To = 3, "To", b't', false;
    /// RFC 3261 §20.8.
    CallId = 4, "Call-ID", b'i', false;
    /// RFC 3261 §20.16.
    CSeq = 5, "CSeq", b'\0', false;
    /// RFC 3261 §20.10.
    Contact = 6, "Contact", b'm', true;
    /// RFC 3261 §20.22.
    MaxForwards = 7, "Max-Forwards", b'\0', false;
    /// RFC 3261 §20.14.
    ContentLength = 8, "Content-Length", b'l', false;
    /// RFC 3261 §20.15.
    ContentType = 9, "Content-Type", b'c', false;
    /// RFC 3261 §20.34.
    Route = 10, "Route", b'\0', true;
    /// RFC 3261 §20.30.
    RecordRoute = 11, "Record-Route", b'\0', true;
    /// RFC 3261 §20.7.
    Authorization = 12, "Authorization", b'\0', false;
    /// RFC 3261 §20.28.
    ProxyAuthorization = 13, "Proxy-Authorization", b'\0', false;
    /// RFC 3261 §20.44.
    WwwAuthenticate = 14, "WWW-Authenticate", b'\0', false;
    /// RFC 3261 §20.27.
    ProxyAuthenticate = 15, "Proxy-Authenticate", b'\0', false;
    /// RFC 3261 §20.6.
    AuthenticationInfo = 16, "Authentication-Info", b'\0', false;
    /// RFC 3261 §20.19.
    Expires = 17, "Expires", b'\0', false;
    /// RFC 3261 §20.23.
    MinExpires = 18, "Min-Expires", b'\0', false;
    /// RFC 3261 §20.32.
    Require = 19, "Require", b'\0', true;
    /// RFC 3261 §20.29.
    ProxyRequire = 20, "Proxy-Require", b'\0', true;
    /// RFC 3261 §20.40.
    Unsupported = 21, "Unsupported", b'\0', true;
    /// RFC 3261 §20.37.
    Supported = 22, "Supported", b'k', true;
    /// RFC 3261 §20.5.
    Allow = 23, "Allow", b'\0', true;
    /// RFC 3261 §20.1.
    Accept = 24, "Accept", b'\0', true;
    /// RFC 3261 §20.2.
    AcceptEncoding = 25, "Accept-Encoding", b'\0', true;
    /// RFC 3261 §20.3.
    AcceptLanguage = 26, "Accept-Language", b'\0', true;
    /// RFC 3261 §20.41.
    UserAgent = 27, "User-Agent", b'\0', false;
    /// RFC 3261 §20.35.
    Server = 28, "Server", b'\0', false;
    /// RFC 3327.
    Path = 29, "Path", b'\0', true;
    /// RFC 3608.
    ServiceRoute = 30, "Service-Route", b'\0', true;
    /// RFC 3262 §7.1.
    RSeq = 31, "RSeq", b'\0', false;
    /// RFC 3262 §7.2.
    RAck = 32, "RAck", b'\0', false;
    /// RFC 3515.
    ReferTo = 33, "Refer-To", b'r', false;
    /// RFC 3892.
    ReferredBy = 34, "Referred-By", b'b', false;
    /// RFC 3891.
    Replaces = 35, "Replaces", b'\0', false;
    /// RFC 4028.
    SessionExpires = 36, "Session-Expires", b'x', false;
    /// RFC 4028.
    MinSe = 37, "Min-SE", b'\0', false;
    /// RFC 3261 §20.43.
    Warning = 38, "Warning", b'\0', true;
    /// RFC 3261 §20.33.
    RetryAfter = 39, "Retry-After", b'\0', false;
    /// RFC 3325.
    PAssertedIdentity = 40, "P-Asserted-Identity", b'\0', true;
    /// RFC 3325.
    PPreferredIdentity = 41, "P-Preferred-Identity", b'\0', true;
    /// RFC 3323.
    Privacy = 42, "Privacy", b'\0', false;
    /// RFC 3261 §20.36.
    Subject = 43, "Subject", b's', false;
    /// RFC 3261 §20.17. Its value holds a comma, so it is no list.
    Date = 44, "Date", b'\0', false;
    /// RFC 6665.
    Event = 45, "Event", b'o', false;
    /// RFC 6665.
    AllowEvents = 46, "Allow-Events", b'u', true;
    /// RFC 6665.
    SubscriptionState = 47, "Subscription-State", b'\0', false;
    /// RFC 3326.
    Reason = 48, "Reason", b'\0', true;
    /// RFC 3261 §20.12.
    ContentEncoding = 49, "Content-Encoding", b'e', true;
    /// RFC 3261 §20.11.
    ContentDisposition = 50, "Content-Disposition", b'\0', false;
    /// RFC 3261 §20.25.
    Organization = 51, "Organization", b'\0', false;
    /// RFC 3261 §20.38.
    Timestamp = 52, "Timestamp", b'\0', false;
    /// RFC 7044.
    HistoryInfo = 53, "History-Info", b'\0', true;
    /// RFC 5806.
    Diversion = 54, "Diversion", b'\0', true;
    /// RFC 3261 §20.4.
    AlertInfo = 55, "Alert-Info", b'\0', true;
    /// RFC 3261 §20.9.
    CallInfo = 56, "Call-Info", b'\0', true;
    /// RFC 3841.
    AcceptContact = 57, "Accept-Contact", b'a', true;
    /// RFC 8224.
    Identity = 58, "Identity", b'y', false;
    /// RFC 7989.
    SessionId = 59, "Session-ID", b'\0', false;
    /// RFC 3903.
    SipETag = 60, "SIP-ETag", b'\0', false;
    /// RFC 3903.
    SipIfMatch = 61, "SIP-If-Match", b'\0', false;
}

impl Name<'_> {
    /// The header's number in the table, looking an [`Name::Other`] up as well.
    pub(super) fn resolved_id(&self) -> u8 {
        match self {
            Name::Other(text) => known_id(text.as_bytes()),
            name => name.id(),
        }
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.resolved_id(), other.resolved_id());
        a == b && (a != 0 || self.as_str().eq_ignore_ascii_case(other.as_str()))
    }
}

impl Eq for Name<'_> {}

impl<'a> From<&'a str> for Name<'a> {
    fn from(text: &'a str) -> Self {
        Name::known(text.as_bytes()).unwrap_or(Name::Other(text))
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
