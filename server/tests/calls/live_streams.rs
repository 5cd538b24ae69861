//! Live events as server-sent events, read by a plain client.

use std::time::Duration;

use dialplane_core::clock::{Clock as _, SystemClock};
use dialplane_core::event::Event;
use dialplane_core::id::{IdSource, SystemIds};
use serde_json::json;

use crate::live_sockets::append;
use crate::support::company::{Company, text};
use crate::support::event_stream::EventStream;
use crate::support::postgres::Database;
use crate::support::server::Server;
use crate::support::wait::until;

/// Runs a test on a server of each store.
fn on_each_store(test: impl Fn(&Server)) {
    test(&Server::start());
    let database = Database::create();
    test(&Server::on(&database.url));
}

#[test]
fn a_stream_tells_what_happens_and_after_a_break_what_was_missed() {
    on_each_store(|server| {
        let company = server.company();
        let ann = company.agent("ann");
        let mut stream = EventStream::open(server.http, "/api/events", company.token(), "");
        assert_eq!(stream.status, 200, "{}", stream.headers);
        assert!(stream.headers.contains("content-type: text/event-stream"), "{}", stream.headers);
        assert!(stream.headers.contains("cache-control: no-"), "{}", stream.headers);
        let began = stream.expect("cursor").id.expect("a place");
        company.choose(&ann, "break");
        let first = stream.expect("agent.availability_changed");
        let seq = first.id.expect("a place");
        assert!(seq > began);
        let data = &first.data;
        assert_eq!((&data["type"], &data["seq"]), (&json!("agent.availability_changed"), &json!(seq)), "{data}");
        assert_eq!(data["data"], json!({"user": ann.id, "availability": "break"}), "{data}");
        assert!(text(&data["actor"]).starts_with("user:"), "{data}");
        drop(stream);
        company.choose(&ann, "offline");
        company.choose(&ann, "available");
        let mut missed = vec!["offline", "available"];
        let header = format!("Last-Event-ID: {seq}\r\n");
        for (path, headers, next) in [
            ("/api/events".to_owned(), header.as_str(), "break"),
            (format!("/api/events?after={seq}"), "", "on_demand"),
        ] {
            let mut stream = EventStream::open(server.http, &path, company.token(), headers);
            for word in &missed {
                assert_eq!(stream.expect("agent.availability_changed").data["data"]["availability"], *word);
            }
            stream.expect("cursor");
            company.choose(&ann, next);
            assert_eq!(stream.expect("agent.availability_changed").data["data"]["availability"], next);
            missed.push(next);
        }
        let elsewhere = format!("Last-Event-ID: {}\r\n", 1_u64 << 40);
        let mut stream = EventStream::open(server.http, "/api/events", company.token(), &elsewhere);
        stream.expect("replay-reset");
    });
}

#[test]
fn a_stream_carries_the_chosen_kinds_that_its_reader_may_see() {
    on_each_store(|server| {
        let company = server.company();
        let (ann, bob) = (company.agent("ann"), company.agent("bob"));
        let anns = Company::sign_in(server.http, &ann.email);
        let mut own = EventStream::open(server.http, "/api/events", anns.token(), "");
        let path = "/api/events?types=user.*,phone_numbers.added";
        let mut chosen = EventStream::open(server.http, path, company.token(), "");
        own.expect("cursor");
        chosen.expect("cursor");
        company.choose(&bob, "break");
        company.number("+12025550111");
        company.put(&format!("/api/users/{}", bob.id), &json!({"name": "Robert"})).expect(200);
        company.choose(&ann, "break");
        assert_eq!(own.expect("agent.availability_changed").data["data"]["user"], ann.id.as_str());
        chosen.expect("phone_numbers.added");
        assert_eq!(chosen.expect("user.updated").data["data"]["user"], bob.id.as_str());
        company.put(&format!("/api/users/{}", ann.id), &json!({"isActive": false})).expect(200);
        // Nothing more is told to whom nothing may be told any more.
        assert_eq!(own.expect("end").data["reason"], "token_revoked");
        assert_eq!(own.next(), None);
    });
}

#[test]
fn an_agent_hears_what_becomes_of_their_leads_and_gets_those_of_who_has_left() {
    on_each_store(|server| {
        let company = server.company();
        let (ann, bob) = (company.agent("ann"), company.agent("bob"));
        let anns = Company::sign_in(server.http, &ann.email);
        let mut own = EventStream::open(server.http, "/api/events?types=lead.*", anns.token(), "");
        own.expect("cursor");
        let body = json!({"name": "Carla Customer", "phone": "+12025550188", "assignedTo": bob.id});
        let made = company.post("/api/leads", &body).expect(201);
        let lead = text(&made["lead"]["id"]);
        let path = format!("/api/leads/{lead}");
        company.put(&path, &json!({"name": "Carla"})).expect(200);
        company.send("DELETE", &format!("/api/users/{}", bob.id), None).expect("an answer").expect(200);
        let told = own.expect("lead.assigned").data["data"].clone();
        assert_eq!((&told["lead"], &told["user"], &told["previous"]), (&json!(lead), &json!(ann.id), &json!(bob.id)));
        company.put(&path, &json!({"priority": "urgent"})).expect(200);
        let told = own.expect("lead.updated").data["data"].clone();
        assert_eq!(told, json!({"lead": lead, "owner": ann.id}));
        company.put(&path, &json!({"status": "contacted"})).expect(200);
        assert_eq!(own.expect("lead.status_changed").data["data"]["to"], "contacted");
        // Who loses a lead is told, and hears nothing of it any more.
        company.put(&path, &json!({"assignedTo": null})).expect(200);
        assert_eq!(own.expect("lead.assigned").data["data"]["previous"], ann.id.as_str());
        company.put(&path, &json!({"priority": "low"})).expect(200);
        company.put(&path, &json!({"assignedTo": ann.id})).expect(200);
        own.expect("lead.assigned");
        company.send("DELETE", &path, None).expect("an answer").expect(200);
        assert_eq!(own.expect("lead.deleted").data["data"]["lead"], lead);
    });
}

#[test]
fn bad_requests_for_streams_name_what_is_wrong() {
    let server = Server::start();
    let company = server.company();
    for (path, headers, status) in [
        ("/api/events?types=call", "", 400),
        ("/api/events?after=-1", "", 400),
        ("/api/events", "Last-Event-ID: x\r\n", 400),
    ] {
        assert_eq!(EventStream::open(server.http, path, company.token(), headers).status, status, "{path} {headers}");
    }
    assert_eq!(EventStream::open(server.http, "/api/events", "", "").status, 401);
    let streams: Vec<_> =
        (0..33).map(|_| EventStream::open(server.http, "/api/events", company.token(), "").status).collect();
    assert_eq!(
        (streams[..32].iter().all(|status| *status == 200), streams[32]),
        (true, 200),
        "closed ones do not count"
    );
    let open: Vec<_> = (0..33).map(|_| EventStream::open(server.http, "/api/events", company.token(), "")).collect();
    assert!(open[..32].iter().all(|stream| stream.status == 200) && open[32].status == 429);
}

#[test]
fn a_burst_larger_than_what_waits_in_memory_reaches_its_reader_whole() {
    let server = Server::start();
    let company = server.company();
    let mut stream = EventStream::open(server.http, "/api/events?types=allowance.reset", company.token(), "");
    let mut last = stream.expect("cursor").id;
    append(&server, &company, 5_000, || Event::AllowanceReset { assignments: 1 });
    let mut count = 0;
    while count < 5_000 {
        let told = stream.next().expect("the stream goes on");
        assert!(told.id > last, "{told:?} after {last:?}");
        last = told.id;
        count += u32::from(told.event == "allowance.reset");
    }
    // From memory again.
    append(&server, &company, 1, || Event::AllowanceReset { assignments: 2 });
    while stream.next().expect("the stream goes on").event != "allowance.reset" {}
}

#[test]
fn a_reader_that_does_not_read_is_dropped_and_others_go_on() {
    let server = Server::start();
    let company = server.company();
    let lazy = EventStream::open(server.http, "/api/events", company.token(), "");
    let mut busy = EventStream::open(server.http, "/api/events?types=agent.*", company.token(), "");
    busy.expect("cursor");
    let ids = SystemIds::default();
    let ids: &dyn IdSource = &ids;
    // More than all buffers between the two hold.
    let numbers: Vec<_> = (0..500).map(|_| ids.id(SystemClock.now())).collect();
    append(&server, &company, 4_000, || Event::NumbersAdded { numbers: numbers.clone() });
    let ann = company.agent("ann");
    company.choose(&ann, "break");
    while busy.next().expect("the stream goes on").event != "agent.availability_changed" {}
    until(Duration::from_secs(40), "the reader is dropped", || {
        server.metric("dialplane_live_streams_ended_total").filter(|count| *count == 1.0)
    });
    drop(lazy);
    until(Duration::from_secs(20), "one stream is left", || {
        server.metric("dialplane_live_streams").filter(|open| *open == 1.0)
    });
}

#[test]
fn a_server_that_stops_ends_its_streams() {
    let mut server = Server::start();
    let mut stream = EventStream::open(server.http, "/api/events", server.company().token(), "");
    stream.expect("cursor");
    server.terminate();
    assert_eq!(stream.expect("end").data["reason"], "stopping");
    assert_eq!(stream.next(), None);
    assert!(server.ended(Duration::from_secs(10)).success());
}
