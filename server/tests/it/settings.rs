//! The command line and the settings.

use std::net::TcpListener;

use serde_json::Value;

use crate::support::{Server, output};

fn printed(
    directory: &std::path::Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
    key: &str,
) -> (String, String) {
    let out = output(directory, &[&["--json", "config", "print"], arguments].concat(), environment);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines: Vec<Value> = serde_json::from_slice(&out.stdout).unwrap();
    let line = lines.iter().find(|line| line["setting"] == key).unwrap();
    (line["value"].as_str().unwrap().to_owned(), line["origin"].as_str().unwrap().to_owned())
}

#[test]
fn flags_beat_the_environment_beats_the_file_beats_the_default() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let http = |arguments: &[&str], environment: &[(&str, &str)]| printed(path, arguments, environment, "http");
    assert_eq!(http(&[], &[]), ("127.0.0.1:8080".into(), "default".into()));
    std::fs::write(path.join("dialplane.toml"), "http = \"127.0.0.1:1001\"").unwrap();
    assert_eq!(http(&[], &[]), ("127.0.0.1:1001".into(), "dialplane.toml".into()));
    let alias = ("PORT", "1002");
    assert_eq!(http(&[], &[alias]), ("127.0.0.1:1002".into(), "PORT".into()));
    let own = ("DIALPLANE_HTTP", "127.0.0.1:1003");
    assert_eq!(http(&[], &[alias, own]), ("127.0.0.1:1003".into(), "DIALPLANE_HTTP".into()));
    assert_eq!(http(&["--http", "127.0.0.1:1004"], &[alias, own]), ("127.0.0.1:1004".into(), "--http".into()));
}

#[test]
fn secrets_are_never_printed() {
    let directory = tempfile::tempdir().unwrap();
    let environment = [
        ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ("DB_HOST", "db.example"),
        ("DB_PASSWORD", "hunter2hunter2"),
        ("TWILIO_AUTH_TOKEN", "twilio-secret"),
    ];
    for arguments in [&["config", "print"][..], &["--json", "config", "print"]] {
        let out = output(directory.path(), arguments, &environment);
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(text.contains("db.example") && text.contains("JWT_SECRET"), "{text}");
        for secret in ["0123456789abcdef", "hunter2", "twilio-secret"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_bad_setting_is_named_on_stderr_and_fails() {
    let directory = tempfile::tempdir().unwrap();
    for (environment, expected) in [
        (("DIALPLANE_HTTP", "nonsense"), "setting http (from DIALPLANE_HTTP)"),
        (("DIALPLANE_DATABASE", "mysql://x"), "setting database"),
        (("DIALPLANE_REGISTRATION", "maybe"), "setting registration"),
        (("DIALPLANE_RTP_PORTS", "5-1"), "setting rtp_ports"),
        (("DIALPLANE_TIMEZONE", "Mars"), "setting timezone"),
        (("JWT_EXPIRES_IN", "soon"), "setting access_token_life (from JWT_EXPIRES_IN)"),
    ] {
        let out = output(directory.path(), &["serve"], &[environment]);
        let text = String::from_utf8(out.stderr).unwrap();
        assert_eq!((out.status.code(), out.stdout.len()), (Some(1), 0), "{text}");
        assert!(text.contains(expected), "{text}");
    }
    std::fs::write(directory.path().join("dialplane.toml"), "htp = 1").unwrap();
    let out = output(directory.path(), &["serve"], &[]);
    assert!(String::from_utf8(out.stderr).unwrap().contains("no setting called htp"));
    let missing = output(directory.path(), &["--config", "none.toml", "config", "print"], &[]);
    assert_eq!(missing.status.code(), Some(1));
}

#[tokio::test]
async fn a_port_in_use_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let out = output(directory.path(), &["--http", &address, "--sip", "127.0.0.1:0"], &[]);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8(out.stderr).unwrap().contains(&format!("cannot listen on {address}")));
}

#[test]
fn the_doctor_finds_what_would_go_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let fine = output(directory.path(), &["--json", "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0", "doctor"], &[]);
    assert!(fine.status.success(), "{}", String::from_utf8_lossy(&fine.stdout));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let sick = output(directory.path(), &["--json", "--http", &address, "--sip", "127.0.0.1:0", "doctor"], &[]);
    assert_eq!(sick.status.code(), Some(1));
    let checks: Vec<Value> = serde_json::from_slice(&sick.stdout).unwrap();
    let failed: Vec<_> =
        checks.iter().filter(|check| check["ok"] == false).map(|check| check["check"].clone()).collect();
    assert_eq!(failed, ["http"]);
}

#[tokio::test]
async fn the_description_and_the_completions_are_printed() {
    let server = Server::start();
    let directory = tempfile::tempdir().unwrap();
    let out = output(directory.path(), &["openapi"], &[]);
    let printed: Value = serde_json::from_slice(&out.stdout).unwrap();
    let served = crate::support::answer(server.request("GET", "/api/openapi.json", "")).await.body;
    assert_eq!(printed, served);
    let completions = output(directory.path(), &["completions", "bash"], &[]);
    assert!(String::from_utf8(completions.stdout).unwrap().contains("dialplane"));
    let migrated = output(directory.path(), &["--json", "migrate"], &[]);
    assert!(migrated.status.success() && directory.path().join("data/dialplane.db").exists());
    assert_eq!(output(directory.path(), &["nonsense"], &[]).status.code(), Some(2));
}
