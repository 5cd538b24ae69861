//! The company that most calls need.

use super::company::{Agent, Company};
use super::peer::Peer;
use super::server::Server;
use crate::{CUSTOMER, NUMBER};

/// A company with a carrier, whose number leads straight to its one agent.
pub(crate) fn direct(server: &Server) -> (Company, Peer, Agent) {
    let company = server.company();
    let carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let agent = company.agent("ann");
    company.route(NUMBER, "agent", &agent.id);
    (company, carrier, agent)
}
