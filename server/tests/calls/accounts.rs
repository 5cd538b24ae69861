//! Trunks by registration: an account at a carrier that asks for its password, and calls in both directions through it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::company::{Company, text};
use crate::support::message::Message;
use crate::support::peer::{Peer, challenge, proven};
use crate::support::server::Server;
use crate::support::wait::until;
use crate::{CUSTOMER, NUMBER};

const SOON: Duration = Duration::from_secs(10);
/// Long enough for a request that should not come.
const NEVER: Duration = Duration::from_secs(1);
const USER: &str = "gw-77";
const PASSWORD: &str = "a carrier's secret";

/// A carrier, and a trunk with an account there; the trunk's path.
fn account(server: &Server, company: &Company, password: &str) -> (Peer, String) {
    let carrier = Peer::new(server.sip, CUSTOMER);
    let trunk = json!({
        "name": "carrier", "host": "127.0.0.1", "port": carrier.port(), "default": true,
        "auth": { "kind": "registration", "username": USER, "password": password, "expiresSeconds": 120 },
    });
    let made = company.post("/api/trunks", &trunk).expect(201);
    assert!(!made.to_string().contains(password), "{made}");
    (carrier, format!("/api/trunks/{}", text(&made["trunk"]["id"])))
}

impl Peer {
    /// Waits for a REGISTER.
    #[track_caller]
    fn registering(&mut self) -> Message {
        self.wait("REGISTER", |m| m.method() == "REGISTER")
    }

    fn ask_for_password(&mut self, register: &Message, nonce: &str) {
        let rest = format!("WWW-Authenticate: {}\r\nContent-Length: 0\r\n\r\n", challenge(nonce));
        let to = format!("{};tag=carrier", register.header("To"));
        self.respond(register, &to, "401 Unauthorized", &rest);
    }

    fn accept(&mut self, register: &Message, seconds: u32) {
        let contact = register.header("Contact");
        let rest = format!("Contact: {contact};expires={seconds}\r\nContent-Length: 0\r\n\r\n");
        let to = format!("{};tag=carrier", register.header("To"));
        self.respond(register, &to, "200 OK", &rest);
    }

    /// Registers whoever proves the password; the REGISTER that did.
    #[track_caller]
    fn register_account(&mut self, password: &str, seconds: u32) -> Message {
        let first = self.registering();
        self.ask_for_password(&first, "n1");
        let second = self.registering();
        assert_eq!(proof(&second, password), Some(("n1".to_owned(), "00000001".to_owned())), "{}", self.story());
        self.accept(&second, seconds);
        second
    }
}

fn proof(register: &Message, password: &str) -> Option<(String, String)> {
    proven(register.header("Authorization"), "REGISTER", USER, password)
}

fn number(register: &Message) -> u32 {
    let (number, _) = register.header("CSeq").split_once(' ').expect("a CSeq");
    number.parse().expect("a number")
}

/// Waits until the registration stands like this.
#[track_caller]
fn await_state(company: &Company, trunk: &str, state: &str) -> Value {
    until(SOON, &format!("the registration is {state}"), || {
        let shown = company.get(trunk).expect(200)["trunk"].clone();
        (shown["registration"]["state"] == state).then_some(shown)
    })
}

#[test]
fn an_account_is_registered_refreshed_and_taken_back() {
    let mut server = Server::start_verbose();
    let company = server.company();
    let (mut carrier, trunk) = account(&server, &company, PASSWORD);
    let first = carrier.registering();
    assert_eq!((first.uri(), first.header("Expires")), (&*format!("sip:127.0.0.1:{}", carrier.port()), "120"));
    assert_eq!((first.user_of("From"), first.user_of("To")), (USER, USER));
    assert_eq!(first.contact(), format!("sip:{USER}@{}", server.sip));
    assert_eq!(first.header("Authorization"), "");
    await_state(&company, &trunk, "registering");
    carrier.ask_for_password(&first, "n1");
    let second = carrier.registering();
    assert_eq!(proof(&second, PASSWORD), Some(("n1".to_owned(), "00000001".to_owned())), "{}", carrier.story());
    carrier.accept(&second, 3);
    let shown = await_state(&company, &trunk, "registered");
    assert!(shown["registration"]["expiresAt"].as_str() > shown["registration"]["since"].as_str(), "{shown}");
    assert_eq!(shown["registration"]["reason"], Value::Null);
    assert_eq!(
        shown["auth"],
        json!({
            "kind": "registration", "username": USER, "authUsername": null, "realm": null, "expiresSeconds": 120,
        })
    );

    // In time, with the nonce it has.
    let third = carrier.registering();
    assert_eq!(proof(&third, PASSWORD), Some(("n1".to_owned(), "00000002".to_owned())), "{}", carrier.story());
    assert_eq!([&first, &second, &third].map(number), [1, 2, 3]);
    assert_eq!(third.header("Call-ID"), first.header("Call-ID"));
    carrier.accept(&third, 120);

    // A change that keeps the address keeps the password, too.
    let auth = json!({ "kind": "registration", "username": USER, "expiresSeconds": 240 });
    company.put(&trunk, &json!({ "auth": auth })).expect(200);
    let fourth = carrier.registering();
    assert_eq!((fourth.header("Expires"), number(&fourth)), ("240", 4));
    carrier.ask_for_password(&fourth, "n2");
    let fifth = carrier.registering();
    assert_eq!(proof(&fifth, PASSWORD), Some(("n2".to_owned(), "00000001".to_owned())), "{}", carrier.story());
    carrier.accept(&fifth, 240);
    await_state(&company, &trunk, "registered");

    // A server that stops is called no more, and one that starts is.
    server.terminate();
    let last = carrier.registering();
    assert_eq!((last.header("Expires"), last.contact()), ("0", first.contact()));
    carrier.accept(&last, 0);
    assert!(server.ended(SOON).success());
    server.restart();
    carrier.register_account(PASSWORD, 120);
    let company = server.company();
    await_state(&company, &trunk, "registered");
    assert_eq!(company.send("DELETE", &trunk, None).expect("an answer").status, 200);
    let last = carrier.registering();
    assert_eq!(last.header("Expires"), "0");
    carrier.accept(&last, 0);
    assert!(!server.log().contains(PASSWORD));
}

#[test]
fn a_wrong_password_is_told_and_not_tried_again_until_it_changes() {
    let server = Server::start();
    let company = server.company();
    let (mut carrier, trunk) = account(&server, &company, "wrong");
    let first = carrier.registering();
    carrier.ask_for_password(&first, "n1");
    let second = carrier.registering();
    assert_eq!(proof(&second, PASSWORD), None);
    carrier.ask_for_password(&second, "n2");
    let shown = await_state(&company, &trunk, "failed");
    assert_eq!(shown["registration"]["reason"], "credentials_refused");
    assert_eq!(shown["registration"]["expiresAt"], Value::Null);
    assert!(carrier.wait_maybe(NEVER, |m| m.method() == "REGISTER").is_none(), "{}", carrier.story());
    let auth = json!({ "kind": "registration", "username": USER, "password": PASSWORD });
    company.put(&trunk, &json!({ "auth": auth })).expect(200);
    carrier.register_account(PASSWORD, 120);
    await_state(&company, &trunk, "registered");

    // What a carrier asks to be tried later is.
    let auth = json!({ "kind": "registration", "username": USER, "expiresSeconds": 300 });
    company.put(&trunk, &json!({ "auth": auth })).expect(200);
    let busy = carrier.registering();
    let to = format!("{};tag=carrier", busy.header("To"));
    carrier.respond(&busy, &to, "503 Service Unavailable", "Retry-After: 1\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(await_state(&company, &trunk, "failed")["registration"]["reason"], "refused_503");
    carrier.register_account(PASSWORD, 300);
    await_state(&company, &trunk, "registered");
}

#[test]
fn a_call_to_the_account_reaches_an_agent_and_one_from_elsewhere_does_not() {
    let server = Server::start();
    let company = server.company();
    let (mut carrier, _) = account(&server, &company, PASSWORD);
    let contact = carrier.register_account(PASSWORD, 120).contact().to_owned();
    let ann = company.agent("ann");
    company.number(NUMBER);
    company.route(NUMBER, "agent", &ann.id);
    let mut phone = Peer::registered(server.sip, &ann.line);

    let mut stranger = Peer::at(server.sip, CUSTOMER, ([127, 0, 0, 2], 0).into());
    stranger.invite_for(&contact, NUMBER).expect(&mut stranger, 401);

    // The number stands in To, as the request line names our own address, or in the request line itself.
    for round in 0..2 {
        let mut call = match round {
            0 => carrier.invite_for(&contact, NUMBER),
            _ => carrier.invite(NUMBER),
        };
        let mut ringing = phone.incoming();
        assert_eq!(ringing.invite().user_of("From"), CUSTOMER);
        ringing.answer(&mut phone);
        call.expect(&mut carrier, 200);
        call.talk(880.0);
        ringing.talk(440.0);
        ringing.audio.await_tone(880.0);
        call.audio.await_tone(440.0);
        call.hang_up(&mut carrier);
        ringing.hung_up(&mut phone);
    }
    carrier.invite_for(&contact, "+12025550999").expect(&mut carrier, 404);
    let calls = company.ended_calls(2);
    assert_eq!((text(&calls[0]["to"]), &calls[0]["direction"]), (NUMBER.to_owned(), &json!("inbound")));
    server.await_idle();
}

#[test]
fn a_call_out_proves_the_password_once() {
    let server = Server::start();
    let company = server.company();
    let (mut carrier, trunk) = account(&server, &company, PASSWORD);
    carrier.register_account(PASSWORD, 120);
    let ann = company.agent("ann");
    company.assign(&company.number(NUMBER), &ann, 10);
    let mut phone = Peer::registered(server.sip, &ann.line);

    let mut dialled = phone.dial(CUSTOMER, &ann.line);
    let first = carrier.incoming();
    assert_eq!((first.invite().user_of("From"), first.invite().user_of("P-Asserted-Identity")), (USER, NUMBER));
    assert_eq!(first.invite().contact(), format!("sip:{USER}@{}", server.sip));
    first.challenge(&mut carrier, "i1");
    let mut call = carrier.incoming();
    assert_eq!((call.id(), call.invite().header("CSeq")), (first.id(), "2 INVITE"));
    let proof = proven(call.invite().header("Proxy-Authorization"), "INVITE", USER, PASSWORD);
    assert_eq!(proof, Some(("i1".to_owned(), "00000001".to_owned())), "{}", carrier.story());
    call.ring(&mut carrier);
    dialled.expect(&mut phone, 180);
    call.answer(&mut carrier);
    dialled.expect(&mut phone, 200);
    dialled.talk(440.0);
    call.talk(880.0);
    call.audio.await_tone(440.0);
    dialled.audio.await_tone(880.0);
    dialled.hang_up(&mut phone);
    call.hung_up(&mut carrier);

    // A proof that is not taken is not repeated.
    let mut dialled = phone.dial(CUSTOMER, &ann.line);
    for nonce in ["i2", "i3"] {
        carrier.incoming().challenge(&mut carrier, nonce);
    }
    let refused =
        phone.wait("refusal", |m| m.header("Call-ID") == dialled.id() && m.status().is_some_and(|s| s >= 400));
    dialled.acknowledge(&mut phone, &refused);
    assert!(carrier.maybe_incoming(NEVER).is_none());

    // Nor is one given for a call that nobody wants any more.
    let mut dialled = phone.dial(CUSTOMER, &ann.line);
    let ringing = carrier.incoming();
    ringing.ring(&mut carrier);
    dialled.expect(&mut phone, 180);
    dialled.cancel(&mut phone);
    assert!(ringing.maybe_cancelled(&mut carrier, SOON).is_some());
    ringing.challenge(&mut carrier, "i4");
    assert!(carrier.maybe_incoming(NEVER).is_none());
    company.ended_calls(3);
    await_state(&company, &trunk, "registered");
    server.await_idle();
}
