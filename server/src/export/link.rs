//! Links to files: signed, for one user in one company, for a while.
//!
//! A link is the name of the file with 40 bytes before its ending: the id of the file, when the link ends, and a signature over
//! those, the company, the user and the name. Nothing is kept about it, so it is as good after a restart and on another node.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use dialplane_core::id::{CompanyId, UserId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

/// Characters of the token in a link.
const TOKEN: usize = 54;
/// Bytes of the id and of the end before the signature.
const ID: usize = 16;
const END: usize = 8;
/// Bytes of the signature.
const SIGNATURE: usize = 16;

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) id: Uuid,
    /// The name of the file without its ending.
    pub(super) stem: String,
    /// The ending.
    pub(super) extension: String,
}

/// Why a link leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// It is not ours, or somebody else's.
    Unknown,
    /// It was ours and has ended.
    Ended,
}

/// Signs and checks links.
pub(super) struct Links(Hmac<Sha256>);

impl Links {
    /// Links signed with a key that is derived from `secret`.
    pub(super) fn new(secret: &[u8]) -> Self {
        let key = |bytes: &[u8]| Hmac::<Sha256>::new_from_slice(bytes).expect("HMAC takes keys of every length");
        let derived = key(secret).chain_update(b"links to exports").finalize().into_bytes();
        Self(key(&derived))
    }

    fn signature(&self, target: &Target, (company, user): (CompanyId, UserId), end: [u8; END]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in [company.as_uuid().as_bytes(), user.as_uuid().as_bytes(), target.id.as_bytes()] {
            mac.update(part);
        }
        mac.update(&end);
        mac.update(target.stem.as_bytes());
        mac.update(b".");
        mac.update(target.extension.as_bytes());
        mac
    }

    /// The link to a file, until `end`.
    pub(super) fn sign(&self, target: &Target, owner: (CompanyId, UserId), end: DateTime<Utc>) -> String {
        let end = end.timestamp().to_be_bytes();
        let signature = self.signature(target, owner, end).finalize().into_bytes();
        let mut token = Vec::with_capacity(ID + END + SIGNATURE);
        token.extend_from_slice(target.id.as_bytes());
        token.extend_from_slice(&end);
        token.extend(signature.into_iter().take(SIGNATURE));
        format!("{}_{}.{}", target.stem, URL_SAFE_NO_PAD.encode(token), target.extension)
    }

    /// What a link of `owner`'s leads to.
    pub(super) fn check(&self, link: &str, owner: (CompanyId, UserId), now: DateTime<Utc>) -> Result<Target, Broken> {
        let read = || {
            let (name, extension) = link.rsplit_once('.')?;
            let (stem, token) = name.split_at_checked(name.len().checked_sub(TOKEN)?)?;
            let token: [u8; ID + END + SIGNATURE] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
            let (id, rest) = token.split_first_chunk::<ID>()?;
            let (end, signature) = rest.split_first_chunk::<END>()?;
            let stem = stem.strip_suffix('_')?.to_owned();
            let target = Target { id: Uuid::from_bytes(*id), stem, extension: extension.to_owned() };
            self.signature(&target, owner, *end).verify_truncated_left(signature).ok()?;
            Some((target, i64::from_be_bytes(*end)))
        };
        let (target, end) = read().ok_or(Broken::Unknown)?;
        if now.timestamp() < end { Ok(target) } else { Err(Broken::Ended) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialplane_core::id::{Id, IdSource, SystemIds};

    fn id<K>() -> Id<K> {
        let ids = SystemIds::default();
        (&ids as &dyn IdSource).id(at(0))
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn target() -> Target {
        Target { id: Uuid::from_u128(7), stem: "report_2024-01-15".to_owned(), extension: "xlsx".to_owned() }
    }

    #[test]
    fn a_link_is_good_for_its_owner_until_it_ends() {
        let links = Links::new(b"one");
        let owner = (id(), id());
        let link = links.sign(&target(), owner, at(1_000));
        assert!(link.starts_with("report_2024-01-15_") && link.ends_with(".xlsx"));
        assert_eq!(links.check(&link, owner, at(999)), Ok(target()));
        assert_eq!(Links::new(b"one").check(&link, owner, at(1_000)), Err(Broken::Ended));
        for other in [(id(), owner.1), (owner.0, id())] {
            assert_eq!(links.check(&link, other, at(0)), Err(Broken::Unknown));
        }
        assert_eq!(Links::new(b"two").check(&link, owner, at(0)), Err(Broken::Unknown));
    }

    #[test]
    fn a_link_with_anything_changed_leads_nowhere() {
        let links = Links::new(b"one");
        let owner = (id(), id());
        let link = links.sign(&target(), owner, at(1_000));
        for place in 0..link.len() {
            let mut bytes = link.clone().into_bytes();
            bytes[place] = if bytes[place] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(links.check(&changed, owner, at(0)), Err(Broken::Unknown), "{changed}");
        }
        for torn in ["", ".", "..", "../secrets.toml", "report_2024-01-15.xlsx", &link[1..], &"é".repeat(80)] {
            assert_eq!(links.check(torn, owner, at(0)), Err(Broken::Unknown), "{torn}");
        }
    }
}
