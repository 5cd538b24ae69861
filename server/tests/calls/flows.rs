//! Calls in flows, as callers hear them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::audio::{likeness, share_of, speech, wav};
use crate::support::company::{Agent, Company, events, text};
use crate::support::peer::{Call, Peer};
use crate::support::phone::Phone;
use crate::support::postgres::Database;
use crate::support::server::Server;
use crate::support::wait::until;
use crate::{CUSTOMER, NUMBER};

/// A company whose number leads to a flow, and its carrier.
fn with_flow(server: &Server, flow: &Value, prompts: &[(&str, &[i16])]) -> (Company, Peer, String) {
    let company = server.company();
    let carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    for (name, samples) in prompts {
        company.prompt(name, "en", &wav(samples, 8_000));
    }
    let id = company.flow("main", flow);
    company.route(NUMBER, "flow", &id);
    (company, carrier, id)
}

/// A company with an agent, and its carrier.
fn with_agent(server: &Server) -> (Company, Peer, Agent) {
    let company = server.company();
    let carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let agent = company.agent("ann");
    (company, carrier, agent)
}

/// Calls and is answered; silence is sent, and all is heard.
fn call(carrier: &mut Peer) -> Call {
    let mut call = carrier.invite(NUMBER);
    call.expect(carrier, 200);
    call.talk(0.0);
    call
}

fn steps(trace: &Value, event: &str, what: &str) -> Vec<String> {
    let steps = trace["steps"].as_array().cloned().unwrap_or_default();
    let fits = |step: &&Value| step["event"] == event;
    steps.iter().filter(fits).map(|step| step[what].as_str().unwrap_or_default().to_owned()).collect()
}

const PATIENCE: Duration = Duration::from_secs(15);

#[test]
fn a_caller_hears_the_prompt_and_each_way_of_pressing_a_key_leads_to_its_branch() {
    let server = Server::start();
    let (welcome, two) = (speech(3.0, 140.0), speech(1.5, 230.0));
    let flow = json!({
        "version": 1, "start": "menu", "onError": "wrong",
        "prompts": {"welcome": {"*": [{"audio": "welcome"}]}, "two": {"*": [{"audio": "two"}]}},
        "nodes": {
            "menu": {"type": "menu", "prompt": "welcome", "entries": {"1": "wrong", "2": "right"}, "retries": 0, "timeoutMs": 20000,
                     "onInvalid": "wrong", "onTimeout": "wrong"},
            "right": {"type": "play", "prompt": "two", "next": "bye"},
            "bye": {"type": "hangup"},
            "wrong": {"type": "hangup", "cause": "failure"}
        }
    });
    let (company, mut carrier, id) = with_flow(&server, &flow, &[("welcome", &welcome), ("two", &two)]);
    for (n, way) in ["events", "info", "tones"].into_iter().enumerate() {
        let mut caller = match way {
            "tones" => carrier.invite_without_events(NUMBER),
            _ => carrier.invite(NUMBER),
        };
        caller.expect(&mut carrier, 200);
        caller.talk(0.0);
        let heard = caller.audio.await_heard(PATIENCE, "the prompt", |samples| samples.len() > 16_000);
        let alike = likeness(&heard, &welcome[..12_000]);
        assert!(alike > 0.95, "what was heard is like the prompt by {alike:.3}");
        match way {
            "events" => caller.audio.press(2),
            "info" => caller.info(&mut carrier, '2'),
            _ => {
                let pair = |n: usize| {
                    let wave = |hertz: f64| (std::f64::consts::TAU * hertz * n as f64 / 8_000.0).sin();
                    ((wave(697.0) + wave(1336.0)) * 6_000.0) as i16
                };
                caller.audio.say(&(0..800).map(pair).collect::<Vec<_>>());
            }
        }
        caller.hung_up_within(&mut carrier, PATIENCE);
        let heard = caller.audio.heard();
        let alike = likeness(&heard[heard.len().saturating_sub(20_000)..], &two[..10_000]);
        assert!(alike > 0.95, "{way}: the branch's prompt was heard by {alike:.3}");
        let ended = company.ended_calls(n + 1);
        let record = company.call(&text(&ended[0]["id"]));
        assert_eq!((&record["status"], &record["duration"]), (&json!("completed"), &json!(0)), "{record}");
        assert!(events(&record).contains(&"in_flow".to_owned()), "{record}");
        let trace = company.trace(&id, &record);
        assert_eq!(steps(&trace, "entered", "node"), ["menu", "right", "bye"], "{way}: {trace}");
    }
    server.await_idle();
}

#[test]
fn a_real_phone_hears_the_prompt_presses_a_key_and_leaves_a_message() {
    let server = Server::start();
    let welcome = speech(3.0, 140.0);
    let flow = json!({
        "version": 1, "start": "menu", "onError": "bye",
        "prompts": {"welcome": {"*": [{"audio": "welcome"}]}},
        "nodes": {
            "menu": {"type": "menu", "prompt": "welcome", "entries": {"1": "bye", "2": "mail"}, "onInvalid": "bye", "onTimeout": "bye"},
            "mail": {"type": "voicemail", "mailbox": "Clinic", "maxSeconds": 3, "onFail": "bye"},
            "bye": {"type": "hangup"}
        }
    });
    let (company, _carrier, id) = with_flow(&server, &flow, &[("welcome", &welcome)]);
    let said = speech(15.0, 180.0);
    let mut phone = Phone::in_the_world(server.sip, CUSTOMER, &said);
    phone.dial(NUMBER);
    phone.await_call();
    let call = until(PATIENCE, "the call in the log", || company.calls().first().cloned());
    until(PATIENCE, "the prompt", || server.metric("dialplane_voice_frames_total").filter(|frames| *frames >= 120.0));
    phone.press('2');
    phone.await_end();
    let alike = likeness(&phone.heard(), &welcome[..14_000]);
    assert!(alike > 0.9, "the phone heard the prompt by {alike:.3}");
    let record = company.only_call();
    assert_eq!((&record["id"], &record["status"]), (&call["id"], &json!("completed")));
    let trace = company.trace(&id, &record);
    assert_eq!(steps(&trace, "entered", "node"), ["menu", "mail"], "{trace}");
    let voicemail = company.get("/api/voicemails").expect(200)["voicemails"][0].clone();
    let file = company.download(&format!("/api/recordings/{}", text(&voicemail["id"])));
    let samples: Vec<i16> = file[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    // The phone's clock is its own, so that only short pieces are the same sample by sample.
    let loud = |piece: &&[i16]| piece.iter().filter(|sample| sample.unsigned_abs() > 1_000).count() > 600;
    let pieces: Vec<f64> =
        samples.chunks_exact(1_600).filter(loud).take(3).map(|piece| likeness(&said, piece)).collect();
    let same = pieces.iter().filter(|alike| **alike > 0.85).count();
    assert!(pieces.len() >= 3 && same * 2 > pieces.len(), "the recording is like what was said by {pieces:.3?}");
    server.await_idle();
}

#[test]
fn a_phone_that_hears_wide_band_hears_a_prompt_in_wide_band() {
    let server = Server::start();
    let company = server.company();
    company.trunk(Peer::new(server.sip, CUSTOMER).port());
    // 5,000 Hz is more than G.711 can carry.
    let wave = |n: u32| (std::f64::consts::TAU * 5_000.0 * f64::from(n) / 16_000.0).sin() * 8_000.0;
    let prompt: Vec<i16> = (0..32_000).map(|n| wave(n) as i16).collect();
    company.prompt("high", "en", &wav(&prompt, 16_000));
    let flow = json!({"version": 1, "start": "high", "prompts": {"high": {"*": [{"audio": "high"}]}}, "onError": "failed", "nodes": {
        "high": {"type": "play", "prompt": "high", "next": "bye"}, "bye": {"type": "hangup"},
        "failed": {"type": "hangup", "cause": "failure"}}});
    company.route(NUMBER, "flow", &company.flow("main", &flow));
    let mut phone = Phone::wide_band(server.sip, CUSTOMER);
    phone.dial(NUMBER);
    phone.await_call();
    phone.await_end();
    assert_eq!(company.only_call()["status"], "completed");
    let heard = phone.heard();
    // Half the frequency, as the samples are twice as many.
    let tenths = heard.chunks_exact(1_600).filter(|part| share_of(part, 2_500.0) > 0.9).count();
    assert!(tenths >= 14, "5,000 Hz were heard in {tenths} tenths of a second");
    server.await_idle();
}

#[test]
fn a_message_is_recorded_as_it_was_said_and_can_be_heard_in_parts() {
    message(&Server::start());
}

#[test]
fn a_message_is_recorded_the_same_on_postgres() {
    let database = Database::create();
    message(&Server::on(&database.url));
}

#[track_caller]
fn message(server: &Server) {
    let flow = json!({"version": 1, "start": "mail", "onError": "mail2", "nodes": {
        "mail": {"type": "voicemail", "mailbox": "Clinic", "silenceSeconds": 2, "onFail": "mail2"}, "mail2": {"type": "hangup", "cause": "failure"}}});
    let (company, mut carrier, id) = with_flow(server, &flow, &[]);
    let caller = call(&mut carrier);
    // The beep is 1,000 Hz for 400 ms.
    caller.audio.await_heard(PATIENCE, "the beep", |samples| {
        samples.len() >= 3_000 && share_of(&samples[..2_400], 1_000.0) > 0.8
    });
    let said = speech(4.0, 180.0);
    caller.audio.say(&vec![0; 8_000]);
    caller.audio.say(&said);
    caller.hung_up_within(&mut carrier, PATIENCE);
    let record = company.only_call();
    assert_eq!(record["status"], "completed");
    let trace = company.trace(&id, &record);
    assert_eq!(trace["ended"], "message", "{trace}");
    let voicemails = until(PATIENCE, "the voicemail", || {
        let list = company.get("/api/voicemails").expect(200)["voicemails"].clone();
        list.as_array().is_some_and(|list| list.len() == 1).then_some(list)
    });
    let voicemail = &voicemails[0];
    assert_eq!((&voicemail["mailbox"], &voicemail["from"]), (&json!("Clinic"), &json!(CUSTOMER)), "{voicemail}");
    let file = company.download(&format!("/api/recordings/{}", text(&voicemail["id"])));
    assert_eq!(&file[..4], b"RIFF");
    let samples: Vec<i16> = file[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    assert!((3.4..4.6).contains(&(samples.len() as f64 / 8_000.0)), "{} samples", samples.len());
    let alike = likeness(&samples, &said[4_000..24_000]);
    assert!(alike > 0.95, "the recording is like what was said by {alike:.3}");
    server.await_idle();
}

#[test]
fn a_text_is_spoken_in_the_language_of_the_caller_and_one_that_cannot_be_leads_to_the_branch_for_failures() {
    let server = Server::start();
    let flow = json!({"version": 1, "start": "de", "languages": ["en", "xx-none"], "onError": "failed", "nodes": {
        "de": {"type": "say", "text": "Welcome to the clinic. Please hold the line.", "next": "other"},
        "other": {"type": "language", "to": "xx-none", "next": "cannot"},
        "cannot": {"type": "say", "text": "Nobody speaks this.", "next": "failed", "onFail": "beep"},
        "beep": {"type": "play", "prompt": "beep", "next": "bye"},
        "bye": {"type": "hangup"}, "failed": {"type": "hangup", "cause": "failure"}
    }, "prompts": {"beep": {"*": [{"beep": 600}]}}});
    let (company, mut carrier, id) = with_flow(&server, &flow, &[]);
    let caller = call(&mut carrier);
    caller.hung_up_within(&mut carrier, PATIENCE);
    let heard = caller.audio.heard();
    let loud = heard.chunks(800).filter(|part| part.iter().any(|sample| sample.unsigned_abs() > 1_500)).count();
    assert!(loud >= 15, "only {loud} tenths of a second were heard of {} samples", heard.len());
    let trace = company.trace(&id, &company.only_call());
    assert_eq!(steps(&trace, "entered", "node"), ["de", "other", "cannot", "beep", "bye"], "{trace}");
    server.await_idle();
}

#[test]
fn a_caller_waits_in_the_queue_of_a_flow_talks_to_an_agent_and_comes_back_to_the_flow() {
    let server = Server::start();
    let (company, mut carrier, agent) = with_agent(&server);
    company.queue(20, 120, &[&agent]);
    let flow = json!({"version": 1, "start": "sales", "onError": "failed", "nodes": {
        "sales": {"type": "queue", "queue": "sales", "wait": [{"play": "beep"}, {"pause": 60000}], "next": "thanks", "onTimeout": "failed", "onFail": "failed"},
        "thanks": {"type": "play", "prompt": "beep", "next": "bye"},
        "bye": {"type": "hangup"}, "failed": {"type": "hangup", "cause": "failure"}
    }, "prompts": {"beep": {"*": [{"beep": 1500}]}}});
    let id = company.flow("main", &flow);
    company.route(NUMBER, "flow", &id);
    let mut caller = carrier.invite(NUMBER);
    caller.expect(&mut carrier, 200);
    caller.talk(880.0);
    caller.audio.await_tone(1_000.0);
    // Ringing is heard after the prompt, until somebody is there.
    caller.audio.await_tone(425.0);
    let mut phone = Peer::registered(server.sip, &agent.line);
    company.choose(&agent, "available");
    let mut ringing = phone.incoming();
    ringing.answer(&mut phone);
    ringing.talk(440.0);
    caller.audio.await_tone_now(440.0);
    ringing.audio.await_tone(880.0);
    ringing.hang_up(&mut phone);
    caller.audio.await_tone_now(1_000.0);
    caller.hung_up_within(&mut carrier, PATIENCE);
    let record = company.only_call();
    assert_eq!((&record["status"], &record["telecaller"]["id"]), (&json!("completed"), &json!(agent.id)), "{record}");
    let trace = company.trace(&id, &record);
    assert_eq!(steps(&trace, "entered", "node"), ["sales", "thanks", "bye"], "{trace}");
    assert_eq!(steps(&trace, "connected", "node"), ["sales"]);
    server.await_idle();
    // The agent is free again: the next call rings.
    let mut next = call(&mut carrier);
    phone.incoming();
    next.hang_up(&mut carrier);
    assert_eq!(company.ended_calls(2)[0]["status"], "abandoned");
}

#[test]
fn a_call_is_recorded_with_both_voices_from_where_its_flow_says() {
    let server = Server::start();
    let (company, mut carrier, agent) = with_agent(&server);
    company.queue(20, 120, &[&agent]);
    let flow = json!({"version": 1, "start": "silent", "onError": "failed", "nodes": {
        "silent": {"type": "play", "prompt": "beep", "next": "record"},
        "record": {"type": "recordStart", "next": "sales"},
        "sales": {"type": "queue", "queue": "sales", "next": "bye", "onTimeout": "failed", "onFail": "failed"},
        "bye": {"type": "hangup"}, "failed": {"type": "hangup", "cause": "failure"}
    }, "prompts": {"beep": {"*": [{"beep": 500}]}}});
    let id = company.flow("main", &flow);
    company.route(NUMBER, "flow", &id);
    let mut phone = Peer::registered(server.sip, &agent.line);
    company.choose(&agent, "available");
    let mut caller = carrier.invite(NUMBER);
    caller.expect(&mut carrier, 200);
    caller.talk(880.0);
    let mut ringing = phone.incoming();
    ringing.answer(&mut phone);
    ringing.talk(440.0);
    ringing.audio.await_tone(880.0);
    caller.audio.await_tone_now(440.0);
    // A second of both.
    let heard = caller.audio.heard().len();
    caller.audio.await_heard(PATIENCE, "a second of talk", |samples| samples.len() >= heard + 8_000);
    ringing.hang_up(&mut phone);
    caller.hung_up_within(&mut carrier, PATIENCE);
    let record = company.only_call();
    let url = until(PATIENCE, "the recording", || {
        company.call(&text(&record["id"]))["recordingUrl"].as_str().map(str::to_owned)
    });
    let file = company.download(&url);
    // The caller is on the left, whoever talked with them on the right.
    let side = |at: usize| -> Vec<i16> {
        file[44..].chunks_exact(4).map(|pair| i16::from_le_bytes([pair[at], pair[at + 1]])).collect()
    };
    for (samples, hertz) in [(side(0), 880.0), (side(2), 440.0)] {
        assert!(samples.len() >= 8_000, "{} samples", samples.len());
        let share = share_of(&samples[samples.len() - 6_000..], hertz);
        assert!(share > 0.9, "{hertz} Hz are {share:.2} of {} samples", samples.len());
        assert!(share_of(&samples, 1_000.0) < 0.05, "what was before is recorded");
    }
    server.await_idle();
}

#[test]
fn a_web_service_decides_where_a_call_goes_and_addresses_inside_are_shut_unless_opened() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let url = format!("http://{}/who?n={{{{ caller.number }}}}", listener.local_addr().expect("an address"));
    let flow = json!({"version": 1, "start": "ask", "onError": "failed", "variables": {"tier": {"type": "text"}}, "nodes": {
        "ask": {"type": "webhook", "url": url, "save": {"tier": "/tier"}, "next": "which", "onFail": "failed"},
        "which": {"type": "condition", "cases": [{"when": "tier == 'gold'", "next": "gold"}], "otherwise": "failed"},
        "gold": {"type": "tag", "tags": ["gold"], "disposition": "known", "next": "bye"},
        "bye": {"type": "hangup"}, "failed": {"type": "hangup", "cause": "failure"}
    }});
    let serve = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let mut request = [0; 4_096];
        let length = stream.read(&mut request).expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"tier\":\"gold\"}").expect("an answer");
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let shut = Server::start();
    let (company, mut carrier, id) = with_flow(&shut, &flow, &[]);
    let caller = call(&mut carrier);
    caller.hung_up_within(&mut carrier, PATIENCE);
    let trace = company.trace(&id, &company.only_call());
    assert_eq!(steps(&trace, "entered", "node"), ["ask", "failed"], "{trace}");

    let open = Server::start_set("allow_private_webhooks = true\n");
    let (company, mut carrier, id) = with_flow(&open, &flow, &[]);
    let caller = call(&mut carrier);
    caller.hung_up_within(&mut carrier, PATIENCE);
    let record = company.only_call();
    let trace = company.trace(&id, &record);
    assert_eq!(steps(&trace, "entered", "node"), ["ask", "which", "gold", "bye"], "{trace}");
    assert_eq!(record["outcome"], "known");
    let request = serve.join().expect("the service");
    assert!(request.starts_with("POST /who?n=%2B12025550177 HTTP/1.1"), "{request}");
    assert!(request.contains("webhook-signature: v1,"), "{request}");
}

#[test]
fn a_running_call_keeps_its_version_and_a_caller_who_hangs_up_leaves_a_trace() {
    let server = Server::start();
    let flow = |label: &str| {
        json!({"version": 1, "start": label, "onError": "bye", "prompts": {"p": {"*": [{"silence": 60000}]}}, "nodes": {
        label: {"type": "menu", "prompt": "p", "entries": {"1": "bye"}, "onInvalid": "bye", "onTimeout": "bye"}, "bye": {"type": "hangup"}}})
    };
    let (company, mut carrier, id) = with_flow(&server, &flow("old"), &[]);
    let mut first = call(&mut carrier);
    company.put(&format!("/api/ivr/{id}"), &json!({"flow": flow("new")})).expect(200);
    company.post(&format!("/api/ivr/{id}/activate"), &json!({})).expect(200);
    let mut second = call(&mut carrier);
    first.hang_up(&mut carrier);
    second.hang_up(&mut carrier);
    let calls = company.ended_calls(2);
    let began = |call: &Value| steps(&company.trace(&id, call), "entered", "node");
    assert_eq!((began(&calls[1]), began(&calls[0])), (vec!["old".to_owned()], vec!["new".to_owned()]));
    assert_eq!(company.trace(&id, &calls[0])["ended"], "caller");
    server.await_idle();
}

#[test]
fn an_agent_who_is_dialled_and_does_not_answer_leads_on() {
    let server = Server::start();
    let (company, mut carrier, agent) = with_agent(&server);
    let flow = json!({"version": 1, "start": "ann", "onError": "bye", "nodes": {
        "ann": {"type": "dial", "to": {"agent": agent.email}, "timeoutSeconds": 1, "onBusy": "again", "onNoAnswer": "again", "onFail": "bye"},
        "again": {"type": "dial", "to": {"extension": agent.line.number}, "timeoutSeconds": 20, "onFail": "bye"},
        "bye": {"type": "hangup"}
    }});
    let id = company.flow("main", &flow);
    company.route(NUMBER, "flow", &id);
    let mut phone = Peer::registered(server.sip, &agent.line);
    let mut caller = carrier.invite(NUMBER);
    caller.expect(&mut carrier, 200);
    caller.talk(880.0);
    let first = phone.incoming();
    first.ring(&mut phone);
    caller.audio.await_tone(425.0);
    first.cancelled(&mut phone, PATIENCE);
    let mut second = phone.incoming();
    second.answer(&mut phone);
    second.talk(440.0);
    caller.audio.await_tone_now(440.0);
    caller.hang_up(&mut carrier);
    second.hung_up(&mut phone);
    let record = company.only_call();
    assert_eq!(record["status"], "completed");
    let trace = company.trace(&id, &record);
    assert_eq!(steps(&trace, "left", "detail"), ["onNoAnswer"], "{trace}");
    server.await_idle();
}

#[test]
fn a_flow_calls_a_number_outside_by_the_trunk_but_none_of_another_country_and_notes_callbacks() {
    let server = Server::start();
    let company = server.company();
    let mut carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    company.queue(20, 120, &[]);
    let flow = json!({"version": 1, "start": "far", "onError": "bye", "nodes": {
        "far": {"type": "dial", "to": {"number": "+4930123456"}, "onFail": "near"},
        "near": {"type": "dial", "to": {"number": "2025550188"}, "onFail": "bye", "onBusy": "later"},
        "later": {"type": "callback", "queue": "sales", "next": "bye", "onFail": "near"},
        "bye": {"type": "hangup"}
    }});
    let id = company.flow("main", &flow);
    company.route(NUMBER, "flow", &id);
    let mut caller = carrier.invite(NUMBER);
    caller.expect(&mut carrier, 200);
    let outside = carrier.incoming();
    assert!(outside.invite().uri().starts_with("sip:+12025550188@"), "{}", outside.invite().uri());
    assert_eq!(outside.invite().user_of("From"), NUMBER);
    outside.refuse(&mut carrier, "486 Busy Here");
    caller.hung_up_within(&mut carrier, PATIENCE);
    let record = company.only_call();
    let trace = company.trace(&id, &record);
    assert_eq!(steps(&trace, "entered", "node"), ["far", "near", "later", "bye"], "{trace}");
    let noted =
        record["events"].as_array().unwrap().iter().find(|event| event["type"] == "callback_requested").cloned();
    assert_eq!(noted.map(|event| event["data"]["number"].clone()), Some(json!(CUSTOMER)), "{record}");
    server.await_idle();
}

#[test]
fn a_caller_who_holds_is_sent_nothing_until_they_are_back() {
    let server = Server::start();
    let flow = json!({"version": 1, "start": "long", "onError": "bye", "prompts": {"long": {"*": [{"beep": 5000}, {"beep": 5000}, {"beep": 5000}]}}, "nodes": {
        "long": {"type": "play", "prompt": "long", "next": "bye"}, "bye": {"type": "hangup"}}});
    let (_company, mut carrier, _) = with_flow(&server, &flow, &[]);
    let mut caller = call(&mut carrier);
    caller.audio.await_tone(1_000.0);
    caller.reinvite(&mut carrier, "a=sendonly");
    // What was on its way arrives; then a second of the phone's own time goes by without anything.
    let frames = || server.metric("dialplane_voice_frames_total");
    let held = until(PATIENCE, "nothing is sent any more", || {
        let before = caller.audio.heard().len();
        std::thread::park_timeout(Duration::from_millis(500));
        (caller.audio.heard().len() == before).then_some(frames())
    });
    assert!(held.is_some());
    caller.reinvite(&mut carrier, "a=sendrecv");
    caller.audio.await_tone_now(1_000.0);
    caller.hang_up(&mut carrier);
    server.await_idle();
}
