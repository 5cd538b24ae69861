//! Leads that nobody should send, and leads that look odd and are right.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, assert_problem};

fn fields(body: &Value) -> Vec<&str> {
    body["errors"].as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let server = Server::start();
    let admin = server.set_up().await;
    let body = json!({
        "name": "x".repeat(1_000), "email": "nobody", "phone": "call me", "source": "a/b", "status": "won", "priority": "asap",
        "quality": "best", "requirements": "x".repeat(10_001), "value": -1, "customFields": {"a": []}, "assignedTo": "me"
    });
    let answer = server.call("POST", "/api/leads", &admin.token, body).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let mut named = fields(&answer.body);
    named.sort_unstable();
    let mut expected = [
        "assignedTo",
        "customFields",
        "email",
        "name",
        "phone",
        "priority",
        "quality",
        "requirements",
        "source",
        "status",
        "value",
    ];
    expected.sort_unstable();
    assert_eq!(named, expected);
    let nothing = server.call("POST", "/api/leads", &admin.token, json!({})).await;
    assert_eq!((nothing.status, fields(&nothing.body)), (400, vec!["name", "phone"]));
    let unknown = json!({"name": "X", "phone": "2025550100", "assignedTo": "01900000-0000-7000-8000-000000000000"});
    assert_problem(&server.call("POST", "/api/leads", &admin.token, unknown).await, 400, "unknown_assignee");
    assert_eq!(server.get("/api/leads", &admin.token).await["pagination"]["total"], 0, "nothing was saved");
}

#[tokio::test]
async fn any_script_and_any_country_is_welcome() {
    for server in Server::on_each_store() {
        let admin = server.set_up().await;
        let texts = [
            "李小龍 🦜",
            "محمد بن سلمان",
            "Žofie Ñandú",
            "a\u{202e}b",
            "O'Brien; DROP TABLE leads --",
            "𝄞".repeat(200).leak(),
        ];
        for (n, text) in texts.iter().enumerate() {
            let phone = ["+44 20 7946 0018", "+91 98765 43210", "0049 30 12345678"][n % 3];
            let body = json!({
                "name": text, "phone": phone, "notes": text,
                "requirements": text, "customFields": {*text: text, "n": n}, "source": "Trade Fair",
            });
            let body =
                if text.chars().count() > 64 { json!({"name": text, "email": "long@example.com"}) } else { body };
            let lead = server.ok("POST", "/api/leads", &admin.token, body.clone()).await["lead"].clone();
            let lead =
                server.get(&format!("/api/leads/{}", lead["id"].as_str().unwrap()), &admin.token).await["lead"].clone();
            assert_eq!(lead["name"], *text);
            if body["notes"].is_string() {
                assert_eq!((&lead["notes"], &lead["customFields"]), (&json!(text), &body["customFields"]));
                let phone = ["+442079460018", "+919876543210", "+493012345678"][n % 3];
                assert_eq!((&lead["phone"], &lead["source"]), (&json!(phone), &json!("trade_fair")));
            }
        }
        let found = server.get("/api/leads?q=%D9%85%D8%AD%D9%85%D8%AF", &admin.token).await;
        assert_eq!(found["pagination"]["total"], 1, "a search reads from right to left too");
    }
}

#[tokio::test]
async fn another_companys_leads_do_not_exist() {
    let server = Server::start();
    let root = server.set_up().await;
    let beta = server.ok("POST", "/api/companies", &root.token, json!({"name": "Beta"})).await;
    let body = json!({"name": "Bea", "email": "bea@beta.example", "password": PASSWORD, "role": "admin"});
    let request = server.request("POST", "/api/users", &root.token).json(&body);
    request.header("x-company-id", beta["company"]["id"].as_str().unwrap()).send().await.unwrap();
    let bea = server.login("bea@beta.example", PASSWORD).await;
    let made = |name: &str| json!({"name": name, "phone": "2025550177", "assignedTo": null});
    let theirs = server.ok("POST", "/api/leads", &bea.token, made("Theirs")).await["lead"]["id"].clone();
    let ours = server.ok("POST", "/api/leads", &root.token, made("Ours")).await["lead"]["id"].clone();
    let admin = server.join(&root.token, "admin", "admin@alpha.example").await;
    let (ours, theirs) = (ours.as_str().unwrap(), theirs.as_str().unwrap());
    let path = format!("/api/leads/{theirs}");
    for (method, path, body) in [
        ("GET", path.clone(), Value::Null),
        ("PUT", path.clone(), json!({"quality": "hot"})),
        ("DELETE", path.clone(), Value::Null),
        ("POST", format!("{path}/assign"), json!({"assignedTo": admin.id})),
        ("POST", format!("{path}/convert"), json!({})),
        ("POST", format!("{path}/merge"), json!({"duplicates": [ours]})),
        ("GET", format!("{path}/routing"), Value::Null),
    ] {
        assert_problem(&server.call(method, &path, &admin.token, body).await, 404, "not_found");
    }
    let merge = format!("/api/leads/{ours}/merge");
    let answer = server.call("POST", &merge, &admin.token, json!({"duplicates": [theirs]})).await;
    assert_problem(&answer, 400, "invalid_input");
    let bulk = json!({"action": "delete", "leads": [theirs]});
    assert_eq!(server.ok("POST", "/api/leads/bulk", &admin.token, bulk).await["failed"], 1);
    let give = json!({"assignedTo": bea.id});
    let answer = server.call("POST", &format!("/api/leads/{ours}/assign"), &admin.token, give).await;
    assert_problem(&answer, 400, "unknown_assignee");
    assert_eq!(server.get("/api/leads/duplicates", &admin.token).await["duplicates"], json!([]));
    assert_eq!(server.get(&path, &bea.token).await["lead"]["name"], "Theirs");
}
