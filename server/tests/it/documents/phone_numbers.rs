//! Phone numbers and their assignments, of document 001.

use serde_json::{Value, json};

use super::assert_like;
use crate::support::{Person, Server, assert_problem};

/// Adds the document's numbers, and finds them by every filter; the path of the first.
async fn added_and_listed(server: &Server, admin: &Person) -> String {
    let numbers = "+12025550123,telnyx,US\n+12025550124,telnyx,US\n+14155550125,telnyx,US";
    let done = server.ok("POST", "/api/v1/phone-numbers/bulk-upload", &admin.token, json!({"numbers": numbers})).await;
    assert_eq!(done, json!({"success": true, "created": 3, "skipped": 0, "errors": []}));
    let query = "status=active&assigned=false&provider=telnyx&country=US";
    let listed = server.get(&format!("/api/v1/phone-numbers?{query}"), &admin.token).await;
    assert_eq!(listed["pagination"], json!({"page": 1, "limit": 50, "total": 3, "pages": 1}));
    let printed = json!({
        "id": "<id>", "organization_id": "<id>", "phone_number": "+12025550123", "provider": "telnyx", "country_code": "US",
        "capabilities": {"voice": true, "sms": false}, "status": "active", "assigned_to": null, "created_at": "<time>",
        "updated_at": "<time>"
    });
    assert_like(&listed["phoneNumbers"][2], &printed);
    for query in ["status=inactive", "assigned=true", "provider=twilio", "country=CA"] {
        let none = server.get(&format!("/api/v1/phone-numbers?{query}"), &admin.token).await;
        assert_eq!(none["pagination"]["total"], 0, "{query}");
    }
    format!("/api/v1/phone-numbers/{}", listed["phoneNumbers"][2]["id"].as_str().unwrap())
}

async fn assigned_and_taken_back(server: &Server, admin: &Person, agent: &Person, path: &str) {
    let terms = json!({"agentId": agent.id, "dailyLimit": 100, "allowedCountries": ["US", "CA"]});
    let assigned = server.ok("POST", &format!("{path}/assign"), &admin.token, terms.clone()).await;
    assert_eq!(assigned["phoneNumber"]["assigned_to"], json!(agent.id));
    assert_problem(&server.call("POST", &format!("{path}/assign"), &admin.token, terms).await, 409, "already_assigned");
    assert_problem(&server.call("DELETE", path, &admin.token, Value::Null).await, 409, "number_assigned");

    let own = server.get(&format!("/api/v1/phone-numbers/agent/{}", agent.id), &agent.token).await;
    let printed = json!([{
        "id": "<id>", "phone_number": "+12025550123", "provider": "telnyx", "country_code": "US", "daily_limit": 100,
        "allowed_countries": ["US", "CA"], "calls_made_today": 0
    }]);
    assert_like(&own["phoneNumbers"], &printed);
    let other = format!("/api/v1/phone-numbers/agent/{}", admin.id);
    assert_problem(&server.call("GET", &other, &agent.token, Value::Null).await, 403, "forbidden");

    let changed = server.ok("PUT", &format!("{path}/assignment"), &admin.token, json!({"daily_limit": 7})).await;
    let terms = json!({"daily_limit": 7, "allowed_countries": ["US", "CA"]});
    assert_like(&changed["phoneNumber"]["assignment"], &terms);
    server.ok("POST", "/api/v1/phone-numbers/reset-daily-counts", &admin.token, Value::Null).await;
    server.ok("POST", &format!("{path}/unassign"), &admin.token, Value::Null).await;
    server.ok("DELETE", path, &admin.token, Value::Null).await;
    assert_eq!(server.call("GET", path, &admin.token, Value::Null).await.status, 404);
}

async fn seen_by_managers_and_not_changed(server: &Server, admin: &Person) {
    let manager = server.join(&admin.token, "manager", "m@alpha.example").await;
    let typed = json!({"phoneNumber": "(303) 555-0123"});
    server.ok("POST", "/api/phone-numbers", &admin.token, typed).await;
    let listed = server.get("/api/phone-numbers?limit=1", &manager.token).await;
    assert_like(&listed["phoneNumbers"], &json!([{"phone_number": "+13035550123", "rawPhone": "(303) 555-0123"}]));
    let refused =
        server.call("POST", "/api/phone-numbers", &manager.token, json!({"phone_number": "+13035550124"})).await;
    assert_problem(&refused, 403, "forbidden");
}

#[tokio::test]
async fn numbers_are_added_assigned_listed_and_taken_back() {
    for server in Server::on_each_store() {
        let admin = server.set_up().await;
        let agent = server.join(&admin.token, "agent", "agent@alpha.example").await;
        let number = added_and_listed(&server, &admin).await;
        assigned_and_taken_back(&server, &admin, &agent, &number).await;
        seen_by_managers_and_not_changed(&server, &admin).await;
    }
}
