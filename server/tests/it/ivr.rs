//! Flows over REST: drafts, versions, rolling back, trying out, calendars, and what stands in whose way.

use serde_json::{Value, json};

use crate::support::{Answer, Person, Server, answer, assert_problem};

/// A document that asks for a key.
fn menu() -> Value {
    json!({
        "version": 1, "start": "welcome",
        "prompts": {"welcome": {"en": "Press 1 for sales."}, "sorry": {"en": "Goodbye."}},
        "nodes": {
            "welcome": {"type": "menu", "prompt": "welcome", "entries": {"1": "sales"}, "onInvalid": "bye", "onTimeout": "bye"},
            "sales": {"type": "queue", "queue": "Sales", "onTimeout": "bye", "onFail": "bye"},
            "bye": {"type": "hangup", "prompt": "sorry"},
        },
    })
}

/// A document that hangs up.
fn hangs_up() -> Value {
    json!({"version": 1, "start": "bye", "nodes": {"bye": {"type": "hangup"}}})
}

struct Shop {
    server: Server,
    admin: Person,
}

impl Shop {
    async fn on_each_store() -> [Self; 2] {
        let [one, two] = Server::on_each_store();
        [Self::open(one).await, Self::open(two).await]
    }

    async fn open(server: Server) -> Self {
        let admin = server.set_up().await;
        Self { server, admin }
    }

    async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        self.server.ok(method, path, &self.admin.token, body).await
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.server.call(method, path, &self.admin.token, body).await
    }

    async fn flow(&self, name: &str, flow: Value) -> String {
        let made = self.ok("POST", "/api/ivr", json!({"name": name, "flow": flow})).await;
        format!("/api/ivr/{}", made["flow"]["id"].as_str().unwrap())
    }
}

fn codes(answer: &Answer) -> Vec<&str> {
    answer.body["problems"].as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_draft_is_published_changed_compared_and_rolled_back() {
    for shop in Shop::on_each_store().await {
        let made = shop.call("POST", "/api/ivr", json!({"name": " Main ", "flow": menu()})).await;
        assert_eq!((made.status, &made.headers["etag"]), (201, &"\"1\"".parse().unwrap()), "{}", made.text);
        let flow = &made.body["flow"];
        assert_eq!(
            (&flow["name"], &flow["status"], &flow["hasDraft"]),
            (&json!("Main"), &json!("draft"), &json!(true))
        );
        assert_eq!((&flow["flow"], &flow["activeVersion"], &flow["latestVersion"]), (&menu(), &Value::Null, &json!(0)));
        let path = format!("/api/ivr/{}", flow["id"].as_str().unwrap());
        let activate = format!("{path}/activate");

        // The queue is not there yet: everything that is wrong is told, and nothing is published.
        let refused = shop.call("POST", &activate, Value::Null).await;
        assert_problem(&refused, 422, "flow_invalid");
        assert_eq!(codes(&refused), ["unknown_queue"]);
        let problem = &refused.body["problems"][0];
        assert_eq!(
            (&problem["severity"], &problem["node"], &problem["path"]),
            (&json!("error"), &json!("sales"), &json!("queue"))
        );
        shop.ok("POST", "/api/queues", json!({"name": "Sales"})).await;
        let valid = shop.ok("POST", &format!("{path}/validate"), Value::Null).await;
        assert_eq!((&valid["valid"], &valid["errors"]), (&json!(true), &json!(0)));

        let done = shop.ok("POST", &activate, json!({"note": "opening"})).await;
        assert_eq!((&done["flow"]["status"], &done["flow"]["activeVersion"]), (&json!("active"), &json!(1)));
        let read = shop.ok("GET", &path, Value::Null).await;
        assert_eq!((&read["flow"]["hasDraft"], &read["flow"]["flow"]), (&json!(false), &menu()));

        let mut next = menu();
        next["nodes"]["welcome"]["entries"] = json!({"1": "sales", "2": "bye"});
        next["nodes"]["note"] = json!({"type": "tag", "tags": ["x"], "next": "welcome"});
        next["start"] = json!("note");
        let saved = shop.ok("PUT", &path, json!({"flow": next})).await;
        assert_eq!((&saved["flow"]["status"], &saved["flow"]["hasDraft"]), (&json!("active"), &json!(true)));
        let changes = shop.ok("GET", &format!("{path}/versions/1/diff"), Value::Null).await["changes"].clone();
        let expected = json!([
            {"kind": "changed", "node": null, "path": "start", "from": "welcome", "to": "note"},
            {"kind": "added", "node": "note", "path": "", "to": {"type": "tag", "tags": ["x"], "next": "welcome"}},
            {"kind": "added", "node": "welcome", "path": "entries.2", "to": "bye"},
        ]);
        assert_eq!(changes, expected);
        shop.ok("POST", &activate, Value::Null).await;
        for to in ["?to=2", "", "?to=draft"] {
            let diff = shop.call("GET", &format!("{path}/versions/1/diff{to}"), Value::Null).await;
            match to {
                "?to=draft" => assert_problem(&diff, 404, "not_found"),
                _ => assert_eq!(diff.body["changes"], expected, "{to}: {}", diff.text),
            }
        }

        let versions = shop.ok("GET", &format!("{path}/versions"), Value::Null).await;
        assert_eq!(versions["pagination"]["total"], 2);
        let list = versions["versions"].as_array().unwrap();
        assert_eq!(
            (&list[0]["number"], &list[0]["isActive"], &list[0]["note"]),
            (&json!(2), &json!(true), &Value::Null)
        );
        assert_eq!(
            (&list[1]["number"], &list[1]["isActive"], &list[1]["note"]),
            (&json!(1), &json!(false), &json!("opening"))
        );
        assert_eq!(list[1]["author"]["id"], shop.admin.id.as_str());
        let first = shop.ok("GET", &format!("{path}/versions/1"), Value::Null).await;
        assert_eq!(first["version"]["flow"], menu());
        let back = shop.ok("POST", &format!("{path}/versions/1/rollback"), Value::Null).await;
        assert_eq!((&back["flow"]["activeVersion"], &back["flow"]["latestVersion"]), (&json!(1), &json!(2)));
        assert_eq!(shop.ok("GET", &path, Value::Null).await["flow"]["flow"], menu());
        for missing in ["versions/3", "versions/0", "versions/3/diff", "versions/1/diff?to=3"] {
            assert_problem(&shop.call("GET", &format!("{path}/{missing}"), Value::Null).await, 404, "not_found");
        }
        let lost = shop.call("POST", &format!("{path}/versions/3/rollback"), Value::Null).await;
        assert_problem(&lost, 404, "version_not_found");
        assert_problem(&shop.call("GET", &format!("{path}/versions/one"), Value::Null).await, 400, "invalid_input");

        let off = shop.ok("POST", &format!("{path}/deactivate"), Value::Null).await;
        assert_eq!(off["flow"]["status"], "inactive");
        for (status, count) in [("active", 0), ("inactive", 1), ("draft", 0)] {
            let flows = shop.ok("GET", &format!("/api/ivr?status={status}"), Value::Null).await;
            assert_eq!(flows["flows"].as_array().unwrap().len(), count, "{status}");
        }
        shop.ok("DELETE", &path, Value::Null).await;
        assert_problem(&shop.call("GET", &path, Value::Null).await, 404, "not_found");
    }
}

#[tokio::test]
async fn a_change_from_an_old_state_is_refused_and_a_key_makes_a_request_count_once() {
    for shop in Shop::on_each_store().await {
        let path = shop.flow("Main", hangs_up()).await;
        let with = |method: &str, path: &str, tag: &str| {
            shop.server.request(method, path, &shop.admin.token).header("if-match", tag)
        };
        let renamed = answer(with("PUT", &path, "\"1\"").json(&json!({"name": "Other"}))).await;
        assert_eq!((renamed.status, &renamed.headers["etag"]), (200, &"\"2\"".parse().unwrap()));
        assert_problem(&answer(with("PUT", &path, "\"1\"").json(&json!({"name": "x"}))).await, 409, "stale_version");
        for action in ["activate", "deactivate", "versions/1/rollback"] {
            let stale = answer(with("POST", &format!("{path}/{action}"), "\"1\"")).await;
            assert_problem(&stale, 409, "stale_version");
        }
        assert_problem(&answer(with("DELETE", &path, "\"1\"")).await, 409, "stale_version");
        let read = shop.call("GET", &path, Value::Null).await;
        let tag = read.headers["etag"].to_str().unwrap();
        let known = shop.server.request("GET", &path, &shop.admin.token).header("if-none-match", tag);
        assert_eq!(answer(known).await.status, 304);
        assert_eq!(answer(with("POST", &format!("{path}/activate"), tag)).await.status, 200);

        let keyed = || {
            let body = json!({"name": "Once", "flow": hangs_up()});
            shop.server.request("POST", "/api/ivr", &shop.admin.token).header("idempotency-key", "k1").json(&body)
        };
        let (first, second) = (answer(keyed()).await, answer(keyed()).await);
        assert_eq!((first.status, second.status, &first.text), (201, 201, &second.text));
        assert_eq!(shop.ok("GET", "/api/ivr", Value::Null).await["flows"].as_array().unwrap().len(), 2);
        // Two that activate at once publish one version.
        let path = format!("/api/ivr/{}", first.body["flow"]["id"].as_str().unwrap());
        let at_once = || answer(with("POST", &format!("{path}/activate"), "\"1\""));
        let (one, two) = tokio::join!(at_once(), at_once());
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", one.text, two.text);
        assert_eq!(shop.ok("GET", &format!("{path}/versions"), Value::Null).await["pagination"]["total"], 1);
    }
}

#[tokio::test]
async fn what_a_route_or_another_flow_needs_stays() {
    for shop in Shop::on_each_store().await {
        let path = shop.flow("Main", hangs_up()).await;
        let id = path.rsplit('/').next().unwrap().to_owned();
        let route = json!({"number": "+12025550123", "target": {"type": "flow", "id": id}});
        let refused = shop.call("POST", "/api/inbound-routes", route.clone()).await;
        assert_problem(&refused, 422, "flow_not_active");
        assert_eq!(refused.body["errors"][0]["field"], "target");
        let nowhere = json!({"number": "+12025550123", "target": {"type": "flow", "id": shop.admin.id}});
        assert_problem(&shop.call("POST", "/api/inbound-routes", nowhere).await, 422, "flow_not_active");
        shop.ok("POST", &format!("{path}/activate"), Value::Null).await;
        let made = shop.ok("POST", "/api/inbound-routes", route).await["inboundRoute"].clone();
        assert_eq!(made["target"], json!({"type": "flow", "id": id}));
        for (method, path) in [("DELETE", path.clone()), ("POST", format!("{path}/deactivate"))] {
            assert_problem(&shop.call(method, &path, Value::Null).await, 409, "in_use");
        }
        shop.ok("DELETE", &format!("/api/inbound-routes/{}", made["id"].as_str().unwrap()), Value::Null).await;

        let through = json!({"version": 1, "start": "a", "nodes": {
            "a": {"type": "subflow", "flow": "Main", "next": "b"}, "b": {"type": "hangup"},
        }});
        let outer = shop.flow("Outer", through).await;
        shop.ok("POST", &format!("{outer}/activate"), Value::Null).await;
        let refused = shop.call("DELETE", &path, Value::Null).await;
        assert_problem(&refused, 409, "in_use");
        assert!(refused.text.contains("Outer"), "{}", refused.text);
        assert_problem(&shop.call("PUT", &path, json!({"name": "Renamed"})).await, 409, "in_use");
        shop.ok("DELETE", &outer, Value::Null).await;
        shop.ok("DELETE", &path, Value::Null).await;
    }
}

#[tokio::test]
async fn a_call_is_played_through_without_calling_anybody() {
    for shop in Shop::on_each_store().await {
        shop.ok("POST", "/api/queues", json!({"name": "Sales"})).await;
        let path = shop.flow("Main", menu()).await;
        let simulate = format!("{path}/simulate");
        let script = json!([{"digit": "1"}, {"queue": "connected"}, {"queue": "ended"}]);
        let body = json!({"script": script, "caller": "+12025550100", "at": "2026-11-21T12:00:00Z"});
        let played = shop.ok("POST", &simulate, body).await;
        assert_eq!((&played["path"], &played["heard"]), (&json!(["welcome", "sales"]), &json!(["Press 1 for sales."])));
        assert!(played["trace"].as_array().unwrap().iter().any(|step| step["node"] == "sales"), "{played}");
        assert_eq!(played["ended"], "completed");
        let hung_up = shop.ok("POST", &simulate, json!({"script": [{"silence": 1}, {"hangup": true}]})).await;
        assert_eq!((&hung_up["ended"], &hung_up["path"]), (&json!("caller"), &json!(["welcome"])));
        // A document that is sent along is played instead, and not kept.
        let other = shop.ok("POST", &simulate, json!({"script": [], "flow": hangs_up()})).await;
        assert_eq!((&other["ended"], &other["path"]), (&json!("hangup"), &json!(["bye"])));
        let broken = json!({"script": [], "flow": {"version": 1, "start": "gone", "nodes": {}}});
        let refused = shop.call("POST", &simulate, broken).await;
        assert_problem(&refused, 422, "flow_invalid");
        assert!(codes(&refused).contains(&"unknown_target"), "{}", refused.text);
        let wrong = shop.call("POST", &simulate, json!({"script": [{"shout": 1}]})).await;
        assert_problem(&wrong, 400, "invalid_input");
        assert_eq!(shop.ok("GET", &path, Value::Null).await["flow"]["flow"], menu());
    }
}

#[tokio::test]
async fn the_form_of_documents_is_told() {
    let shop = Shop::open(Server::start()).await;
    let schema = shop.call("GET", "/api/ivr/schema", Value::Null).await;
    assert_eq!(schema.status, 200);
    assert_eq!(schema.body["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema.body["properties"]["nodes"].is_object(), "{}", schema.text);
    assert_eq!(shop.server.call("GET", "/api/ivr/schema", "", Value::Null).await.status, 401);
}

#[tokio::test]
async fn calendars_are_made_changed_and_kept_while_they_are_used() {
    for shop in Shop::on_each_store().await {
        let weekly = json!({"monday": [{"from": "09:00", "to": "17:30"}]});
        let body = json!({"name": "Office", "weekly": weekly, "holidays": [{"date": "12-25", "name": "Christmas"}]});
        let made = shop.call("POST", "/api/ivr/calendars", body.clone()).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let calendar = &made.body["calendar"];
        assert_eq!((&calendar["timezone"], &calendar["weekly"]), (&json!("America/New_York"), &weekly));
        assert_problem(&shop.call("POST", "/api/ivr/calendars", body).await, 409, "name_taken");
        let path = format!("/api/ivr/calendars/{}", calendar["id"].as_str().unwrap());
        let moved = shop.ok("PUT", &path, json!({"timezone": "Europe/Berlin"})).await["calendar"].clone();
        assert_eq!(
            (&moved["timezone"], &moved["weekly"], &moved["version"]),
            (&json!("Europe/Berlin"), &weekly, &json!(2))
        );
        let stale = shop.server.request("PUT", &path, &shop.admin.token).header("if-match", "\"1\"");
        assert_problem(&answer(stale.json(&json!({"name": "x"}))).await, 409, "stale_version");

        // All that is wrong is named at once.
        let wrong = json!({"name": "", "timezone": "Mars", "weekly": {"someday": []}, "holidays": [{"date": "13-40"}]});
        let refused = shop.call("POST", "/api/ivr/calendars", wrong).await;
        assert_problem(&refused, 400, "invalid_input");
        let fields: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
        assert_eq!(fields, ["name", "timezone", "weekly", "holidays"], "{}", refused.text);

        let twice = json!({"name": "x", "holidays": [{"date": "12-25"}, {"date": "12-25", "name": "Christmas"}]});
        let refused = shop.call("POST", "/api/ivr/calendars", twice).await;
        assert!(refused.text.contains("holidays.1: 12-25 stands here twice"), "{}", refused.text);

        let flow = json!({"version": 1, "start": "a", "nodes": {
            "a": {"type": "hours", "calendar": "Office", "open": "b", "closed": "b"}, "b": {"type": "hangup"},
        }});
        let flow = shop.flow("Main", flow).await;
        shop.ok("POST", &format!("{flow}/activate"), Value::Null).await;
        assert_problem(&shop.call("DELETE", &path, Value::Null).await, 409, "in_use");
        assert_problem(&shop.call("PUT", &path, json!({"name": "Elsewhere"})).await, 409, "in_use");
        shop.ok("DELETE", &flow, Value::Null).await;
        shop.ok("DELETE", &path, Value::Null).await;
        assert_eq!(shop.ok("GET", "/api/ivr/calendars", Value::Null).await["calendars"], json!([]));
    }
}
