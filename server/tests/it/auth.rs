//! Signing in, refreshing, signing out, and what takes effect at once.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, answer, assert_problem};

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let server = Server::start();
    server.set_up().await;
    let wrong =
        server.call("POST", "/api/auth/login", "", json!({"email": "root@alpha.example", "password": "x"})).await;
    let unknown =
        server.call("POST", "/api/auth/login", "", json!({"email": "nobody@x.example", "password": "x"})).await;
    assert_problem(&wrong, 401, "invalid_credentials");
    assert_problem(&unknown, 401, "invalid_credentials");
    assert_eq!(wrong.body["message"], unknown.body["message"]);
}

#[tokio::test]
async fn the_sixth_failed_sign_in_is_refused_and_successful_ones_do_not_count() {
    let server = Server::start_with(&[("DIALPLANE_RATE_LIMIT_MAX_REQUESTS", "1000")]);
    server.set_up().await;
    for _ in 0..8 {
        server.login("root@alpha.example", PASSWORD).await;
    }
    let wrong = json!({"email": "root@alpha.example", "password": "wrong password"});
    for _ in 0..5 {
        assert_problem(&server.call("POST", "/api/auth/login", "", wrong.clone()).await, 401, "invalid_credentials");
    }
    let right = json!({"email": "root@alpha.example", "password": PASSWORD});
    let refused = server.call("POST", "/api/auth/login", "", right).await;
    assert_problem(&refused, 429, "rate_limited");
    let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=900).contains(&seconds));
}

#[tokio::test]
async fn anonymous_requests_are_limited_by_address_and_signed_in_ones_are_not_counted_with_them() {
    let server = Server::start_with(&[("DIALPLANE_RATE_LIMIT_MAX_REQUESTS", "5")]);
    let admin = server.set_up().await;
    for _ in 0..4 {
        assert_eq!(server.call("GET", "/api/users", "", Value::Null).await.status, 401);
    }
    assert_problem(&server.call("GET", "/api/users", "", Value::Null).await, 429, "rate_limited");
    assert_problem(&server.call("GET", "/api/users", "nonsense", Value::Null).await, 429, "rate_limited");
    server.get("/api/users", &admin.token).await;
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_second_use_closes_the_session() {
    let server = Server::start();
    let admin = server.set_up().await;
    let first = server.ok("POST", "/api/auth/refresh", "", json!({"refreshToken": admin.refresh})).await;
    server.get("/api/auth/profile", first["token"].as_str().unwrap()).await;
    let next = first["refreshToken"].as_str().unwrap();
    let again = server.call("POST", "/api/auth/refresh", "", json!({"refresh_token": admin.refresh})).await;
    assert_problem(&again, 401, "session_reused");
    let family = server.call("POST", "/api/auth/refresh", "", json!({"refreshToken": next})).await;
    assert_eq!(family.status, 401);
    let unknown = server.call("POST", "/api/auth/refresh", "", json!({"refreshToken": "0".repeat(64)})).await;
    assert_problem(&unknown, 401, "invalid_session");
    assert_problem(&server.call("POST", "/api/auth/refresh", "", json!({})).await, 400, "invalid_input");
}

#[tokio::test]
async fn of_twenty_parallel_refreshes_one_succeeds() {
    let server = Server::start();
    let admin = server.set_up().await;
    let requests =
        (0..20).map(|_| server.call("POST", "/api/auth/refresh", "", json!({"refreshToken": admin.refresh})));
    let answers = futures::future::join_all(requests).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 401)), "{answers:?}");
}

#[tokio::test]
async fn signing_out_ends_the_access_token_at_once() {
    let server = Server::start();
    let admin = server.set_up().await;
    let done = server.ok("POST", "/api/auth/logout", &admin.token, Value::Null).await;
    assert_eq!(done["message"], "Logged out successfully");
    assert_problem(&server.call("GET", "/api/auth/profile", &admin.token, Value::Null).await, 401, "invalid_token");
    assert_eq!(server.call("POST", "/api/auth/refresh", "", json!({"refreshToken": admin.refresh})).await.status, 401);
}

#[tokio::test]
async fn a_change_of_role_a_disabled_account_and_a_deleted_one_act_at_once() {
    let server = Server::start();
    let admin = server.set_up().await;
    let manager = server.join(&admin.token, "manager", "m@alpha.example").await;
    server.get("/api/users", &manager.token).await;
    server.ok("PUT", &format!("/api/users/{}/role", manager.id), &admin.token, json!({"role": "agent"})).await;
    assert_eq!(server.call("GET", "/api/users", &manager.token, Value::Null).await.status, 401);
    let agent = server.login(&manager.email, PASSWORD).await;
    assert_problem(&server.call("GET", "/api/users", &agent.token, Value::Null).await, 403, "forbidden");

    server.ok("PUT", &format!("/api/users/{}", agent.id), &admin.token, json!({"isActive": false})).await;
    assert_eq!(server.call("GET", "/api/auth/profile", &agent.token, Value::Null).await.status, 401);
    assert_eq!(server.call("POST", "/api/auth/refresh", "", json!({"refreshToken": agent.refresh})).await.status, 401);
    let login = server.call("POST", "/api/auth/login", "", json!({"email": agent.email, "password": PASSWORD})).await;
    assert_problem(&login, 401, "invalid_credentials");

    let other = server.join(&admin.token, "agent", "gone@alpha.example").await;
    server.ok("DELETE", &format!("/api/users/{}", other.id), &admin.token, Value::Null).await;
    assert_eq!(server.call("GET", "/api/auth/profile", &other.token, Value::Null).await.status, 401);
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let server = Server::start_with(&[("JWT_EXPIRES_IN", "1s"), ("DIALPLANE_RATE_LIMITS", "off")]);
    let admin = server.set_up().await;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while server.call("GET", "/api/auth/profile", &admin.token, Value::Null).await.status == 200 {
        assert!(std::time::Instant::now() < until, "the token never expires");
    }
    let refused = server.call("GET", "/api/auth/profile", &admin.token, Value::Null).await;
    assert_problem(&refused, 401, "invalid_token");
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_and_gives_a_new_one() {
    let server = Server::start();
    let admin = server.set_up().await;
    let change = |current: &str, next: &str| json!({"currentPassword": current, "newPassword": next});
    let path = "/api/auth/password";
    let wrong = server.call("PUT", path, &admin.token, change("wrong password", "next password")).await;
    assert_problem(&wrong, 403, "wrong_password");
    let weak = server.call("PUT", path, &admin.token, change(PASSWORD, "short")).await;
    assert_problem(&weak, 400, "weak_password");
    let done = server.ok("PUT", path, &admin.token, change(PASSWORD, "next password")).await;
    assert_eq!(server.call("GET", "/api/auth/profile", &admin.token, Value::Null).await.status, 401);
    server.get("/api/auth/profile", done["token"].as_str().unwrap()).await;
    server.login(&admin.email, "next password").await;
}

#[tokio::test]
async fn the_profile_is_ones_own_to_change() {
    let server = Server::start();
    let admin = server.set_up().await;
    let agent = server.join(&admin.token, "caller", "a@alpha.example").await;
    let changed = server.ok("PUT", "/api/auth/profile", &agent.token, json!({"name": "Ann", "phone": "12345"})).await;
    assert_eq!((&changed["user"]["name"], &changed["user"]["phone"]), (&json!("Ann"), &json!("12345")));
    let role = server.ok("PUT", "/api/auth/profile", &agent.token, json!({"role": "admin"})).await;
    assert_eq!(role["user"]["role"], "caller", "an unknown field is passed over");
    let taken = server.call("PUT", "/api/auth/profile", &agent.token, json!({"email": admin.email})).await;
    assert_problem(&taken, 409, "email_taken");
}

#[tokio::test]
async fn other_schemes_and_torn_tokens_are_no_identity() {
    let server = Server::start();
    let admin = server.set_up().await;
    for value in [
        format!("Basic {}", admin.token),
        "Bearer".to_owned(),
        format!("Bearer {}x", admin.token),
        "Bearer a.b.c".to_owned(),
    ] {
        let refused = answer(server.request("GET", "/api/auth/profile", "").header("authorization", &value)).await;
        assert_problem(&refused, 401, "invalid_token");
    }
    let lower = answer(
        server.request("GET", "/api/auth/profile", "").header("authorization", format!("bearer {}", admin.token)),
    );
    assert_eq!(lower.await.status, 200);
    assert_problem(&server.call("GET", "/api/auth/profile", "", Value::Null).await, 401, "no_token");
}

#[tokio::test]
async fn open_registration_admits_agents_only() {
    let server = Server::start_with(&[("DIALPLANE_REGISTRATION", "open"), ("DIALPLANE_RATE_LIMITS", "off")]);
    server.set_up().await;
    let body =
        |role: &str| json!({"name": "Jane", "email": format!("{role}@x.example"), "password": PASSWORD, "role": role});
    let done = server.ok("POST", "/api/auth/register", "", body("caller")).await;
    server.get("/api/auth/profile", done["token"].as_str().unwrap()).await;
    assert_problem(&server.call("POST", "/api/auth/register", "", body("manager")).await, 403, "role_above_own");
}

#[tokio::test]
async fn nobody_gives_a_role_above_their_own() {
    let server = Server::start();
    let root = server.set_up().await;
    let manager = server.join(&root.token, "manager", "m@alpha.example").await;
    let body = json!({"name": "X", "email": "x@alpha.example", "password": PASSWORD, "role": "admin"});
    assert_problem(&server.call("POST", "/api/auth/register", &manager.token, body).await, 403, "role_above_own");
    let own = format!("/api/users/{}/role", manager.id);
    assert_eq!(server.call("PUT", &own, &manager.token, json!({"role": "admin"})).await.status, 409);
    let above = format!("/api/users/{}", root.id);
    assert_problem(&server.call("PUT", &above, &manager.token, json!({"name": "Y"})).await, 403, "role_above_own");
    assert_problem(&server.call("DELETE", &above, &manager.token, Value::Null).await, 403, "role_above_own");
}
