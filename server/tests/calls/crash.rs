//! The server dies, or is told to stop, in the middle of calls.

use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::support::company::{Agent, Company, Figures, text};
use crate::support::peer::{Call, Peer};
use crate::support::phone::{Answering, Phone};
use crate::support::postgres::Database;
use crate::support::server::Server;
use crate::support::shop::direct;
use crate::support::wait::until;
use crate::{CUSTOMER, NUMBER};

struct Talk {
    company: Company,
    carrier: Peer,
    call: Call,
    phone: Phone,
    ann: Agent,
}

/// A call in progress.
fn talk(server: &Server) -> Talk {
    let company = server.company();
    let mut carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let ann = company.agent("ann");
    let queue = company.queue(20, 60, &[&ann]);
    company.route(NUMBER, "queue", &queue);
    let mut phone = Phone::registered(server.sip, &ann.line, 440, Answering::AtOnce);
    let mut call = carrier.invite(NUMBER);
    call.expect(&mut carrier, 200);
    phone.await_call();
    call.talk(880.0);
    call.audio.await_tone(440.0);
    Talk { company, carrier, call, phone, ann }
}

const ONE_TALK: Figures = Figures { total: 1, connected: 1, not_connected: 0 };

#[test]
fn a_call_that_a_crash_cut_is_closed_at_the_next_start_and_counted_once() {
    crash(Server::start());
}

#[test]
fn the_same_holds_on_postgres() {
    let database = Database::create();
    crash(Server::on(&database.url));
}

#[track_caller]
fn crash(mut server: Server) {
    let Talk { ann, .. } = talk(&server);
    // What was said until the last sign of life is not lost.
    let begun = SystemTime::now();
    let file = server.data_dir().join("node-id");
    let seen = || std::fs::metadata(&file).unwrap().modified().unwrap();
    let later = begun + Duration::from_secs(2);
    until(Duration::from_secs(20), "a sign of life", || (seen() > later).then_some(()));
    for _ in 0..2 {
        server.kill();
        server.restart();
        let company = server.company();
        let call = company.only_call();
        assert_eq!(call["hangup"]["cause"], "node_lost", "{call}");
        assert_eq!(
            (call["status"].as_str(), call["hangup"]["side"].as_str()),
            (Some("completed"), Some("system")),
            "{call}"
        );
        assert!(call["legs"].as_array().is_some_and(|legs| legs.iter().all(|leg| leg["state"] == "ended")), "{call}");
        assert!(call["duration"].as_u64().is_some_and(|talked| talked >= 2), "{call}");
        assert_eq!(company.figures(&ann), ONE_TALK);
    }
    // The agent can take the next call.
    let mut phone = Peer::registered(server.sip, &ann.line);
    let mut carrier = Peer::new(server.sip, CUSTOMER);
    let mut call = carrier.invite(NUMBER);
    let ringing = phone.maybe_incoming(Duration::from_secs(5)).unwrap_or_else(|| panic!("{}", carrier.story()));
    ringing.answer(&mut phone);
    call.expect(&mut carrier, 200);
    call.hang_up(&mut carrier);
    ringing.hung_up(&mut phone);
    server.company().ended_calls(2);
    assert_eq!(server.company().figures(&ann).total, 2);
}

#[test]
fn a_call_that_still_rang_when_the_server_died_is_closed_as_failed() {
    let mut server = Server::start();
    let (company, mut carrier, ann) = direct(&server);
    let mut phone = Peer::registered(server.sip, &ann.line);
    let mut call = carrier.invite(NUMBER);
    let ringing = phone.incoming();
    ringing.ring(&mut phone);
    call.expect(&mut carrier, 180);
    // The log knows of it as soon as it rings.
    crate::support::wait::until(Duration::from_secs(5), "the call in the log", || {
        company.calls().iter().any(|call| call["status"] == "ringing").then_some(())
    });
    server.kill();
    server.restart();
    let call = server.company().only_call();
    assert_eq!(
        (call["status"].as_str(), call["hangup"]["cause"].as_str()),
        (Some("failed"), Some("node_lost")),
        "{call}"
    );
    assert_eq!(server.company().figures(&ann).total, 0);
}

#[test]
fn a_stop_ends_calls_with_bye_records_them_and_exits_cleanly() {
    let mut server = Server::start();
    let Talk { company, mut carrier, mut call, mut phone, ann } = talk(&server);
    drop(company);
    server.terminate();
    let bye = call.hung_up(&mut carrier);
    assert!(bye.header("Reason").contains("Q.850"), "{bye:?}");
    phone.await_end();
    call.audio.fall_silent();
    let status = server.ended(Duration::from_secs(20));
    assert_eq!(status.code(), Some(0), "{status}");
    server.restart();
    let company = server.company();
    let call = company.only_call();
    assert_eq!(
        (call["status"].as_str(), call["hangup"]["cause"].as_str()),
        (Some("completed"), Some("shut_down")),
        "{call}"
    );
    assert_eq!(company.figures(&ann), ONE_TALK);
}

#[test]
fn a_server_on_ports_that_the_system_picked_says_which_and_stops_quickly_without_calls() {
    let mut server = Server::start_anywhere();
    let _phone = Phone::registered(server.sip, &server.company().agent("ann").line, 440, Answering::AtOnce);
    server.terminate();
    assert_eq!(server.ended(Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn a_message_that_was_being_left_when_the_server_died_is_kept() {
    use crate::support::audio::speech;
    let mut server = Server::start();
    let company = server.company();
    let mut carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let flow = json!({"version": 1, "start": "mail", "onError": "bye", "nodes": {
        "mail": {"type": "voicemail", "mailbox": "Clinic", "beep": false, "onFail": "bye"}, "bye": {"type": "hangup"}}});
    let id = company.flow("main", &flow);
    company.route(NUMBER, "flow", &id);
    let mut caller = carrier.invite(NUMBER);
    caller.expect(&mut carrier, 200);
    caller.talk(0.0);
    caller.audio.say(&speech(30.0, 180.0));
    let folder = server.database_file().with_file_name("recordings");
    let size = || {
        let companies = std::fs::read_dir(&folder).ok()?;
        let files =
            companies.flatten().filter_map(|company| std::fs::read_dir(company.path()).ok()).flatten().flatten();
        files.filter_map(|file| Some(file.metadata().ok()?.len())).max()
    };
    until(Duration::from_secs(20), "four seconds on the disk", || size().filter(|bytes| *bytes > 64_000));
    server.kill();
    server.restart();
    let voicemails = company.get("/api/voicemails").expect(200)["voicemails"].clone();
    let length =
        voicemails[0]["lengthMs"].as_u64().or(voicemails[0]["duration"].as_u64().map(|seconds| seconds * 1_000));
    assert!(length.is_some_and(|length| (3_000..10_000).contains(&length)), "{voicemails}");
    let file = company.download(&format!("/api/recordings/{}", text(&voicemails[0]["id"])));
    assert!(file.len() > 60_000 && file.starts_with(b"RIFF"), "{} bytes", file.len());
    // Told once: another start finds nothing to tell.
    server.kill();
    server.restart();
    assert_eq!(company.get("/api/voicemails").expect(200)["voicemails"].as_array().map(Vec::len), Some(1));
}
