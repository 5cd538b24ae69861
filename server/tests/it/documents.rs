//! The requests of documents 000 and 001, word for word, and what they promise.

use serde_json::{Value, json};

use crate::support::{Server, assert_problem};

/// The keys of an object.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn has(value: &Value, expected: &[&str]) {
    for key in expected {
        assert!(keys(value).contains(key), "{key} is missing in {value}");
    }
}

fn john() -> Value {
    json!({
        "name": "John Doe",
        "email": "john@example.com",
        "password": "password123",
        "initials": "JD",
        "role": "caller",
        "phone": "+1234567890",
        "country_code": "+1"
    })
}

async fn callers(server: &Server, token: &str) -> Vec<String> {
    let callers = server.get("/api/callers", token).await;
    callers["callers"].as_array().unwrap().iter().map(|caller| caller["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn registering_a_caller_makes_their_record() {
    let server = Server::start();
    let admin = server.set_up().await;
    let answer = server.call("POST", "/api/auth/register", &admin.token, john()).await;
    assert_eq!(answer.status, 201);
    assert_eq!(keys(&answer.body), ["message", "success", "user"], "a token only for oneself");
    assert_eq!(answer.body["message"], "User registered successfully");
    let user = &answer.body["user"];
    for (key, value) in john().as_object().unwrap().iter().filter(|(key, _)| *key != "password") {
        assert_eq!(&user[key], value, "{key}");
    }
    let jane = json!({
        "name": "Jane Smith", "email": "jane@example.com", "password": "password123", "initials": "JS", "role": "caller",
        "phone": "+9876543210"
    });
    server.ok("POST", "/api/auth/register", &admin.token, jane.clone()).await;
    assert_eq!(callers(&server, &admin.token).await.len(), 2);
    assert_problem(&server.call("POST", "/api/auth/register", &admin.token, jane).await, 409, "email_taken");
    assert_eq!(server.call("POST", "/api/auth/register", "", john()).await.status, 401, "closed to strangers");
}

#[tokio::test]
async fn a_caller_record_has_the_documented_figures() {
    let server = Server::start();
    let admin = server.set_up().await;
    let user = server.ok("POST", "/api/auth/register", &admin.token, john()).await["user"]["id"].clone();
    let caller = server.get("/api/callers", &admin.token).await["callers"][0].clone();
    let figures = json!({
        "name": "John Doe", "total_calls": 0, "connected_calls": 0, "not_connected_calls": 0, "total_duration_minutes": 0,
        "duration_raise_percentage": 0.0, "first_call_time": null, "last_call_time": null,
    });
    for (key, value) in figures.as_object().unwrap() {
        assert_eq!(&caller[key], value, "{key}");
    }
    for id in [&caller["id"], &user] {
        let one = server.get(&format!("/api/callers/{}", id.as_str().unwrap()), &admin.token).await;
        assert_eq!(one["caller"], caller);
    }
}

#[tokio::test]
async fn the_caller_record_follows_the_role() {
    let server = Server::start();
    let admin = server.set_up().await;
    let id =
        server.ok("POST", "/api/auth/register", &admin.token, john()).await["user"]["id"].as_str().unwrap().to_owned();
    let role = format!("/api/users/{id}/role");
    let changed = server.ok("PUT", &role, &admin.token, json!({"role": "manager"})).await;
    assert_eq!(changed["user"]["role"], "manager");
    assert!(callers(&server, &admin.token).await.is_empty());
    server.ok("PUT", &role, &admin.token, json!({"role": "caller"})).await;
    assert_eq!(callers(&server, &admin.token).await, ["John Doe"]);
    let update = json!({
        "name": "John Doe", "email": "john@example.com", "phone": "+1234567890", "initials": "JD", "role": "marketing",
        "country_code": "+1", "reporting_to": admin.id
    });
    let updated = server.ok("PUT", &format!("/api/users/{id}"), &admin.token, update).await;
    assert_eq!((&updated["user"]["reporting_to"], &updated["user"]["role"]), (&json!(admin.id), &json!("marketing")));
    assert!(callers(&server, &admin.token).await.is_empty());
}

#[tokio::test]
async fn of_two_people_of_one_name_the_right_record_goes() {
    let server = Server::start();
    let admin = server.set_up().await;
    let mut ids = Vec::new();
    for email in ["one@example.com", "two@example.com"] {
        let mut body = john();
        body["email"] = json!(email);
        let done = server.ok("POST", "/api/auth/register", &admin.token, body).await;
        ids.push(done["user"]["id"].as_str().unwrap().to_owned());
    }
    let done = server.ok("DELETE", &format!("/api/users/{}", ids[0]), &admin.token, Value::Null).await;
    assert_eq!(done["message"], "User deleted successfully");
    let left = server.get("/api/callers", &admin.token).await["callers"].clone();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["user_id"]), (1, &json!(ids[1])));
}

#[tokio::test]
async fn syncing_answers_with_its_counts() {
    let server = Server::start();
    let admin = server.set_up().await;
    server.ok("POST", "/api/auth/register", &admin.token, john()).await;
    let done = server.ok("POST", "/api/users/sync-callers", &admin.token, Value::Null).await;
    let expected = json!({"success": true, "message": "Callers table synced successfully", "created": 0, "deleted": 0});
    assert_eq!(done, expected);
}

#[tokio::test]
async fn numbers_are_added_assigned_listed_and_taken_back() {
    let server = Server::start();
    let admin = server.set_up().await;
    let agent = server.join(&admin.token, "agent", "agent@alpha.example").await;
    let numbers = "+12025550123,telnyx,US\n+12025550124,telnyx,US\n+14155550125,telnyx,US";
    let done = server.ok("POST", "/api/v1/phone-numbers/bulk-upload", &admin.token, json!({"numbers": numbers})).await;
    assert_eq!(done, json!({"success": true, "created": 3, "skipped": 0, "errors": []}));
    let listed =
        server.get("/api/v1/phone-numbers?status=active&assigned=false&provider=telnyx&country=US", &admin.token).await;
    assert_eq!(listed["pagination"], json!({"page": 1, "limit": 50, "total": 3, "pages": 1}));
    let number = &listed["phoneNumbers"][2];
    has(
        number,
        &[
            "id",
            "organization_id",
            "phone_number",
            "provider",
            "country_code",
            "capabilities",
            "status",
            "assigned_to",
            "created_at",
            "updated_at",
        ],
    );
    assert_eq!(number["capabilities"], json!({"voice": true, "sms": false}));
    let path = format!("/api/v1/phone-numbers/{}", number["id"].as_str().unwrap());

    let terms = json!({"agentId": agent.id, "dailyLimit": 100, "allowedCountries": ["US", "CA"]});
    let assigned = server.ok("POST", &format!("{path}/assign"), &admin.token, terms.clone()).await;
    assert_eq!(assigned["phoneNumber"]["assigned_to"], json!(agent.id));
    assert_problem(&server.call("POST", &format!("{path}/assign"), &admin.token, terms).await, 409, "already_assigned");
    assert_problem(&server.call("DELETE", &path, &admin.token, Value::Null).await, 409, "number_assigned");

    let own = server.get(&format!("/api/v1/phone-numbers/agent/{}", agent.id), &agent.token).await;
    let own = &own["phoneNumbers"][0];
    let expected = json!({
        "id": number["id"], "phone_number": "+12025550123", "provider": "telnyx", "country_code": "US", "daily_limit": 100,
        "allowed_countries": ["US", "CA"], "calls_made_today": 0
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&own[key], value, "{key}");
    }
    let other = format!("/api/v1/phone-numbers/agent/{}", admin.id);
    assert_problem(&server.call("GET", &other, &agent.token, Value::Null).await, 403, "forbidden");

    let changed = server.ok("PUT", &format!("{path}/assignment"), &admin.token, json!({"daily_limit": 7})).await;
    let assignment = &changed["phoneNumber"]["assignment"];
    assert_eq!((&assignment["daily_limit"], &assignment["allowed_countries"]), (&json!(7), &json!(["US", "CA"])));
    server.ok("POST", "/api/v1/phone-numbers/reset-daily-counts", &admin.token, Value::Null).await;
    server.ok("POST", &format!("{path}/unassign"), &admin.token, Value::Null).await;
    server.ok("DELETE", &path, &admin.token, Value::Null).await;
    assert_eq!(server.call("GET", &path, &admin.token, Value::Null).await.status, 404);
}

#[tokio::test]
async fn managers_see_numbers_and_change_none() {
    let server = Server::start();
    let admin = server.set_up().await;
    let manager = server.join(&admin.token, "manager", "m@alpha.example").await;
    server.ok("POST", "/api/phone-numbers", &admin.token, json!({"phoneNumber": "(202) 555-0123"})).await;
    let listed = server.get("/api/phone-numbers", &manager.token).await;
    let number = &listed["phoneNumbers"][0];
    assert_eq!((&number["phone_number"], &number["rawPhone"]), (&json!("+12025550123"), &json!("(202) 555-0123")));
    let refused =
        server.call("POST", "/api/phone-numbers", &manager.token, json!({"phone_number": "+12025550124"})).await;
    assert_problem(&refused, 403, "forbidden");
}

#[tokio::test]
async fn users_are_listed_and_shown_as_document_003_has_it() {
    let server = Server::start();
    let admin = server.set_up().await;
    let new = json!({
        "name": "New Telecaller", "email": "new@telecaller.com", "password": "password123", "role": "telecaller",
        "department": "lead_generation", "phone": "9876543210", "supervisor": admin.id
    });
    let user = server.ok("POST", "/api/auth/register", &admin.token, new).await["user"].clone();
    assert_eq!(user["_id"], user["id"]);
    let listed = server
        .get("/api/users?role=telecaller&department=lead_generation&isActive=true&page=1&limit=10", &admin.token)
        .await;
    has(
        &listed["users"][0],
        &["_id", "name", "email", "role", "department", "isActive", "totalCalls", "successfulCalls", "successRate"],
    );
    assert_eq!(listed["pagination"], json!({"page": 1, "limit": 10, "total": 1, "pages": 1}));
    assert_eq!(server.get("/api/users?kind=agent", &admin.token).await["users"][0]["_id"], user["_id"]);
    let detail = server.get(&format!("/api/users/{}", user["_id"].as_str().unwrap()), &admin.token).await;
    assert_eq!(detail["user"]["supervisor"]["_id"], json!(admin.id));
    has(&detail["user"]["performance"], &["totalCalls", "successfulCalls", "successRate"]);
    let boss = server.get(&format!("/api/users/{}", admin.id), &admin.token).await;
    assert_eq!(boss["user"]["teamMembers"][0]["name"], "New Telecaller");
}
