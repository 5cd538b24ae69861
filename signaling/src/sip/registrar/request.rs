//! Reading a REGISTER.

use super::{Contact, Contacts, Registration};
use crate::sip::flow::Flow;
use crate::sip::wire::{self, HeaderError, Message, Name, NameAddr, Scheme};
use std::time::Duration;

/// Why a REGISTER cannot be applied, whatever the bindings are: it is owed a 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRegistration {
    /// A header is missing or unreadable.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// `*` together with other contacts, or without Expires 0 (§10.2.2).
    #[error("a Contact of * needs Expires 0 and no other Contact")]
    Wildcard,
    /// A contact that is neither `sip` nor `sips`: nothing could be sent to it.
    #[error("a Contact is not a SIP URI")]
    Scheme,
}

impl Registration {
    /// Reads a REGISTER that came over `flow`.
    ///
    /// # Errors
    /// [`BadRegistration`]: answer 400.
    pub fn read(request: &Message, flow: Flow) -> Result<Self, BadRegistration> {
        let expires = request.expires().transpose()?.map(seconds);
        let contacts = read_contacts(request, expires)?;
        Ok(Self {
            call_id: request.call_id()?.to_owned(),
            cseq: request.cseq()?.number,
            flow,
            expires,
            contacts,
            path: request.header_values(Name::Path).map(str::to_owned).collect(),
            user_agent: request.header(Name::UserAgent).map(str::to_owned),
        })
    }
}

fn read_contacts(request: &Message, expires: Option<Duration>) -> Result<Contacts, BadRegistration> {
    let mut contacts = Vec::new();
    let mut star = false;
    for contact in request.contacts() {
        match contact? {
            wire::Contact::Star => star = true,
            wire::Contact::Addr(address) => contacts.push(read_contact(&address)?),
        }
    }
    match (star, contacts.is_empty()) {
        (true, true) if expires == Some(Duration::ZERO) => Ok(Contacts::RemoveAll),
        (true, _) => Err(BadRegistration::Wildcard),
        (false, true) => Ok(Contacts::Query),
        (false, false) => Ok(Contacts::Some(contacts)),
    }
}

fn read_contact(address: &NameAddr<'_>) -> Result<Contact, BadRegistration> {
    if !matches!(address.uri.scheme, Scheme::Sip | Scheme::Sips) {
        return Err(BadRegistration::Scheme);
    }
    let instance = address.param("+sip.instance").map(|text| text.trim_matches(['<', '>']).to_owned());
    Ok(Contact {
        uri: address.uri.as_str().to_owned(),
        expires: address.expires().map(seconds),
        q: address.q().unwrap_or(1000),
        instance: instance.filter(|instance| !instance.is_empty()),
        reg_id: address.param("reg-id").and_then(|text| text.parse().ok()).unwrap_or(0),
    })
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}
