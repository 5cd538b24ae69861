//! A small server that answers as Twilio's REST API does, as far as calls need it, and sends signed callbacks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SubsecRound as _, Utc};
use dialplane_core::clock::{Clock as _, SystemClock};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;

pub(crate) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub(crate) const TOKEN: &str = "a-token-that-nobody-may-read";
/// Where Twilio believes our server to be; a proxy in front of it.
pub(crate) const PUBLIC: &str = "https://calls.alpha.example";

/// What becomes of a request for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mood {
    /// A call is made.
    Working,
    /// The request is refused.
    Refusing(u16, u32, &'static str),
    /// No request is taken for so many seconds.
    Busy(u64),
    /// A call is made and no answer comes.
    Silent,
    /// No call is made and no answer comes.
    Dead,
    /// A call is made, but the answer cannot be read.
    Garbled,
}

/// A call at Twilio.
#[derive(Debug, Clone)]
pub(crate) struct TwilioCall {
    /// Whose it is.
    pub(crate) account: String,
    pub(crate) sid: String,
    pub(crate) parent: Option<String>,
    pub(crate) form: Vec<(String, String)>,
    pub(crate) status: String,
    pub(crate) duration: Option<u32>,
    pub(crate) made: DateTime<Utc>,
    pub(crate) ended: Option<DateTime<Utc>>,
}

struct Inner {
    /// Tokens by their accounts.
    accounts: BTreeMap<String, String>,
    mood: Mood,
    calls: Vec<TwilioCall>,
    /// Requests for calls, whatever became of them.
    requests: usize,
    /// Answers to give to requests for a recording before the audio.
    failures: Vec<u16>,
    media: Vec<u8>,
    media_type: &'static str,
    /// The accounts that asked for a recording.
    fetched: Vec<String>,
}

/// The server.
#[derive(Clone)]
pub(crate) struct FakeTwilio {
    pub(crate) url: String,
    inner: Arc<Mutex<Inner>>,
}

impl TwilioCall {
    /// A parameter of the request.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.form.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// The value of an attribute of what was to be done.
    pub(crate) fn attribute(&self, name: &str) -> String {
        let (_, rest) = self.field("Twiml").split_once(&format!(" {name}=\"")).expect("an attribute");
        rest.split('"').next().unwrap().replace("&amp;", "&")
    }

    fn shown(&self) -> Value {
        json!({
            "sid": self.sid, "account_sid": self.account, "status": self.status, "parent_call_sid": self.parent,
            "from": self.field("From"), "to": self.field("To"), "duration": self.duration.map(|n| n.to_string()),
            "date_created": self.made.to_rfc2822(), "end_time": self.ended.map(|at| at.to_rfc2822()),
            "direction": "outbound-api", "price": null, "uri": format!("/2010-04-01/Accounts/{}/Calls/{}.json", self.account, self.sid),
        })
    }
}

impl FakeTwilio {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let inner = Inner {
            accounts: [(ACCOUNT.to_owned(), TOKEN.to_owned())].into(),
            mood: Mood::Working,
            calls: Vec::new(),
            requests: 0,
            failures: Vec::new(),
            media: wav(8_000),
            media_type: "audio/x-wav",
            fetched: Vec::new(),
        };
        let twilio = Self { url: format!("http://{address}"), inner: Arc::new(Mutex::new(inner)) };
        let router = Router::new()
            .route("/2010-04-01/Accounts/{account}/Calls.json", get(list).post(create))
            .route("/2010-04-01/Accounts/{account}/Calls/{call}", get(show).post(change))
            .route("/2010-04-01/Accounts/{account}/Recordings/{recording}", get(record))
            .with_state(twilio.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        twilio
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(crate) fn feel(&self, mood: Mood) {
        self.lock().mood = mood;
    }

    /// The next requests for a recording fail with these statuses; then comes this audio.
    pub(crate) fn serve(&self, failures: &[u16], media_type: &'static str, media: &[u8]) {
        let mut inner = self.lock();
        inner.failures = failures.iter().rev().copied().collect();
        (inner.media_type, inner.media) = (media_type, media.to_vec());
    }

    pub(crate) fn fetched(&self) -> usize {
        self.lock().fetched.len()
    }

    /// The accounts that asked for a recording, in order.
    pub(crate) fn fetchers(&self) -> Vec<String> {
        self.lock().fetched.clone()
    }

    /// Another account, or another token of one.
    pub(crate) fn open(&self, account: &str, token: &str) {
        self.lock().accounts.insert(account.to_owned(), token.to_owned());
    }

    pub(crate) fn requests(&self) -> usize {
        self.lock().requests
    }

    pub(crate) fn calls(&self) -> Vec<TwilioCall> {
        self.lock().calls.clone()
    }

    /// The call that was made last.
    pub(crate) fn last(&self) -> TwilioCall {
        self.lock().calls.iter().rev().find(|call| call.parent.is_none()).cloned().expect("a call was made")
    }

    /// A call comes to stand otherwise.
    pub(crate) fn set(&self, sid: &str, status: &str, duration: Option<u32>) {
        let mut inner = self.lock();
        let call = inner.calls.iter_mut().find(|call| call.sid == sid).unwrap();
        (call.status, call.duration) = (status.to_owned(), duration);
        call.ended = (!["queued", "ringing", "in-progress"].contains(&status)).then(now);
    }

    /// A call dials its destination.
    pub(crate) fn dial(&self, parent: &str) -> String {
        let mut inner = self.lock();
        let sid = sid_of(inner.calls.len());
        let account = inner.calls.iter().find(|call| call.sid == parent).unwrap().account.clone();
        let child = TwilioCall {
            account,
            sid: sid.clone(),
            parent: Some(parent.to_owned()),
            form: Vec::new(),
            status: "ringing".to_owned(),
            duration: None,
            made: now(),
            ended: None,
        };
        inner.calls.push(child);
        sid
    }

    fn make(&self, account: String, form: Vec<(String, String)>) -> Value {
        let mut inner = self.lock();
        let call = TwilioCall {
            account,
            sid: sid_of(inner.calls.len()),
            parent: None,
            form,
            status: "queued".to_owned(),
            duration: None,
            made: now(),
            ended: None,
        };
        inner.calls.push(call.clone());
        call.shown()
    }
}

/// The time of this machine.
pub(crate) fn now() -> DateTime<Utc> {
    SystemClock.now()
}

fn sid_of(number: usize) -> String {
    format!("CA{:032x}", number + 1)
}

/// The signature of a form that is sent to a URL.
pub(crate) fn signature(url: &str, form: &[(String, String)]) -> String {
    signed(TOKEN, url, form)
}

/// The same by an account with another token.
pub(crate) fn signed(token: &str, url: &str, form: &[(String, String)]) -> String {
    let mut hash = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
    hash.update(url.as_bytes());
    for (name, value) in form.iter().collect::<BTreeSet<_>>() {
        hash.update(name.as_bytes());
        hash.update(value.as_bytes());
    }
    STANDARD.encode(hash.finalize().into_bytes())
}

/// What Twilio sends about one end of a call.
pub(crate) fn told(
    call: &str,
    parent: Option<&str>,
    status: &str,
    seq: u32,
    at: DateTime<Utc>,
) -> Vec<(String, String)> {
    let mut form = vec![
        ("AccountSid", ACCOUNT.to_owned()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("CallSid", call.to_owned()),
        ("CallStatus", status.to_owned()),
        ("CallbackSource", "call-progress-events".to_owned()),
        ("Direction", if parent.is_some() { "outbound-dial" } else { "outbound-api" }.to_owned()),
        ("SequenceNumber", seq.to_string()),
        ("Timestamp", at.trunc_subsecs(0).to_rfc2822()),
    ];
    form.extend(parent.map(|parent| ("ParentCallSid", parent.to_owned())));
    form.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The same with one more parameter.
pub(crate) fn with(mut form: Vec<(String, String)>, name: &str, value: &str) -> Vec<(String, String)> {
    form.push((name.to_owned(), value.to_owned()));
    form
}

/// A WAV file with so many samples of 16 bit at 8 kHz.
pub(crate) fn wav(samples: u32) -> Vec<u8> {
    let bytes = samples * 2;
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    file.extend([8_000_u32, 16_000].map(u32::to_le_bytes).concat());
    file.extend([2_u16, 16].map(u16::to_le_bytes).concat());
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend((0..samples).flat_map(|n| ((n * 37) as u16).to_le_bytes()));
    file
}

fn denied(twilio: &FakeTwilio, account: &str, headers: &HeaderMap) -> Option<Response> {
    let token = twilio.lock().accounts.get(account).cloned();
    let wanted = token.map(|token| format!("Basic {}", STANDARD.encode(format!("{account}:{token}"))));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    (wanted.is_none() || given != wanted.as_deref()).then(|| refusal(401, 20_003, "Authenticate"))
}

fn refusal(status: u16, code: u32, message: &str) -> Response {
    let body =
        json!({"code": code, "message": message, "status": status, "more_info": "https://www.twilio.com/docs/errors"});
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

async fn create(
    State(twilio): State<FakeTwilio>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(denied) = denied(&twilio, &account, &headers) {
        return denied;
    }
    let form: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let mood = {
        let mut inner = twilio.lock();
        inner.requests += 1;
        inner.mood.clone()
    };
    match mood {
        Mood::Working => (StatusCode::CREATED, axum::Json(twilio.make(account, form))).into_response(),
        Mood::Refusing(status, code, message) => refusal(status, code, message),
        Mood::Busy(seconds) => {
            let mut response = refusal(429, 20_429, "Too Many Requests");
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            response
        }
        Mood::Garbled => {
            twilio.make(account, form);
            (StatusCode::INTERNAL_SERVER_ERROR, "<html>").into_response()
        }
        Mood::Silent => {
            twilio.make(account, form);
            std::future::pending().await
        }
        Mood::Dead => std::future::pending().await,
    }
}

async fn list(
    State(twilio): State<FakeTwilio>,
    Path(account): Path<String>,
    headers: HeaderMap,
    Query(query): Query<std::collections::BTreeMap<String, String>>,
) -> Response {
    if let Some(denied) = denied(&twilio, &account, &headers) {
        return denied;
    }
    let fits = |call: &TwilioCall| {
        call.account == account
            && query.get("ParentCallSid").is_none_or(|parent| call.parent.as_ref() == Some(parent))
            && query.get("To").is_none_or(|to| call.field("To") == to)
            && query.get("From").is_none_or(|from| call.field("From") == from)
    };
    let calls: Vec<Value> = twilio.calls().iter().rev().filter(|call| fits(call)).map(TwilioCall::shown).collect();
    axum::Json(json!({"calls": calls, "page": 0, "page_size": 50})).into_response()
}

async fn show(
    State(twilio): State<FakeTwilio>,
    Path((account, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let is_it = |call: &TwilioCall| call.account == account && format!("{}.json", call.sid) == name;
    let call = twilio.calls().into_iter().find(is_it);
    match (denied(&twilio, &account, &headers), call) {
        (Some(denied), _) => denied,
        (None, Some(call)) => axum::Json(call.shown()).into_response(),
        (None, None) => refusal(404, 20_404, "The requested resource was not found"),
    }
}

async fn change(
    State(twilio): State<FakeTwilio>,
    Path((account, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(sid) = name.strip_suffix(".json").filter(|_| denied(&twilio, &account, &headers).is_none())
        && twilio.calls().iter().any(|call| call.sid == sid && call.account == account)
        && form_urlencoded::parse(&body).any(|(name, value)| name == "Status" && value == "completed")
    {
        twilio.set(sid, "completed", None);
    }
    show(State(twilio), Path((account, name)), headers).await
}

async fn record(
    State(twilio): State<FakeTwilio>,
    Path((account, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if let Some(denied) = denied(&twilio, &account, &headers) {
        return denied;
    }
    let mut inner = twilio.lock();
    inner.fetched.push(account);
    match inner.failures.pop() {
        Some(301) => (StatusCode::FOUND, [(header::LOCATION, "http://127.0.0.1:1/elsewhere")]).into_response(),
        Some(status) => refusal(status, 20_404, "not there"),
        None => ([(header::CONTENT_TYPE, inner.media_type)], inner.media.clone()).into_response(),
    }
}
