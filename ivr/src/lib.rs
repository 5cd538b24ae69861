//! The flow engine of Dialplane: what a caller hears and which keys lead where.
//!
//! This crate will own flow documents and their versions, the validation that reports every problem of a document at once, the
//! interpreter as a machine without input and output (keys, finished prompts and answers of webhooks go in; play, collect and
//! transfer come out), the bounded expression language of its conditions, and the simulation of a call from a script. It is a
//! leaf: it knows no domain, no store, no clock.
//!
//! None of that is here yet. What is fixed is the version of the document format, so that nothing stored goes unversioned:
//!
//! ```
//! assert_eq!(dialplane_ivr::DOCUMENT_VERSION, 1);
//! ```

#![forbid(unsafe_code)]
// What `clippy.toml` bans by method misses the plain loop over a hash map, whose order is as random.
#![warn(clippy::iter_over_hash_type)]

/// The version that flow documents carry in their `version` field.
pub const DOCUMENT_VERSION: u32 = 1;
