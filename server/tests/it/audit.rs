//! The audit log: who did what, and when.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Person, Server, answer, assert_problem};

async fn entries(server: &Server, token: &str, query: &str) -> Vec<Value> {
    server.get(&format!("/api/audit?{query}"), token).await["entries"].as_array().unwrap().clone()
}

/// Waits for an entry: refused sign-ins are written beside their answer.
async fn entry(server: &Server, admin: &Person, name: &str, what: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..200 {
        let found = entries(server, &admin.token, &format!("type={name}")).await;
        if let Some(entry) = found.into_iter().find(|entry| what(entry)) {
            return entry;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("there is no {name}");
}

#[tokio::test]
async fn every_change_and_every_sign_in_is_in_the_log_with_who_did_it() {
    let server = Server::start();
    let root = server.set_up().await;
    let ann = server.join(&root.token, "agent", "ann@alpha.example").await;
    let path = format!("/api/users/{}", ann.id);
    server.ok("PUT", &format!("{path}/role"), &root.token, json!({"role": "manager"})).await;
    server.ok("PUT", &format!("{path}/password"), &root.token, json!({"newPassword": "another long one"})).await;
    let wrong = json!({"email": "ann@alpha.example", "password": "a wrong guess"});
    assert_eq!(server.call("POST", "/api/auth/login", "", wrong).await.status, 401);
    let ann = server.login("ann@alpha.example", "another long one").await;
    server.ok("POST", "/api/auth/logout", &ann.token, Value::Null).await;
    let queue = server.ok("POST", "/api/queues", &root.token, json!({"name": "Sales"})).await;
    let auth = json!({"kind": "address", "addresses": ["192.0.2.1"]});
    let trunk = json!({"name": "Carrier", "host": "192.0.2.1", "auth": auth});
    let trunk = server.ok("POST", "/api/trunks", &root.token, trunk).await;

    let by_root = |entry: &Value| {
        entry["actor"] == json!({"kind": "user", "id": root.id, "name": "Root"}) && entry["id"].is_string()
    };
    let of_ann = |entry: &Value| entry["data"]["user"] == ann.id.as_str();
    for name in ["user.created", "user.role_changed", "user.password_changed", "user.updated"] {
        entry(&server, &root, name, |entry| by_root(entry) && of_ann(entry)).await;
    }
    let role = entry(&server, &root, "user.role_changed", of_ann).await;
    assert_eq!(role["data"], json!({"user": ann.id, "from": "agent", "to": "manager"}));
    let refused = entry(&server, &root, "session.refused", of_ann).await;
    assert_eq!(refused["actor"], json!({"kind": "system", "id": null, "name": null}));
    for name in ["session.opened", "session.closed"] {
        let entry = entry(&server, &root, name, of_ann).await;
        assert_eq!(entry["actor"]["id"], ann.id.as_str());
    }
    entry(&server, &root, "queue.updated", |entry| entry["data"]["queue"] == queue["queue"]["id"]).await;
    entry(&server, &root, "telephony.updated", |entry| entry["data"]["id"] == trunk["trunk"]["id"]).await;
    let all = server.get("/api/audit?limit=200", &root.token).await;
    for secret in [PASSWORD, "another long one", "a wrong guess", "root@alpha.example"] {
        assert!(!all.to_string().contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_log_is_narrowed_paged_and_the_companys_own() {
    let server = Server::start();
    let root = server.set_up().await;
    let ann = server.join(&root.token, "admin", "ann@alpha.example").await;
    for n in 0..5 {
        server.ok("POST", "/api/queues", &ann.token, json!({"name": format!("Q{n}")})).await;
    }
    let by_ann = entries(&server, &root.token, &format!("actor={}&type=queue.updated", ann.id)).await;
    assert_eq!(by_ann.len(), 5);
    assert!(by_ann.iter().all(|entry| entry["actor"]["name"] == "admin ann@alpha.example"));
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let page = server.get(&format!("/api/audit?limit=3{cursor}"), &root.token).await;
        let entries = page["entries"].as_array().unwrap();
        assert!(entries.len() <= 3 && page["pagination"]["limit"] == 3);
        seen.extend(entries.iter().map(|entry| entry["seq"].as_u64().unwrap()));
        match page["nextCursor"].as_u64() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first: {seen:?}");
    assert_eq!(seen.len(), entries(&server, &root.token, "limit=200").await.len());
    let day = by_ann[0]["at"].as_str().unwrap();
    assert!(entries(&server, &root.token, &format!("dateFrom={day}")).await.len() < seen.len());
    assert!(entries(&server, &root.token, "dateTo=2020-01-01").await.is_empty());
    assert!(entries(&server, &root.token, "type=nothing.such").await.is_empty());
    let bad = server.call("GET", "/api/audit?actor=me&dateFrom=soon", &root.token, Value::Null).await;
    assert_problem(&bad, 400, "invalid_input");
    assert_eq!(bad.body["errors"].as_array().unwrap().len(), 2, "{}", bad.text);

    // Another company has a log of its own.
    let beta = server.ok("POST", "/api/companies", &root.token, json!({"name": "Beta"})).await;
    let there = server.request("GET", "/api/audit", &root.token);
    let there = answer(there.header("x-company-id", beta["company"]["id"].as_str().unwrap())).await;
    let names: Vec<&Value> = there.body["entries"].as_array().unwrap().iter().map(|entry| &entry["type"]).collect();
    assert_eq!(names, ["company.created"], "{}", there.text);
    let manager = server.join(&root.token, "manager", "mia@alpha.example").await;
    assert_problem(&server.call("GET", "/api/audit", &manager.token, Value::Null).await, 403, "forbidden");
}
