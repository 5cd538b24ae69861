//! Media: session descriptions, RTP, the relay that anchors every call, and our own voice.
//!
//! A call's audio always passes through [`relay`]: each party sends to an address of ours, so a party can be exchanged
//! (transfer, next agent) without telling the other one, and nobody learns the other's address. The relay is transparent:
//! it forwards packets as they are, therefore [`sdp`] lets both parties agree on the very same payload types.
//!
//! Where nobody is on the other side, we speak ourselves: the relay plays [`audio`] to a party, tells the keys it presses
//! ([`dtmf`]) and records what it says ([`record`]).

pub mod audio;
pub mod dtmf;
pub mod port;
pub mod record;
pub mod relay;
pub mod rtp;
pub mod sdp;
