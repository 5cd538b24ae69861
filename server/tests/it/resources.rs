//! Companies, telephony settings and the platform admin.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, answer, assert_problem};

#[tokio::test]
async fn a_platform_admin_makes_companies_and_acts_in_them() {
    let server = Server::start();
    let root = server.set_up().await;
    let body = json!({"name": "Beta", "timezone": "Europe/Paris", "country": "FR"});
    let beta =
        server.ok("POST", "/api/companies", &root.token, body).await["company"]["id"].as_str().unwrap().to_owned();
    let inside = |method: &'static str, path: &'static str| {
        server.request(method, path, &root.token).header("x-company-id", &beta)
    };
    let person = json!({"name": "Bea", "email": "bea@beta.example", "password": PASSWORD, "role": "admin"});
    assert_eq!(answer(inside("POST", "/api/users").json(&person)).await.status, 201);
    let bea = server.login("bea@beta.example", PASSWORD).await;
    let number = answer(inside("POST", "/api/phone-numbers").json(&json!({"number": "01 42 68 53 00"}))).await;
    assert_eq!(number.body["phoneNumber"]["phone_number"], "+33142685300", "{}", number.text);
    assert_eq!(server.get("/api/phone-numbers", &bea.token).await["pagination"]["total"], 1);
    assert_eq!(server.get("/api/phone-numbers", &root.token).await["pagination"]["total"], 0);
    assert_eq!(
        server.get(&format!("/api/users/company/{beta}"), &root.token).await["users"][0]["email"],
        "bea@beta.example"
    );

    let list = server.get("/api/companies", &root.token).await;
    assert_eq!(list["pagination"]["total"], 2);
    let alpha = server.get("/api/auth/profile", &root.token).await["company"]["id"].as_str().unwrap().to_owned();
    assert_problem(
        &server.call("GET", &format!("/api/companies/{alpha}"), &bea.token, Value::Null).await,
        404,
        "not_found",
    );
    let foreign = server.request("GET", "/api/users", &bea.token).header("x-company-id", &alpha);
    assert_problem(&answer(foreign).await, 404, "not_found");
    assert_problem(&server.call("GET", "/api/companies", &bea.token, Value::Null).await, 403, "forbidden");

    server.ok("PUT", &format!("/api/companies/{beta}"), &root.token, json!({"isActive": false})).await;
    assert_eq!(
        server.call("GET", "/api/users", &bea.token, Value::Null).await.status,
        401,
        "a disabled company is signed out"
    );
    let own = server.call("PUT", &format!("/api/companies/{alpha}"), &root.token, json!({"isActive": false})).await;
    assert_problem(&own, 409, "not_on_oneself");
    let gone = server.call("DELETE", &format!("/api/companies/{beta}"), &root.token, Value::Null).await;
    assert_problem(&gone, 409, "company_not_removable");
}

#[tokio::test]
async fn an_extension_shows_its_password_once() {
    let server = Server::start();
    let admin = server.set_up().await;
    let agent = server.join(&admin.token, "agent", "a@alpha.example").await;
    let path = format!("/api/users/{}/extension", agent.id);
    let made = server.call("POST", &path, &admin.token, Value::Null).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let extension = &made.body["extension"];
    assert_eq!(extension["number"], "1001");
    assert!(
        extension["password"].as_str().unwrap().len() >= 16
            && extension["username"].as_str().unwrap().starts_with("1001")
    );
    assert!(extension["domain"].is_string());
    let listed = server.get("/api/extensions", &agent.token).await;
    assert_eq!(
        (listed["extensions"].as_array().unwrap().len(), &listed["extensions"][0]["password"]),
        (1, &Value::Null)
    );
    let id = extension["id"].as_str().unwrap();
    let reset = server.ok("POST", &format!("/api/extensions/{id}/reset"), &admin.token, Value::Null).await;
    assert_ne!(reset["extension"]["password"], extension["password"]);
    let taken = server.call("POST", &path, &admin.token, json!({"number": "1001"})).await;
    assert_eq!(taken.status, 409, "{}", taken.text);
    server.ok("DELETE", &format!("/api/extensions/{id}"), &admin.token, Value::Null).await;
    assert_eq!(server.call("DELETE", &path, &admin.token, Value::Null).await.status, 404);
}

#[tokio::test]
async fn trunks_routes_and_queues_are_made_changed_and_removed() {
    let server = Server::start();
    let admin = server.set_up().await;
    let agent = server.join(&admin.token, "agent", "a@alpha.example").await;
    let trunk = json!({
        "name": "Carrier", "transport": "udp", "host": "127.0.0.1", "port": 5090,
        "auth": {"kind": "address", "addresses": ["127.0.0.1"]}, "default": true
    });
    let trunk = server.ok("POST", "/api/trunks", &admin.token, trunk).await["trunk"].clone();
    assert_eq!((&trunk["default"], &trunk["auth"]["addresses"][0]), (&json!(true), &json!("127.0.0.1")));
    let path = format!("/api/trunks/{}", trunk["id"].as_str().unwrap());
    let changed = server.ok("PUT", &path, &admin.token, json!({"port": 5091})).await;
    assert_eq!((&changed["trunk"]["port"], &changed["trunk"]["host"]), (&json!(5091), &json!("127.0.0.1")));
    let register =
        json!({"name": "R", "host": "x.example", "auth": {"kind": "register", "username": "u", "password": "p"}});
    assert_problem(&server.call("POST", "/api/trunks", &admin.token, register).await, 400, "unsupported");
    let account = json!({"kind": "registration", "username": "u", "password": "tell-nobody"});
    let account = json!({"name": "R", "host": "127.0.0.1", "port": 5092, "auth": account});
    let registered = server.ok("POST", "/api/trunks", &admin.token, account).await["trunk"].clone();
    assert_eq!(registered["auth"]["username"], "u");
    assert_eq!(registered["registration"]["state"], "unknown", "no call control runs here: {registered}");
    let auth = json!({"kind": "registration", "username": "v", "realm": "example"});
    let other = format!("/api/trunks/{}", registered["id"].as_str().unwrap());
    let renamed = server.ok("PUT", &other, &admin.token, json!({"auth": auth})).await;
    assert_eq!(renamed["trunk"]["auth"]["realm"], "example", "the password stays");
    let wrong = json!({"kind": "registration", "username": "a b", "password": "", "expiresSeconds": 5});
    let wrong = json!({"name": "W", "host": "x.example", "auth": wrong});
    let refused = server.call("POST", "/api/trunks", &admin.token, wrong).await;
    assert_problem(&refused, 400, "invalid_input");
    let fields: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["auth.username", "auth.password", "auth.expiresSeconds"], "{}", refused.text);
    let bare = json!({"name": "W", "host": "x.example", "auth": {"kind": "registration"}});
    let refused = server.call("POST", "/api/trunks", &admin.token, bare).await;
    let fields: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["auth.username", "auth.password"], "{}", refused.text);
    let shown = server.get("/api/trunks", &admin.token).await;
    assert!(!shown.to_string().contains("tell-nobody") && shown["trunks"][0].get("registration").is_none(), "{shown}");

    let queue =
        json!({"name": "Sales", "strategy": "longest_idle", "ringSeconds": 15, "members": [{"agentId": agent.id}]});
    let queue = server.ok("POST", "/api/queues", &admin.token, queue).await["queue"].clone();
    assert_eq!(queue["members"], json!([{"agentId": agent.id, "tier": 1, "position": 1, "weight": 1}]));
    let queue_path = format!("/api/queues/{}", queue["id"].as_str().unwrap());
    assert_eq!(server.get("/api/queues", &agent.token).await["queues"][0]["name"], "Sales", "a member sees it");
    server.ok("PUT", &queue_path, &admin.token, json!({"ring_seconds": 30})).await;
    assert_eq!(server.get(&queue_path, &admin.token).await["queue"]["ringSeconds"], 30);
    assert_problem(
        &server.call("POST", "/api/queues", &admin.token, json!({"name": "Sales"})).await,
        409,
        "name_taken",
    );

    let settings = json!({
        "strategy": "ring_progressively", "progressiveSeconds": 5, "maxLength": 50, "noAgentWaitSeconds": 60, "weight": 10,
        "tierWaitSeconds": 30, "serviceLevelSeconds": 15,
    });
    let changed = server.ok("PUT", &queue_path, &admin.token, settings.clone()).await["queue"].clone();
    for (field, value) in settings.as_object().unwrap() {
        assert_eq!(&changed[field], value, "{field}");
    }
    let taken_back = server.ok("PUT", &queue_path, &admin.token, json!({"noAgentWaitSeconds": null})).await;
    assert_eq!(json!([taken_back["queue"]["noAgentWaitSeconds"], taken_back["queue"]["weight"]]), json!([null, 10]));
    let wrong = json!({
        "strategy": "ring_none", "progressiveSeconds": 0, "weight": 101, "members": [{"agentId": agent.id, "weight": 0}],
    });
    let refused = server.call("PUT", &queue_path, &admin.token, wrong).await;
    assert_problem(&refused, 400, "invalid_input");
    let fields: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["strategy", "progressiveSeconds", "weight", "members"], "{}", refused.text);

    let route = json!({"number": "+12025550123", "target": {"type": "queue", "id": queue["id"]}});
    let route = server.ok("POST", "/api/inbound-routes", &admin.token, route).await["inboundRoute"].clone();
    let route_path = format!("/api/inbound-routes/{}", route["id"].as_str().unwrap());
    assert_problem(&server.call("DELETE", &queue_path, &admin.token, Value::Null).await, 409, "in_use");
    let target = json!({"target": {"type": "agent", "id": agent.id}});
    assert_eq!(server.ok("PUT", &route_path, &admin.token, target).await["inboundRoute"]["target"]["type"], "agent");
    let nowhere = json!({"target": {"type": "voicemail", "id": agent.id}});
    assert_problem(&server.call("PUT", &route_path, &admin.token, nowhere).await, 400, "unsupported");
    for path in [&route_path, &queue_path, &path] {
        server.ok("DELETE", path, &admin.token, Value::Null).await;
        assert_eq!(server.call("GET", path, &admin.token, Value::Null).await.status, 404);
    }
}

#[tokio::test]
async fn agents_choose_their_own_availability() {
    let server = Server::start();
    let admin = server.set_up().await;
    let agent = server.join(&admin.token, "agent", "a@alpha.example").await;
    let other = server.join(&admin.token, "agent", "b@alpha.example").await;
    let path = format!("/api/agents/{}/availability", agent.id);
    let done = server.ok("PUT", &path, &agent.token, json!({"availability": "break"})).await;
    assert_eq!(done["agent"]["availability"], "break");
    assert_problem(
        &server.call("PUT", &path, &other.token, json!({"availability": "offline"})).await,
        403,
        "forbidden",
    );
    assert_eq!(server.call("PUT", &path, &agent.token, json!({"availability": "asleep"})).await.status, 400);
    let agents = server.get("/api/agents", &admin.token).await;
    assert_eq!(agents["pagination"]["total"], 2);
}
