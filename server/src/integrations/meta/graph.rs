//! Asking Meta what a person filled in: `GET <graph>/<lead>?fields=…`, by the token of the page's company.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dialplane_core::clock::{Clock as _, SystemClock};
use dialplane_core::id::CompanyId;
use dialplane_core::lead::LeadOrigin;
use dialplane_core::meta::{Arrival, MetaAnswers};
use moka::future::Cache;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode, redirect};
use serde_json::Value;

use super::body::{field_data, text_of};

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);
/// The largest answer, in bytes.
const ANSWER_MAX: usize = 1 << 20;
/// How long the name of a form is remembered.
const FORM_LIFE: Duration = Duration::from_secs(3_600);
/// Names of forms that are remembered, at most.
const FORMS_MAX: u64 = 10_000;

const LEAD_FIELDS: &str = "id,created_time,ad_id,ad_name,campaign_id,campaign_name,form_id,platform,field_data";

/// Why Meta did not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// For those who look after the connection; nothing that is secret or about a person.
    pub(super) message: String,
    /// How long Meta wants to be left alone.
    pub(super) pause: Option<TimeDelta>,
    /// Whether asking for less would help: Meta is there, and refuses this.
    is_refusal: bool,
}

impl Fault {
    pub(super) fn of(message: impl Into<String>) -> Self {
        Self { message: message.into(), pause: None, is_refusal: false }
    }
}

/// The Graph API.
#[derive(Debug)]
pub(super) struct Graph {
    /// Absent when no certificates could be loaded.
    http: Option<Client>,
    base: String,
    /// A form's name is the same for all its leads. By company, as only its token opened it.
    forms: Cache<(CompanyId, String), String>,
}

impl Graph {
    pub(super) fn new(base: &str) -> Self {
        // The whole process uses one provider; a second call changes nothing.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = Client::builder()
            // A token must not follow to another address.
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("dialplane/", env!("CARGO_PKG_VERSION")))
            .build();
        let http = http.inspect_err(|error| tracing::error!(%error, "leads of Meta cannot be asked for")).ok();
        let forms = Cache::builder().time_to_live(FORM_LIFE).max_capacity(FORMS_MAX).build();
        Self { http, base: base.to_owned(), forms }
    }

    /// What a person filled in.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) async fn lead(&self, company: CompanyId, arrival: &Arrival, token: &str) -> Result<MetaAnswers, Fault> {
        let lead = self.get(&arrival.lead_id, LEAD_FIELDS, token).await?;
        let unread = || Fault::of("the answer is not that of a lead");
        let text = |name: &str| lead.get(name).and_then(text_of);
        if text("id").is_some_and(|id| id != arrival.lead_id) {
            return Err(unread());
        }
        let fields = lead.get("field_data").and_then(|data| field_data(data).ok()).ok_or_else(unread)?;
        let form = text("form_id").or_else(|| arrival.form_id.clone());
        let form_name = match &form {
            Some(form) => self.form_name(company, form, token).await?,
            None => None,
        };
        let origin = LeadOrigin {
            ad_name: text("ad_name"),
            campaign_name: text("campaign_name"),
            lead_gen_form_name: form_name,
            campaign_id: text("campaign_id"),
            ad_id: text("ad_id").or_else(|| arrival.ad_id.clone()),
            form_id: form,
            lead_id: Some(arrival.lead_id.clone()),
        };
        Ok(MetaAnswers { fields, platform: text("platform"), origin })
    }

    /// The name of a form. A token that opens leads and not forms is no reason to lose a lead.
    async fn form_name(&self, company: CompanyId, form: &str, token: &str) -> Result<Option<String>, Fault> {
        let key = (company, form.to_owned());
        if let Some(name) = self.forms.get(&key).await {
            return Ok(Some(name));
        }
        // Its id came from outside, and goes into a path.
        let Ok(id) = dialplane_core::meta::meta_ref("form_id", form) else { return Ok(None) };
        match self.get(&id, "name", token).await {
            Ok(answer) => {
                let name = answer.get("name").and_then(text_of);
                if let Some(name) = &name {
                    self.forms.insert(key, name.clone()).await;
                }
                Ok(name)
            }
            Err(fault) if fault.is_refusal => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn get(&self, id: &str, fields: &str, token: &str) -> Result<Value, Fault> {
        let http = self.http.as_ref().ok_or_else(|| Fault::of("there are no certificates to know Meta by"))?;
        // The token goes into a header: addresses end up in the logs of proxies.
        let request = http.get(format!("{}/{id}?fields={fields}", self.base)).bearer_auth(token);
        let response = request.send().await.map_err(|error| Fault::of(unreached(&error)))?;
        let (status, pause) = (response.status(), pause(&response, SystemClock.now()));
        let body = read(response).await?;
        let answer: Option<Value> = serde_json::from_slice(&body).ok();
        if status == StatusCode::OK {
            return answer.filter(Value::is_object).ok_or_else(|| Fault::of("the answer cannot be read"));
        }
        let code = answer.as_ref().and_then(|answer| answer.get("error")?.get("code")?.as_i64());
        let code = code.map(|code| format!(", error {code}")).unwrap_or_default();
        let is_refusal = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
        Err(Fault { message: format!("Meta answered {}{code}", status.as_u16()), pause, is_refusal })
    }
}

fn unreached(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() { "Meta did not answer in time" } else { "Meta cannot be reached" }
}

/// Reads an answer within bounds.
async fn read(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Fault::of(unreached(&error)))? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(Fault::of("the answer is too large"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).
fn pause(response: &Response, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse::<u32>().ok().map(|seconds| TimeDelta::seconds(i64::from(seconds)));
    seconds.or_else(|| DateTime::parse_from_rfc2822(text).ok().map(|at| (at.to_utc() - now).max(TimeDelta::zero())))
}
