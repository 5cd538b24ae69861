//! Keys of transactions: keyed hashes of what RFC 3261 §17.1.3 and §17.2.3 compare, 128 bits long.
//!
//! A hash of fixed length makes lookups free of allocation. The seed is secret, so that a peer cannot make two of its
//! requests, or its and another's, collide; at 10^6 transactions a collision by chance has a probability of 10^-27.

use crate::sip::wire::{CSeq, HeaderError, Message, Method, NameAddr, Via};
use std::fmt;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

/// The secret that keys, tags and branches derive from; random for each process.
pub type Seed = [u8; 16];

/// A 128-bit key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u64, u64);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// Takes a [`Key`] as it is: it is a hash already.
#[derive(Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// A map by [`Key`].
pub(super) type KeyMap<V> = std::collections::HashMap<Key, V, BuildHasherDefault<KeyHasher>>;

/// A To tag that is the same for each copy of a request, so that stateless answers agree (§8.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTag(u64);

impl fmt::Display for LocalTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A branch of a request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch(u64);

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:016x}", Via::MAGIC_COOKIE, self.0)
    }
}

/// The headers that name a request, read once.
pub(super) struct Names<'m> {
    pub(super) via: Via<'m>,
    pub(super) from: NameAddr<'m>,
    pub(super) to: NameAddr<'m>,
    pub(super) call_id: &'m str,
    pub(super) cseq: CSeq,
}

impl<'m> Names<'m> {
    pub(super) fn read(message: &'m Message) -> Result<Self, HeaderError> {
        Ok(Self {
            via: message.via()?,
            from: message.from()?,
            to: message.to()?,
            call_id: message.call_id()?,
            cseq: message.cseq()?,
        })
    }
}

/// Makes keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    low: DefaultHasher,
    high: DefaultHasher,
    counter: u64,
}

impl Keys {
    pub(super) fn new(seed: Seed) -> Self {
        let (mut low, mut high) = (DefaultHasher::new(), DefaultHasher::new());
        low.write(&seed);
        low.write_u8(0);
        high.write(&seed);
        high.write_u8(1);
        Self { low, high, counter: 0 }
    }

    /// A branch nobody can guess and no other request has.
    pub(super) fn branch(&mut self) -> Branch {
        self.counter += 1;
        Branch(self.one(|hasher| (b'b', self.counter).hash(hasher)))
    }

    /// The transaction of a request of ours: branch and method (§17.1.3).
    pub(super) fn client(&self, branch: &str, method: &Method) -> Key {
        self.two(|hasher| (b'c', branch, method.as_str()).hash(hasher))
    }

    /// The transaction of a request received (§17.2.3), as if its method were `method`: the ACK of a failure and a CANCEL
    /// are looked up as the INVITE they belong to.
    pub(super) fn server(&self, message: &Message, names: &Names<'_>, method: &Method) -> Key {
        let via = &names.via;
        match via.unique_branch() {
            Some(branch) => self.two(|hasher| (b's', branch, via.host, via.port, method.as_str()).hash(hasher)),
            None => {
                // RFC 2543 peers. The To tag is left out: it is not in the INVITE and is in its ACK.
                let uri = message.request_uri().map_or("", |uri| uri.as_str());
                let top = (via.transport, via.host, via.port, via.branch);
                let from = names.from.tag();
                self.two(|h| {
                    (b'o', uri, from, names.call_id, names.cseq.number, top, method.as_str()).hash(h);
                })
            }
        }
    }

    /// What the copies of one INVITE have in common that came along different paths (§8.2.2.2), and the ACK of its 2xx.
    pub(super) fn origin(&self, names: &Names<'_>) -> Key {
        self.two(|hasher| (b'm', names.call_id, names.from.tag(), names.cseq.number).hash(hasher))
    }

    /// The tag of answers to a request; the CANCEL of an INVITE has the same one (§9.2).
    pub(super) fn local_tag(&self, names: &Names<'_>) -> LocalTag {
        LocalTag(self.one(|hasher| {
            (b't', names.call_id, names.from.tag(), names.cseq.number, names.via.branch, names.via.host).hash(hasher);
        }))
    }

    /// A short name for a To tag.
    pub(super) fn tag(&self, tag: &str) -> u64 {
        self.one(|hasher| tag.hash(hasher))
    }

    fn one(&self, write: impl Fn(&mut DefaultHasher)) -> u64 {
        let mut hasher = self.low.clone();
        write(&mut hasher);
        hasher.finish()
    }

    fn two(&self, write: impl Fn(&mut DefaultHasher)) -> Key {
        let mut high = self.high.clone();
        write(&mut high);
        Key(self.one(write), high.finish())
    }
}
