//! Clients that never finish, servers that are started twice, and what is left after a stop.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::support::{Server, assert_problem, output};

#[tokio::test]
async fn a_client_that_never_ends_its_headers_is_cut_off() {
    let server = Server::start();
    let mut slow = TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nX-Slow: ").unwrap();
    let cut = tokio::task::spawn_blocking(move || {
        slow.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        slow.read_to_end(&mut Vec::new())
    });
    assert_eq!(server.get("/health", "").await["status"], "ok");
    // An end or a reset, and no time-out of ours.
    let cut = cut.await.unwrap();
    assert!(cut.as_ref().map_err(|error| error.kind()) != Err(std::io::ErrorKind::WouldBlock), "{cut:?}");
}

#[tokio::test]
async fn a_second_server_on_a_directory_of_sqlite_is_refused() {
    let server = Server::start();
    let second = output(server.directory.path(), &["serve", "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0"], &[]);
    assert!(!second.status.success());
    let message = String::from_utf8_lossy(&second.stderr);
    assert!(message.contains("another server is running"), "{message}");
    assert_eq!(server.get("/ready", "").await["status"], "ready");
}

#[tokio::test]
async fn after_a_stop_the_database_file_is_whole_and_private() {
    let mut server = Server::start();
    let admin = server.set_up().await;
    for n in 0..200 {
        let body = json!({"phone_number": format!("+1202555{n:04}")});
        server.ok("POST", "/api/phone-numbers", &admin.token, body).await;
    }
    assert!(server.stop().success());
    let data = server.directory.path().join("data");
    let log = std::fs::metadata(data.join("dialplane.db-wal")).map(|file| file.len()).unwrap_or(0);
    assert_eq!(log, 0, "the log is merged into the file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(data.join("dialplane.db")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}

#[tokio::test]
async fn a_list_is_no_object_even_where_its_items_would_fit() {
    let server = Server::start();
    let admin = server.set_up().await;
    for body in [json!([admin.email, "correct horse battery"]), json!("text"), json!(7)] {
        let answer = server.call("POST", "/api/auth/login", "", body).await;
        assert_problem(&answer, 400, "invalid_input");
        assert!(!answer.text.contains("struct"), "{}", answer.text);
    }
}
