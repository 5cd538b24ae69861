//! Registering phones.

use std::time::Duration;

use crate::support::company::Line;
use crate::support::message::Message;
use crate::support::peer::Peer;
use crate::support::phone::{Answering, Phone};
use crate::support::server::Server;
use crate::support::wait::until;

#[test]
fn a_phone_registers_with_digest_and_unregisters_when_told() {
    let server = Server::start();
    let ann = server.company().agent("ann");
    let registrations = |count: f64| {
        until(Duration::from_secs(5), "registrations", || {
            (server.metric("dialplane_registrations_active")? == count).then_some(())
        });
    };
    let phone = Phone::registered(server.sip, &ann.line, 440, Answering::AtOnce);
    registrations(1.0);
    drop(phone);
    let mut peer = Peer::registered(server.sip, &ann.line);
    assert_eq!(peer.register(&ann.line, &ann.line.password, 0).status(), Some(200));
    // The killed phone's binding stays until it expires; the line is one line.
    registrations(1.0);
}

#[test]
fn a_real_phone_with_a_wrong_password_is_never_registered() {
    let server = Server::start();
    let ann = server.company().agent("ann");
    let mut phone = Phone::start(server.sip, &ann.line, "not-the-password", 440, Answering::AtOnce);
    phone.await_event("REGISTER_FAIL");
    assert_eq!(server.metric("dialplane_registrations_active"), Some(0.0));
}

/// What is left of a response without the parts that differ in every one.
fn shape(message: &Message) -> String {
    let challenge = message.header("WWW-Authenticate");
    let nonce = challenge.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let names = ["Allow", "Server", "Contact", "Content-Length", "Retry-After", "Reason", "Warning"];
    let rest: Vec<&str> = names.iter().map(|name| message.header(name)).collect();
    format!("{} {} {rest:?}", message.start, challenge.replace(nonce, "N"))
}

#[test]
fn wrong_passwords_and_unknown_users_get_the_same_answer_again_and_again() {
    let server = Server::start();
    let ann = server.company().agent("ann");
    let nobody = Line { username: "nobody-here".to_owned(), ..ann.line.clone() };
    let mut shapes = Vec::new();
    for line in [&ann.line, &nobody] {
        let mut peer = Peer::new(server.sip, &line.username);
        for attempt in 0..5 {
            let answer = peer.register(line, &format!("guess-{attempt}"), 600);
            assert_eq!(answer.status(), Some(401), "{}", peer.story());
            shapes.push(shape(&answer));
        }
    }
    shapes.dedup();
    assert_eq!(shapes.len(), 1, "{shapes:#?}");
    assert_eq!(server.metric("dialplane_registrations_active"), Some(0.0));
    assert!(server.metric("dialplane_sip_auth_failures_total") >= Some(10.0));
    // The right password still works, and only for its own line.
    let mut peer = Peer::new(server.sip, &ann.line.username);
    assert_eq!(peer.register(&ann.line, &ann.line.password, 600).status(), Some(200));
    let mut thief = Peer::new(server.sip, "somebody-else");
    assert_eq!(thief.register(&ann.line, &ann.line.password, 600).status(), Some(403));
}

#[test]
fn a_line_that_is_taken_away_is_signed_out_at_once() {
    let server = Server::start();
    let company = server.company();
    let ann = company.agent("ann");
    let _phone = Phone::registered(server.sip, &ann.line, 440, Answering::AtOnce);
    until(Duration::from_secs(5), "the phone is registered", || {
        (server.metric("dialplane_registrations_active")? == 1.0).then_some(())
    });
    company.send("DELETE", &format!("/api/extensions/{}", ann.extension), None).expect("an answer").expect(200);
    server.await_zero("dialplane_registrations_active", Duration::from_secs(5));
    let mut peer = Peer::new(server.sip, &ann.line.username);
    assert_eq!(peer.register(&ann.line, &ann.line.password, 600).status(), Some(401));
}
