//! What the log must not hold.

use crate::support::peer::Peer;
use crate::support::phone::{Answering, Phone};
use crate::support::server::{ADMIN, PASSWORD, Server};
use crate::{CUSTOMER, NUMBER};

#[test]
fn a_call_in_both_directions_leaves_no_number_name_address_or_secret_in_the_log() {
    let server = Server::start_verbose();
    let company = server.company();
    let mut carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let ann = company.agent("ann");
    company.number(NUMBER);
    let queue = company.queue(20, 60, &[&ann]);
    company.route(NUMBER, "queue", &queue);
    let mut phone = Phone::registered(server.sip, &ann.line, 440, Answering::WhenTold);
    let mut call = carrier.invite(NUMBER);
    phone.await_ring();
    phone.command("accept", "");
    call.expect(&mut carrier, 200);
    call.hang_up(&mut carrier);
    phone.await_end();
    company.ended_calls(1);
    // A call that is refused says why without saying who.
    phone.command("dial", &format!("sip:{CUSTOMER}@{}", server.sip));
    company.ended_calls(2);
    let log = server.log();
    assert!(log.contains("DEBUG"), "the log tells all it can");
    for secret in [CUSTOMER, NUMBER, ADMIN, &ann.email, &ann.line.password, PASSWORD] {
        let bare = secret.trim_start_matches('+');
        let found = log.lines().find(|line| line.contains(bare));
        assert!(found.is_none(), "{secret} is in the log: {found:?}");
    }
}
