//! Clients, the notes about them, and finding them and the calls with them.

use serde_json::{Value, json};

use crate::support::{Person, Server, assert_problem};

/// A server whose company is German, so that numbers are typed as Germans do.
async fn german() -> (Server, Person) {
    let server = Server::start();
    let admin = server.set_up().await;
    let company = server.get("/api/auth/profile", &admin.token).await["company"]["id"].as_str().unwrap().to_owned();
    server.ok("PUT", &format!("/api/companies/{company}"), &admin.token, json!({"country": "DE"})).await;
    (server, admin)
}

fn names(list: &Value) -> Vec<&str> {
    list["clients"].as_array().unwrap().iter().map(|client| client["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_client_is_added_changed_found_and_removed() {
    let (server, admin) = german().await;
    let agent = server.join(&admin.token, "agent", "agent@alpha.example").await;
    let body = json!({
        "name": "Žofie Ñandú 🦜", "company": "Nord GmbH", "email": "Zofie@Nord.example", "phone": "0171 2345678",
        "furtherPhones": ["+1 202 555 0123"], "address": "Hauptstraße 1", "tags": ["VIP", "vip"], "owner": agent.id,
        "custom": {"size": "XXL"},
    });
    let made = server.call("POST", "/api/clients", &agent.token, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let client = &made.body["client"];
    assert_eq!((&client["phone"], &client["rawPhone"]), (&json!("+491712345678"), &json!("0171 2345678")));
    assert_eq!((&client["email"], &client["tags"]), (&json!("zofie@nord.example"), &json!(["VIP"])));
    assert_eq!((&client["_id"], &client["owner"]["id"]), (&client["id"], &json!(agent.id)));
    let path = format!("/api/clients/{}", client["id"].as_str().unwrap());
    server.ok("POST", "/api/clients", &agent.token, json!({"name": "شركة النور"})).await;

    for query in ["q=zofie", "q=0171%2023", "q=nord+gmbh", "q=%F0%9F%A6%9C", "tag=vip", "q=%2B1%20202", "q=xxl+haupt"] {
        let found = server.get(&format!("/api/clients?{query}"), &agent.token).await;
        assert_eq!(names(&found), ["Žofie Ñandú 🦜"], "{query}");
    }
    assert_eq!(names(&server.get("/api/clients?q=%D8%B4%D8%B1%D9%83%D8%A9", &agent.token).await), ["شركة النور"]);
    assert_eq!(names(&server.get("/api/clients?q='%20OR%201=1%20--", &agent.token).await), Vec::<&str>::new());
    let first = server.get("/api/clients?limit=1", &agent.token).await;
    let next = format!("/api/clients?limit=1&cursor={}", first["nextCursor"].as_str().unwrap());
    assert_eq!(names(&server.get(&next, &agent.token).await), ["Žofie Ñandú 🦜"]);

    let changed = server.ok("PUT", &path, &agent.token, json!({"company": null, "name": "Zoe"})).await;
    assert_eq!((&changed["client"]["company"], &changed["client"]["phone"]), (&Value::Null, &json!("+491712345678")));
    let stale = server.request("PUT", &path, &agent.token).header("if-match", "\"1\"").json(&json!({"name": "X"}));
    assert_problem(&crate::support::answer(stale).await, 409, "stale_version");
    let note = server.ok("POST", &format!("{path}/notes"), &agent.token, json!({"text": "Called back"})).await;
    assert_eq!(note["note"]["author"]["id"], json!(agent.id));
    let detail = server.get(&path, &agent.token).await;
    assert_eq!(detail["client"]["notes"][0]["text"], "Called back");
    assert_eq!(detail["client"]["figures"], json!({"totalCalls": 0, "lastContact": null}));
    assert_problem(&server.call("DELETE", &path, &agent.token, Value::Null).await, 403, "forbidden");
    server.ok("DELETE", &path, &admin.token, Value::Null).await;
    assert_problem(&server.call("GET", &path, &agent.token, Value::Null).await, 404, "not_found");
}

#[tokio::test]
async fn a_number_that_another_client_has_is_told_and_can_be_admitted() {
    let (server, admin) = german().await;
    let body = json!({"name": "Ann", "phone": "0171 2345678"});
    let first = server.ok("POST", "/api/clients", &admin.token, body.clone()).await["client"]["id"].clone();
    let again = json!({"name": "Bob", "furtherPhones": ["+49 171 2345678"]});
    let refused = server.call("POST", "/api/clients", &admin.token, again.clone()).await;
    assert_problem(&refused, 409, "duplicate_phone");
    assert_eq!(refused.body["existing"], first);
    let admitted = server.call("POST", "/api/clients?allowDuplicate=true", &admin.token, again).await;
    assert_eq!(admitted.status, 201, "{}", admitted.text);
    server.ok("PUT", &format!("/api/clients/{}", first.as_str().unwrap()), &admin.token, body).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_client_is_named() {
    let (server, admin) = german().await;
    let long = "x".repeat(1_000);
    for (field, body) in [
        ("name", json!({})),
        ("name", json!({"name": long})),
        ("phone", json!({"name": "A", "phone": "call me"})),
        ("email", json!({"name": "A", "email": "nobody"})),
        ("tags", json!({"name": "A", "tags": ["!"]})),
        ("owner", json!({"name": "A", "owner": "01a1f79b-5231-7000-b9bd-79b2412a6403"})),
        ("custom", json!({"name": "A", "custom": {"": "x"}})),
    ] {
        let refused = server.call("POST", "/api/clients", &admin.token, body).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (400, &json!(field)), "{}", refused.text);
    }
    for (field, query) in [
        ("dateTo", "dateFrom=2026-02-01&dateTo=2026-01-31"),
        ("dateFrom", "dateFrom=yesterday"),
        ("number", "number=call"),
        ("q", &format!("q={}", "x".repeat(201))),
    ] {
        let refused = server.call("GET", &format!("/api/calls?{query}"), &admin.token, Value::Null).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (400, &json!(field)), "{}", refused.text);
    }
    assert_eq!(server.get("/api/users?q=root", &admin.token).await["pagination"]["total"], 1);
    assert_eq!(server.get("/api/calls?q=root&number=0171%202345678", &admin.token).await["pagination"]["total"], 0);
}
