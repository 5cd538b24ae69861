//! A small server that answers as Meta's Graph API does, and as it does on a bad day.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::watch;

/// What it does when it is asked for something.
#[derive(Debug, Clone)]
pub(crate) enum Answers {
    /// Says it.
    With(Value),
    /// Answers with a status, and `Retry-After` when it is not 0.
    Status(u16, u32),
    /// Answers with text that is not JSON.
    Nonsense,
    /// Answers with a redirection to another address.
    Elsewhere,
    /// Takes the question and never answers.
    Never,
}

#[derive(Debug, Default)]
struct Shared {
    answers: Mutex<BTreeMap<String, Answers>>,
    /// Each question with the token it came with.
    asked: watch::Sender<Vec<(String, String)>>,
}

/// The server. It ends with the test's runtime.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) base: String,
    shared: Arc<Shared>,
}

impl Graph {
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let router = Router::new().route("/v24.0/{id}", axum::routing::get(answer)).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v24.0", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, shared }
    }

    /// What it does from now on when it is asked for `id`.
    pub(crate) fn on(&self, id: &str, answers: Answers) {
        self.shared.answers.lock().unwrap().insert(id.to_owned(), answers);
    }

    /// A lead that was filled in on a form called `Contact Form`.
    pub(crate) fn lead(&self, id: &str, more: Value, fields: &[(&str, &str)]) {
        let fields: Vec<Value> = fields.iter().map(|(name, value)| json!({"name": name, "values": [value]})).collect();
        let mut lead =
            json!({"id": id, "created_time": "2026-03-01T10:00:00+0000", "form_id": "700", "field_data": fields});
        lead.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.on(id, Answers::With(lead));
        self.on("700", Answers::With(json!({"id": "700", "name": "Contact Form"})));
    }

    /// Waits until it was asked for `id` this often; the token of the last time.
    pub(crate) async fn asked(&self, id: &str, times: usize) -> String {
        let mut asked = self.shared.asked.subscribe();
        let count = |asked: &Vec<(String, String)>| asked.iter().filter(|(own, _)| own == id).count();
        let wait = asked.wait_for(|asked| count(asked) >= times);
        let all = tokio::time::timeout(std::time::Duration::from_secs(60), wait).await;
        let all = all.unwrap_or_else(|_| panic!("{id} was not asked for {times} times")).unwrap();
        all.iter().rev().find(|(own, _)| own == id).unwrap().1.clone()
    }

    /// How often it was asked for `id`.
    pub(crate) fn count(&self, id: &str) -> usize {
        self.shared.asked.borrow().iter().filter(|(own, _)| own == id).count()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let token = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    shared.asked.send_modify(|asked| asked.push((id.clone(), token)));
    let answers = shared.answers.lock().unwrap().get(&id).cloned();
    match answers {
        Some(Answers::With(value)) => axum::Json(value).into_response(),
        Some(Answers::Status(status, after)) => {
            let status = StatusCode::from_u16(status).unwrap();
            let body = axum::Json(json!({"error": {"message": "secret words of Meta", "code": 2}}));
            if after == 0 {
                (status, body).into_response()
            } else {
                (status, [("retry-after", after.to_string())], body).into_response()
            }
        }
        Some(Answers::Nonsense) => "<html>Sorry</html>".into_response(),
        Some(Answers::Elsewhere) => (StatusCode::FOUND, [("location", "/v24.0/elsewhere")]).into_response(),
        Some(Answers::Never) => std::future::pending().await,
        // As Graph answers for what does not exist or may not be seen.
        None => {
            let error = json!({"message": "Unsupported get request.", "type": "GraphMethodException", "code": 100, "error_subcode": 33});
            (StatusCode::BAD_REQUEST, axum::Json(json!({"error": error}))).into_response()
        }
    }
}
