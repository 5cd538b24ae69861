//! Answers as they are kept: sealed with the text of the client's key.
//!
//! An answer may hold what the store otherwise knows only as a hash, such as the password of an extension. The store knows the
//! client's key as a hash too, so whoever reads the database, without having seen the request, cannot read the answer.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The headers that are kept; the others belong to the exchange and not to the answer.
const KEPT: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What comes before the body.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
}

/// What seals the answers of one request. Derived from what only its sender knows.
pub(super) struct Seal(LessSafeKey);

impl Seal {
    /// The seal of a request.
    pub(super) fn of(secret: &[&[u8]]) -> Option<Self> {
        let mut hash = Sha256::new_with_prefix(b"dialplane idempotency seal");
        for part in secret {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        UnboundKey::new(&AES_256_GCM, &hash.finalize()).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// Seals an answer; `None` when it cannot be.
    pub(super) fn close(&self, answer: &Answer) -> Option<Vec<u8>> {
        let headers = KEPT.iter().filter_map(|name| {
            answer.headers.get(name).map(|value| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        });
        let head = Head { status: answer.status.as_u16(), headers: headers.collect() };
        let head = serde_json::to_vec(&head).ok()?;
        let mut text = u32::try_from(head.len()).ok()?.to_be_bytes().to_vec();
        text.extend_from_slice(&head);
        text.extend_from_slice(&answer.body);
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text).ok()?;
        Some([nonce.as_slice(), &text].concat())
    }

    /// Opens an answer; `None` when it is damaged.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Answer> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = sealed.to_vec();
        let text = self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut text).ok()?;
        let (length, rest) = text.split_first_chunk::<4>()?;
        let (head, body) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let head: Head = serde_json::from_slice(head).ok()?;
        let mut headers = HeaderMap::new();
        for (name, value) in head.headers {
            headers.insert(HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(&value).ok()?);
        }
        Some(Answer { status: StatusCode::from_u16(head.status).ok()?, headers, body: Bytes::copy_from_slice(body) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_opens_with_the_key_that_closed_it_and_with_no_other() {
        let answer = Answer {
            status: StatusCode::CREATED,
            headers: HeaderMap::from_iter([
                (header::ETAG, HeaderValue::from_static("\"1\"")),
                (header::SET_COOKIE, HeaderValue::from_static("x")),
            ]),
            body: Bytes::from_static(b"{\"password\": \"secret\"}"),
        };
        let seal = Seal::of(&[b"user", b"key"]).unwrap();
        let mut sealed = seal.close(&answer).unwrap();
        assert!(!sealed.windows(6).any(|text| text == b"secret"));
        let opened = seal.open(&sealed).unwrap();
        assert_eq!((opened.status, &opened.body), (answer.status, &answer.body));
        assert_eq!((opened.headers.len(), &opened.headers[header::ETAG]), (1, &HeaderValue::from_static("\"1\"")));
        assert!(Seal::of(&[b"use", b"rkey"]).unwrap().open(&sealed).is_none());
        assert!(seal.open(b"short").is_none());
        *sealed.last_mut().unwrap() ^= 1;
        assert!(seal.open(&sealed).is_none());
    }
}
