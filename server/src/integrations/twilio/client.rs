//! Twilio's REST API, as far as calls need it.

use std::time::Duration;

use dialplane_core::call::account::TwilioAccount;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The version of the API, which is the first part of its paths.
const VERSION: &str = "2010-04-01";
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a recording may take.
const MEDIA: Duration = Duration::from_secs(600);
/// The largest answer that is read, in bytes.
const ANSWER_MAX: usize = 1 << 20;
/// How often a request that has not reached Twilio is sent.
const TRIES: u32 = 2;
/// Seconds to wait when Twilio is busy and does not say how long.
const BUSY_SECONDS: u64 = 5;

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    /// Twilio cannot be reached, or takes no requests for so many seconds: nothing has happened.
    #[error("twilio takes no requests")]
    Unavailable(u64),
    /// Twilio refused: nothing has happened.
    #[error("twilio refused with status {status} and code {code:?}")]
    Refused { status: u16, code: Option<u32>, message: String },
    /// It was sent, and nobody knows what became of it.
    #[error("twilio gave no answer that can be understood")]
    Unclear,
}

/// A call, as Twilio shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CallResource {
    pub(super) sid: String,
    pub(super) status: String,
    /// Seconds from answer to end, as a text.
    #[serde(default)]
    pub(super) duration: Option<String>,
    #[serde(default)]
    pub(super) date_created: Option<String>,
    #[serde(default)]
    pub(super) end_time: Option<String>,
}

#[derive(Debug, Deserialize)]
struct CallList {
    #[serde(default)]
    calls: Vec<CallResource>,
}

#[derive(Debug, Default, Deserialize)]
struct Refusal {
    code: Option<u32>,
    #[serde(default)]
    message: String,
}

/// The API of one account.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    /// The base of the account's resources.
    base: String,
    account: TwilioAccount,
}

/// What sends the requests of all accounts. It follows no redirect: credentials go to the configured host and nowhere else.
///
/// # Errors
/// When the system's certificates cannot be read.
pub(super) fn http() -> Result<reqwest::Client, reqwest::Error> {
    // An error says that it has been installed before.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("Dialplane/", env!("CARGO_PKG_VERSION")))
        .build()
}

impl Client {
    /// The API at `api_url` for an account.
    pub(super) fn new(http: reqwest::Client, api_url: &str, account: TwilioAccount) -> Self {
        let base = format!("{api_url}/{VERSION}/Accounts/{}", escaped(&account.sid));
        Self { http, base, account }
    }

    /// Whose requests these are.
    pub(super) const fn account(&self) -> &TwilioAccount {
        &self.account
    }

    /// Places a call. Sent a second time only when the first has certainly not arrived: Twilio would place another call.
    pub(super) async fn create_call(&self, form: &[(&str, &str)]) -> Result<CallResource, ApiError> {
        self.send(Method::POST, "/Calls.json", form).await
    }

    /// How a call stands; `None` when there is none.
    pub(super) async fn call(&self, sid: &str) -> Result<Option<CallResource>, ApiError> {
        match self.send(Method::GET, &format!("/Calls/{}.json", escaped(sid)), &[]).await {
            Err(ApiError::Refused { status: 404, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The calls that a call has made.
    pub(super) async fn children(&self, parent: &str) -> Result<Vec<CallResource>, ApiError> {
        self.list(&[("ParentCallSid", parent)]).await
    }

    /// The latest calls from a number to another.
    pub(super) async fn calls_between(&self, from: &str, to: &str) -> Result<Vec<CallResource>, ApiError> {
        self.list(&[("From", from), ("To", to), ("PageSize", "50")]).await
    }

    async fn list(&self, query: &[(&str, &str)]) -> Result<Vec<CallResource>, ApiError> {
        let query = encoded(query);
        let list: CallList = self.send(Method::GET, &format!("/Calls.json?{query}"), &[]).await?;
        Ok(list.calls)
    }

    /// Ends a call.
    pub(super) async fn end_call(&self, sid: &str) -> Result<CallResource, ApiError> {
        self.send(Method::POST, &format!("/Calls/{}.json", escaped(sid)), &[("Status", "completed")]).await
    }

    /// Asks for the audio of a recording.
    pub(super) async fn recording(&self, sid: &str) -> Result<Response, reqwest::Error> {
        // The address is made of the name: that in a callback might lead anywhere.
        self.request(Method::GET, &format!("/Recordings/{}.wav", escaped(sid))).timeout(MEDIA).send().await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .basic_auth(&self.account.sid, Some(self.account.token.expose()))
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<T, ApiError> {
        let body = encoded(form);
        let mut tries = 0;
        let response = loop {
            tries += 1;
            let mut request = self.request(method.clone(), path);
            if !form.is_empty() {
                request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body.clone());
            }
            match request.send().await {
                Ok(response) => break response,
                // Without a connection nothing was sent.
                Err(error) if error.is_connect() && tries < TRIES => {}
                Err(error) if error.is_connect() => return Err(ApiError::Unavailable(BUSY_SECONDS)),
                Err(_) => return Err(ApiError::Unclear),
            }
        };
        read(response).await
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, ApiError> {
    let (status, wait) = (response.status(), retry_after(response.headers()));
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return Err(ApiError::Unavailable(wait));
    }
    let body = limited(response).await.ok_or(ApiError::Unclear)?;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|_| ApiError::Unclear);
    }
    if status.is_client_error() {
        let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
        return Err(ApiError::Refused { status: status.as_u16(), code: refusal.code, message: refusal.message });
    }
    Err(ApiError::Unclear)
}

/// Reads a body that is not too large.
async fn limited(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

fn retry_after(headers: &HeaderMap) -> u64 {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds.unwrap_or(BUSY_SECONDS).clamp(1, 3_600)
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A name as a part of a path: whatever it holds, it stays one.
fn escaped(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect()
}
