//! Signalling and media of the contact centre: protocol machines without I/O, and the small shells that drive them.
//!
//! - [`sip`]: the wire format, the four transactions, dialogs, digest authentication, the registrar.
//! - [`call`]: a call as a back-to-back user agent: legs, early media, the race of CANCEL and 200, hang-up causes.
//! - [`media`]: SDP offers and answers, and the relay of RTP and RTCP between the ends of a call.
//! - [`net`]: UDP and TCP sockets. [`edge`]: the one task that joins all of these with the routers of the queues.
//!
//! Who may call and where a call leads is not decided here: that is `dialplane-core`'s, asked through [`edge`]. Nothing here
//! knows a database.
//!
//! A message is one buffer and the positions of its parts; typed values are read when asked for:
//!
//! ```
//! use dialplane_signaling::sip::wire::{Builder, Limits, Message, Method};
//!
//! let datagram = "OPTIONS sip:+12025550123@example.com SIP/2.0\r\n\
//!     Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport\r\n\
//!     From: <sip:ada@example.com>;tag=1\r\nTo: <sip:+12025550123@example.com>\r\n\
//!     Call-ID: 7\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
//! let request = Message::parse(datagram.into(), &Limits::default())?;
//! assert_eq!(request.method(), Some(&Method::Options));
//! assert_eq!(request.request_uri()?.number(), Some("+12025550123"));
//!
//! let answer = Message::parse(Builder::response_to(&request, 200, "").to_tag("2").finish(), &Limits::default())?;
//! assert_eq!((answer.status(), answer.to()?.tag()), (Some(200), Some("2")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod call;
pub mod edge;
pub mod media;
pub mod net;
pub mod sip;
