//! Starting the binary and talking to it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use dialplane_core::Engine;
use dialplane_storage_postgres::PostgresStore;
use dialplane_storage_sqlite::SqliteStore;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::postgres::Database;

/// The password of everybody in these tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A running server with its directory.
pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
    pub(crate) setup: Option<String>,
    pub(crate) directory: TempDir,
    pub(crate) http: Client,
    environment: Vec<(String, String)>,
    /// Dropped after the server, when it has one.
    database: Option<Database>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh: String,
}

/// A command of the binary in `directory`, without any setting from this process's environment.
pub(crate) fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialplane"));
    command.current_dir(directory).env_clear().stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn output(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    command(directory).args(arguments).envs(environment.iter().copied()).output().unwrap()
}

/// Starts the binary: its process, and what it says once it is ready.
fn spawn(directory: &Path, environment: &[(String, String)], log: Stdio) -> (Child, Value) {
    let mut child = command(directory)
        .args(["--json", "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0"])
        .env("DIALPLANE_LOG", "warn")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not ready: {line}"));
    (child, ready)
}

impl Server {
    /// A server on an empty directory, without rate limits.
    pub(crate) fn start() -> Self {
        Self::start_with(&[("DIALPLANE_RATE_LIMITS", "off")])
    }

    /// A server on an empty directory with these settings.
    pub(crate) fn start_with(environment: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), environment)
    }

    /// A server in `directory`.
    pub(crate) fn start_in(directory: TempDir, environment: &[(&str, &str)]) -> Self {
        Self::start_logged(directory, environment, Stdio::inherit())
    }

    /// The same with its log in `log`.
    pub(crate) fn start_logged(directory: TempDir, environment: &[(&str, &str)], log: Stdio) -> Self {
        // The client is built with TLS, as the server's own is, and wants to know by whom; an error says that it knows.
        rustls::crypto::ring::default_provider().install_default().ok();
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (child, ready) = spawn(directory.path(), &environment, log);
        let setup = ready["setup"].as_str().map(str::to_owned);
        let base = format!("http://{}", ready["http"].as_str().unwrap());
        Self { child, base, setup, directory, http: Client::new(), environment, database: None }
    }

    /// Ends the process by a signal, such as `-KILL`, and waits until it has ended.
    pub(crate) fn end(&mut self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
        self.wait();
    }

    /// Starts the server again where it was.
    pub(crate) fn start_again(&mut self) {
        let (child, ready) = spawn(self.directory.path(), &self.environment, Stdio::inherit());
        self.base = format!("http://{}", ready["http"].as_str().unwrap());
        self.child = child;
    }

    /// A server on each kind of database, without rate limits.
    pub(crate) fn on_each_store() -> [Self; 2] {
        Self::on_each_store_with(&[])
    }

    /// The same with further settings.
    pub(crate) fn on_each_store_with(environment: &[(&str, &str)]) -> [Self; 2] {
        let environment = [&[("DIALPLANE_RATE_LIMITS", "off")], environment].concat();
        let database = Database::create();
        let mut postgres = Self::start_with(&[&*environment, &[("DIALPLANE_DATABASE", &*database.url)]].concat());
        postgres.database = Some(database);
        [Self::start_with(&environment), postgres]
    }

    /// Starts it again on what it left, once it has stopped.
    pub(crate) fn again(mut self, environment: &[(&str, &str)]) -> Self {
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        let database = self.database.take();
        let mut environment = [&[("DIALPLANE_RATE_LIMITS", "off")], environment].concat();
        environment.extend(database.as_ref().map(|database| ("DIALPLANE_DATABASE", &*database.url)));
        let mut again = Self::start_in(directory, &environment);
        again.database = database;
        again
    }

    /// An engine of the test's own on the server's database.
    pub(crate) async fn engine(&self) -> Engine {
        match &self.database {
            Some(database) => Engine::new(PostgresStore::connect(&database.url).await.unwrap()),
            None => Engine::new(SqliteStore::open(self.directory.path().join("data/dialplane.db")).await.unwrap()),
        }
    }

    /// The token of the set-up link.
    pub(crate) fn setup_token(&self) -> String {
        self.setup.as_ref().unwrap().split_once('#').unwrap().1.to_owned()
    }

    /// A request with a token.
    pub(crate) fn request(&self, method: &str, path: &str, token: &str) -> RequestBuilder {
        let method: Method = method.parse().unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base));
        if token.is_empty() { request } else { request.bearer_auth(token) }
    }

    /// A request with a JSON body and its answer; null sends no body.
    pub(crate) async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> Answer {
        let request = self.request(method, path, token);
        answer(if body.is_null() { request } else { request.json(&body) }).await
    }

    /// A request that must succeed.
    pub(crate) async fn ok(&self, method: &str, path: &str, token: &str, body: Value) -> Value {
        let answer = self.call(method, path, token, body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text);
        assert_eq!(answer.body["success"], true, "{method} {path}: {}", answer.text);
        answer.body
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Value {
        self.ok("GET", path, token, Value::Null).await
    }

    /// Reads what is no resource.
    pub(crate) async fn get_any(&self, path: &str) -> Value {
        let answer = self.call("GET", path, "", Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.body
    }

    /// Sets the server up by its link and signs its platform admin in.
    pub(crate) async fn set_up(&self) -> Person {
        let body = json!({
            "token": self.setup_token(), "companyName": "Alpha", "country": "US", "timezone": "America/New_York",
            "name": "Root", "email": "root@alpha.example", "password": PASSWORD,
        });
        let done = self.ok("POST", "/api/setup", "", body).await;
        person(&done)
    }

    /// Registers somebody and signs them in.
    pub(crate) async fn join(&self, admin: &str, role: &str, email: &str) -> Person {
        let body = json!({"name": format!("{role} {email}"), "email": email, "password": PASSWORD, "role": role});
        self.ok("POST", "/api/users", admin, body).await;
        self.login(email, PASSWORD).await
    }

    /// Signs somebody in.
    pub(crate) async fn login(&self, email: &str, password: &str) -> Person {
        person(&self.ok("POST", "/api/auth/login", "", json!({"email": email, "password": password})).await)
    }

    /// Asks the server to stop, and waits until it has.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal_term();
        self.wait()
    }

    pub(crate) fn signal_term(&self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Kills the server at once, as a failing machine would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until the server has stopped.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn person(body: &Value) -> Person {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Person {
        id: text(&body["user"]["id"]),
        email: text(&body["user"]["email"]),
        token: text(&body["token"]),
        refresh: text(&body["refreshToken"]),
    }
}

/// Sends a request and reads the answer.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status, headers, text, body }
}

/// Asserts that an answer is an error as the contract has it.
#[track_caller]
pub(crate) fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.body["success"], false, "{}", answer.text);
    assert_eq!(answer.body["code"], code, "{}", answer.text);
    assert!(answer.body["message"].as_str().is_some_and(|text| !text.is_empty()), "{}", answer.text);
    let id = answer.headers.get("x-request-id").unwrap().to_str().unwrap();
    assert_eq!(answer.body["requestId"], id, "{}", answer.text);
}
