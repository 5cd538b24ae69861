//! The daily allowance under load: exact, however many ask at once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Person, Server};

const LIMIT: u32 = 37;

/// An agent with one number that admits [`LIMIT`] calls a day.
async fn agent_with_number(server: &Server, admin: &Person) -> Person {
    let agent = server.join(&admin.token, "agent", "agent@alpha.example").await;
    let added = server.ok("POST", "/api/phone-numbers", &admin.token, json!({"phone_number": "+12025550123"})).await;
    let assign = format!("/api/phone-numbers/{}/assign", added["phoneNumber"]["id"].as_str().unwrap());
    let terms = json!({"agentId": agent.id, "dailyLimit": LIMIT, "allowedCountries": ["US"]});
    server.ok("POST", &assign, &admin.token, terms).await;
    agent
}

#[tokio::test]
async fn a_hundred_parallel_calls_against_a_limit_of_37_admit_37() {
    let server = Server::start();
    let admin = server.set_up().await;
    let agent = agent_with_number(&server, &admin).await;
    let call = || server.call("POST", "/api/calls/initiate", &agent.token, json!({"to": "+12025550199"}));
    let mut codes = BTreeMap::<String, usize>::new();
    for answer in futures::future::join_all((0..100).map(|_| call())).await {
        let code = answer.body["code"].as_str().map_or_else(|| answer.status.to_string(), str::to_owned);
        *codes.entry(code).or_default() += 1;
    }
    let expected = [("201".to_owned(), LIMIT as usize), ("daily_limit_reached".to_owned(), 100 - LIMIT as usize)];
    assert_eq!(codes, expected.into());
    let own = server.get(&format!("/api/phone-numbers/agent/{}", agent.id), &agent.token).await;
    assert_eq!(own["phoneNumbers"][0]["calls_made_today"], LIMIT);
    assert_eq!(server.get("/api/phone-numbers/usage", &agent.token).await["totalCalls"], LIMIT);
    assert_eq!(server.get("/api/calls", &admin.token).await["pagination"]["total"], LIMIT);
}

#[tokio::test]
async fn a_refused_country_and_an_agent_without_a_number_cost_nothing() {
    let server = Server::start();
    let admin = server.set_up().await;
    let none = server.call("POST", "/api/calls/initiate", &admin.token, json!({"to": "+12025550199"})).await;
    assert_eq!((none.status, &none.body["code"]), (422, &json!("no_number_assigned")));
    let agent = agent_with_number(&server, &admin).await;
    for (to, status, code) in [
        ("+442071838750", 422, "country_not_allowed"),
        ("nonsense", 400, "invalid_number"),
        ("", 400, "invalid_number"),
    ] {
        let refused = server.call("POST", "/api/calls/initiate", &agent.token, json!({"to": to})).await;
        assert_eq!((refused.status, &refused.body["code"]), (status, &json!(code)), "{}", refused.text);
    }
    let absent = server.call("POST", "/api/calls/initiate", &agent.token, json!({"leadId": agent.id})).await;
    assert_eq!(absent.status, 404, "there is no such lead: {}", absent.text);
    let missing = server.call("POST", "/api/calls/initiate", &agent.token, json!({"callType": "outbound"})).await;
    assert_eq!((missing.status, &missing.body["errors"][0]["field"]), (400, &json!("to")));
    assert_eq!(server.get("/api/phone-numbers/usage", &agent.token).await["totalCalls"], 0);
    let stranger = json!({"to": "+12025550199", "agentId": admin.id});
    assert_eq!(server.call("POST", "/api/calls/initiate", &agent.token, stranger).await.status, 403);
    let _: Value = server.get("/api/calls", &agent.token).await;
}
