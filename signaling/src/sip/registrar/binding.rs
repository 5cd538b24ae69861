//! Registrations and the bindings they make.

use crate::sip::flow::Flow;
use crate::sip::wire::Uri;
use std::fmt;
use std::time::{Duration, Instant};

/// One contact of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The URI, without angle brackets.
    pub uri: String,
    /// The `expires` parameter; zero removes the binding.
    pub expires: Option<Duration>,
    /// Preference in thousandths (`q=0.5` is 500); 1000 when not named.
    pub q: u16,
    /// `+sip.instance` without quotes and brackets: the device, whatever its address.
    pub instance: Option<String>,
    /// `reg-id` (RFC 5626 §4.1): one device may keep several flows.
    pub reg_id: u32,
}

impl Contact {
    /// A contact with nothing but its URI.
    #[must_use]
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into(), expires: None, q: 1000, instance: None, reg_id: 0 }
    }
}

/// The Contact headers of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contacts {
    /// None: the sender asks for its bindings (§10.2.3).
    Query,
    /// `*` with Expires 0: removes all (§10.2.2).
    RemoveAll,
    /// At least one contact.
    Some(Vec<Contact>),
}

/// What a REGISTER asks for, after authentication.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Call-ID of the request.
    pub call_id: String,
    /// CSeq number of the request.
    pub cseq: u32,
    /// The flow the request came over.
    pub flow: Flow,
    /// The Expires header, for contacts without `expires`.
    pub expires: Option<Duration>,
    /// The contacts.
    pub contacts: Contacts,
    /// Path values in the order of the request (RFC 3327); they become the Route of requests to the contact.
    pub path: Vec<String>,
    /// The User-Agent header, for display.
    pub user_agent: Option<String>,
}

impl Registration {
    /// A registration with neither Expires nor Path.
    #[must_use]
    pub fn new(call_id: impl Into<String>, cseq: u32, flow: Flow, contacts: Contacts) -> Self {
        Self { call_id: call_id.into(), cseq, flow, expires: None, contacts, path: Vec::new(), user_agent: None }
    }
}

/// A contact that is registered.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The contact's URI: the Request-URI of requests to it.
    pub uri: String,
    /// Preference in thousandths.
    pub q: u16,
    /// The device.
    pub instance: Option<String>,
    /// The device's flow number.
    pub reg_id: u32,
    /// Where requests are sent: the way the REGISTER came.
    pub flow: Flow,
    /// Route of requests to it.
    pub path: Vec<String>,
    /// What the phone calls itself.
    pub user_agent: Option<String>,
    /// When it ends.
    pub expires_at: Instant,
    /// When it was last refreshed.
    pub refreshed_at: Instant,
    call_id: String,
    cseq: u32,
}

impl Binding {
    /// Remaining life in whole seconds, rounded up: the `expires` of the 200.
    #[must_use]
    pub fn remaining_seconds(&self, now: Instant) -> u64 {
        let left = self.expires_at.saturating_duration_since(now);
        left.as_secs() + u64::from(left.subsec_nanos() > 0)
    }

    pub(super) fn new(now: Instant, life: Duration, registration: &Registration, contact: &Contact) -> Self {
        Self {
            uri: contact.uri.clone(),
            q: contact.q.min(1000),
            instance: contact.instance.clone(),
            reg_id: contact.reg_id,
            flow: registration.flow,
            path: registration.path.clone(),
            user_agent: registration.user_agent.clone(),
            expires_at: now + life,
            refreshed_at: now,
            call_id: registration.call_id.clone(),
            cseq: registration.cseq,
        }
    }

    /// Whether a contact names this binding: the same device, or the same URI.
    pub(super) fn is(&self, contact: &Contact) -> bool {
        match (&self.instance, &contact.instance) {
            (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(theirs) && self.reg_id == contact.reg_id,
            _ => same_uri(&self.uri, &contact.uri),
        }
    }

    /// §10.3 items 6 and 7: with the same Call-ID, a lower CSeq is an older request that was overtaken. An equal one is the
    /// same request again, and applying it again changes nothing; so a REGISTER can be answered without a transaction.
    pub(super) fn is_newer_than(&self, registration: &Registration) -> bool {
        self.call_id == registration.call_id && registration.cseq < self.cseq
    }

    /// The binding as a Contact value with what is left of its life.
    pub(super) fn as_contact(&self, now: Instant) -> impl fmt::Display + use<'_> {
        Shown { binding: self, now }
    }
}

struct Shown<'b> {
    binding: &'b Binding,
    now: Instant,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Binding { uri, q, instance, reg_id, .. } = self.binding;
        write!(f, "<{uri}>;expires={}", self.binding.remaining_seconds(self.now))?;
        if *q < 1000 {
            write!(f, ";q=0.{q:03}")?;
        }
        if let Some(instance) = instance {
            write!(f, ";+sip.instance=\"<{instance}>\"")?;
        }
        if *reg_id != 0 {
            write!(f, ";reg-id={reg_id}")?;
        }
        Ok(())
    }
}

/// URI equality for bindings (§19.1.4); what is no URI equals only itself.
fn same_uri(a: &str, b: &str) -> bool {
    match (Uri::parse(a), Uri::parse(b)) {
        (Some(a), Some(b)) => a.equivalent(&b),
        _ => a == b,
    }
}
