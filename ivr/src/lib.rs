//! The flow engine of Dialplane: what a caller hears and which keys lead where.
//!
//! A [`Flow`] is a versioned JSON document. [`check::check`] tells everything that is wrong with one, at once. It is a leaf: it knows no domain, no
//! store, no clock.
//!
//! ```
//! use std::sync::Arc;
//! use dialplane_ivr::simulate::{Given, simulate};
//! use dialplane_ivr::{Flow, Program, Surroundings};
//!
//! let flow = Flow::read(r#"{"version": 1, "start": "menu", "onError": "bye", "prompts": {"menu": {"en": "For sales, press 1."}}, "nodes": {
//!     "menu": {"type": "menu", "prompt": "menu", "entries": {"1": "sales"}, "onInvalid": "bye", "onTimeout": "bye"},
//!     "sales": {"type": "queue", "queue": "Sales", "onTimeout": "bye", "onFail": "bye"},
//!     "bye": {"type": "hangup"}}}"#).unwrap();
//! let program = Arc::new(Program::compile("main", &flow, &Surroundings::default()).unwrap());
//! let script = serde_json::from_str(r#"[{"digit": "1"}, {"queue": "connected"}]"#).unwrap();
//! let call = simulate(program, &Given::default(), script);
//! assert_eq!((call.path.join(" "), call.ended.as_str()), ("menu sales".to_owned(), "completed"));
//! ```

#![forbid(unsafe_code)]
// What `clippy.toml` bans by method misses the plain loop over a hash map, whose order is as random.
#![warn(clippy::iter_over_hash_type)]

pub mod calendar;
pub mod check;
mod env;
pub mod expr;
pub mod flow;
pub mod machine;
mod program;
pub mod simulate;
pub mod suite;
pub mod template;

pub use calendar::Calendar;
pub use check::{Problem, Severity, Surroundings};
pub use env::CallInfo;
pub use flow::{DOCUMENT_VERSION, Flow, Node};
pub use machine::Machine;
pub use program::Program;
