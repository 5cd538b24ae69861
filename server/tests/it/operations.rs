//! Health, readiness, metrics, headers, idempotency, versions, and stopping.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, answer, assert_problem};

#[tokio::test]
async fn health_readiness_and_metrics_need_no_token_and_tell_nothing_personal() {
    let server = Server::start();
    let admin = server.set_up().await;
    server.ok("POST", "/api/phone-numbers", &admin.token, json!({"phone_number": "+12025550123"})).await;
    server.get(&format!("/api/users/{}", admin.id), &admin.token).await;
    assert_eq!(server.get("/health", "").await["status"], "ok");
    assert_eq!(server.get("/ready", "").await["status"], "ready");
    let metrics = answer(server.request("GET", "/metrics", "")).await;
    assert_eq!(metrics.status, 200);
    assert!(
        metrics
            .text
            .contains(r#"dialplane_http_requests_total{method="POST",route="/api/phone-numbers",status="201"} 1"#)
    );
    for personal in ["2025550123", "alpha.example", &admin.id] {
        assert!(!metrics.text.contains(personal), "{personal}");
    }
}

#[tokio::test]
async fn every_answer_has_security_headers_and_the_request_id_that_was_given() {
    let server = Server::start();
    for path in ["/", "/setup", "/docs/", "/health", "/api/users", "/api/nothing"] {
        let answer = answer(server.request("GET", path, "").header("x-request-id", "my-id.1")).await;
        assert_eq!(answer.headers["x-request-id"], "my-id.1", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-inline"), "{path}");
        assert!(answer.headers.contains_key("referrer-policy"), "{path}");
    }
    let forged = answer(server.request("GET", "/health", "").header("x-request-id", "a b")).await;
    assert_ne!(forged.headers["x-request-id"], "a b");
}

#[tokio::test]
async fn pages_and_their_documentation_fetch_nothing_from_elsewhere() {
    let server = Server::start();
    for path in [
        "/",
        "/setup",
        "/docs/",
        "/docs/swagger-initializer.js",
        "/docs/index.css",
        "/assets/setup.js",
        "/assets/page.css",
    ] {
        let page = answer(server.request("GET", path, "")).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.text.contains("https://") && !page.text.contains("http://"), "{path}: {}", page.text);
        assert!(!page.text.contains("<script>") && !page.text.contains("style="), "{path}");
    }
    let openapi = answer(server.request("GET", "/api/openapi.json", "")).await.body;
    assert_eq!(openapi["openapi"], "3.1.0");
    assert_eq!(answer(server.request("GET", "/api/v1/openapi.json", "")).await.body, openapi);
}

#[tokio::test]
async fn origins_are_admitted_only_when_they_are_named() {
    let server = Server::start_with(&[("DIALPLANE_CORS_ORIGINS", "https://app.example.com")]);
    let preflight = |origin: &'static str| {
        let request = server.request("OPTIONS", "/api/users", "").header("origin", origin);
        answer(request.header("access-control-request-method", "POST"))
    };
    assert_eq!(
        preflight("https://app.example.com").await.headers["access-control-allow-origin"],
        "https://app.example.com"
    );
    assert!(!preflight("https://evil.example.com").await.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn the_same_key_and_body_answer_the_first_response_again() {
    let server = Server::start();
    let admin = server.set_up().await;
    let post = |key: &'static str, number: &'static str, token: String| {
        let request = server.request("POST", "/api/phone-numbers", &token).header("idempotency-key", key);
        answer(request.json(&json!({"phone_number": number})))
    };
    let first = post("k1", "+12025550123", admin.token.clone()).await;
    assert_eq!(first.status, 201);
    let again = post("k1", "+12025550123", admin.token.clone()).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_problem(&post("k1", "+12025550124", admin.token.clone()).await, 409, "idempotency_key_reused");
    assert_problem(&post("k2", "+12025550123", admin.token.clone()).await, 409, "duplicate_number");
    let other = server.join(&admin.token, "admin", "other@alpha.example").await;
    assert_problem(&post("k1", "+12025550123", other.token).await, 409, "duplicate_number");
    assert_eq!(post("k1", "+12025550123", String::new()).await.status, 401, "no answer without a token");
}

#[tokio::test]
async fn of_parallel_requests_with_one_key_one_is_carried_out() {
    let server = Server::start();
    let admin = server.set_up().await;
    let requests = (0..10).map(|_| {
        let request = server.request("POST", "/api/queues", &admin.token).header("idempotency-key", "once");
        answer(request.json(&json!({"name": "Sales"})))
    });
    let answers = futures::future::join_all(requests).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 409)));
    let ids: std::collections::BTreeSet<_> =
        answers.iter().filter(|a| a.status == 201).map(|a| a.body["queue"]["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_stale_write_is_refused_and_changes_nothing() {
    let server = Server::start();
    let admin = server.set_up().await;
    let company = server.get("/api/auth/profile", &admin.token).await["company"]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/companies/{company}");
    let read = answer(server.request("GET", &path, &admin.token)).await;
    let tag = read.headers["etag"].clone();
    let put = |name: &'static str, tag: &str| {
        answer(server.request("PUT", &path, &admin.token).header("if-match", tag).json(&json!({"name": name})))
    };
    let written = put("Second", tag.to_str().unwrap()).await;
    assert_eq!((written.status, written.headers["etag"] != tag), (200, true));
    assert_problem(&put("Third", tag.to_str().unwrap()).await, 409, "stale_version");
    assert_eq!(put("Third", "W/\"1\"").await.status, 400);
    assert_eq!(server.get(&path, &admin.token).await["company"]["name"], "Second");
}

#[tokio::test]
async fn the_server_stops_when_asked_and_keeps_what_it_was_told() {
    let mut server = Server::start();
    let admin = server.set_up().await;
    server.ok("POST", "/api/queues", &admin.token, json!({"name": "Sales"})).await;
    assert!(server.stop().success());
    let directory = std::mem::replace(&mut server.directory, tempfile::tempdir().unwrap());
    let again = Server::start_in(directory, &[("DIALPLANE_RATE_LIMITS", "off")]);
    assert_eq!(again.setup, None);
    let admin = again.login(&admin.email, PASSWORD).await;
    assert_eq!(again.get("/api/queues", &admin.token).await["queues"][0]["name"], "Sales");
}

#[tokio::test]
async fn versioned_and_plain_paths_are_the_same_api() {
    let server = Server::start();
    let admin = server.set_up().await;
    assert_eq!(server.get("/api/v1/users", &admin.token).await, server.get("/api/users", &admin.token).await);
    assert_eq!(server.call("GET", "/api/v1/users", "", Value::Null).await.status, 401);
}

#[tokio::test]
async fn events_are_delivered_soon_after_they_happen() {
    let server = Server::start();
    let admin = server.set_up().await;
    server.ok("POST", "/api/queues", &admin.token, json!({"name": "Sales"})).await;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    // The company, its admin, their sign-in and the queue.
    while !answer(server.request("GET", "/metrics", "")).await.text.contains("dialplane_events_delivered_total 4") {
        assert!(std::time::Instant::now() < until, "the events are not delivered");
    }
}
