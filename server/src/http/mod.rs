//! What every request passes: its id, limits, headers, identity; and how bodies, queries and paths are read.

pub(crate) mod accept;
pub(crate) mod answer;
pub(crate) mod cache;
pub(crate) mod dates;
pub(crate) mod days;
pub(crate) mod etag;
pub(crate) mod faults;
pub(crate) mod form;
pub(crate) mod guard;
pub(crate) mod headers;
pub(crate) mod idempotency;
pub(crate) mod input;
pub(crate) mod load;
pub(crate) mod measure;
mod mend;
pub(crate) mod methods;
pub(crate) mod paging;
pub(crate) mod ranges;
pub(crate) mod rate_limit;
pub(crate) mod request_id;
