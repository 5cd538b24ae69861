//! Who gets a lead: even turns however many come at once, capacity, the explanation, and leads that wait.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Person, Server, assert_problem};

fn lead(n: usize) -> Value {
    json!({"name": format!("Lead {n}"), "email": format!("lead{n}@example.com")})
}

async fn agents(server: &Server, admin: &Person, count: usize) -> Vec<Person> {
    let mut agents = Vec::new();
    for n in 0..count {
        agents.push(server.join(&admin.token, "telecaller", &format!("agent{n}@alpha.example")).await);
    }
    agents
}

async fn configure(server: &Server, admin: &Person, settings: Value) {
    server.ok("PUT", "/api/settings/leads", &admin.token, settings).await;
}

#[tokio::test]
async fn sixty_four_leads_at_once_go_round_evenly_and_nobody_gets_more_than_they_may() {
    for server in Server::on_each_store() {
        let admin = server.set_up().await;
        let agents = agents(&server, &admin, 8).await;
        configure(&server, &admin, json!({"strategy": "round_robin", "capacity": 9})).await;
        let send = async |n: usize| server.ok("POST", "/api/leads", &admin.token, lead(n)).await;
        let mut given: BTreeMap<String, usize> = BTreeMap::new();
        for answer in join_all((0..64).map(send)).await {
            *given.entry(answer["lead"]["assignedTo"]["_id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        assert_eq!(given.len(), agents.len());
        assert!(given.values().all(|count| *count == 8), "{given:?}");
        let more = join_all((64..84).map(send)).await;
        let placed = more.iter().filter(|answer| answer["assignment"]["success"] == true).count();
        assert_eq!(placed, 8, "one more for each, and no more");
        for agent in &agents {
            let path = format!("/api/leads/assigned/{}", agent.id);
            assert_eq!(server.get(&path, &admin.token).await["pagination"]["total"], 9);
            let profile = server.get(&format!("/api/agents/{}/lead-profile", agent.id), &agent.token).await;
            assert_eq!(profile["profile"]["openLeads"], 9);
        }
        let waiting = more.iter().find(|answer| answer["assignment"]["success"] == false).unwrap();
        assert_eq!(waiting["lead"]["isWaiting"], true);
        let reasons = waiting["routing"]["candidates"].as_array().unwrap();
        assert!(
            reasons.len() == 8 && reasons.iter().all(|one| one["reason"] == "at_capacity" && one["included"] == false)
        );
    }
}

#[tokio::test]
async fn the_routing_of_a_lead_is_explained_also_before_it_is_saved() {
    for server in Server::on_each_store() {
        let admin = server.set_up().await;
        let agents = agents(&server, &admin, 3).await;
        configure(&server, &admin, json!({"strategy": "best_match", "onlineOnly": true})).await;
        let profile = |agent: &Person| format!("/api/agents/{}/lead-profile", agent.id);
        let speaks = json!({"languages": ["ES"], "skills": ["Boats"]});
        let set = server.ok("PUT", &profile(&agents[1]), &admin.token, speaks).await;
        assert_eq!((&set["profile"]["languages"], &set["profile"]["version"]), (&json!(["es"]), &json!(1)));
        server.ok("PUT", &profile(&agents[2]), &admin.token, json!({"takesLeads": false})).await;
        let body = json!({"name": "Ana", "phone": "+52 55 1234 5678", "language": "es", "skills": ["boats"]});
        let shown = server.call("POST", "/api/leads?dryRun=true", &admin.token, body.clone()).await;
        assert_eq!(
            (shown.status, &shown.body["assignment"]["telecaller"]["_id"]),
            (200, &json!(agents[1].id)),
            "{}",
            shown.text
        );
        assert_eq!(server.get("/api/leads", &admin.token).await["pagination"]["total"], 0, "nothing was saved");
        let made = server.ok("POST", "/api/leads", &admin.token, body).await;
        let path = format!("/api/leads/{}/routing", made["lead"]["id"].as_str().unwrap());
        let decision = server.get(&path, &agents[1].token).await["decisions"][0].clone();
        assert_eq!((&decision["chosen"], &decision["strategy"]), (&json!(agents[1].id), &json!("best_match")));
        assert_eq!((&decision["considered"], &decision["configVersion"]), (&json!(3), &json!(2)));
        let by_agent: BTreeMap<&str, &Value> = decision["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["agentId"].as_str().unwrap(), one))
            .collect();
        let of = |agent: &Person| (&by_agent[agent.id.as_str()]["included"], &by_agent[agent.id.as_str()]["reason"]);
        assert_eq!(of(&agents[1]), (&json!(true), &json!("chosen")));
        assert_eq!(of(&agents[0]), (&json!(true), &json!("eligible")));
        assert_eq!(of(&agents[2]), (&json!(false), &json!("takes_no_leads")));
        assert_eq!(by_agent[agents[1].id.as_str()]["score"], 2.0);

        // The same person again: theirs before, whatever the strategy says.
        configure(&server, &admin, json!({"strategy": "least_loaded"})).await;
        let again =
            server.ok("POST", "/api/leads", &admin.token, json!({"name": "Ana M.", "phone": "+525512345678"})).await;
        assert_eq!(again["routing"]["candidates"][0]["reason"], "previous_owner");
        assert_eq!(again["assignment"]["telecaller"]["_id"], agents[1].id.as_str());
    }
}

#[tokio::test]
async fn a_lead_that_found_nobody_gets_somebody_later() {
    let server = Server::start();
    let admin = server.set_up().await;
    let agent = agents(&server, &admin, 1).await.remove(0);
    configure(&server, &admin, json!({"onlineOnly": true})).await;
    let availability = format!("/api/agents/{}/availability", agent.id);
    server.ok("PUT", &availability, &agent.token, json!({"availability": "offline"})).await;
    let made = server.ok("POST", "/api/leads", &admin.token, lead(1)).await;
    assert_eq!((&made["lead"]["isWaiting"], &made["lead"]["assignedTo"]), (&json!(true), &Value::Null));
    assert_eq!(made["routing"]["candidates"][0]["reason"], "not_available");
    // By hand it goes at once.
    let path = format!("/api/leads/{}", made["lead"]["id"].as_str().unwrap());
    let given = server.ok("POST", &format!("{path}/assign"), &admin.token, json!({"assignedTo": agent.id})).await;
    assert_eq!((&given["lead"]["isWaiting"], &given["lead"]["assignedTo"]["_id"]), (&json!(false), &json!(agent.id)));
}

#[tokio::test]
async fn settings_are_changed_in_part_checked_and_guarded() {
    for server in Server::on_each_store() {
        let admin = server.set_up().await;
        let agent = agents(&server, &admin, 1).await.remove(0);
        let answer = server.call("GET", "/api/settings/leads", &admin.token, Value::Null).await;
        assert_eq!(answer.body["settings"]["strategy"], "round_robin");
        assert!(answer.headers["etag"].to_str().unwrap().starts_with("\"1-"), "the version leads the tag");
        assert_problem(&server.call("GET", "/api/settings/leads", &agent.token, Value::Null).await, 403, "forbidden");
        let hours = json!({"monday": [{"from": "09:00", "to": "17:00"}]});
        let change = json!({"working_hours": hours, "returnAfterMinutes": 30, "scoreWeights": {"hot": 60}});
        let changed = server.ok("PUT", "/api/settings/leads", &admin.token, change).await["settings"].clone();
        assert_eq!((&changed["workingHours"], &changed["returnAfterMinutes"]), (&hours, &json!(30)));
        assert_eq!((&changed["scoreWeights"]["hot"], &changed["scoreWeights"]["warm"]), (&json!(60), &json!(20)));
        assert_eq!((&changed["strategy"], &changed["version"]), (&json!("round_robin"), &json!(2)));
        let stale =
            server.request("PUT", "/api/settings/leads", &admin.token).header("if-match", "\"1\"").json(&json!({}));
        assert_problem(&crate::support::answer(stale).await, 409, "stale_version");
        for (bad, field) in [
            (json!({"strategy": "mine"}), "strategy"),
            (json!({"capacity": 1_000_001}), "capacity"),
            (json!({"returnAfterMinutes": 43_201}), "returnAfterMinutes"),
            (json!({"scoreWeights": {"hot": 101}}), "scoreWeights"),
            (json!({"workingHours": {"monday": [{"from": "17:00", "to": "09:00"}]}}), "workingHours"),
        ] {
            let answer = server.call("PUT", "/api/settings/leads", &admin.token, bad).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (400, &json!(field)), "{}", answer.text);
        }
    }
}
