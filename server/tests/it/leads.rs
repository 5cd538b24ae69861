//! Leads: what people expect beyond the requests of document 003.

use serde_json::{Value, json};

use crate::support::{Person, Server, assert_problem};

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

async fn made(server: &Server, token: &str, body: Value) -> Value {
    server.ok("POST", "/api/leads", token, body).await["lead"].clone()
}

/// A server with an admin, a manager and two agents.
async fn team(server: &Server) -> [Person; 4] {
    let admin = server.set_up().await;
    let manager = server.join(&admin.token, "supervisor", "m@alpha.example").await;
    let alice = server.join(&admin.token, "telecaller", "alice@alpha.example").await;
    let bob = server.join(&admin.token, "telecaller", "bob@alpha.example").await;
    [admin, manager, alice, bob]
}

#[tokio::test]
async fn agents_see_and_change_their_own_leads_only() {
    let server = Server::start();
    let [admin, _, alice, bob] = team(&server).await;
    let marketing = server.join(&admin.token, "marketing", "mk@alpha.example").await;
    let own = made(&server, &alice.token, json!({"name": "Hers", "phone": "2025550101"})).await;
    assert_eq!(own["assignedTo"]["_id"], alice.id.as_str(), "what an agent takes in is theirs");
    let other =
        made(&server, &marketing.token, json!({"name": "His", "phone": "2025550102", "assignedTo": bob.id})).await;
    let path = format!("/api/leads/{}", id(&other));
    for method in ["GET", "PUT"] {
        let body = if method == "PUT" { json!({"quality": "hot"}) } else { Value::Null };
        assert_problem(&server.call(method, &path, &alice.token, body).await, 404, "not_found");
    }
    assert_problem(&server.call("GET", &format!("{path}/routing"), &alice.token, Value::Null).await, 404, "not_found");
    assert_eq!(server.get("/api/leads", &alice.token).await["pagination"]["total"], 1);
    assert_eq!(server.get("/api/leads", &marketing.token).await["pagination"]["total"], 2);
    let others = format!("/api/leads?assignedTo={}", bob.id);
    assert_problem(&server.call("GET", &others, &alice.token, Value::Null).await, 403, "forbidden");
    let others = format!("/api/leads/assigned/{}", bob.id);
    assert_problem(&server.call("GET", &others, &alice.token, Value::Null).await, 403, "forbidden");
    let own = format!("/api/leads/{}", id(&own));
    let give = json!({"assignedTo": bob.id});
    assert_problem(&server.call("PUT", &own, &alice.token, give.clone()).await, 403, "forbidden");
    assert_problem(&server.call("POST", &format!("{own}/assign"), &alice.token, give).await, 403, "forbidden");
    assert_eq!(
        server.ok("PUT", &own, &alice.token, json!({"status": "qualified"})).await["lead"]["status"],
        "qualified"
    );
    let bulk = json!({"action": "edit", "leads": [id(&other)], "changes": {"quality": "hot"}});
    let done = server.ok("POST", "/api/leads/bulk", &alice.token, bulk).await;
    assert_eq!((&done["failed"], &done["results"][0]["code"]), (&json!(1), &json!("not_found")));
}

#[tokio::test]
async fn a_status_moves_by_its_rules_and_a_stale_change_changes_nothing() {
    let server = Server::start();
    let [admin, _, alice, _] = team(&server).await;
    let lead = made(
        &server,
        &admin.token,
        json!({"name": "X", "phone": "2025550103", "assignedTo": alice.id, "value": 1999.5}),
    )
    .await;
    assert_eq!(lead["value"], 1999.5);
    let path = format!("/api/leads/{}", id(&lead));
    let to = |status: &str| json!({"status": status});
    let sold = server.ok("POST", &format!("{path}/convert"), &alice.token, json!({"value": 2000})).await;
    assert_eq!((&sold["lead"]["status"], &sold["lead"]["value"]), (&json!("converted"), &json!(2000.0)));
    assert_problem(&server.call("PUT", &path, &admin.token, to("new")).await, 409, "illegal_transition");
    assert_problem(&server.call("PUT", &path, &alice.token, to("interested")).await, 403, "reopen_denied");
    assert_eq!(server.ok("PUT", &path, &admin.token, to("interested")).await["lead"]["convertedAt"], Value::Null);
    server.ok("PUT", &path, &alice.token, to("do_not_call")).await;
    assert_problem(&server.call("PUT", &path, &alice.token, to("lost")).await, 409, "illegal_transition");
    let stale = server.request("PUT", &path, &admin.token).header("if-match", "\"1\"").json(&to("contacted"));
    assert_problem(&crate::support::answer(stale).await, 409, "stale_version");
    let stale = server.request("DELETE", &path, &admin.token).header("if-match", "\"1\"");
    assert_problem(&crate::support::answer(stale).await, 409, "stale_version");
    assert_eq!(server.get(&path, &admin.token).await["lead"]["status"], "do_not_call");
    let again = json!({"name": "X again", "phone": "2025550103", "assignedTo": alice.id});
    let again = made(&server, &admin.token, again).await;
    let merge = format!("/api/leads/{}/merge", id(&again));
    let merged = server.ok("POST", &merge, &admin.token, json!({"duplicates": [id(&lead)]})).await;
    assert_eq!(
        merged["lead"]["status"], "do_not_call",
        "whoever asked not to be called is not, however they are merged"
    );
}

#[tokio::test]
async fn many_leads_are_assigned_changed_and_deleted_at_once() {
    for server in Server::on_each_store() {
        let [admin, manager, alice, _] = team(&server).await;
        let mut leads = Vec::new();
        for n in 0..5 {
            let body = json!({"name": format!("L{n}"), "email": format!("b{n}@example.com"), "assignedTo": null});
            leads.push(id(&made(&server, &admin.token, body).await));
        }
        let gone = "01900000-0000-7000-8000-000000000000";
        let mut all = leads.clone();
        all.push(gone.to_owned());
        let assign = json!({"action": "assign", "leadIds": all, "assignedTo": alice.id});
        let done = server.ok("POST", "/api/leads/bulk", &manager.token, assign).await;
        assert_eq!((&done["changed"], &done["failed"]), (&json!(5), &json!(1)));
        let failed = done["results"].as_array().unwrap().iter().find(|one| one["success"] == false).unwrap();
        assert_eq!((&failed["id"], &failed["code"]), (&json!(gone), &json!("not_found")));
        let sold = json!({"action": "edit", "leads": leads[..2], "changes": {"status": "converted", "quality": "hot"}});
        server.ok("POST", "/api/leads/bulk", &manager.token, sold).await;
        let back = json!({"action": "edit", "leads": leads, "changes": {"status": "contacted"}});
        let done = server.ok("POST", "/api/leads/bulk", &manager.token, back).await;
        assert_eq!((&done["changed"], &done["failed"]), (&json!(3), &json!(2)), "sold ones cannot go back there");
        let delete = json!({"action": "delete", "leads": leads[..2]});
        assert_problem(&server.call("POST", "/api/leads/bulk", &manager.token, delete.clone()).await, 403, "forbidden");
        server.ok("POST", "/api/leads/bulk", &admin.token, delete).await;
        let left = server.get("/api/leads?status=contacted", &alice.token).await;
        assert_eq!(left["pagination"]["total"], 3);
        for (body, field) in [
            (json!({"action": "sell", "leads": leads}), "action"),
            (json!({"action": "assign", "leads": leads}), "assignedTo"),
            (json!({"action": "edit", "leads": leads}), "changes"),
            (json!({"action": "delete", "leads": []}), "leads"),
            (json!({"action": "edit", "leads": leads, "changes": {"priority": "x"}}), "priority"),
        ] {
            let answer = server.call("POST", "/api/leads/bulk", &admin.token, body).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (400, &json!(field)), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn duplicates_are_found_and_merged() {
    for server in Server::on_each_store() {
        let [admin, _, alice, _] = team(&server).await;
        let kept =
            made(&server, &admin.token, json!({"name": "Kept", "phone": "+1 202 555 0150", "assignedTo": null})).await;
        let body = json!({
            "name": "Twin", "phone": "(202) 555-0150", "email": "twin@example.com", "notes": "said hello", "assignedTo": alice.id,
            "customFields": {"size": "XL"}
        });
        let twin = made(&server, &admin.token, body).await;
        let found = server.get("/api/leads/duplicates", &admin.token).await["duplicates"].clone();
        assert_eq!(
            (found.as_array().unwrap().len(), &found[0]["by"], &found[0]["value"]),
            (1, &json!("phone"), &json!("+12025550150"))
        );
        assert_eq!(found[0]["leads"].as_array().unwrap().len(), 2);
        let path = format!("/api/leads/{}", id(&kept));
        let merged =
            server.ok("POST", &format!("{path}/merge"), &admin.token, json!({"duplicates": [id(&twin)]})).await["lead"]
                .clone();
        assert_eq!((&merged["name"], &merged["email"]), (&json!("Kept"), &json!("twin@example.com")));
        assert_eq!((&merged["notes"], &merged["customFields"]["size"]), (&json!("said hello"), &json!("XL")));
        assert_eq!(merged["assignedTo"]["_id"], alice.id.as_str());
        assert_problem(
            &server.call("GET", &format!("/api/leads/{}", id(&twin)), &admin.token, Value::Null).await,
            404,
            "not_found",
        );
        assert_eq!(server.get("/api/leads/duplicates", &admin.token).await["duplicates"], json!([]));
        assert_eq!(server.get("/api/leads", &admin.token).await["pagination"]["total"], 1);
        for duplicates in [json!([]), json!([id(&kept)]), json!([id(&twin)])] {
            let answer =
                server.call("POST", &format!("{path}/merge"), &admin.token, json!({"duplicates": duplicates})).await;
            assert_problem(&answer, 400, "invalid_input");
        }
    }
}

#[tokio::test]
async fn a_company_edits_its_dispositions() {
    for server in Server::on_each_store() {
        let [admin, _, alice, _] = team(&server).await;
        let first = server.get("/api/dispositions", &alice.token).await["dispositions"].clone();
        let codes: Vec<&str> = first.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
        assert_eq!(codes[..4], ["interested", "offer_wanted", "meeting", "callback"]);
        assert_eq!((&first[0]["leadStatus"], &first[1]["parentId"]), (&json!("interested"), &first[0]["id"]));
        let new =
            json!({"code": "Demo-Booked", "label": "デモ 🦜", "parentId": first[0]["id"], "leadStatus": "qualified"});
        assert_problem(&server.call("POST", "/api/dispositions", &alice.token, new.clone()).await, 403, "forbidden");
        let made = server.ok("POST", "/api/dispositions", &admin.token, new.clone()).await["disposition"].clone();
        assert_eq!((&made["code"], &made["isActive"]), (&json!("demo-booked"), &json!(true)));
        assert_problem(&server.call("POST", "/api/dispositions", &admin.token, new).await, 409, "code_taken");
        let path = format!("/api/dispositions/{}", id(&made));
        let changed = server.ok("PUT", &path, &admin.token, json!({"lead_status": null, "isActive": false})).await;
        assert_eq!(
            (&changed["disposition"]["leadStatus"], &changed["disposition"]["label"]),
            (&Value::Null, &json!("デモ 🦜"))
        );
        let parent = format!("/api/dispositions/{}", id(&first[0]));
        assert_problem(&server.call("DELETE", &parent, &admin.token, Value::Null).await, 409, "in_use");
        server.ok("DELETE", &path, &admin.token, Value::Null).await;
        assert_problem(&server.call("GET", &path, &admin.token, Value::Null).await, 404, "not_found");
        let answer = server.call("POST", "/api/dispositions", &admin.token, json!({"leadStatus": "sold"})).await;
        let fields: Vec<&str> =
            answer.body["errors"].as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap()).collect();
        assert_eq!((answer.status, fields), (400, vec!["code", "label", "leadStatus"]));
    }
}
