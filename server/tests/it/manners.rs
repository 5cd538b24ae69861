//! What every route does alike: methods, tags of versions, compression, limits that are told.

use serde_json::{Value, json};

use crate::support::{Answer, Server, answer, assert_problem};

async fn with(server: &Server, method: &str, path: &str, token: &str, header: (&str, &str)) -> Answer {
    answer(server.request(method, path, token).header(header.0, header.1)).await
}

/// One of every resource with a version: where it is, and a change of it.
async fn versioned(server: &Server, token: &str) -> Vec<(String, Value)> {
    let make = async |path: &str, key: &str, body: Value| {
        let made = server.ok("POST", path, token, body).await;
        format!("{path}/{}", made[key]["id"].as_str().unwrap())
    };
    let person = json!({"name": "Ann", "email": "ann@alpha.example", "password": "long enough", "role": "agent"});
    let user = make("/api/users", "user", person).await;
    let target = json!({"type": "agent", "id": user.rsplit('/').next().unwrap()});
    let auth = json!({"kind": "address", "addresses": ["192.0.2.1"]});
    let company = server.get("/api/auth/profile", token).await["company"]["id"].as_str().unwrap().to_owned();
    vec![
        (user, json!({"name": "Ann Other"})),
        (format!("/api/companies/{company}"), json!({"name": "Alpha Two"})),
        (make("/api/queues", "queue", json!({"name": "Sales"})).await, json!({"name": "Support"})),
        (
            make("/api/trunks", "trunk", json!({"name": "Carrier", "host": "192.0.2.1", "auth": auth})).await,
            json!({"name": "Other"}),
        ),
        (
            make("/api/inbound-routes", "inboundRoute", json!({"number": "+13035550100", "target": target})).await,
            json!({"number": "+13035550101"}),
        ),
        (
            make("/api/phone-numbers", "phoneNumber", json!({"phone_number": "+12025550123"})).await,
            json!({"provider": "other"}),
        ),
        ("/api/auth/profile".to_owned(), json!({"name": "Rooted"})),
    ]
}

#[tokio::test]
async fn a_stale_write_changes_nothing_and_what_is_known_is_not_sent_again() {
    let server = Server::start();
    let admin = server.set_up().await;
    for (path, change) in versioned(&server, &admin.token).await {
        let read = server.call("GET", &path, &admin.token, Value::Null).await;
        let tag = read.headers["etag"].to_str().unwrap().to_owned();
        let known = with(&server, "GET", &path, &admin.token, ("if-none-match", &tag)).await;
        assert_eq!((known.status, known.text.as_str()), (304, ""), "{path}");
        assert_eq!(known.headers["etag"], tag.as_str());
        let head = with(&server, "HEAD", &path, &admin.token, ("if-none-match", "\"other\"")).await;
        assert_eq!(
            (head.status, &head.headers["etag"], head.text.as_str()),
            (200, &read.headers["etag"], ""),
            "{path}"
        );

        let put = async |tag: &str| {
            answer(server.request("PUT", &path, &admin.token).header("if-match", tag).json(&change)).await
        };
        assert_problem(&put("\"99\"").await, 409, "stale_version");
        assert_problem(&put("W/\"1\"").await, 400, "invalid_input");
        let unchanged = with(&server, "GET", &path, &admin.token, ("if-none-match", &tag)).await;
        assert_eq!(unchanged.status, 304, "{path}: a stale write changed something");
        let written = put(&tag).await;
        assert_eq!(written.status, 200, "{path}: {}", written.text);
        assert_problem(&put(&tag).await, 409, "stale_version");
        let changed = with(&server, "GET", &path, &admin.token, ("if-none-match", &tag)).await;
        assert_eq!(changed.status, 200, "{path}");
        // The tag of a write is good for the next.
        assert_eq!(put(written.headers["etag"].to_str().unwrap()).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn every_path_answers_head_as_get_and_options_with_what_it_takes() {
    let server = Server::start();
    let admin = server.set_up().await;
    let description = server.get_any("/api/openapi.json").await;
    for (path, item) in description["paths"].as_object().unwrap() {
        let concrete =
            path.replace("{id}", &admin.id).replace("{companyId}", &admin.id).replace("{agentId}", &admin.id);
        let options = server.call("OPTIONS", &concrete, "", Value::Null).await;
        assert_eq!((options.status, options.text.as_str()), (204, ""), "{path}");
        let allow: Vec<&str> = options.headers["allow"].to_str().unwrap().split(',').map(str::trim).collect();
        for method in item.as_object().unwrap().keys() {
            assert!(allow.contains(&method.to_uppercase().as_str()), "{path}: {method} is not in {allow:?}");
        }
        assert!(allow.contains(&"OPTIONS"), "{path}: {allow:?}");
        if item.get("get").is_some() {
            assert!(allow.contains(&"HEAD"), "{path}: {allow:?}");
            // The body is not read: that of a stream has no end.
            let get = server.request("GET", &concrete, &admin.token).send().await.unwrap();
            let head = server.call("HEAD", &concrete, &admin.token, Value::Null).await;
            assert_eq!((head.status, head.text.as_str()), (get.status().as_u16(), ""), "{path}");
            assert_eq!(head.headers.get("etag"), get.headers().get("etag"), "{path}");
            assert_eq!(head.headers.get("content-type"), get.headers().get("content-type"), "{path}");
        }
        let other = server.call("PATCH", &concrete, &admin.token, Value::Null).await;
        assert_problem(&other, 405, "method_not_allowed");
        assert!(other.headers["allow"].to_str().unwrap().ends_with("OPTIONS"));
    }
    assert_problem(&server.call("OPTIONS", "/api/nothing", "", Value::Null).await, 404, "no_such_route");
}

#[tokio::test]
async fn long_texts_are_compressed_for_who_asks_and_short_ones_are_not() {
    let server = Server::start();
    let admin = server.set_up().await;
    let long = with(&server, "GET", "/api/openapi.json", "", ("accept-encoding", "gzip")).await;
    assert_eq!((long.headers["content-encoding"].to_str().unwrap(), long.status), ("gzip", 200));
    assert!(long.headers["vary"].to_str().unwrap().to_lowercase().contains("accept-encoding"));
    let plain = with(&server, "GET", "/api/openapi.json", "", ("accept-encoding", "identity")).await;
    assert!(!plain.headers.contains_key("content-encoding") && plain.body["openapi"] == "3.1.0");
    let short = with(&server, "GET", "/api/queues", &admin.token, ("accept-encoding", "gzip")).await;
    assert!(!short.headers.contains_key("content-encoding") && short.body["success"] == true);
}

#[tokio::test]
async fn limits_are_those_of_document_003_and_told_before_they_are_reached() {
    let server = Server::start_with(&[]);
    let admin = server.set_up().await;
    let ask = || server.call("GET", "/api/setup", "", Value::Null);
    let number = |answer: &Answer, name: &str| answer.headers[name].to_str().unwrap().parse::<u32>().unwrap();
    // Setting the server up was the first of the hundred.
    for remaining in (0..99).rev() {
        let answer = ask().await;
        assert_eq!((answer.status, number(&answer, "ratelimit-limit")), (200, 100));
        assert_eq!(number(&answer, "ratelimit-remaining"), remaining);
        assert!((1..=900).contains(&number(&answer, "ratelimit-reset")));
    }
    let refused = ask().await;
    assert_problem(&refused, 429, "rate_limited");
    assert!((1..=900).contains(&number(&refused, "retry-after")));
    assert_eq!(server.call("GET", "/health", "", Value::Null).await.status, 200, "health is outside");

    let upload =
        || server.call("POST", "/api/phone-numbers/bulk-upload", &admin.token, json!({"numbers": "+12025550123"}));
    for _ in 0..10 {
        assert_eq!(upload().await.status, 200);
    }
    assert_problem(&upload().await, 429, "rate_limited");
    let leads = server.request("POST", "/api/leads/import", &admin.token).header("content-type", "text/csv");
    assert_problem(&answer(leads.body("name,phone\nAnn,+12025550123\n")).await, 429, "rate_limited");
    server.get("/api/leads", &admin.token).await;
}
