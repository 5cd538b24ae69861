//! A server that nobody has set up yet.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, assert_problem, output};

fn setup(token: &str) -> Value {
    json!({
        "token": token, "companyName": "Alpha", "country": "DE", "timezone": "Europe/Berlin", "name": "Ann",
        "email": "Ann@Alpha.example", "password": PASSWORD,
    })
}

#[tokio::test]
async fn the_link_sets_the_server_up_once() {
    let server = Server::start();
    assert_eq!(server.get("/api/setup", "").await["needsSetup"], true);
    assert_problem(&server.call("POST", "/api/setup", "", setup("wrong")).await, 403, "invalid_setup_token");
    let token = server.setup_token();
    let mut bad = setup(&token);
    bad["timezone"] = json!("Mars/Olympus");
    assert_problem(&server.call("POST", "/api/setup", "", bad).await, 400, "invalid_input");
    let done = server.call("POST", "/api/setup", "", setup(&token)).await;
    assert_eq!(done.status, 201, "{}", done.text);
    assert_eq!((&done.body["user"]["isPlatformAdmin"], &done.body["user"]["role"]), (&json!(true), &json!("admin")));
    assert_eq!(
        (&done.body["company"]["country"], &done.body["company"]["timezone"]),
        (&json!("DE"), &json!("Europe/Berlin"))
    );
    assert_problem(&server.call("POST", "/api/setup", "", setup(&token)).await, 403, "invalid_setup_token");
    assert_eq!(server.get("/api/setup", "").await["needsSetup"], false);
    server.login("ann@alpha.example", PASSWORD).await;
}

#[tokio::test]
async fn of_parallel_set_ups_one_succeeds() {
    let server = Server::start();
    let token = server.setup_token();
    let requests = (0..8).map(|n| {
        let mut body = setup(&token);
        body["email"] = json!(format!("a{n}@alpha.example"));
        server.call("POST", "/api/setup", "", body)
    });
    let answers = futures::future::join_all(requests).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 403 | 409)), "{answers:?}");
}

#[tokio::test]
async fn the_first_registration_makes_the_platform_admin_and_the_second_is_closed() {
    let server = Server::start();
    let body = json!({"name": "Ann", "email": "ann@alpha.example", "password": PASSWORD, "role": "caller"});
    let first = server.ok("POST", "/api/auth/register", "", body.clone()).await;
    assert_eq!((&first["user"]["role"], &first["user"]["isPlatformAdmin"]), (&json!("admin"), &json!(true)));
    server.get("/api/companies", first["token"].as_str().unwrap()).await;
    let second = server.call("POST", "/api/auth/register", "", body).await;
    assert_problem(&second, 401, "no_token");
    let token = server.setup_token();
    assert_eq!(server.call("POST", "/api/setup", "", setup(&token)).await.status, 403, "the link is spent");
}

#[tokio::test]
async fn the_named_admin_is_made_and_no_link_is_given() {
    let environment = [("DIALPLANE_ADMIN_EMAIL", "boss@x.example"), ("DIALPLANE_ADMIN_PASSWORD", PASSWORD)];
    let server = Server::start_with(&environment);
    assert_eq!(server.setup, None);
    let admin = server.login("boss@x.example", PASSWORD).await;
    assert_eq!(server.get("/api/auth/profile", &admin.token).await["user"]["isPlatformAdmin"], true);
}

#[cfg(unix)]
#[tokio::test]
async fn the_data_directory_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start();
    let data = server.directory.path().join("data");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join("secrets.toml"))), (0o700, 0o600));
    assert!(data.join("dialplane.db").exists());
}

#[tokio::test]
async fn an_admin_is_made_from_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let create = |email: &'static str| {
        let file = file.to_str().unwrap().to_owned();
        output(directory.path(), &["--json", "admin", "create", "--email", email, "--password-file", &file], &[])
    };
    let first = create("boss@x.example");
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let made: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!((&made["platform"], &made["email"]), (&json!(true), &json!("boss@x.example")));
    let again = create("boss@x.example");
    assert_eq!(again.status.code(), Some(1));
    let message: Value = serde_json::from_slice(&again.stderr).unwrap();
    assert_eq!((&message["success"], again.stdout.len()), (&json!(false), 0));
    let second: Value = serde_json::from_slice(&create("second@x.example").stdout).unwrap();
    assert_eq!(second["platform"], false);
    let server = Server::start_in(directory, &[("DIALPLANE_RATE_LIMITS", "off")]);
    assert_eq!(server.setup, None);
    server.login("boss@x.example", PASSWORD).await;
    server.login("second@x.example", PASSWORD).await;
}
