//! The call log of document 002: entries, corrections, deletions, officers and analytics, on each store.

use dialplane_core::call::{CallDay, CallSums};
use dialplane_core::lead::{CountBy, LeadFigures};
use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, Store as _};
use dialplane_storage_sqlite::SqliteStore;
use serde_json::{Value, json};

use crate::support::{Answer, Person, Server, assert_problem, output};

/// A company in New York with an officer, on each store.
async fn shops() -> Vec<(Server, Person, Person)> {
    let mut shops = Vec::new();
    for server in Server::on_each_store() {
        let admin = server.set_up().await;
        let officer = server.join(&admin.token, "officer", "ann@alpha.example").await;
        shops.push((server, admin, officer));
    }
    shops
}

async fn enter(server: &Server, token: &str, body: Value) -> Value {
    let answer = server.call("POST", "/api/calls", token, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body["call"].clone()
}

fn fields(answer: &Answer) -> Vec<&str> {
    answer.body["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", answer.text))
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect()
}

const MARCH: &str = "dateFrom=2026-03-01&dateTo=2026-03-31";

async fn volumes(server: &Server, token: &str) -> Value {
    server.get(&format!("/api/analytics/volumes?{MARCH}"), token).await
}

#[tokio::test]
async fn an_entry_is_in_the_log_and_in_every_figure_until_it_is_deleted() {
    for (server, admin, ann) in shops().await {
        let body = json!({
            "callType": "inbound", "status": "completed", "startTime": "2026-03-02T04:30:00Z", "duration": 300,
            "number": "(202) 555-0123", "outcome": "interested", "comments": "Žofie 李小龍 🦜 مرحبا asked for a quote",
        });
        let call = enter(&server, &ann.token, body).await;
        assert_eq!(call["telecaller"]["_id"], ann.id.as_str());
        let expected = json!(["inbound", "completed", "+12025550123", 300, "interested"]);
        let said = json!([call["callType"], call["status"], call["from"], call["duration"], call["outcome"]]);
        assert_eq!(said, expected);
        assert_eq!(call["notes"], "Žofie 李小龍 🦜 مرحبا asked for a quote");
        assert_eq!(call["endTime"], "2026-03-02T04:35:00Z");
        let missed = json!({"officerId": ann.id, "status": "no_answer", "startTime": "2026-03-03T12:00:00Z"});
        enter(&server, &admin.token, missed).await;

        // Half past four in the morning of UTC is the evening before in New York.
        let report = volumes(&server, &admin.token).await;
        let day =
            |date: &str| report["daily"].as_array().unwrap().iter().find(|day| day["date"] == date).unwrap().clone();
        assert_eq!(report["daily"].as_array().unwrap().len(), 31);
        assert_eq!((&day("2026-03-01")["calls"], &day("2026-03-01")["talkSeconds"]), (&json!(1), &json!(300)));
        assert_eq!((&day("2026-03-02")["calls"], &day("2026-03-03")["notConnected"]), (&json!(0), &json!(1)));
        assert_eq!((&report["monthly"][0]["month"], &report["monthly"][0]["calls"]), (&json!("2026-03"), &json!(2)));
        assert_eq!((&report["total"]["inbound"], &report["total"]["connected"]), (&json!(1), &json!(1)));
        let officer = server.get(&format!("/api/officers/{}", ann.id), &admin.token).await;
        assert_eq!(officer["officer"]["totalCalls"], 2);
        assert_eq!(officer["officer"]["talkSeconds"], 300);
        assert_eq!(officer["officer"]["firstCallTime"], "2026-03-02T04:30:00Z");
        assert_eq!((officer["calls"].as_array().unwrap().len(), &officer["pagination"]["total"]), (2, &json!(2)));
        let callers = server.get("/api/callers", &admin.token).await;
        assert_eq!(
            (&callers["callers"][0]["total_calls"], &callers["callers"][0]["connected_calls"]),
            (&json!(2), &json!(1))
        );

        // Corrected, it counts for another day, and no longer as an answered call.
        let path = format!("/api/calls/{}", call["id"].as_str().unwrap());
        let corrected = json!({"status": "busy", "startTime": "2026-03-05T12:00:00Z", "callType": "outbound"});
        let corrected = server.ok("PUT", &path, &ann.token, corrected).await;
        let said = json!([corrected["call"]["duration"], corrected["call"]["to"], corrected["call"]["outcome"]]);
        assert_eq!(said, json!([0, "+12025550123", "interested"]));
        let report = volumes(&server, &admin.token).await;
        assert_eq!(report["daily"][0]["calls"], 0);
        assert_eq!((&report["daily"][4]["outbound"], &report["total"]["connected"]), (&json!(1), &json!(0)));

        assert_eq!(server.call("DELETE", &path, &ann.token, Value::Null).await.status, 200);
        assert_problem(&server.call("GET", &path, &ann.token, Value::Null).await, 404, "not_found");
        assert_eq!(volumes(&server, &admin.token).await["total"]["calls"], 1);
        let officer = server.get(&format!("/api/officers/{}", ann.id), &ann.token).await;
        assert_eq!(officer["officer"]["firstCallTime"], "2026-03-03T12:00:00Z");
        assert_eq!(officer["officer"]["lastCallTime"], "2026-03-03T12:00:00Z");
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_is_refused_with_every_field_at_once() {
    let server = Server::start();
    let admin = server.set_up().await;
    let ann = server.join(&admin.token, "officer", "ann@alpha.example").await;
    let body = json!({"callType": "sideways", "status": "great", "startTime": "yesterday", "duration": -5, "notes": 7});
    let answer = server.call("POST", "/api/calls", &ann.token, body).await;
    assert_problem(&answer, 400, "invalid_input");
    let mut found = fields(&answer);
    found.sort_unstable();
    assert_eq!(found, ["callType", "duration", "notes", "startTime", "status"]);
    let one = async |body: Value| {
        let answer = server.call("POST", "/api/calls", &ann.token, body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        fields(&answer).join(" ")
    };
    assert_eq!(one(json!({"status": "ringing"})).await, "status");
    assert_eq!(one(json!({"status": "busy", "duration": 3})).await, "duration");
    assert_eq!(one(json!({"duration": 86_401})).await, "duration");
    assert_eq!(one(json!({"duration": 99_999_999_999_i64})).await, "duration");
    assert_eq!(one(json!({"startTime": "2999-01-01T00:00:00Z"})).await, "startTime");
    assert_eq!(one(json!({"startTime": "0001-01-01T00:00:00Z"})).await, "startTime");
    assert_eq!(one(json!({"number": "12"})).await, "number");
    assert_eq!(one(json!({"comments": "x".repeat(10_001)})).await, "notes");
    let nobody = json!({"officerId": "0199a0a0-0000-7000-8000-000000000000"});
    let answer = server.call("POST", "/api/calls", &admin.token, nobody).await;
    assert_eq!((answer.status, fields(&answer)), (400, vec!["telecaller"]));
    assert_eq!(server.get("/api/calls", &admin.token).await["pagination"]["total"], 0);
}

#[tokio::test]
async fn agents_keep_their_own_log_and_managers_everybodys() {
    let server = Server::start();
    let admin = server.set_up().await;
    let ann = server.join(&admin.token, "officer", "ann@alpha.example").await;
    let bob = server.join(&admin.token, "telecaller", "bob@alpha.example").await;
    let boss = server.join(&admin.token, "supervisor", "boss@alpha.example").await;
    assert_problem(
        &server.call("POST", "/api/calls", &bob.token, json!({"officerId": ann.id})).await,
        403,
        "forbidden",
    );
    let call = enter(&server, &boss.token, json!({"officerId": ann.id, "duration": 60})).await;
    let path = format!("/api/calls/{}", call["id"].as_str().unwrap());
    for method in ["GET", "PUT", "DELETE"] {
        let body = if method == "PUT" { json!({"notes": "mine"}) } else { Value::Null };
        assert_problem(&server.call(method, &path, &bob.token, body).await, 404, "not_found");
    }
    // It can be given to somebody else, by those who may.
    assert_problem(&server.call("PUT", &path, &ann.token, json!({"telecaller": bob.id})).await, 403, "forbidden");
    server.ok("PUT", &path, &boss.token, json!({"telecaller": bob.id})).await;
    let of = async |person: &Person| {
        server.get(&format!("/api/officers/{}", person.id), &boss.token).await["officer"]["totalCalls"].clone()
    };
    assert_eq!((of(&ann).await, of(&bob).await), (json!(0), json!(1)));
    let report = server.get("/api/analytics/call-time-per-officer", &bob.token).await;
    assert_eq!(
        (&report["officers"][0]["officer"]["_id"], &report["total"]["talkSeconds"]),
        (&json!(bob.id), &json!(60))
    );
    let others = format!("/api/analytics/volumes?officerId={}", bob.id);
    assert_problem(&server.call("GET", &others, &ann.token, Value::Null).await, 403, "forbidden");
    assert_problem(&server.call("GET", "/api/officers", &ann.token, Value::Null).await, 403, "forbidden");
    // A stale correction changes nothing.
    let stale = server.request("PUT", &path, &boss.token).header("if-match", "\"1\"").json(&json!({"notes": "old"}));
    assert_problem(&crate::support::answer(stale).await, 409, "stale_version");
    server.ok("DELETE", &path, &boss.token, Value::Null).await;
    assert_eq!(of(&bob).await, json!(0));
}

#[tokio::test]
async fn officers_are_the_people_of_kind_agent() {
    for (server, admin, ann) in shops().await {
        let boss = server.join(&admin.token, "manager", "boss@alpha.example").await;
        let list = server.get("/api/officers", &admin.token).await;
        assert_eq!(
            (&list["pagination"]["total"], &list["officers"][0]["email"]),
            (&json!(1), &json!("ann@alpha.example"))
        );
        let path = format!("/api/officers/{}", ann.id);
        let changed = server.ok("PUT", &path, &boss.token, json!({"name": "Ann Marie", "department": "field"})).await;
        assert_eq!(
            (&changed["officer"]["name"], &changed["officer"]["department"]),
            (&json!("Ann Marie"), &json!("field"))
        );
        let boss_path = format!("/api/officers/{}", boss.id);
        for (method, body) in [("GET", Value::Null), ("PUT", json!({"name": "X"})), ("DELETE", Value::Null)] {
            assert_problem(&server.call(method, &boss_path, &admin.token, body).await, 404, "not_found");
        }
        enter(&server, &ann.token, json!({"duration": 60, "startTime": "2026-03-02T12:00:00Z"})).await;
        server.ok("DELETE", &path, &boss.token, Value::Null).await;
        assert_eq!(server.get("/api/officers", &admin.token).await["pagination"]["total"], 0);
        // The calls stay, and the report still knows whose they were.
        let report = server.get(&format!("/api/analytics/call-time-per-officer?{MARCH}"), &admin.token).await;
        let officer = &report["officers"][0]["officer"];
        assert_eq!((&officer["id"], &officer["name"]), (&json!(ann.id), &Value::Null));
    }
}

#[tokio::test]
async fn analytics_follow_the_days_asked_for_and_the_companys_time_zone() {
    for (server, admin, ann) in shops().await {
        let bob = server.join(&admin.token, "telecaller", "bob@alpha.example").await;
        for (officer, start, duration) in [
            (&ann, "2026-03-01T04:30:00Z", 100),
            (&ann, "2026-03-01T15:00:00Z", 200),
            (&bob, "2026-03-31T23:30:00Z", 50),
            (&bob, "2026-04-01T03:59:59Z", 60),
            (&bob, "2026-04-01T04:00:00Z", 70),
        ] {
            enter(&server, &officer.token, json!({"startTime": start, "duration": duration})).await;
        }
        // The first is of the last day of February in New York, the last but one of the last day of March.
        let report = volumes(&server, &admin.token).await;
        assert_eq!((&report["total"]["calls"], &report["total"]["talkSeconds"]), (&json!(3), &json!(310)));
        let time = server.get(&format!("/api/analytics/call-time-per-officer?{MARCH}"), &admin.token).await;
        let rows: Vec<Value> = time["officers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| json!([row["officer"]["id"], row["calls"], row["talkSeconds"], row["averageSeconds"]]))
            .collect();
        assert_eq!(rows, [json!([ann.id, 1, 200, 200]), json!([bob.id, 2, 110, 55])]);
        let days = server.get(&format!("/api/analytics/calls-per-officer-per-day?{MARCH}"), &admin.token).await;
        let rows: Vec<Value> = days["days"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| json!([row["date"], row["officer"]["id"], row["calls"]]))
            .collect();
        assert_eq!(rows, [json!(["2026-03-01", ann.id, 1]), json!(["2026-03-31", bob.id, 2])]);
        // In another zone, counted from the log.
        let utc = server.get(&format!("/api/analytics/volumes?{MARCH}&timezone=UTC"), &admin.token).await;
        assert_eq!((&utc["timezone"], &utc["total"]["calls"]), (&json!("UTC"), &json!(3)));
        assert_eq!((&utc["daily"][0]["calls"], &utc["daily"][30]["calls"]), (&json!(2), &json!(1)));
        let one = format!("/api/analytics/volumes?{MARCH}&timezone=UTC&officerId={}", bob.id);
        assert_eq!(server.get(&one, &admin.token).await["total"]["calls"], 1);
        // A company that moves counts by its new days from then on.
        let company = server.get("/api/auth/profile", &admin.token).await["company"]["id"].clone();
        let company = format!("/api/companies/{}", company.as_str().unwrap());
        server.ok("PUT", &company, &admin.token, json!({"timezone": "UTC"})).await;
        let moved = volumes(&server, &admin.token).await;
        assert_eq!(
            (&moved["timezone"], &moved["total"], &moved["daily"]),
            (&json!("UTC"), &utc["total"], &utc["daily"])
        );
    }
}

#[tokio::test]
async fn a_kept_answer_says_so_and_ends_with_the_next_call() {
    let server = Server::start();
    let admin = server.set_up().await;
    let path = format!("/api/analytics/volumes?{MARCH}");
    let ask = async || {
        let answer = server.call("GET", &path, &admin.token, Value::Null).await;
        (answer.headers["x-cache"].to_str().unwrap().to_owned(), answer.body["total"]["calls"].clone())
    };
    let said = |found: &str, calls: i64| (found.to_owned(), json!(calls));
    assert_eq!(ask().await, said("miss", 0));
    assert_eq!(ask().await, said("hit", 0));
    enter(&server, &admin.token, json!({"startTime": "2026-03-02T12:00:00Z"})).await;
    assert_eq!(ask().await, said("miss", 1));
    assert_eq!(ask().await, said("hit", 1));
}

#[tokio::test]
async fn days_that_cannot_be_are_refused_by_their_field() {
    let server = Server::start();
    let admin = server.set_up().await;
    for report in ["volumes", "call-time-per-officer", "calls-per-officer-per-day"] {
        for (query, field) in [
            ("dateFrom=2026-03-02&dateTo=2026-03-01", "dateTo"),
            ("dateFrom=2026-02-30", "dateFrom"),
            ("dateTo=tomorrow", "dateTo"),
            ("dateFrom=0001-01-01", "dateFrom"),
            ("dateTo=%2B262142-12-31", "dateTo"),
            ("timezone=Mars/Olympus", "timezone"),
            ("dateFrom=2026-01-01&dateTo=2026-12-31&timezone=Asia/Tokyo", "dateFrom"),
            ("officerId=me", "officerId"),
        ] {
            let answer =
                server.call("GET", &format!("/api/analytics/{report}?{query}"), &admin.token, Value::Null).await;
            assert_eq!((answer.status, fields(&answer)), (400, vec![field]), "{report} {query}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn the_doctor_proves_the_sums_and_finds_what_is_wrong_with_them() {
    let server = Server::start();
    let admin = server.set_up().await;
    let ann = server.join(&admin.token, "officer", "ann@alpha.example").await;
    for day in 1..=20 {
        let start = format!("2026-03-{day:02}T12:00:00Z");
        enter(&server, &ann.token, json!({"startTime": start, "duration": 60})).await;
    }
    let doctor = || output(server.directory.path(), &["--json", "doctor", "--verify"], &[]);
    let told = |output: &std::process::Output| serde_json::from_slice::<Value>(&output.stdout).unwrap();
    let fine = doctor();
    assert!(fine.status.success(), "{fine:?}");
    assert_eq!((&told(&fine)[0]["check"], &told(&fine)[0]["ok"]), (&json!("figures"), &json!(true)));

    let lead = json!({"name": "John Doe", "email": "john@example.com", "status": "converted", "value": 250});
    assert_eq!(server.call("POST", "/api/leads", &admin.token, lead).await.status, 201);
    let fine = told(&doctor());
    assert_eq!((&fine[1]["check"], &fine[1]["ok"]), (&json!("lead figures"), &json!(true)), "{fine}");

    let store = SqliteStore::open(server.directory.path().join("data/dialplane.db")).await.unwrap();
    let company =
        server.get("/api/auth/profile", &admin.token).await["company"]["id"].as_str().unwrap().parse().unwrap();
    let mut tx = store.begin(Scope::Company(company), Access::Write).await.unwrap();
    let sums = CallSums { inbound: 1, ..CallSums::default() };
    tx.add_call_days(&[CallDay { company, day: "2026-03-05".parse().unwrap(), agent: None, sums }]).await.unwrap();
    let counts = [((CountBy::Status, "new".to_owned()), 2)].into();
    tx.add_lead_figures(company, &LeadFigures { counts, ..LeadFigures::default() }).await.unwrap();
    tx.commit().await.unwrap();
    let sick = doctor();
    assert!(!sick.status.success());
    let message = told(&sick)[0]["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("1 days and 0 callers") && message.contains("2026-03-05: inbound calls: 1 kept, 0"),
        "{message}"
    );
    let message = told(&sick)[1]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("1 counts, 0 people, 0 days") && message.contains("status new: +2"), "{message}");
}
