//! Where responses go (RFC 3261 §18.2.2, RFC 3581 §4).

use crate::sip::flow::{Flow, Protocol};
use crate::sip::wire::Via;
use std::net::SocketAddr;

/// The way for responses to a request with this top Via that came over `flow`, and where to connect when the flow's
/// connection has closed meanwhile.
///
/// `maddr` is not followed: it lets anybody direct our answers at a third party, and nobody uses multicast here.
pub(super) fn of_response(via: &Via<'_>, flow: Flow) -> (Flow, Option<SocketAddr>) {
    let port = via.port.filter(|port| *port != 0).unwrap_or(flow.protocol.default_port());
    let sent_by = SocketAddr::new(flow.remote.ip(), port);
    if flow.protocol != Protocol::Udp {
        return (flow, Some(sent_by));
    }
    let remote = if via.rport.is_some() { flow.remote } else { sent_by };
    (Flow { remote, ..flow }, None)
}
