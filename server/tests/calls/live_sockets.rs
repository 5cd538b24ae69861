//! Live events over Socket.IO, heard by the official client.

use std::collections::BTreeSet;

use dialplane_core::clock::{Clock as _, SystemClock};
use dialplane_core::command::lead::{AssignLead, CreateLead};
use dialplane_core::engine::Engine;
use dialplane_core::event::{Envelope, Event};
use dialplane_core::id::{CompanyId, IdSource, SystemIds};
use dialplane_core::lead::NewLead;
use dialplane_core::scope::{Actor, ActorName};
use dialplane_core::store::Access;
use dialplane_storage_sqlite::SqliteStore;
use serde_json::{Value, json};

use crate::NUMBER;
use crate::support::company::{Company, text};
use crate::support::peer::Peer;
use crate::support::postgres::Database;
use crate::support::server::{PASSWORD, Server};
use crate::support::shop;
use crate::support::sockets::Sockets;

/// Runs a test on a server of each store.
fn on_each_store(test: impl Fn(&Server)) {
    test(&Server::start());
    let database = Database::create();
    test(&Server::on(&database.url));
}

/// The names of an object's fields.
fn fields(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The tokens of somebody who is registered with a role.
fn person(server: &Server, company: &Company, role: &str, email: &str) -> Company {
    let body = json!({"name": role, "email": email, "password": PASSWORD, "role": role});
    company.post("/api/users", &body).expect(201);
    Company::sign_in(server.http, email)
}

/// Hears the only call until it has a status, and gives what was told of it: its id, its statuses in order.
#[track_caller]
fn hear(sockets: &mut Sockets, name: &str, until: &str) -> (String, Vec<String>) {
    let (mut statuses, mut last): (Vec<String>, u64) = (Vec::new(), 0);
    loop {
        let told = sockets.next(name, "call-status-updated");
        let [data, seq] = told.as_slice() else { panic!("two arguments: {told:?}") };
        assert_eq!(fields(data), BTreeSet::from(["callId", "status", "duration"]), "{data}");
        let seq = seq.as_u64().expect("a place");
        assert!(seq > last, "{seq} after {last}");
        last = seq;
        let status = text(&data["status"]);
        let over = status == "completed";
        assert!(data["duration"].as_u64().is_some_and(|seconds| over || seconds == 0), "{data}");
        statuses.push(status);
        if statuses.last().is_some_and(|status| status == until) {
            return (text(&data["callId"]), statuses);
        }
    }
}

#[test]
fn a_call_is_told_to_its_agent_and_to_managers_as_documented_and_to_nobody_else() {
    on_each_store(|server| {
        let (company, mut carrier, ann) = shop::direct(server);
        let bob = company.agent("bob");
        let manager = person(server, &company, "manager", "manager@example.com");
        let beta = company.found("Beta");
        let bea = beta.agent("bea");
        let mut sockets = Sockets::to(server.http);
        sockets.join("manager", manager.token());
        for agent in [&ann, &bob, &bea] {
            let token = Company::sign_in(server.http, &agent.email);
            sockets.join(&agent.email, token.token());
        }

        let mut phone = Peer::registered(server.sip, &ann.line);
        let mut call = carrier.invite(NUMBER);
        let ringing = phone.incoming();
        ringing.ring(&mut phone);
        call.expect(&mut carrier, 180);
        // Each is told as soon as it is so: whose phone rings, hears it too.
        let (id, heard) = hear(&mut sockets, "manager", "ringing");
        assert!(heard == ["initiated", "ringing"] || heard == ["ringing"], "{heard:?}");
        assert_eq!(hear(&mut sockets, &ann.email, "ringing").0, id);
        ringing.answer(&mut phone);
        call.expect(&mut carrier, 200);
        for name in ["manager", &ann.email] {
            assert_eq!(hear(&mut sockets, name, "in_progress"), (id.clone(), vec!["in_progress".to_owned()]));
        }
        call.hang_up(&mut carrier);
        ringing.hung_up(&mut phone);
        for name in ["manager", &ann.email] {
            assert_eq!(hear(&mut sockets, name, "completed"), (id.clone(), vec!["completed".to_owned()]));
        }
        assert_eq!(text(&company.only_call()["id"]), id);

        // What comes later has come: nothing came before.
        company.choose(&bob, "break");
        beta.choose(&bea, "break");
        for agent in [&bob, &bea] {
            sockets.next(&agent.email, "user-status-updated");
            assert_eq!(sockets.heard(&agent.email, "call-status-updated"), Vec::<Vec<Value>>::new());
        }
        server.await_idle();
    });
}

#[test]
fn a_choice_of_availability_is_told_as_documented_and_only_within_the_company() {
    on_each_store(|server| {
        let company = server.company();
        let (ann, bob) = (company.agent("ann"), company.agent("bob"));
        let beta = company.found("Beta");
        let bea = beta.agent("bea");
        let own = person(server, &beta, "admin", "admin@beta.example");
        let mut sockets = Sockets::to(server.http);
        sockets.join("manager", company.token());
        sockets.join("beta", own.token());
        // Long polling carries the same.
        let token = Company::sign_in(server.http, &ann.email);
        sockets.connect("ann", &json!({"token": token.token()}), &json!({"transports": ["polling"]}));
        sockets.standing("ann");
        sockets.join("bob", Company::sign_in(server.http, &bob.email).token());

        company.choose(&ann, "on_demand");
        for name in ["manager", "ann"] {
            let told = sockets.next(name, "user-status-updated");
            let data = &told[0];
            assert_eq!(fields(data), BTreeSet::from(["userId", "status", "lastActive"]), "{data}");
            assert_eq!((text(&data["userId"]), text(&data["status"])), (ann.id.clone(), "on_demand".to_owned()));
            let at = text(&data["lastActive"]).parse::<chrono::DateTime<chrono::Utc>>().expect("a time");
            assert!((SystemClock.now() - at).num_seconds().abs() < 60, "{data}");
            assert!(told[1].as_u64().is_some_and(|seq| seq > 0), "{told:?}");
        }
        company.choose(&bob, "break");
        assert_eq!(sockets.next("bob", "user-status-updated")[0]["userId"], bob.id.as_str());
        beta.choose(&bea, "break");
        assert_eq!(sockets.next("beta", "user-status-updated")[0]["userId"], bea.id.as_str());
        assert_eq!(sockets.next("manager", "user-status-updated")[0]["userId"], bob.id.as_str());
        company.choose(&ann, "available");
        assert_eq!(sockets.next("manager", "user-status-updated")[0]["userId"], ann.id.as_str());
        assert_eq!(sockets.heard("beta", "user-status-updated"), Vec::<Vec<Value>>::new());
        assert_eq!(sockets.heard("bob", "user-status-updated"), Vec::<Vec<Value>>::new());
    });
}

#[test]
fn ones_own_room_is_joined_and_somebody_elses_is_refused() {
    let server = Server::start();
    let company = server.company();
    let (ann, bob) = (company.agent("ann"), company.agent("bob"));
    let mut sockets = Sockets::to(server.http);
    sockets.join("ann", Company::sign_in(server.http, &ann.email).token());
    assert_eq!(sockets.ask("ann", "join-user-room", &json!(ann.id)), json!({"success": true, "userId": ann.id}));
    assert_eq!(sockets.ask("ann", "join-user-room", &json!(bob.id))["code"], "forbidden");
    for wrong in [json!("room"), json!(7), json!(null), json!({"id": ann.id})] {
        let answer = sockets.ask("ann", "join-user-room", &wrong);
        assert_eq!((&answer["success"], &answer["code"]), (&json!(false), &json!("invalid_input")), "{answer}");
    }
    company.choose(&bob, "break");
    company.choose(&ann, "break");
    assert_eq!(sockets.next("ann", "user-status-updated")[0]["userId"], ann.id.as_str());
}

#[test]
fn a_connection_without_a_valid_token_is_refused_with_the_reason() {
    let server = Server::start();
    let company = server.company();
    let mut sockets = Sockets::to(server.http);
    let once = json!({"reconnection": false});
    for (name, auth, code) in [
        ("nobody", json!({}), "no_token: "),
        ("stranger", json!({"token": "a.b.c"}), "invalid_token: "),
        ("confused", json!({"token": company.token(), "lastSeq": "first"}), "invalid_input: "),
        ("lost", json!({"token": company.token(), "companyId": "here"}), "invalid_input: "),
        (
            "intruder",
            json!({"token": company.token(), "companyId": "01890000-0000-7000-8000-000000000001"}),
            "not_found: ",
        ),
    ] {
        sockets.connect(name, &auth, &once);
        let message = text(&sockets.next(name, "connect_error")[0]);
        assert!(message.starts_with(code), "{name}: {message}");
    }
    // The token may come by other ways, too.
    let bearer = format!("Bearer {}", company.token());
    sockets.connect("header", &json!({}), &json!({"extraHeaders": {"Authorization": bearer}}));
    sockets.connect("query", &json!({}), &json!({"query": {"token": company.token()}}));
    sockets.connect("socket", &json!({"token": bearer}), &json!({"transports": ["websocket"]}));
    for name in ["header", "query", "socket"] {
        sockets.standing(name);
    }
    assert_eq!(server.metric("dialplane_live_streams"), Some(3.0));
    drop(sockets);
    server.await_zero("dialplane_live_streams", std::time::Duration::from_secs(10));
}

/// Events that come while a client is cut off again and again.
const MANY: usize = 1_000;

#[test]
fn a_client_that_is_cut_off_again_and_again_hears_every_event_once() {
    on_each_store(|server| {
        let company = server.company();
        let ann = company.agent("ann");
        let mut sockets = Sockets::to(server.http);
        let began = sockets.join("manager", company.token());
        let words = |n: usize| ["break", "available", "offline", "on_demand"][n % 4];
        let (mut heard, mut cuts) = (Vec::new(), 0);
        std::thread::scope(|scope| {
            scope.spawn(|| (0..MANY).for_each(|n| company.choose(&ann, words(n))));
            while heard.len() < MANY {
                let told = sockets.next("manager", "user-status-updated");
                heard.push((told[1].as_u64().expect("a place"), text(&told[0]["status"])));
                if heard.len() % 150 == 0 {
                    cuts += 1;
                    sockets.cut("manager");
                    sockets.next("manager", "disconnect");
                }
            }
        });
        assert_eq!(cuts, 6);
        assert!(heard[0].0 > began && heard.windows(2).all(|pair| pair[0].0 < pair[1].0), "in order, none twice");
        let expected: Vec<&str> = (0..MANY).map(words).collect();
        assert_eq!(heard.iter().map(|(_, word)| word.as_str()).collect::<Vec<_>>(), expected);
        // One that was away all the time is told the same.
        let auth = json!({"token": company.token(), "lastSeq": began});
        sockets.connect("late", &auth, &json!({}));
        sockets.standing("late");
        let replayed: Vec<_> = sockets.heard("late", "user-status-updated");
        assert_eq!(replayed.iter().map(|told| told[1].as_u64().unwrap()).collect::<Vec<_>>(), {
            heard.iter().map(|(seq, _)| *seq).collect::<Vec<_>>()
        });
    });
}

/// Does something in the store of a server on SQLite, beside it.
fn beside<T>(server: &Server, company: &Company, work: impl AsyncFnOnce(Engine, CompanyId) -> T) -> T {
    let profile = company.get("/api/auth/profile").expect(200);
    let company = text(&profile["company"]["id"]).parse().expect("an id");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = SqliteStore::open(server.database_file()).await.expect("the database");
        work(Engine::new(store), company).await
    })
}

/// Puts events into the store of a server.
pub(crate) fn append(server: &Server, company: &Company, count: usize, event: impl Fn() -> Event) {
    let ids = SystemIds::default();
    let ids: &dyn IdSource = &ids;
    beside(server, company, async |engine, company| {
        let envelope = || Envelope {
            id: ids.id(engine.now()),
            company,
            seq: 0,
            at: engine.now(),
            actor: ActorName::System,
            version: Event::VERSION,
            event: event(),
        };
        let events: Vec<Envelope> = (0..count).map(|_| envelope()).collect();
        for some in events.chunks(500) {
            let scope = Actor::system_for(company).scope();
            let mut tx = engine.store().begin(scope, Access::Write).await.expect("a unit of work");
            tx.append_events(some).await.expect("stored");
            tx.commit().await.expect("committed");
        }
    });
}

#[test]
fn a_lead_is_told_to_whom_it_is_given_and_to_nobody_else() {
    let server = Server::start();
    let company = server.company();
    let (ann, bob) = (company.agent("ann"), company.agent("bob"));
    let mut sockets = Sockets::to(server.http);
    for agent in [&ann, &bob] {
        sockets.join(&agent.email, Company::sign_in(server.http, &agent.email).token());
    }
    let began = sockets.join("manager", company.token());
    let lead = beside(&server, &company, async |engine, company| {
        let actor = Actor::host(company);
        let (name, phone) = ("Carla Customer".to_owned(), Some("+12025550188".to_owned()));
        let lead = NewLead { name, phone, ..NewLead::default() };
        let (lead, _) = engine.execute(&actor, &CreateLead { lead }).await.expect("a lead");
        for user in [&bob.id, &ann.id] {
            let user = Some(user.parse().expect("an id"));
            let assign = AssignLead { lead: lead.id, user, expected_version: None };
            engine.execute(&actor, &assign).await.expect("assigned");
        }
        lead.id.to_string()
    });
    let told = sockets.next(&ann.email, "new-lead-assigned");
    assert_eq!(fields(&told[0]), BTreeSet::from(["leadId", "leadName", "leadPhone", "assignedAt"]), "{told:?}");
    assert_eq!(told[0]["leadId"], lead.as_str());
    assert_eq!((&told[0]["leadName"], &told[0]["leadPhone"]), (&json!("Carla Customer"), &json!("+12025550188")));
    assert!(text(&told[0]["assignedAt"]).parse::<chrono::DateTime<chrono::Utc>>().is_ok(), "{told:?}");
    assert!(told[1].as_u64() > Some(began), "{told:?}");
    company.choose(&bob, "break");
    sockets.next(&bob.email, "user-status-updated");
    sockets.next("manager", "user-status-updated");
    // Bob may have been told as long as it was his.
    assert!(sockets.heard(&bob.email, "new-lead-assigned").len() <= 1);
    assert_eq!(sockets.heard("manager", "new-lead-assigned"), Vec::<Vec<Value>>::new());
}

#[test]
fn a_client_that_was_away_for_too_long_is_told_so_and_goes_on_from_now() {
    let server = Server::start();
    let company = server.company();
    let ann = company.agent("ann");
    let mut sockets = Sockets::to(server.http);
    let began = sockets.join("manager", company.token());
    append(&server, &company, 10_001, || Event::AllowanceReset { assignments: 1 });
    for (name, last_seq) in [("late", began), ("from elsewhere", 1 << 40)] {
        sockets.connect(name, &json!({"token": company.token(), "lastSeq": last_seq, "envelopes": true}), &json!({}));
        let place = sockets.next(name, "replay-reset")[0]["seq"].as_u64().expect("a place");
        assert!(place > began && place < 1 << 40, "{place}");
        assert_eq!(sockets.heard(name, "event"), Vec::<Vec<Value>>::new());
    }
    company.choose(&ann, "break");
    assert_eq!(sockets.next("late", "user-status-updated")[0]["userId"], ann.id.as_str());
    // Whoever asks for envelopes gets them, with the same place.
    let told = sockets.next("late", "event");
    assert_eq!((&told[0]["type"], &told[0]["seq"]), (&json!("agent.availability_changed"), &told[1]));
    assert_eq!(told[0]["data"], json!({"user": ann.id, "availability": "break"}));
}

#[test]
fn who_is_disabled_or_signs_out_is_disconnected_and_so_is_a_token_whose_time_is_over() {
    on_each_store(|server| {
        let company = server.company();
        let (ann, bob) = (company.agent("ann"), company.agent("bob"));
        let mut sockets = Sockets::to(server.http);
        let bobs = Company::sign_in(server.http, &bob.email);
        sockets.join("ann", Company::sign_in(server.http, &ann.email).token());
        sockets.join("bob", bobs.token());
        sockets.join("admin", company.token());
        // A change that revokes nothing ends nothing.
        company.put(&format!("/api/users/{}", bob.id), &json!({"name": "Robert"})).expect(200);
        company.put(&format!("/api/users/{}", ann.id), &json!({"isActive": false})).expect(200);
        assert_eq!(sockets.next("ann", "end")[0]["reason"], "token_revoked");
        assert_eq!(sockets.next("ann", "disconnect")[0], "io server disconnect");
        sockets.again("ann");
        assert!(text(&sockets.next("ann", "connect_error")[0]).starts_with("invalid_token: "));
        company.choose(&bob, "break");
        sockets.next("bob", "user-status-updated");
        bobs.post("/api/auth/logout", &json!({})).expect(200);
        assert_eq!(sockets.next("bob", "end")[0]["reason"], "token_revoked");
        assert_eq!(sockets.next("bob", "disconnect")[0], "io server disconnect");
        assert_eq!(sockets.heard("admin", "disconnect"), Vec::<Vec<Value>>::new());
    });
    let server = Server::start_set("access_token_life = \"3s\"\n");
    let mut sockets = Sockets::to(server.http);
    sockets.join("admin", server.company().token());
    assert_eq!(sockets.next("admin", "end")[0]["reason"], "token_expired");
    assert_eq!(sockets.next("admin", "disconnect")[0], "io server disconnect");
}

#[test]
fn members_hear_the_calls_of_their_queue_as_long_as_they_are_members() {
    let server = Server::start();
    let (company, mut carrier, ann) = shop::direct(&server);
    let (bob, cat) = (company.agent("bob"), company.agent("cat"));
    let queue = company.queue(20, 60, &[&ann, &bob]);
    company.route("+12025550101", "queue", &queue);
    let mut sockets = Sockets::to(server.http);
    for agent in [&ann, &bob, &cat] {
        sockets.join(&agent.email, Company::sign_in(server.http, &agent.email).token());
    }
    // Nobody's phone is there: the call waits.
    let mut call = carrier.invite("+12025550101");
    let told = |sockets: &mut Sockets, name: &str| text(&sockets.next(name, "call-status-updated")[0]["status"]);
    for agent in [&ann, &bob] {
        while told(&mut sockets, &agent.email) != "queued" {}
    }
    company
        .put(&format!("/api/queues/{queue}"), &json!({"members": [{"agentId": ann.id}, {"agentId": cat.id}]}))
        .expect(200);
    call.cancel(&mut carrier);
    for agent in [&ann, &cat] {
        while told(&mut sockets, &agent.email) != "abandoned" {}
    }
    company.choose(&bob, "break");
    sockets.next(&bob.email, "user-status-updated");
    assert_eq!(sockets.heard(&bob.email, "call-status-updated"), Vec::<Vec<Value>>::new());
}

#[test]
fn a_server_that_stops_lets_clients_come_again() {
    let mut server = Server::start();
    let company = server.company();
    let ann = company.agent("ann");
    let mut sockets = Sockets::to(server.http);
    sockets.join("admin", company.token());
    // A client that changes from polling to a WebSocket at this very moment hears no more than that the connection is gone.
    assert_eq!(sockets.next("admin", "upgrade")[0], "websocket");
    server.terminate();
    assert_eq!(sockets.next("admin", "end")[0]["reason"], "stopping");
    assert_eq!(sockets.next("admin", "disconnect")[0], "transport close");
    assert!(server.ended(std::time::Duration::from_secs(10)).success());
    server.restart();
    sockets.standing("admin");
    company.choose(&ann, "break");
    sockets.next("admin", "user-status-updated");
}
