//! What callers meet while they wait in a queue: music, announcements, keys, places that are kept, and where they go whom no agent
//! takes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::audio::{likeness, share_of, speech, wav};
use crate::support::company::{Agent, Company, events, text};
use crate::support::peer::{Call, Peer};
use crate::support::server::Server;
use crate::support::wait::until;
use crate::{CUSTOMER, NUMBER};

const PATIENCE: Duration = Duration::from_secs(15);

/// A company whose number leads to a queue of agents who are there but for their phones.
struct Shop<'a> {
    server: &'a Server,
    company: Company,
    carrier: Peer,
    agents: Vec<Agent>,
    queue: String,
}

fn shop<'a>(server: &'a Server, names: &[&str]) -> Shop<'a> {
    let company = server.company();
    let carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let agents: Vec<Agent> = names.iter().map(|name| company.agent(name)).collect();
    let queue = company.queue(20, 0, &agents.iter().collect::<Vec<_>>());
    company.route(NUMBER, "queue", &queue);
    Shop { server, company, carrier, agents, queue }
}

impl Shop<'_> {
    #[track_caller]
    fn set(&self, settings: &Value) {
        self.company.put(&format!("/api/queues/{}", self.queue), settings).expect(200);
    }

    /// Another queue, with nobody in it.
    #[track_caller]
    fn other_queue(&self, name: &str, settings: &Value) -> String {
        let mut body = settings.clone();
        body["name"] = json!(name);
        text(&self.company.post("/api/queues", &body).expect(201)["queue"]["id"])
    }

    fn phone(&self, agent: usize) -> Peer {
        let phone = Peer::registered(self.server.sip, &self.agents[agent].line);
        self.company.choose(&self.agents[agent], "available");
        phone
    }

    /// Calls and is answered by the queue.
    #[track_caller]
    fn call(&mut self) -> Call {
        let mut call = self.carrier.invite(NUMBER);
        call.expect(&mut self.carrier, 200);
        call
    }

    /// The log of a queue.
    #[track_caller]
    fn log(&self, queue: &str) -> Value {
        self.company.get(&format!("/api/queues/{queue}/log")).expect(200)["entries"].clone()
    }

    /// What happened in a queue, in its words.
    #[track_caller]
    fn verbs(&self, queue: &str) -> Vec<String> {
        self.log(queue).as_array().expect("entries").iter().map(|entry| text(&entry["event"])).collect()
    }

    /// The only call, with what became of it in the queues.
    #[track_caller]
    fn overflowed(&self) -> (Value, Vec<String>) {
        let record = self.company.only_call();
        let told = record["events"].as_array().cloned().unwrap_or_default();
        let told = told.iter().filter(|event| event["type"] == "overflowed");
        let ways = told.map(|event| format!("{} {}", text(&event["data"]["reason"]), text(&event["data"]["to"])));
        let ways = ways.collect();
        (record, ways)
    }
}

/// Something with a sound of its own that lasts.
fn jingle() -> Vec<i16> {
    speech(4.0, 150.0)
}

/// Whether the last it heard is the beep before a message.
fn is_beep(samples: &[i16]) -> bool {
    let last = &samples[samples.len().saturating_sub(2_400)..];
    last.len() == 2_400 && share_of(last, 1_000.0) > 0.8
}

/// Whether the last half second has sound in it.
fn sounds(samples: &[i16]) -> bool {
    let last = &samples[samples.len().saturating_sub(4_000)..];
    last.iter().filter(|sample| sample.unsigned_abs() > 300).count() > 400
}

#[test]
fn a_waiting_caller_hears_music_until_an_agent_answers_and_then_both_hear_each_other() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann"]);
    shop.set(&json!({"music": "default"}));
    let mut caller = shop.call();
    caller.talk(880.0);
    caller.audio.await_heard(PATIENCE, "music", |samples| samples.len() > 12_000 && sounds(samples));
    // The music is neither the ringing nor a single tone.
    let heard = caller.audio.heard();
    let last = &heard[heard.len() - 4_000..];
    assert!(share_of(last, 425.0) < 0.5);
    let mut phone = shop.phone(0);
    let mut ringing = phone.incoming();
    ringing.ring(&mut phone);
    ringing.answer(&mut phone);
    ringing.talk(440.0);
    caller.audio.await_tone_now(440.0);
    ringing.audio.await_tone(880.0);
    ringing.hang_up(&mut phone);
    caller.hung_up(&mut shop.carrier);
    let record = shop.company.only_call();
    assert_eq!(
        (&record["status"], &record["telecaller"]["id"]),
        (&json!("completed"), &json!(shop.agents[0].id)),
        "{record}"
    );
    server.await_idle();
    server.await_zero("dialplane_queue_waiting", PATIENCE);
}

#[test]
fn a_company_plays_its_own_music_and_a_caller_who_hangs_up_leaves_nothing() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann"]);
    let music = jingle();
    shop.company.prompt("jazz", "en", &wav(&music, 8_000));
    shop.set(&json!({"music": "jazz"}));
    let mut caller = shop.call();
    caller.talk(0.0);
    let heard = caller.audio.await_heard(PATIENCE, "the music", |samples| samples.len() > 30_000);
    let alike = likeness(&heard, &music[..14_000]);
    assert!(alike > 0.9, "what was heard is like the music by {alike:.3}");
    // What a queue plays is not taken away.
    let prompts = shop.company.get("/api/ivr/prompts").expect(200)["prompts"].clone();
    let kept = shop.company.send("DELETE", &format!("/api/ivr/prompts/{}", text(&prompts[0]["id"])), None);
    assert_eq!(kept.expect("an answer").expect(409)["code"], "in_use");
    caller.hang_up(&mut shop.carrier);
    assert_eq!(shop.company.only_call()["status"], "abandoned");
    server.await_idle();
    server.await_zero("dialplane_queue_waiting", PATIENCE);
}

#[test]
fn the_chain_leads_to_another_queue_and_then_to_a_mailbox() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann"]);
    let second = shop.other_queue("second", &json!({"music": "ringing"}));
    let chain = json!([
        {"afterSeconds": 1, "target": {"type": "queue", "id": second}},
        {"afterSeconds": 8, "target": {"type": "voicemail", "id": "Sales"}},
    ]);
    shop.set(&json!({"music": "default", "overflow": chain}));
    let refused = shop.company.send("DELETE", &format!("/api/queues/{second}"), None).expect("an answer");
    assert_eq!(refused.expect(409)["code"], "in_use");
    let mut caller = shop.call();
    caller.talk(0.0);
    caller.audio.await_tone(425.0);
    caller.audio.await_heard(PATIENCE, "the beep", is_beep);
    caller.audio.say(&vec![0; 8_000]);
    caller.audio.say(&speech(2.0, 180.0));
    caller.hung_up_within(&mut shop.carrier, PATIENCE);
    let (record, ways) = shop.overflowed();
    assert_eq!(ways, ["chain queue", "chain voicemail"], "{record}");
    assert_eq!((&record["status"], &record["queue"]["id"]), (&json!("completed"), &json!(second)), "{record}");
    let message = until(PATIENCE, "the message", || {
        let list = shop.company.get("/api/voicemails").expect(200)["voicemails"].clone();
        list.as_array().is_some_and(|list| list.len() == 1).then(|| list[0].clone())
    });
    assert_eq!((&message["mailbox"], &message["from"]), (&json!("Sales"), &json!(CUSTOMER)), "{message}");
    server.await_idle();
    server.await_zero("dialplane_queue_waiting", PATIENCE);
}

#[test]
fn a_full_queue_calls_a_number_and_a_chain_that_leads_nowhere_takes_nobody_out_of_the_queue() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann"]);
    // Back to where they come from, and then to somebody without a phone.
    let nowhere = json!([
        {"afterSeconds": 0, "target": {"type": "queue", "id": shop.queue}},
        {"afterSeconds": 1, "target": {"type": "agent", "id": shop.agents[0].id}},
    ]);
    let second = shop.other_queue("second", &json!({"overflow": nowhere, "music": "default"}));
    let chain = json!([{"afterSeconds": 0, "target": {"type": "queue", "id": second}}]);
    shop.set(&json!({"overflow": chain}));
    let mut caller = shop.call();
    until(PATIENCE, "the caller waits on in their place", || {
        let state = shop.company.get(&format!("/api/queues/{second}/state")).expect(200)["state"].clone();
        state["calls"][0]["waitSeconds"].as_u64().is_some_and(|seconds| seconds >= 2).then_some(())
    });
    caller.hang_up(&mut shop.carrier);
    let (record, ways) = shop.overflowed();
    assert_eq!(ways, ["chain queue"], "{record}");
    assert_eq!(record["status"], "abandoned", "{record}");
    let left: Vec<&Value> =
        record["events"].as_array().into_iter().flatten().map(|event| &event["data"]["reason"]).collect();
    assert_eq!(left.iter().filter(|reason| ***reason == "sent_on").count(), 1, "{record}");
    assert_eq!(shop.verbs(&second), ["ENTERQUEUE", "ABANDON"], "one stay, and nothing new where nobody was led on");

    // The longest wait goes on where the chain leads nowhere.
    let lonely = json!([{"afterSeconds": 2, "target": {"type": "agent", "id": shop.agents[0].id}}]);
    shop.set(&json!({"overflow": lonely, "maxWaitSeconds": 3, "music": "default"}));
    let began = Instant::now();
    let caller = shop.call();
    caller.hung_up_within(&mut shop.carrier, PATIENCE);
    let lasted = began.elapsed();
    let record = shop.company.ended_calls(2).swap_remove(0);
    let record = shop.company.call(&text(&record["id"]));
    let told = events(&record);
    assert_eq!(told.iter().filter(|event| *event == "queued").count(), 1, "{record}");
    assert_eq!(shop.verbs(&shop.queue)[2..], ["ENTERQUEUE", "EXITWITHTIMEOUT"], "{record}");
    let log = shop.log(&shop.queue);
    let waited = log[3]["waitSeconds"].as_u64().unwrap_or_default();
    assert!((2..=3).contains(&waited) && log[3]["detail"].is_null(), "three seconds, by two clocks: {log}");
    assert!(lasted >= Duration::from_secs(3), "{lasted:?}");
    shop.set(&json!({"maxWaitSeconds": 0}));

    let outside = json!([{"afterSeconds": 60, "target": {"type": "number", "id": "+12025550199"}}]);
    shop.set(&json!({"overflow": outside, "maxLength": 1, "music": "default"}));
    let mut first = shop.call();
    let mut caller = shop.call();
    // The carrier is called for the second one, and answers.
    let mut called = shop.carrier.incoming();
    assert!(called.invite().uri().contains("12025550199"), "{}", shop.carrier.story());
    called.answer(&mut shop.carrier);
    called.talk(440.0);
    caller.talk(880.0);
    caller.audio.await_tone(440.0);
    called.audio.await_tone(880.0);
    caller.hang_up(&mut shop.carrier);
    called.hung_up(&mut shop.carrier);
    first.hang_up(&mut shop.carrier);
    let calls = shop.company.ended_calls(4);
    let statuses: Vec<String> = calls.iter().map(|call| text(&call["status"])).collect();
    assert_eq!(statuses, ["completed", "abandoned", "no_answer", "abandoned"]);
    server.await_idle();
}

#[test]
fn who_cannot_be_called_back_is_told_so_and_keeps_their_place() {
    let server = Server::start();
    let shop = shop(&server, &["ann"]);
    shop.set(&json!({"music": "ringing", "exitKeys": [{"key": "*", "target": {"type": "callback"}}]}));
    // Abroad, hidden, and no number at all.
    for (n, number) in ["+493012345678", "anonymous", "reception"].into_iter().enumerate() {
        let mut carrier = Peer::new(server.sip, number);
        let mut caller = carrier.invite(NUMBER);
        caller.expect(&mut carrier, 200);
        caller.talk(0.0);
        caller.audio.await_tone(425.0);
        caller.info(&mut carrier, '*');
        caller
            .audio
            .await_heard(PATIENCE, "a voice", |samples| samples.chunks(800).filter(|part| is_voice(part)).count() >= 6);
        caller.audio.await_tone_now(425.0);
        let state = shop.company.get(&format!("/api/queues/{}/state", shop.queue)).expect(200)["state"].clone();
        assert_eq!((&state["waiting"], &state["calls"][0]["position"]), (&json!(1), &json!(1)), "{number}: {state}");
        caller.hang_up(&mut carrier);
        let record = shop.company.ended_calls(n + 1).swap_remove(0);
        let told = events(&shop.company.call(&text(&record["id"])));
        assert!(!told.contains(&"callback_requested".to_owned()), "{number}: {told:?}");
        assert_eq!(told.iter().filter(|event| *event == "queued").count(), 1, "{number}: {told:?}");
        server.await_idle();
    }
}

#[test]
fn a_key_leads_out_of_the_queue_by_events_and_by_info() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann", "bob"]);
    shop.company.put(
        &format!("/api/queues/{}", shop.queue),
        &json!({"members": [{"agentId": shop.agents[0].id}], "exitKeys": [
            {"key": "7", "target": {"type": "agent", "id": shop.agents[1].id}},
            {"key": "*", "target": {"type": "callback"}},
        ]}),
    );
    let mut bob = shop.phone(1);
    // An agent of the queue rings: the key stops the ringing.
    let mut ann = shop.phone(0);
    let mut caller = shop.call();
    caller.talk(880.0);
    let rings = ann.incoming();
    rings.ring(&mut ann);
    // A key without a meaning does nothing.
    caller.audio.press(3);
    caller.audio.press(7);
    let mut ringing = bob.incoming();
    rings.cancelled(&mut ann, PATIENCE);
    ringing.answer(&mut bob);
    ringing.talk(440.0);
    caller.audio.await_tone_now(440.0);
    ringing.audio.await_tone(880.0);
    ringing.hang_up(&mut bob);
    caller.hung_up(&mut shop.carrier);
    let (record, ways) = shop.overflowed();
    assert_eq!(ways, ["key agent"], "{record}");
    assert_eq!(record["telecaller"]["id"], json!(shop.agents[1].id), "{record}");
    server.await_idle();

    shop.company.choose(&shop.agents[0], "break");
    let mut caller = shop.call();
    caller.talk(0.0);
    caller.info(&mut shop.carrier, '*');
    caller.hung_up_within(&mut shop.carrier, PATIENCE);
    let calls = shop.company.ended_calls(2);
    let record = shop.company.call(&text(&calls[0]["id"]));
    assert!(events(&record).contains(&"callback_requested".to_owned()), "{record}");
    assert_eq!(record["status"], "completed", "{record}");
    server.await_idle();
}

#[test]
fn a_caller_is_told_their_place_and_the_music_goes_on() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann"]);
    // Of silence only the announcement is heard; ringing tells where it ends.
    shop.set(&json!({"music": "ringing", "announce": {"everySeconds": 10, "position": true, "wait": true}}));
    let mut first = shop.call();
    first.talk(0.0);
    let mut second = shop.call();
    second.talk(0.0);
    for call in [&first, &second] {
        let spoken = call.audio.await_heard(PATIENCE, "a voice", |samples| {
            let loud = samples.chunks(800).filter(|part| is_voice(part)).count();
            loud >= 6
        });
        assert!(spoken.len() > 6 * 800);
        call.audio.await_tone_now(425.0);
    }
    // After a while they are told again.
    second.audio.await_heard(PATIENCE, "the voice again", |samples| {
        samples.chunks(800).filter(|part| is_voice(part)).count() >= 6
    });
    first.hang_up(&mut shop.carrier);
    second.hang_up(&mut shop.carrier);
    shop.company.ended_calls(2);
    server.await_idle();
}

#[test]
fn a_wait_is_told_once_the_queue_has_experience_and_not_before() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann"]);
    shop.set(&json!({"music": "none", "announce": {"everySeconds": 600, "wait": true}}));
    // As many waits as it takes to have an experience.
    let mut callers: Vec<Call> = (0..8).map(|_| shop.call()).collect();
    callers[0].talk(0.0);
    let mut phone = shop.phone(0);
    for caller in &mut callers {
        let mut ringing = phone.incoming();
        ringing.answer(&mut phone);
        ringing.hang_up(&mut phone);
        caller.hung_up(&mut shop.carrier);
    }
    let heard = callers[0].audio.heard();
    assert!(!heard.chunks(800).any(is_voice), "something was told in {} samples", heard.len());
    shop.company.ended_calls(8);
    shop.company.choose(&shop.agents[0], "break");
    let mut caller = shop.call();
    caller.talk(0.0);
    caller
        .audio
        .await_heard(PATIENCE, "a voice", |samples| samples.chunks(800).filter(|part| is_voice(part)).count() >= 6);
    caller.hang_up(&mut shop.carrier);
    server.await_idle();
}

/// Sound that is no ringing.
fn is_voice(part: &[i16]) -> bool {
    part.iter().any(|sample| sample.unsigned_abs() > 1_500) && share_of(part, 425.0) < 0.6
}

#[test]
fn who_calls_again_in_time_takes_their_old_place() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann"]);
    shop.set(&json!({"music": "none", "resumeSeconds": 60}));
    let mut early = shop.call();
    let mut other = Peer::new(server.sip, "+12025550188");
    let mut second = other.invite(NUMBER);
    second.expect(&mut other, 200);
    early.hang_up(&mut shop.carrier);
    shop.company.ended_call_of(CUSTOMER);
    let mut again = shop.call();
    again.talk(880.0);
    let mut phone = shop.phone(0);
    let ringing = phone.incoming();
    assert!(ringing.invite().header("From").contains(CUSTOMER), "{}", phone.story());
    ringing.answer(&mut phone);
    again.hang_up(&mut shop.carrier);
    ringing.hung_up(&mut phone);
    let next = phone.incoming();
    assert!(next.invite().header("From").contains("+12025550188"), "{}", phone.story());
    next.ring(&mut phone);
    second.hang_up(&mut other);
    next.cancelled(&mut phone, PATIENCE);
    server.await_idle();
}

#[test]
fn a_closed_queue_overflows_at_once_and_without_a_way_out_says_so_and_hangs_up() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann"]);
    let mut phone = shop.phone(0);
    let closed = json!({"name": "never", "timezone": "Europe/Berlin"});
    let calendar = shop.company.post("/api/ivr/calendars", &closed).expect(201)["calendar"]["id"].clone();
    shop.set(&json!({"music": "default", "calendar": calendar}));
    let mut caller = shop.call();
    caller.talk(0.0);
    let bye = caller.hung_up_within(&mut shop.carrier, PATIENCE);
    assert!(bye.header("Reason").contains("cause=19"), "{}", shop.carrier.story());
    let heard = caller.audio.heard();
    assert!(heard.iter().any(|sample| sample.unsigned_abs() > 1_000), "a farewell in {} samples", heard.len());
    assert_eq!(shop.company.only_call()["status"], "no_answer");
    let chain = json!([{"afterSeconds": 600, "target": {"type": "extension", "id": shop.agents[0].extension}}]);
    shop.set(&json!({"overflow": chain}));
    let mut caller = shop.call();
    let ringing = phone.incoming();
    ringing.answer(&mut phone);
    caller.hang_up(&mut shop.carrier);
    ringing.hung_up(&mut phone);
    let calls = shop.company.ended_calls(2);
    let record = shop.company.call(&text(&calls[0]["id"]));
    let told = record["events"].as_array().cloned().unwrap_or_default();
    let way = told.iter().find(|event| event["type"] == "overflowed").expect("the way out");
    assert_eq!((&way["data"]["reason"], &way["data"]["to"]), (&json!("closed"), &json!("extension")), "{record}");
    let gone = shop.company.send("DELETE", &format!("/api/ivr/calendars/{}", text(&calendar)), None);
    assert_eq!(gone.expect("an answer").expect(409)["code"], "in_use");
    server.await_idle();
}

#[test]
fn those_who_wait_at_closing_time_stay_unless_the_queue_says_otherwise() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann"]);
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let all_day = json!([{"from": "00:00", "to": "24:00"}]);
    let weekly: serde_json::Map<String, Value> =
        days.map(|day| (day.to_owned(), all_day.clone())).into_iter().collect();
    let hours = json!({"name": "always", "timezone": "Europe/Berlin", "weekly": weekly});
    let calendar = text(&shop.company.post("/api/ivr/calendars", &hours).expect(201)["calendar"]["id"]);
    let mailbox = json!([{"afterSeconds": 600, "target": {"type": "voicemail", "id": "Sales"}}]);
    shop.set(&json!({"music": "default", "calendar": calendar, "closeWaiting": true, "overflow": mailbox}));
    let stays = shop.other_queue("stays", &json!({"music": "default", "calendar": calendar}));
    shop.company.route("+12025550101", "queue", &stays);
    let mut caller = shop.call();
    caller.talk(0.0);
    let mut elsewhere = Peer::new(server.sip, "+12025550188");
    let mut other = elsewhere.invite("+12025550101");
    other.expect(&mut elsewhere, 200);
    other.talk(0.0);
    for call in [&caller, &other] {
        call.audio.await_heard(PATIENCE, "music", sounds);
    }
    shop.company.put(&format!("/api/ivr/calendars/{calendar}"), &json!({"weekly": {}})).expect(200);
    caller.audio.await_heard(PATIENCE, "the beep", is_beep);
    caller.hang_up(&mut shop.carrier);
    let record = shop.company.ended_call_of(CUSTOMER);
    assert_eq!(record["status"], "completed", "{record}");
    // The other one waits on.
    let heard = other.audio.heard().len();
    other.audio.await_heard(PATIENCE, "more music", |samples| samples.len() > heard + 8_000 && sounds(samples));
    other.hang_up(&mut elsewhere);
    assert_eq!(shop.company.ended_call_of("+12025550188")["status"], "abandoned");
    server.await_idle();
}

#[test]
fn the_agent_who_talked_with_a_caller_last_gets_their_next_call() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann", "bob"]);
    let (mut ann, mut bob) = (shop.phone(0), shop.phone(1));
    shop.set(&json!({"strategy": "top_down"}));
    for preferred in [Value::Null, json!({"agent": "last"})] {
        shop.set(&json!({"preferred": preferred}));
        talk(&mut shop.carrier, &mut ann);
    }
    // By the strategy it would be the first; it was the second who talked with them last.
    shop.company.choose(&shop.agents[0], "break");
    talk(&mut shop.carrier, &mut bob);
    shop.company.choose(&shop.agents[0], "available");
    shop.company.ended_calls(3);
    talk(&mut shop.carrier, &mut bob);
    // The owner of the lead goes before.
    let lead = json!({"name": "Eve", "phone": CUSTOMER});
    let lead = text(&shop.company.post("/api/leads", &lead).expect(201)["lead"]["id"]);
    shop.company.post(&format!("/api/leads/{lead}/assign"), &json!({"assignedTo": shop.agents[0].id})).expect(200);
    shop.set(&json!({"preferred": {"agent": "owner", "patienceSeconds": 5}, "strategy": "round_robin"}));
    for _ in 0..2 {
        talk(&mut shop.carrier, &mut ann);
    }
    shop.company.ended_calls(6);
    server.await_idle();
}

/// A call that is answered by this phone and ends.
#[track_caller]
fn talk(carrier: &mut Peer, phone: &mut Peer) {
    let mut caller = carrier.invite(NUMBER);
    let ringing = phone.incoming();
    ringing.answer(phone);
    caller.expect(carrier, 200);
    caller.hang_up(carrier);
    ringing.hung_up(phone);
}

#[test]
fn a_chain_leads_a_caller_who_only_heard_ringing_into_a_flow() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann"]);
    let flow = json!({"version": 1, "start": "beep", "prompts": {"beep": {"*": [{"beep": 800}]}}, "onError": "bye", "nodes": {
        "beep": {"type": "play", "prompt": "beep", "next": "bye"}, "bye": {"type": "hangup"}}});
    let flow = shop.company.flow("sorry", &flow);
    shop.set(
        &json!({"noAgentWaitSeconds": 1, "overflow": [{"afterSeconds": 600, "target": {"type": "flow", "id": flow}}]}),
    );
    shop.company.choose(&shop.agents[0], "offline");
    let mut caller = shop.carrier.invite(NUMBER);
    caller.expect(&mut shop.carrier, 200);
    caller.talk(0.0);
    caller.audio.await_heard(PATIENCE, "the beep", is_beep);
    caller.hung_up_within(&mut shop.carrier, PATIENCE);
    let (record, ways) = shop.overflowed();
    assert_eq!((ways, &record["status"]), (vec!["no_agents flow".to_owned()], &json!("completed")), "{record}");
    assert!(events(&record).contains(&"in_flow".to_owned()), "{record}");
    server.await_idle();
}

#[test]
fn a_caller_who_hangs_up_at_any_stage_leaves_nothing_behind() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann", "bob"]);
    shop.set(&json!({
        "members": [{"agentId": shop.agents[0].id}], "music": "ringing",
        "announce": {"everySeconds": 10, "position": true}, "exitKeys": [
            {"key": "1", "target": {"type": "agent", "id": shop.agents[1].id}},
            {"key": "2", "target": {"type": "voicemail", "id": "Sales"}},
        ],
    }));
    let mut bob = shop.phone(1);
    for stage in ["answered", "told", "calling", "message"] {
        let mut caller = shop.call();
        caller.talk(0.0);
        match stage {
            "told" => drop(caller.audio.await_heard(PATIENCE, "a voice", |samples| samples.chunks(800).any(is_voice))),
            "calling" => {
                caller.info(&mut shop.carrier, '1');
                let ringing = bob.incoming();
                ringing.ring(&mut bob);
                caller.audio.await_tone_now(425.0);
                caller.hang_up(&mut shop.carrier);
                ringing.cancelled(&mut bob, PATIENCE);
            }
            "message" => {
                caller.info(&mut shop.carrier, '2');
                caller.audio.await_heard(PATIENCE, "the beep", is_beep);
            }
            _ => {}
        }
        if stage != "calling" {
            caller.hang_up(&mut shop.carrier);
        }
        server.await_idle();
        server.await_zero("dialplane_queue_waiting", PATIENCE);
    }
    let calls = shop.company.ended_calls(4);
    let statuses: Vec<String> = calls.iter().map(|call| text(&call["status"])).collect();
    assert_eq!(statuses, ["completed", "abandoned", "abandoned", "abandoned"]);
}

#[test]
fn callers_of_a_queue_that_is_deleted_are_led_on() {
    let server = Server::start();
    let mut shop = shop(&server, &["ann"]);
    shop.set(&json!({"music": "default", "overflow": [{"afterSeconds": 600, "target": {"type": "voicemail", "id": "Sales"}}]}));
    let mut caller = shop.call();
    caller.talk(0.0);
    caller.audio.await_heard(PATIENCE, "music", sounds);
    let routes = shop.company.get("/api/inbound-routes").expect(200);
    let route = text(&routes["inboundRoutes"][0]["id"]);
    for path in [format!("/api/inbound-routes/{route}"), format!("/api/queues/{}", shop.queue)] {
        shop.company.send("DELETE", &path, None).expect("an answer").expect(200);
    }
    caller.audio.await_heard(PATIENCE, "the beep", is_beep);
    caller.hang_up(&mut shop.carrier);
    let (record, ways) = shop.overflowed();
    assert_eq!((ways, &record["status"]), (vec!["no_queue voicemail".to_owned()], &json!("completed")), "{record}");
    server.await_idle();
}
