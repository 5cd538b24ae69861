//! Requests with an `Idempotency-Key` have their effect once, on several processes and when one of them dies.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

use crate::postgres::Database;
use crate::support::{Answer, Person, Server, answer, assert_problem};

const SECRET: &str = "a secret of two servers, 32 bytes and more";

async fn post(server: &Server, token: &str, key: &str, path: &str, body: Value) -> Answer {
    answer(server.request("POST", path, token).header("idempotency-key", key).json(&body)).await
}

async fn queues(server: &Server, token: &str) -> usize {
    server.get("/api/queues", token).await["queues"].as_array().unwrap().len()
}

fn on(database: &Database) -> Server {
    Server::start_with(&[
        ("DIALPLANE_DATABASE", database.url.as_str()),
        ("DIALPLANE_JWT_SECRET", SECRET),
        ("DIALPLANE_RATE_LIMITS", "off"),
    ])
}

async fn number(sql: &mut PgConnection, text: &'static str) -> i64 {
    sql.fetch_one(text).await.unwrap().get(0)
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_also_after_a_restart() {
    let mut server = Server::start();
    let admin = server.set_up().await;
    let agent = server.join(&admin.token, "agent", "ann@alpha.example").await;
    let path = format!("/api/users/{}/extension", agent.id);
    let first = post(&server, &admin.token, "key-1", &path, json!({"number": "1001"})).await;
    assert_eq!(first.status, 201, "{}", first.text);
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let again = post(&server, &admin.token, "key-1", &path, json!({"number": "1001"})).await;
    assert_eq!((again.status, &again.text), (201, &first.text), "with the password that is shown once");
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let other = post(&server, &admin.token, "key-1", &path, json!({"number": "1002"})).await;
    assert_problem(&other, 409, "idempotency_key_reused");

    // Refusals are answers too; another path, user or key is another request.
    let refused = post(&server, &admin.token, "key-2", &path, json!({"number": "1001"})).await;
    let again = post(&server, &admin.token, "key-2", &path, json!({"number": "1001"})).await;
    assert_eq!((refused.status, &again.text), (409, &refused.text));
    assert_eq!(post(&server, &admin.token, "key-1", "/api/queues", json!({"name": "A"})).await.status, 201);
    let manager = server.join(&admin.token, "manager", "mia@alpha.example").await;
    assert_eq!(post(&server, &manager.token, "key-1", "/api/queues", json!({"name": "B"})).await.status, 201);
    let elsewhere = server.ok("POST", "/api/companies", &admin.token, json!({"name": "Beta"})).await;
    let there = server.request("POST", "/api/queues", &admin.token).header("idempotency-key", "key-1");
    let there = there.header("x-company-id", elsewhere["company"]["id"].as_str().unwrap());
    assert_eq!(answer(there.json(&json!({"name": "A"}))).await.status, 201);
    assert_eq!(queues(&server, &admin.token).await, 2);
    for bad in ["", &"x".repeat(256)] {
        assert_problem(
            &post(&server, &admin.token, bad, "/api/queues", json!({"name": "C"})).await,
            400,
            "invalid_input",
        );
    }

    server.stop();
    let directory = std::mem::replace(&mut server.directory, tempfile::tempdir().unwrap());
    drop(server);
    let server = Server::start_in(directory, &[("DIALPLANE_RATE_LIMITS", "off")]);
    let again = post(&server, &admin.token, "key-1", &path, json!({"number": "1001"})).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    // What is stored cannot be read without the key.
    let file = std::fs::read(server.directory.path().join("data/dialplane.db")).unwrap();
    let password = first.body["extension"]["password"].as_str().unwrap().as_bytes();
    assert!(!file.windows(password.len()).any(|window| window == password));
}

#[tokio::test]
async fn sixty_four_requests_with_one_key_on_two_processes_have_one_effect() {
    let database = Database::create();
    let (one, two) = (on(&database), on(&database));
    let admin = one.set_up().await;
    let send = |at: usize| {
        let server = if at.is_multiple_of(2) { &one } else { &two };
        post(server, &admin.token, "one-key", "/api/queues", json!({"name": "Sales"}))
    };
    let answers = join_all((0..64).map(send)).await;
    let made: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert!(!made.is_empty());
    assert!(made.iter().all(|answer| answer.text == made[0].text), "one answer for all who got one");
    for other in answers.iter().filter(|answer| answer.status != 201) {
        assert_problem(other, 409, "idempotency_in_progress");
        assert_eq!(other.headers["retry-after"], "1");
    }
    for server in [&one, &two] {
        let again = post(server, &admin.token, "one-key", "/api/queues", json!({"name": "Sales"})).await;
        assert_eq!((again.status, &again.text), (201, &made[0].text));
        assert_eq!(queues(server, &admin.token).await, 1);
    }
}

/// Sends a request whose answer cannot be written down, and kills the server once its effect is committed.
async fn killed_before_the_answer(server: &mut Server, admin: &Person, sql: &mut PgConnection) {
    sql.execute(
        "CREATE FUNCTION wait() RETURNS trigger AS $$ BEGIN PERFORM pg_advisory_lock(4711); RETURN NEW; END $$ LANGUAGE plpgsql;
         CREATE TRIGGER wait BEFORE UPDATE ON requests FOR EACH ROW WHEN (NEW.answer IS NOT NULL) EXECUTE FUNCTION wait();
         SELECT pg_advisory_lock(4711)",
    )
    .await
    .unwrap();
    let request = server.request("POST", "/api/queues", &admin.token).header("idempotency-key", "fatal");
    let sent = tokio::spawn(request.json(&json!({"name": "Sales"})).send());
    while number(sql, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill();
    assert!(sent.await.unwrap().is_err(), "nobody heard an answer");
    sql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .await
    .unwrap();
    sql.execute("DROP TRIGGER wait ON requests; SELECT pg_advisory_unlock(4711)").await.unwrap();
}

#[tokio::test]
async fn a_request_whose_server_died_before_it_answered_is_never_carried_out_again() {
    let database = Database::create();
    let mut first = on(&database);
    let admin = first.set_up().await;
    let mut sql = PgConnection::connect(&database.url).await.unwrap();
    killed_before_the_answer(&mut first, &admin, &mut sql).await;

    let second = on(&database);
    assert_eq!(queues(&second, &admin.token).await, 1, "the effect was committed");
    let again = async || post(&second, &admin.token, "fatal", "/api/queues", json!({"name": "Sales"})).await;
    assert_problem(&again().await, 409, "idempotency_in_progress");
    sql.execute("UPDATE requests SET at = at - interval '2 minutes'").await.unwrap();
    assert_problem(&again().await, 409, "idempotency_answer_lost");
    assert_eq!(queues(&second, &admin.token).await, 1);
    let other = post(&second, &admin.token, "fatal", "/api/queues", json!({"name": "Other"})).await;
    assert_problem(&other, 409, "idempotency_key_reused");
    // A day later the key is free, and the store's own identities still hold.
    sql.execute("UPDATE requests SET at = at - interval '24 hours'").await.unwrap();
    assert_problem(&again().await, 409, "name_taken");
}
